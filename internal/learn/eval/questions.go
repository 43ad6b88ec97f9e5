package eval

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/openbook"
)

// Question is one question with options and a known answer.
type Question struct {
	Kind    string   `json:"kind"`
	About   string   `json:"about"` // the entry that it was written from, or its page
	Text    string   `json:"question"`
	Options []string `json:"options"`
	Answer  int      `json:"answer"` // index of the right option

	source []sourceText // the passages that it was written from
}

// sourceText is a passage of an entry.
type sourceText struct{ id, text string }

// optionCount is how many options a generated question has.
const optionCount = 4

// QuestionOptions say what is generated.
type QuestionOptions struct {
	Seed    uint64
	PerKind int // at most so many questions of a kind; 0: 150
}

// TestHalf reports whether the questions about an entry belong to the half that
// is measured. The other half trains the weights. The split is by entry, never
// by question, and sub-techniques go with their technique.
func TestHalf(id string) bool {
	parent, _, _ := strings.Cut(id, ".")
	h := fnv.New32a()
	h.Write([]byte(parent))
	return h.Sum32()>>8&1 == 1
}

// Questions writes questions from a knowledge base. The same source, options
// and program give the same questions.
func Questions(ctx context.Context, src openbook.Source, opt QuestionOptions) ([]Question, error) {
	if opt.PerKind == 0 {
		opt.PerKind = 150
	}
	g := &examiner{entries: map[string]*feed.Entry{}, kinds: map[string][]*feed.Entry{}, from: map[string][]*feed.Relation{}, to: map[string][]*feed.Relation{}}
	err := src.EachEntry(ctx, openbook.Kinds(), func(e *feed.Entry) error {
		if e.Status == "" && g.entries[e.ID] == nil {
			g.entries[e.ID] = e
			g.kinds[e.Kind] = append(g.kinds[e.Kind], e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read entries to ask about: %w", err)
	}
	err = src.EachRelation(ctx, nil, func(r *feed.Relation) error {
		if g.entries[r.From] != nil && g.entries[r.To] != nil {
			g.from[r.From] = append(g.from[r.From], r)
			g.to[r.To] = append(g.to[r.To], r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read relations to ask about: %w", err)
	}
	var out []Question
	for i, k := range questionKinds {
		g.r = rand.New(rand.NewPCG(opt.Seed, uint64(i)+1))
		out = append(out, g.ofKind(k, opt.PerKind)...)
	}
	return out, nil
}

// examiner writes questions.
type examiner struct {
	r        *rand.Rand
	entries  map[string]*feed.Entry
	kinds    map[string][]*feed.Entry
	from, to map[string][]*feed.Relation
}

// questionKind is one way of asking. Ask returns a question without its kind and
// with the right option first, or false where the entry does not lend itself.
type questionKind struct {
	name string
	kind string // of the entries it asks about
	ask  func(g *examiner, e *feed.Entry) (Question, bool)
}

// ofKind writes up to n questions of a kind, each about another entry.
func (g *examiner) ofKind(k questionKind, n int) []Question {
	entries := slices.Clone(g.kinds[k.kind])
	g.r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	var out []Question
	for _, e := range entries {
		if len(out) >= n {
			break
		}
		q, ok := k.ask(g, e)
		if !ok || len(q.Options) != optionCount || !distinct(q.Options) {
			continue
		}
		q.Kind, q.About = k.name, e.ID
		right := q.Options[0]
		g.r.Shuffle(optionCount, func(i, j int) { q.Options[i], q.Options[j] = q.Options[j], q.Options[i] })
		q.Answer = slices.Index(q.Options, right)
		out = append(out, q)
	}
	return out
}

// distinct reports whether no two options say the same and none is empty.
func distinct(options []string) bool {
	for i, o := range options {
		if strings.TrimSpace(o) == "" {
			return false
		}
		for _, p := range options[:i] {
			if strings.EqualFold(o, p) {
				return false
			}
		}
	}
	return true
}

// QuestionScore is how one way of answering did on one kind of question.
type QuestionScore struct {
	Kind     string          `json:"kind"`
	Book     metric.Estimate `json:"book"`     // the whole book is open
	Hidden   metric.Estimate `json:"hidden"`   // the passages a question was written from are not
	Baseline metric.Estimate `json:"baseline"` // plain BM25 over passages
	Longest  metric.Estimate `json:"longest"`
	AlwaysC  metric.Estimate `json:"always_c"`
	Sure     metric.Estimate `json:"sure"` // of those that are not called unsure

	hits   [6]int
	n      int
	hidden int // questions of which a passage could be hidden
	sure   int
	p      []float64
	right  []bool
}

// QuestionReport is what a run measured.
type QuestionReport struct {
	Kinds []QuestionScore `json:"kinds"` // by name; the last is all of them
	ECE   float64         `json:"expected_calibration_error"`
}

// Ask answers questions in five ways and compares with the truth. Questions
// without known passages have no hidden figure.
func Ask(ctx context.Context, b *openbook.Book, questions []Question) (QuestionReport, error) {
	byKind := map[string]*QuestionScore{}
	all := &QuestionScore{Kind: "all"}
	for _, q := range questions {
		if err := ctx.Err(); err != nil {
			return QuestionReport{}, err
		}
		s := byKind[q.Kind]
		if s == nil {
			s = &QuestionScore{Kind: q.Kind}
			byKind[q.Kind] = s
		}
		a := answerAll(b, q)
		for _, t := range []*QuestionScore{s, all} {
			t.take(a)
		}
	}
	var rep QuestionReport
	for _, s := range byKind {
		s.finish()
		rep.Kinds = append(rep.Kinds, *s)
	}
	slices.SortFunc(rep.Kinds, func(a, b QuestionScore) int { return strings.Compare(a.Kind, b.Kind) })
	all.finish()
	rep.Kinds = append(rep.Kinds, *all)
	rep.ECE = metric.ECE(all.p, all.right)
	return rep, nil
}

// answers is how one question was answered in every way: marks are for the open
// book, with its passages hidden, by plain BM25, the longest option, the third.
type answers struct {
	marks  [5]bool
	hidden bool // there were passages to hide
	p      float64
	sure   bool
}

func answerAll(b *openbook.Book, q Question) answers {
	c := b.Choose(q.Text, q.Options, nil)
	hide := map[int32]bool{}
	for _, s := range q.source {
		for _, at := range b.Holding(s.id, s.text) {
			hide[at] = true
		}
	}
	longest := 0
	for i, o := range q.Options {
		if len(o) > len(q.Options[longest]) {
			longest = i
		}
	}
	marks := [5]bool{c.Index == q.Answer, false, b.Baseline(q.Text, q.Options) == q.Answer, longest == q.Answer, q.Answer == 2}
	if len(hide) > 0 {
		marks[1] = b.Choose(q.Text, q.Options, hide).Index == q.Answer
	}
	return answers{marks, len(hide) > 0, c.Scores[c.Index], !c.Unsure}
}

func (s *QuestionScore) take(a answers) {
	s.n++
	for i, m := range a.marks {
		if m {
			s.hits[i]++
		}
	}
	if a.hidden {
		s.hidden++
	}
	if a.sure {
		s.sure++
		if a.marks[0] {
			s.hits[5]++
		}
	}
	s.p = append(s.p, a.p)
	s.right = append(s.right, a.marks[0])
}

func (s *QuestionScore) finish() {
	s.Book, s.Hidden, s.Baseline = metric.Proportion(s.hits[0], s.n), metric.Proportion(s.hits[1], s.hidden), metric.Proportion(s.hits[2], s.n)
	s.Longest, s.AlwaysC, s.Sure = metric.Proportion(s.hits[3], s.n), metric.Proportion(s.hits[4], s.n), metric.Proportion(s.hits[5], s.sure)
}

// WriteQuestions prints a report as a table.
func WriteQuestions(w io.Writer, rep QuestionReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "kind\tn\topen book\tits passage hidden\tplain BM25\tlongest\talways C\twhere sure")
	share := func(e metric.Estimate) string {
		return fmt.Sprintf("%.1f (%.1f–%.1f)", 100*e.Value, 100*e.Low, 100*e.High)
	}
	hidden := func(e metric.Estimate) string { // no figure where there was nothing to hide
		if e.N == 0 {
			return "-"
		}
		return fmt.Sprintf("%s of %d", share(e), e.N)
	}
	for _, k := range rep.Kinds {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%.1f\t%.1f\t%s of %d\n", k.Kind, k.Book.N, share(k.Book), hidden(k.Hidden), share(k.Baseline),
			100*k.Longest.Value, 100*k.AlwaysC.Value, share(k.Sure), k.Sure.N)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "expected calibration error %.3f; chance is 25 %% with four options; intervals are 95 %% (Wilson)\n", rep.ECE)
	return err
}
