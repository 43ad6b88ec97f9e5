// Package tagger finds stretches of texts and labels them: a conditional random
// field over words, which reads a word's letters and neighbours, the vectors that a
// language model has for its tokens, or both. It knows nothing of what the texts
// are about.
//
// A word has one of 2L+1 tags: outside, or the beginning or the inside of a span of
// one of L labels. Tags that cannot follow each other never do. Training is
// deterministic to the byte, whatever the number of threads.
//
// # Use
//
//	model, err := tagger.Train(ctx, rows, tagger.Options{Labels: []string{"host", "user"}})
//	for _, s := range model.Tag(text, nil) { … }
//
// Sources: Lafferty, McCallum and Pereira 2001, ICML; Sutton and McCallum 2012,
// Foundations and Trends in Machine Learning 4.
package tagger

import (
	"errors"
	"fmt"
	"slices"
)

// Limits of what is trained and read.
const (
	MaxText     = 1 << 20 // bytes of a text that are read; the rest has no spans
	MaxWords    = 1 << 14 // of a text, likewise
	MaxRows     = 1 << 20
	MaxLabels   = 256
	MaxWidth    = 1 << 16
	MaxFeatures = 1 << 22
	// MaxNumbers bounds the weights of a model, and the numbers of all words'
	// vectors in training.
	MaxNumbers = 1 << 28
)

// ErrInput is wrapped by the errors of data that cannot be trained on or answered.
var ErrInput = errors.New("these spans cannot be used")

// Span is a stretch of a text, in bytes, and its label.
type Span struct{ Start, End, Label int }

// Row is a text and its spans, which do not overlap.
type Row struct {
	Text  string
	Spans []Span
}

// Token is a stretch of a text and the vector that a language model has for it.
type Token struct {
	Start, End int
	Vector     []float32
}

// Found is a span that a model finds. P is the probability that just this stretch
// has this label.
type Found struct {
	Start, End, Label int
	P                 float64
}

// Tags by number: outside, and for label k its beginning and its inside.
const outside = 0

func begin(label int) int  { return 1 + 2*label }
func inside(label int) int { return 2 + 2*label }

func isInside(tag int) bool { return tag > 0 && tag%2 == 0 }

// follows says whether a tag may follow another: the inside of a span follows its
// beginning or its inside. Before is -1 at the beginning of a text.
func follows(before, tag int) bool {
	return !isInside(tag) || before == tag || before == tag-1
}

// check wants spans of a row within its text, in no order, with labels that exist.
func (r *Row) check(labels int) error {
	spans := slices.Clone(r.Spans)
	slices.SortFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	end := 0
	for _, s := range spans {
		switch {
		case s.Start < 0 || s.End <= s.Start || s.End > len(r.Text):
			return fmt.Errorf("%w: span %d to %d of a text of %d bytes", ErrInput, s.Start, s.End, len(r.Text))
		case s.Label < 0 || s.Label >= labels:
			return fmt.Errorf("%w: label %d is not one of %d", ErrInput, s.Label, labels)
		case s.Start < end:
			return fmt.Errorf("%w: spans that end at %d and begin at %d overlap", ErrInput, end, s.Start)
		}
		end = s.End
	}
	return nil
}

// tags returns those of words. A word that is in a span in part is in it; one that
// is in two is in the first.
func (r *Row) tags(words []word) []int {
	tags := make([]int, len(words))
	spans := slices.Clone(r.Spans)
	slices.SortFunc(spans, func(a, b Span) int { return a.Start - b.Start })
	at := 0
	for _, s := range spans {
		for at < len(words) && words[at].end <= s.Start {
			at++
		}
		tag := begin(s.Label)
		for ; at < len(words) && words[at].start < s.End; at++ {
			tags[at] = tag
			tag = inside(s.Label)
		}
	}
	return tags
}
