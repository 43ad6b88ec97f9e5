package eval

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// RelevantFigures is how well texts about security are told from others.
type RelevantFigures struct {
	Right    Estimate         `json:"right"`
	Security Estimate         `json:"security"` // of the texts about security, those called so
	Other    Estimate         `json:"other"`
	ECE      float64          `json:"ece"`
	Sources  []RelevantSource `json:"sources"`
}

// RelevantSource is where texts are from.
type RelevantSource struct {
	Source   string   `json:"source"`
	Security bool     `json:"security"`
	Right    Estimate `json:"right"`
}

// MeasureRelevant trains a relevant head without some texts and asks it about
// them.
func MeasureRelevant(folder string) (RelevantFigures, error) {
	texts, err := corpus.ReadRelevant(folder)
	if err != nil {
		return RelevantFigures{}, err
	}
	m, err := technique.TrainRelevant(texts, technique.HeldRelevant, nil)
	if err != nil {
		return RelevantFigures{}, err
	}
	h, err := head.New("relevant", m)
	if err != nil {
		return RelevantFigures{}, err
	}
	type tally struct{ right, n int }
	by := map[RelevantSource]*tally{}
	side := map[bool]*tally{true: {}, false: {}}
	var p []float64
	var right []bool
	for i := range texts {
		s := &texts[i]
		if !technique.HeldRelevant(s) {
			continue
		}
		d := h.Classify(s.Text, head.Options{Because: -1})
		ok := (d.Label == head.RelevantYes) == s.Security
		name := s.Source
		if s.Source == "everyday" {
			name += ": " + s.Group
		}
		key := RelevantSource{Source: name, Security: s.Security}
		if by[key] == nil {
			by[key] = &tally{}
		}
		for _, t := range []*tally{by[key], side[s.Security]} {
			t.n++
			if ok {
				t.right++
			}
		}
		p, right = append(p, d.P), append(right, ok)
	}
	f := RelevantFigures{ECE: ECE(p, right)}
	f.Security, f.Other = Proportion(side[true].right, side[true].n), Proportion(side[false].right, side[false].n)
	f.Right = Proportion(side[true].right+side[false].right, side[true].n+side[false].n)
	for key, t := range by {
		key.Right = Proportion(t.right, t.n)
		f.Sources = append(f.Sources, key)
	}
	slices.SortFunc(f.Sources, func(a, b RelevantSource) int {
		if a.Security != b.Security {
			return cmp.Compare(b2i(b.Security), b2i(a.Security))
		}
		return strings.Compare(a.Source, b.Source)
	})
	return f, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// WriteRelevantFigures writes the table that people read.
func WriteRelevantFigures(w io.Writer, f RelevantFigures) error {
	var b strings.Builder
	row := func(name string, value any) { fmt.Fprintf(&b, "%-40s %v\n", name, value) }
	b.WriteString("texts that training held out: whole themes of made-up sentences, whole products, reports and actors;\nonly the calibration was fitted on them\n\n")
	row("right", f.Right)
	row("texts about security called so", f.Security)
	row("others called so", f.Other)
	row("expected calibration error", fmt.Sprintf("%.3f", f.ECE))
	for _, s := range f.Sources {
		kind := head.RelevantNo
		if s.Security {
			kind = head.RelevantYes
		}
		row(fmt.Sprintf("  %s, %s", kind, s.Source), s.Right)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
