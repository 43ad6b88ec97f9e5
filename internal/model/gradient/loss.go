package gradient

import (
	"context"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/kernel/backward"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// Step computes the loss of a batch and adds the gradient of its Sum to that of
// every parameter. Work is done in pieces, so that memory does not grow with the
// batch but with its longest document. If it fails, gradients are to be cleared.
// Errors that a caller may branch on: *llama.TokenError, *tensor.FaultError, and
// the context's own, which is looked at between layers.
func (m *Model) Step(ctx context.Context, batch []Sequence) (Loss, error) {
	return m.run(ctx, batch, use{training: true}, groupTokens)
}

// Loss computes the loss of a batch, without dropout.
func (m *Model) Loss(ctx context.Context, batch []Sequence) (Loss, error) {
	return m.run(ctx, batch, use{}, groupTokens)
}

// Reference is Loss without the adapter: what the base gives.
func (m *Model) Reference(ctx context.Context, batch []Sequence) (Loss, error) {
	return m.run(ctx, batch, use{plain: true}, groupTokens)
}

// StepWith computes the log-probabilities of a batch's targets, lets weigh say by
// what each is to be weighed, and adds the gradient of the weighed sum of their
// negatives. weigh gets and returns, for each sequence, a number for each token.
// It is for losses of whole batches, such as preferences: the forward pass is
// made once, and memory grows with the batch. Sequence.Weights are not used, and
// of the Loss, Sum and Weight are with weigh's.
func (m *Model) StepWith(ctx context.Context, batch []Sequence, weigh func(logprobs [][]float32) ([][]float32, error)) (Loss, error) {
	groups, loss, err := m.plan(batch, 0)
	if err != nil {
		return loss, err
	}
	u := use{training: true}
	if err := m.begin(ctx, u); err != nil {
		return loss, err
	}
	for _, g := range groups { // one at most
		if err := m.through(ctx, g, u); err != nil {
			return loss, err
		}
		if err := m.score(g, use{}); err != nil {
			return loss, err
		}
	}
	weights, err := weigh(loss.Logprobs)
	if err != nil {
		return loss, err
	}
	flat, err := flatten(batch, weights)
	if err != nil {
		return loss, err
	}
	loss.Sum, loss.Weight = 0, 0
	for _, w := range flat {
		loss.Weight += float64(w)
	}
	for _, g := range groups {
		g.weights = flat
		if err := m.score(g, u); err != nil {
			return loss, err
		}
		loss.Sum += g.sum
		if err := m.back(ctx, g, u); err != nil {
			return loss, err
		}
	}
	return loss, m.unchanged()
}

// flatten returns the weights of the tokens that have targets, in their order.
func flatten(batch []Sequence, weights [][]float32) ([]float32, error) {
	if len(weights) != len(batch) {
		return nil, fmt.Errorf("weights of %d sequences for %d", len(weights), len(batch))
	}
	var flat []float32
	for i, s := range batch {
		if len(weights[i]) != len(s.Tokens) {
			return nil, fmt.Errorf("sequence %d: %d weights for %d tokens", i, len(weights[i]), len(s.Tokens))
		}
		for j, t := range s.Targets {
			if t >= 0 {
				flat = append(flat, weights[i][j])
			}
		}
	}
	return flat, nil
}

// run computes a batch, group by group.
func (m *Model) run(ctx context.Context, batch []Sequence, u use, most int) (Loss, error) {
	groups, loss, err := m.plan(batch, most)
	if err != nil {
		return loss, err
	}
	if err := m.begin(ctx, u); err != nil {
		return loss, err
	}
	for _, g := range groups {
		if err := m.through(ctx, g, u); err != nil {
			return loss, err
		}
		if err := m.score(g, u); err != nil {
			return loss, err
		}
		loss.Sum += g.sum
		if !u.training {
			continue
		}
		if err := m.back(ctx, g, u); err != nil {
			return loss, err
		}
	}
	return loss, m.unchanged()
}

// logitNumbers bounds the logits that are in memory at a time, and leastLogits
// says of how many tokens they are at least.
const (
	logitNumbers = 1 << 26
	leastLogits  = 16
)

// score computes the loss of a group from memory.last and, in training, its
// gradient to memory.dx. Logits are computed of some tokens at a time.
func (m *Model) score(g *group, u use) error {
	C, V, R, s := m.config.Width, m.config.Vocabulary, len(g.rows), &m.memory
	head := floats32(&s.head, R*C)
	err := m.eachRow(R, func(from, to int) {
		for r := from; r < to; r++ {
			floats.RMSNorm(head[r*C:(r+1)*C], s.last[g.rows[r]*C:(g.rows[r]+1)*C], m.outputNorm.value, m.config.NormEpsilon)
		}
	})
	if err != nil {
		return err
	}
	if u.training {
		floats32(&s.dhead, R*C)
	}
	sums := make([]float64, R)
	rows := min(max(logitNumbers/V, leastLogits), R)
	for from := 0; from < R; from += rows {
		if err := m.scoreRows(g, u, from, min(from+rows, R), sums); err != nil {
			return err
		}
	}
	g.sum = 0
	for r, logprob := range sums {
		*g.logprobs[r] = float32(logprob)
		g.sum -= float64(float64(g.weights[r]) * logprob)
	}
	if !u.training {
		return nil
	}
	return m.scoreBack(g)
}

// scoreRows does so for some of the tokens that have targets, to memory.dhead.
func (m *Model) scoreRows(g *group, u use, from, to int, sums []float64) error {
	C, V, s, n := m.config.Width, m.config.Vocabulary, &m.memory, to-from
	logits, head := floats32(&s.logits, n*V), s.head[from*C:to*C]
	if err := gemm.Forward(m.pool, logits, head, n, m.output.w, m.product(false)); err != nil {
		return err
	}
	err := m.eachRow(n, func(a, b int) {
		for i := a; i < b; i++ {
			row, r := logits[i*V:(i+1)*V], from+i
			if u.training {
				sums[r] = backward.CrossEntropy(row, g.targets[r], g.weights[r])
			} else {
				sums[r] = backward.LogProbability(row, g.targets[r])
			}
		}
	})
	if err != nil || !u.training {
		return err
	}
	if m.output.weight != nil {
		if err := gemm.Weight(m.pool, m.output.weight.Grad, logits, head, n, V, C, m.product(true)); err != nil {
			return err
		}
	}
	return gemm.Input(m.pool, s.dhead[from*C:to*C], logits, n, m.output.w, m.product(false))
}

// scoreBack takes memory.dhead through the output norm to memory.dx.
func (m *Model) scoreBack(g *group) error {
	C, s, T := m.config.Width, &m.memory, len(g.ids)
	err := m.eachRow(T, func(from, to int) { clear(s.dx[from*C : to*C]) })
	if err != nil {
		return err
	}
	err = m.eachRow(len(g.rows), func(from, to int) {
		for r := from; r < to; r++ {
			t := g.rows[r]
			backward.RMSNorm(s.dx[t*C:(t+1)*C], s.dhead[r*C:(r+1)*C], s.last[t*C:(t+1)*C], m.outputNorm.value, m.config.NormEpsilon)
			// The gain's gradient needs the rows side by side.
			copy(s.head[r*C:(r+1)*C], s.last[t*C:(t+1)*C])
		}
	})
	if err != nil {
		return err
	}
	return m.gainBack(m.outputNorm, s.dhead, s.head, len(g.rows), C)
}
