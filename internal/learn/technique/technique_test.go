package technique_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/technique"
)

func TestFitLogisticFindsWhatMadeTheData(t *testing.T) {
	const slope, offset = 0.6, 0.4
	random := rand.New(rand.NewPCG(1, 2))
	var odds []float64
	var right []bool
	for range 50_000 {
		x := 3 * random.NormFloat64()
		odds = append(odds, x)
		right = append(right, random.Float64() < 1/(1+math.Exp(-slope*x-offset)))
	}
	a, b := technique.FitLogistic(odds, right)
	if math.Abs(a-slope) > 0.03 || math.Abs(b-offset) > 0.05 {
		t.Errorf("slope %.3f, offset %.3f; want %.1f, %.1f", a, b, slope, offset)
	}
}

// word makes a word of letters of a number.
func word(n int) string {
	out := "w"
	for range 4 {
		out += string(rune('a' + n%26))
		n /= 26
	}
	return out
}

// invented is a corpus of two hundred actors, some of whom share a report.
func invented() *corpus.Attack {
	a := &corpus.Attack{}
	for n := range 200 {
		a.Sentences = append(a.Sentences, corpus.Technical{
			Text: strings.Join([]string{word(n), word(n * 7), word(n * 13), word(n * 29), word(n*31 + 5)}, " "), Technique: "T1105", Domain: "enterprise",
			Kind: corpus.KindProcedure, Entity: fmt.Sprintf("G%04d", n), Citations: []string{fmt.Sprintf("report %d", n/2)},
		})
	}
	a.Sentences = append(a.Sentences, corpus.Technical{Text: "a description", Technique: "T1105", Domain: "enterprise", Kind: corpus.KindDescription})
	return a
}

func TestHeldActorsKeepsReportsTogether(t *testing.T) {
	a := invented()
	test, held := technique.HeldActors(a)
	if len(test) < 10 || len(test) > 60 {
		t.Fatalf("%d of 200 actors held out, want about 25", len(test))
	}
	cited := map[string]bool{}
	for _, s := range test {
		cited[s.Citations[0]] = true
	}
	for i := range a.Sentences {
		s := &a.Sentences[i]
		want := s.Kind == corpus.KindProcedure && cited[s.Citations[0]]
		if s.Kind == corpus.KindProcedure && held(s) != want {
			t.Errorf("held(%s) = %v, want %v", s.Entity, !want, want)
		}
		if s.Kind != corpus.KindProcedure && held(s) {
			t.Errorf("%+v is held out", s)
		}
	}
}

func TestTrainNeedsNothingThatIsHeldOut(t *testing.T) {
	a := invented()
	for n := range 40 {
		a.Sentences = append(a.Sentences, corpus.Technical{Text: fmt.Sprintf("the phone %d", n), Technique: "T1636", Domain: "mobile", Kind: corpus.KindProcedure, Entity: "S1"},
			corpus.Technical{Text: "a valve", Technique: "T0855", Domain: "ics", Kind: corpus.KindProcedure, Entity: "S2"},
			corpus.Technical{Text: fmt.Sprintf("screens %d are taken", n), Technique: "T1113", Domain: "enterprise", Kind: corpus.KindReport, Entity: "a report"})
	}
	report := func(s *corpus.Technical) bool { return s.Kind == corpus.KindReport }
	m, err := technique.Train(a, technique.Vectors(a, report), report, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := m.Info().Examples; n != len(a.Sentences)-40 {
		t.Errorf("%d examples, want %d", n, len(a.Sentences)-40)
	}
	if got := len(m.Config().Groups[0].Labels); got != 2 {
		t.Errorf("%d labels of enterprise, want 2: those of held-out sentences stay open", got)
	}
}
