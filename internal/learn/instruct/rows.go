package instruct

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/model/train"
)

// Examples are rows in a model's tokens.
type Examples struct {
	Examples []train.Example
	// Of is, for each example, the index of its row: a conversation may become
	// several.
	Of []int
	// Pairs are of a table of preferences, in place of Examples; Of then belongs
	// to them.
	Pairs []Pair
	// Skipped are the rows that cannot be learnt from.
	Skipped []dataset.Problem
}

// Pair is two answers to one prompt.
type Pair struct{ Chosen, Rejected train.Example }

// Tokens is the length of the longer answer with its prompt.
func (p Pair) Tokens() int { return max(len(p.Chosen.Tokens), len(p.Rejected.Tokens)) }

// Rows writes rows of a table: conversations, pairs, or texts with their labels
// as the answers to a question. rows are indices into its rows; nil means all.
// instruction is NewQuestion's.
func (w *Writer) Rows(t *dataset.Table, rows []int, instruction string) (*Examples, error) {
	if rows == nil {
		rows = make([]int, len(t.Rows))
		for i := range rows {
			rows[i] = i
		}
	}
	add, err := w.adder(t, instruction)
	if err != nil {
		return nil, err
	}
	x := &Examples{}
	for _, i := range rows {
		r := &t.Rows[i]
		n := len(x.Examples) + len(x.Pairs)
		if err := add(x, r); err != nil {
			x.Skipped = append(x.Skipped, dataset.Problem{Number: r.Number, Line: r.Line, File: r.File, Reason: err.Error()})
			continue
		}
		for range len(x.Examples) + len(x.Pairs) - n {
			x.Of = append(x.Of, i)
		}
	}
	return x, nil
}

// adder returns what adds a row of the table's kind.
func (w *Writer) adder(t *dataset.Table, instruction string) (func(x *Examples, r *dataset.Row) error, error) {
	switch t.Kind {
	case dataset.KindChat:
		return func(x *Examples, r *dataset.Row) error {
			all, err := w.Conversation(r.Turns)
			x.Examples = append(x.Examples, all...)
			return err
		}, nil
	case dataset.KindPreference:
		return func(x *Examples, r *dataset.Row) error {
			better, worse, err := w.Preference(r.Turns, r.Chosen, r.Rejected)
			if err == nil {
				x.Pairs = append(x.Pairs, Pair{better, worse})
			}
			return err
		}, nil
	}
	q, err := NewQuestion(t.Kind, t.Labels, instruction)
	if err != nil {
		return nil, fmt.Errorf("write rows for a language model: %w", err)
	}
	return func(x *Examples, r *dataset.Row) error {
		e, err := w.Answer(q.Turns(r.Text), q.Answer(r.Labels))
		if err == nil {
			x.Examples = append(x.Examples, e)
		}
		return err
	}, nil
}
