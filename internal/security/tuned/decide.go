package tuned

import (
	"cmp"
	"context"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// Options say what of a decision is wanted. The zero value is the usual one.
type Options struct {
	Alternatives int // how many; 0 for 5, negative for none
	// Because is how many reasons, each checked by deletion; 0 for 3, negative for
	// none. A head on a language model reads the text once more for each of its
	// words, so there 0 is none.
	Because   int
	Threshold float64 // probability under which to abstain; 0 for the head's own
}

func (o Options) withDefaults(model bool) Options {
	if o.Alternatives == 0 {
		o.Alternatives = 5
	}
	if o.Because == 0 && !model {
		o.Because = 3
	}
	o.Alternatives, o.Because = max(0, o.Alternatives), max(0, o.Because)
	return o
}

// Classify answers texts. The engine may be nil for heads that need no model.
func (h *Head) Classify(ctx context.Context, e engine.Engine, texts []string, o Options) ([]Decision, error) {
	all, err := ClassifyAll(ctx, e, []*Head{h}, texts, o)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// ClassifyAll answers texts with several heads, [head][text]. Those on one base
// share one pass of the model over each text.
func ClassifyAll(ctx context.Context, e engine.Engine, heads []*Head, texts []string, o Options) ([][]Decision, error) {
	scores, err := scoreAll(ctx, e, heads, texts)
	if err != nil {
		return nil, err
	}
	out := make([][]Decision, len(heads))
	for i, h := range heads {
		out[i] = make([]Decision, len(texts))
		for j := range texts {
			d := h.Decide(scores[i][j], o)
			if n := o.withDefaults(h.NeedsModel()).Because; n > 0 && len(texts[j]) > 0 && scores[i][j].Unfit == "" {
				if d.Because, err = h.reasons(ctx, e, texts[j], &d, n); err != nil {
					return nil, err
				}
			}
			out[i][j] = d
		}
	}
	return out, nil
}

// Decide makes a decision of scores, without its reasons.
func (h *Head) Decide(s Scores, o Options) Decision {
	o = o.withDefaults(h.NeedsModel())
	d := Decision{Head: h.card.Name, Digest: h.digest, Note: join(s.Unfit, s.Note), Abstain: s.Unfit != ""}
	switch h.card.Task {
	case TaskRegression:
		d.Value = &s.Value
		return d
	case TaskSpans:
		for _, x := range s.Spans {
			if x.P >= h.threshold(x.Label, o) {
				d.Spans = append(d.Spans, x)
			}
		}
		return d
	}
	order := h.ranked(s.P)
	if h.card.Task == TaskMulti {
		h.decideMulti(&d, s, order, o)
		return d
	}
	best := order[0]
	if h.card.Task == TaskOrdinal {
		best = Median(s.P)
	}
	d.Label, d.P = h.card.Labels[best], s.P[best]
	for _, k := range order {
		if k != best && len(d.Alternatives) < o.Alternatives {
			d.Alternatives = append(d.Alternatives, Alternative{h.card.Labels[k], s.P[k]})
		}
	}
	d.Abstain = d.Abstain || d.P < h.threshold(d.Label, o)
	return d
}

func (h *Head) decideMulti(d *Decision, s Scores, order []int, o Options) {
	for _, k := range order {
		a := Alternative{h.card.Labels[k], s.P[k]}
		switch {
		case s.P[k] >= h.threshold(a.Label, o) && s.Unfit == "":
			d.Labels = append(d.Labels, a)
		case len(d.Alternatives) < o.Alternatives:
			d.Alternatives = append(d.Alternatives, a)
		}
	}
	if len(d.Labels) > 0 {
		d.Label, d.P = d.Labels[0].Label, d.Labels[0].P
	}
}

// Median returns the label in the middle of an ordered distribution: the answer
// that is off least on average. It returns −1 for no labels.
func Median(p []float64) int {
	sum := 0.0
	for k, x := range p {
		if sum += x; sum >= 0.5 {
			return k
		}
	}
	return len(p) - 1
}

// threshold returns the probability from which a label is given.
func (h *Head) threshold(label string, o Options) float64 {
	if o.Threshold > 0 {
		return o.Threshold
	}
	if t, ok := h.card.Thresholds[label]; ok {
		return t
	}
	if h.card.Task == TaskMulti || h.card.Task == TaskSpans {
		return 0.5
	}
	return 0
}

// ranked returns the labels, the likeliest first; of equals, the first.
func (h *Head) ranked(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	return order
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// reasons returns up to n words without which a decision would be less likely.
func (h *Head) reasons(ctx context.Context, e engine.Engine, text string, d *Decision, n int) ([]Reason, error) {
	k := slices.Index(h.card.Labels, d.Label)
	if k < 0 {
		return nil, nil // nothing given, a number, or spans, which show where they stand
	}
	if h.beside != nil || h.NeedsModel() {
		return h.delete(ctx, e, text, k, n)
	}
	var out []Reason
	if m := h.lexical; m != nil {
		s := m.Borrow()
		defer m.Return(s)
		m.Read(s, text, 0)
		for _, r := range m.Because(s, []lexical.Output{{Label: k}}, n, nil) {
			out = append(out, Reason{r.Start, r.End, text[r.Start:r.End], h.weigh(k, r.Weight)})
		}
		return out, nil
	}
	s := h.linear.Borrow()
	defer h.linear.Return(s)
	h.linear.Read(s, text, 0)
	for _, r := range h.linear.Because(s, []int{k}, n) {
		out = append(out, Reason{r.Start, r.End, text[r.Start:r.End], r.Weight})
	}
	return out, nil
}

// weigh scales the weight of a reason as the label's logit is scaled.
func (h *Head) weigh(k int, weight float64) float64 {
	if h.card.Task == TaskMulti {
		return h.card.Scales[k].Slope * weight
	}
	return weight
}

// maxDeletions bounds how many words are taken away to see what they weigh; of a
// longer text neighbours go together.
const (
	maxDeletions      = 256
	maxModelDeletions = 24
)

// delete measures reasons by reading the text without each word.
func (h *Head) delete(ctx context.Context, e engine.Engine, text string, k, n int) ([]Reason, error) {
	limit := maxDeletions
	if h.NeedsModel() {
		limit = maxModelDeletions
	}
	pieces := wordsOf(text, limit)
	texts := []string{text}
	for _, p := range pieces {
		texts = append(texts, text[:p[0]]+text[p[1]:])
	}
	scores, err := h.Score(ctx, e, texts)
	if err != nil {
		return nil, err
	}
	var out []Reason
	whole := logit(scores[0].P[k])
	for i, p := range pieces {
		if w := whole - logit(scores[i+1].P[k]); w > 0 {
			out = append(out, Reason{p[0], p[1], text[p[0]:p[1]], w})
		}
	}
	slices.SortStableFunc(out, func(a, b Reason) int { return cmp.Compare(b.Weight, a.Weight) })
	return out[:min(n, len(out))], nil
}

// wordsOf returns where the words of a text stand, neighbours joined so that there
// are at most limit.
func wordsOf(text string, limit int) [][2]int {
	var words [][2]int
	start := -1
	for i := 0; i <= len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		inside := i < len(text) && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '.' || r == '-')
		switch {
		case inside && start < 0:
			start = i
		case !inside && start >= 0:
			words = append(words, [2]int{start, i})
			start = -1
		}
		i += max(1, size)
	}
	if len(words) <= limit {
		return words
	}
	var joined [][2]int
	for i := range limit {
		from, to := i*len(words)/limit, (i+1)*len(words)/limit
		joined = append(joined, [2]int{words[from][0], words[to-1][1]})
	}
	return joined
}
