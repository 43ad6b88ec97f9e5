package eval_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/casemate-ai/casemate/internal/learn/eval"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/openbook"
)

// pantry is an invented catalogue, large enough for wrong answers.
type pantry struct {
	entries   []*feed.Entry
	relations []*feed.Relation
}

func (p *pantry) EachEntry(_ context.Context, kinds []string, do func(*feed.Entry) error) error {
	for _, k := range kinds {
		for _, e := range p.entries {
			if e.Kind == k {
				if err := do(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *pantry) EachRelation(_ context.Context, _ []string, do func(*feed.Relation) error) error {
	for _, r := range p.relations {
		if err := do(r); err != nil {
			return err
		}
	}
	return nil
}

// stocked returns techniques of stealing from pantries, with a mitigation each.
func stocked() *pantry {
	p := &pantry{}
	foods := strings.Fields("honey butter cheese pickles walnuts apricots vinegar mustard rhubarb quinces lentils barley")
	for i, f := range foods {
		id, m := fmt.Sprintf("T9%03d", i), fmt.Sprintf("M9%03d", i)
		p.entries = append(p.entries,
			&feed.Entry{Kind: feed.KindTechnique, ID: id, Name: "Theft of " + f, Fields: []feed.Field{{Key: "tactic", Value: []string{"lifting", "rolling", "hiding", "eating"}[i%4]}},
				Sections: []feed.Section{{Name: "description", Text: fmt.Sprintf("The mouse carries the %s out of the pantry by means of a small cart in order to feed the %dth burrow.", f, i)}}},
			&feed.Entry{Kind: feed.KindMitigation, ID: m, Name: "Lid for " + f, Sections: []feed.Section{{Name: "description", Text: "A lid of " + f + " colour lies on the shelf and is heavy enough for any mouse."}}})
		p.relations = append(p.relations, &feed.Relation{From: m, Type: "mitigates", To: id, Text: fmt.Sprintf("A heavy lid keeps the mouse from lifting the %s over the edge of its jar.", f)})
	}
	return p
}

func questions(t testing.TB, src openbook.Source) []eval.Question {
	t.Helper()
	q, err := eval.Questions(t.Context(), src, eval.QuestionOptions{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestQuestions(t *testing.T) {
	q := questions(t, stocked())
	kinds := map[string]int{}
	for _, x := range q {
		kinds[x.Kind]++
		if len(x.Options) != 4 || x.Answer < 0 || x.Answer > 3 {
			t.Errorf("%q has options %q and answer %d", x.Text, x.Options, x.Answer)
		}
		for i, o := range x.Options {
			if slices.Contains(x.Options[:i], o) {
				t.Errorf("%q offers %q twice", x.Text, o)
			}
		}
	}
	for _, k := range []string{"which mitigates", "technique, from its description", "tactic of a technique", "technique mitigation, from how it works"} {
		if kinds[k] == 0 {
			t.Errorf("no question of the kind %q among %v", k, kinds)
		}
	}
	if diff := cmp.Diff(q, questions(t, stocked()), cmpopts.IgnoreUnexported(eval.Question{})); diff != "" {
		t.Errorf("the same seed asks otherwise:\n%s", diff)
	}
}

func TestHalvesSplitByEntry(t *testing.T) {
	halves := map[bool]int{}
	for i := range 400 {
		id := fmt.Sprintf("T%04d", i)
		halves[eval.TestHalf(id)]++
		if eval.TestHalf(id) != eval.TestHalf(id+".001") {
			t.Errorf("%s and its sub-technique are in different halves", id)
		}
	}
	if halves[true] < 150 || halves[false] < 150 {
		t.Errorf("the halves are %v", halves)
	}
}

func TestAsk(t *testing.T) {
	src := stocked()
	b, err := openbook.Build(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	asked := questions(t, src)
	rep, err := eval.Ask(t.Context(), b, asked)
	if err != nil {
		t.Fatal(err)
	}
	all := rep.Kinds[len(rep.Kinds)-1]
	if all.Kind != "all" || all.Book.N != len(asked) {
		t.Fatalf("the last row is %+v, want all %d", all, len(asked))
	}
	if all.Book.Value < 0.7 || all.Book.Value < all.AlwaysC.Value {
		t.Errorf("open book answers %v, the third option is right in %v", all.Book, all.AlwaysC)
	}
	if all.Hidden.N == 0 || all.Hidden.N >= all.Book.N {
		t.Errorf("of %d questions %d had a passage hidden, want those that were written from one", all.Book.N, all.Hidden.N)
	}
	for _, k := range rep.Kinds {
		if k.Kind == "tactic of a technique" && (k.Book.N == 0 || k.Hidden.N != 0) {
			t.Errorf("%s: a figure for hidden passages, %v, where there is none to hide", k.Kind, k.Hidden)
		}
	}
	if all.Hidden.Value > all.Book.Value {
		t.Errorf("hiding the passages helps: %v, open %v", all.Hidden, all.Book)
	}
	var out bytes.Buffer
	if err := eval.WriteQuestions(&out, rep); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "which mitigates") || !strings.Contains(out.String(), "expected calibration error") {
		t.Errorf("the table is\n%s", &out)
	}
}

func TestTrainWeightsPrefersSupport(t *testing.T) {
	src := stocked()
	b, err := openbook.Build(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	w, err := eval.TrainWeights(t.Context(), b, questions(t, src)[:20])
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	if sum <= 0 {
		t.Errorf("weights %v", w)
	}
}

const mcqHead = "URL\tQuestion\tOption A\tOption B\tOption C\tOption D\tPrompt\tGT\n"

func TestReadCTIMCQA(t *testing.T) {
	got, err := eval.ReadCTIMCQA(strings.NewReader(mcqHead +
		"https://attack.mitre.org/techniques/T9001/\tWho?\ta\tb\tc\td\tlong\tC\n" +
		"https://capec.mitre.org/data/definitions/1.html\t\"So\" said who?\ta \"b\tb\tc\td\tlong\tA\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []eval.Question{
		{Kind: "ATT&CK", About: "https://attack.mitre.org/techniques/T9001/", Text: "Who?", Options: []string{"a", "b", "c", "d"}, Answer: 2},
		{Kind: "CAPEC", About: "https://capec.mitre.org/data/definitions/1.html", Text: `"So" said who?`, Options: []string{`a "b`, "b", "c", "d"}, Answer: 0},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(eval.Question{})); diff != "" {
		t.Errorf("ReadCTIMCQA (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "a\tb\n", mcqHead + "u\tq\ta\tb\tc\td\tp\tE\n", mcqHead + "u\t\ta\tb\tc\td\tp\tA\n", mcqHead + "u\n"} {
		if q, err := eval.ReadCTIMCQA(strings.NewReader(bad)); err == nil {
			t.Errorf("ReadCTIMCQA(%q) = %v, want an error", bad, q)
		}
	}
}

func TestReadCyberMetric(t *testing.T) {
	got, err := eval.ReadCyberMetric(strings.NewReader(`{"questions":[{"question":"Who?","answers":{"B":"b","A":"a"},"solution":"B"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []eval.Question{{Kind: "general security", Text: "Who?", Options: []string{"a", "b"}, Answer: 1}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(eval.Question{})); diff != "" {
		t.Errorf("ReadCyberMetric (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "[]", `{"questions":[{"question":"Who?","answers":{"A":"a"},"solution":"A"}]}`} {
		if q, err := eval.ReadCyberMetric(strings.NewReader(bad)); err == nil {
			t.Errorf("ReadCyberMetric(%q) = %v, want an error", bad, q)
		}
	}
}

func FuzzReadQuestionFiles(f *testing.F) {
	f.Add([]byte(mcqHead + "u\tq\ta\tb\tc\td\tp\tA\n"))
	f.Add([]byte(`{"questions":[{"question":"Who?","answers":{"B":"b","A":"a"},"solution":"B"}]}`))
	f.Add([]byte(`{"question":"Who?","options":["a","b"],"answer":"B"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, read := range map[string]func(r *bytes.Reader) ([]eval.Question, error){
			"cti-mcqa":    func(r *bytes.Reader) ([]eval.Question, error) { return eval.ReadCTIMCQA(r) },
			"cybermetric": func(r *bytes.Reader) ([]eval.Question, error) { return eval.ReadCyberMetric(r) },
			"own":         func(r *bytes.Reader) ([]eval.Question, error) { return eval.ReadQuestions(r) },
		} {
			list, err := read(bytes.NewReader(data))
			if err != nil {
				continue
			}
			for _, q := range list {
				if q.Answer < 0 || q.Answer >= len(q.Options) {
					t.Errorf("%s: answer %d of %d options", name, q.Answer, len(q.Options))
				}
			}
		}
	})
}
