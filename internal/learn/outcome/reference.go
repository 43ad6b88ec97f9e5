package outcome

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
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
	Confidence Histogram      `json:"confidence"` // P of the answers
	Length     Histogram      `json:"length"`     // words of a text
	Known      Histogram      `json:"known"`      // share of a text's words that the training had
	// Words are the hashes of the words of the training's texts, ascending.
	Words []uint32 `json:"words"`
}

// NewReference makes the reference of a head from the texts that it learnt from
// and its answers to rows that it did not see: on the rows of the training a head
// is surer than it will ever be again.
func NewReference(trained []string, held []Observed) *Reference {
	r := &Reference{Format: formatVersion, Rows: len(held), Labels: map[string]int{}}
	hashes := map[uint32]bool{}
	for _, t := range trained {
		for _, w := range words(t) {
			if len(hashes) < maxWords {
				hashes[hash(w)] = true
			}
		}
	}
	r.Words = make([]uint32, 0, len(hashes))
	for h := range hashes {
		r.Words = append(r.Words, h)
	}
	slices.Sort(r.Words)
	confidence, length, known := r.features(held)
	r.Labels, r.Abstained = Answers(held)
	for _, f := range []struct {
		to     *Histogram
		values []float64
	}{{&r.Confidence, confidence}, {&r.Length, length}, {&r.Known, known}} {
		f.to.Edges = metric.Edges(f.values, referenceBins)
		f.to.Counts = metric.Histogram(f.to.Edges, f.values)
	}
	return r
}

// Answers counts answers by label, and those that abstain. An answer of several
// labels counts for each, one of none under "".
func Answers(list []Observed) (labels map[string]int, abstained int) {
	labels = map[string]int{}
	for i := range list {
		if list[i].Abstain {
			abstained++
		}
		if len(list[i].Answer) == 0 {
			labels[""]++
		}
		for _, l := range list[i].Answer {
			labels[l]++
		}
	}
	return labels, abstained
}

// features returns, for each text, what is compared beside its answer.
func (r *Reference) features(list []Observed) (confidence, length, known []float64) {
	for i := range list {
		of := words(list[i].Text)
		share := 0.0
		for _, w := range of {
			if _, ok := slices.BinarySearch(r.Words, hash(w)); ok {
				share++
			}
		}
		confidence = append(confidence, list[i].P)
		length = append(length, float64(len(of)))
		known = append(known, share/float64(max(1, len(of))))
	}
	return confidence, length, known
}

// Counts returns the live texts' confidence, length and known words in the bins
// of the reference.
func (r *Reference) Counts(live []Observed) (confidence, length, known []int) {
	c, l, k := r.features(live)
	return metric.Histogram(r.Confidence.Edges, c), metric.Histogram(r.Length.Edges, l), metric.Histogram(r.Known.Edges, k)
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
	for _, h := range []Histogram{r.Confidence, r.Length, r.Known} {
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
