package train

import (
	"context"

	"github.com/casemate-ai/casemate/internal/model/gradient"
)

// rows is the task of predicting tokens.
type rows struct {
	model             Model
	train, validation []gradient.Sequence
}

// Tokens returns the task of predicting the targets of rows. The loss is the mean
// over targets of their negative log-probabilities, weighted if the rows have
// weights.
func Tokens(m Model, train, validation []gradient.Sequence) Task {
	return &rows{m, train, validation}
}

func (r *rows) Train() int      { return len(r.train) }
func (r *rows) Validation() int { return len(r.validation) }

func (r *rows) Learn(ctx context.Context, examples []int) (Loss, error) {
	batch, tokens := choose(r.train, examples)
	l, err := r.model.Step(ctx, batch)
	return Loss{l.Sum, l.Weight, tokens}, err
}

func (r *rows) Measure(ctx context.Context, examples []int) (Loss, error) {
	batch, tokens := choose(r.validation, examples)
	l, err := r.model.Loss(ctx, batch)
	return Loss{l.Sum, l.Weight, tokens}, err
}

// choose returns some of all rows, and how many tokens they have.
func choose(all []gradient.Sequence, which []int) (batch []gradient.Sequence, tokens int) {
	for _, i := range which {
		batch = append(batch, all[i])
		tokens += len(all[i].Tokens)
	}
	return batch, tokens
}
