package outcome

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/casemate-ai/casemate/internal/learn/metric"
)

// MaxReferenceBytes is the size of the largest Reference that is read.
const MaxReferenceBytes = 64 << 20

const (
	maxWords      = 1_000_000 // known words, by their hashes
	referenceBins = 5         // of confidence, length and known words: few, so that few live rows tell
	maxEdges      = 100
)

// Observed is a text and what a head answered.
type Observed struct {
	Text    string
	Answer  []string
	P       float64
	Abstain bool
	Value   *float64 // the answer where it is a number; Answer is then empty
}

// Observe returns what is compared of an answer: of spans their labels, each once,
// and of a number its value.
func (e *Evaluation) Observe(r *Row, text string) Observed {
	o := Observed{Text: text, Answer: r.Answer, P: r.P, Abstain: r.Abstain}
	switch e.Task {
	case taskRegression:
		x := number(r.Answer)
		o.Answer, o.Value = nil, &x
	case taskSpans:
		o.Answer = nil
		for _, span := range r.Answer {
			_, label, _ := strings.Cut(span, " ")
			o.Answer = append(o.Answer, label)
		}
		slices.Sort(o.Answer)
		o.Answer = slices.Compact(o.Answer)
	}
	return o
}

// Histogram is counts between edges: a value is in the bin after the last edge
// that it is not below, as metric.Histogram has it.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int     `json:"counts"`
}

// Reference is what answers to texts like those of the training look like. Live
// inputs are compared with it. It has counts and hashes of words, no text.
type Reference struct {
	Format     int            `json:"format"` // 1
	Rows       int            `json:"rows"`
	Labels     map[string]int `json:"labels"` // answers by label; "" is none
	Abstained  int            `json:"abstained"`
	Confidence Histogram      `json:"confidence"`       // P of the answers
	Length     Histogram      `json:"length"`           // words of a text
	Known      Histogram      `json:"known"`            // share of a text's words that the training had
	Values     *Histogram     `json:"values,omitempty"` // answers that are numbers
	// Alike is how alike the rows of a group are; nil where that is not known.
	Alike *Alike `json:"alike,omitempty"`
	// Words are the hashes of the words of the training's texts, ascending.
	Words []uint32 `json:"words"`
}

// NewReference makes the reference of a head from the texts that it learnt from
// and its answers to rows that it did not see: on the rows of the training a head
// is surer than it will ever be again. A row that is among the texts after all, as
// where answers are cross-fitted, counts as known only the words that another text
// has, too.
func NewReference(trained []string, held []Observed) *Reference {
	r := &Reference{Format: formatVersion, Rows: len(held)}
	texts := map[uint32]int{} // how many texts have a word
	own := map[string]bool{}
	for _, t := range trained {
		own[TextDigest(t)] = true
		once := map[uint32]bool{}
		for _, w := range words(t) {
			if h := hash(w); !once[h] && (texts[h] > 0 || len(texts) < maxWords) {
				once[h] = true
				texts[h]++
			}
		}
	}
	r.Words = slices.Sorted(maps.Keys(texts))
	r.Labels, r.Abstained = Answers(held)
	f := features(held, func(text string) func(word uint32) bool {
		least := 1
		if own[TextDigest(text)] {
			least = 2
		}
		return func(word uint32) bool { return texts[word] >= least }
	})
	r.Confidence, r.Length, r.Known = histogram(f.confidence), histogram(f.length), histogram(f.known)
	if len(f.values) > 0 {
		h := histogram(f.values)
		r.Values = &h
	}
	return r
}

func histogram(values []float64) Histogram {
	edges := metric.Edges(values, referenceBins)
	return Histogram{Edges: edges, Counts: metric.Histogram(edges, values)}
}

// Answers counts answers by label, and those that abstain. An answer of several
// labels counts for each, one of none under "".
func Answers(list []Observed) (labels map[string]int, abstained int) {
	labels = map[string]int{}
	for i := range list {
		if list[i].Abstain {
			abstained++
		}
		if len(list[i].Answer) == 0 && list[i].Value == nil {
			labels[""]++
		}
		for _, l := range list[i].Answer {
			labels[l]++
		}
	}
	return labels, abstained
}

// measured is what is compared of texts, beside their labels.
type measured struct{ confidence, length, known, values []float64 }

// features measures texts; known says which words of a text count as known.
func features(list []Observed, known func(text string) func(word uint32) bool) (f measured) {
	for i := range list {
		of, is, share := words(list[i].Text), known(list[i].Text), 0.0
		for _, w := range of {
			if is(hash(w)) {
				share++
			}
		}
		f.confidence = append(f.confidence, list[i].P)
		f.length = append(f.length, float64(len(of)))
		f.known = append(f.known, share/float64(max(1, len(of))))
		if v := list[i].Value; v != nil {
			f.values = append(f.values, *v)
		}
	}
	return f
}

// Counted is live texts in the bins of a reference.
type Counted struct{ Confidence, Length, Known, Values []int }

// Counts counts live texts in the bins of the reference. Values is nil where the
// reference has none.
func (r *Reference) Counts(live []Observed) Counted {
	f := features(live, func(string) func(uint32) bool {
		return func(word uint32) bool { _, ok := slices.BinarySearch(r.Words, word); return ok }
	})
	c := Counted{metric.Histogram(r.Confidence.Edges, f.confidence), metric.Histogram(r.Length.Edges, f.length), metric.Histogram(r.Known.Edges, f.known), nil}
	if r.Values != nil {
		c.Values = metric.Histogram(r.Values.Edges, f.values)
	}
	return c
}

// words cuts a text at all that is neither letter nor digit.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func hash(word string) uint32 {
	h := fnv.New32a()
	io.WriteString(h, word)
	return h.Sum32()
}

// WriteReference writes a reference.
func WriteReference(w io.Writer, r *Reference) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("write reference: %w", err)
	}
	return write(w, "reference", r)
}

// ParseReference reads what WriteReference wrote.
func ParseReference(data []byte) (*Reference, error) {
	r := &Reference{}
	if err := unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read reference: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("read reference: %w", err)
	}
	return r, nil
}

func (r *Reference) check() error {
	switch {
	case r.Format != formatVersion:
		return fmt.Errorf("its format is %d, this program reads %d", r.Format, formatVersion)
	case r.Rows < 1 || r.Rows > maxRows:
		return fmt.Errorf("it is of %d rows, there must be 1 to %d", r.Rows, maxRows)
	case r.Abstained < 0 || r.Abstained > r.Rows:
		return errors.New("more rows abstained than there are")
	case len(r.Labels) > maxLabels+1:
		return fmt.Errorf("it has %d labels, at most %d are read", len(r.Labels), maxLabels)
	case len(r.Words) > maxWords || !slices.IsSorted(r.Words):
		return errors.New("its words are too many or not in order")
	}
	for l, n := range r.Labels {
		if !isLabel(l) || n < 0 || n > r.Rows {
			return errors.New("a label cannot be shown, or has more answers than there are rows")
		}
	}
	if r.Alike != nil {
		if err := r.Alike.check(); err != nil {
			return err
		}
	}
	all := []Histogram{r.Confidence, r.Length, r.Known}
	if r.Values != nil {
		all = append(all, *r.Values)
	}
	for _, h := range all {
		if err := h.check(r.Rows); err != nil {
			return err
		}
	}
	return nil
}

func (h *Histogram) check(rows int) error {
	if len(h.Edges) > maxEdges || len(h.Counts) != len(h.Edges)+1 || !finite(h.Edges...) || !slices.IsSorted(h.Edges) {
		return errors.New("a histogram's edges are not in order, too many, or not one less than its counts")
	}
	total := 0
	for _, n := range h.Counts {
		if n < 0 || n > rows {
			return errors.New("a histogram counts more rows than there are")
		}
		total += n
	}
	if total != rows {
		return errors.New("a histogram does not count every row once")
	}
	return nil
}
