package train_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/tensor"
	"github.com/casemate-ai/casemate/internal/model/train"
)

const vocabulary = 7

// bigram is a model that predicts a token by the one before: a table of logits.
// The reference is a table of zeros.
type bigram struct {
	table *optimizer.Parameter
	pool  *tensor.Pool
	seeks []uint64
	steps int
	after func(step int) // tests: when a step was made
}

func newBigram(t testing.TB, threads int) *bigram {
	t.Helper()
	p := tensor.NewPool(threads)
	t.Cleanup(p.Close)
	n := vocabulary * vocabulary
	b := &bigram{pool: p, table: &optimizer.Parameter{Name: "table", Shape: []int{vocabulary, vocabulary}, Value: make([]float32, n), Grad: make([]float32, n)}}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b.table.Value {
		b.table.Value[i] = float32(r.NormFloat64() / 8)
	}
	return b
}

func (b *bigram) Parameters() []*optimizer.Parameter { return []*optimizer.Parameter{b.table} }
func (b *bigram) Pool() *tensor.Pool                 { return b.pool }
func (b *bigram) Seek(n uint64)                      { b.seeks = append(b.seeks, n) }

func (b *bigram) Step(ctx context.Context, batch []gradient.Sequence) (gradient.Loss, error) {
	b.steps++
	if b.after != nil {
		b.after(b.steps)
	}
	return b.pass(batch, b.table.Value, func(i, j int) float32 {
		if batch[i].Weights == nil {
			return 1
		}
		return batch[i].Weights[j]
	}, b.table.Grad), ctx.Err()
}

func (b *bigram) StepWith(ctx context.Context, batch []gradient.Sequence, weigh func([][]float32) ([][]float32, error)) (gradient.Loss, error) {
	l, err := b.Loss(ctx, batch)
	if err != nil {
		return l, err
	}
	weights, err := weigh(l.Logprobs)
	if err != nil {
		return l, err
	}
	return b.pass(batch, b.table.Value, func(i, j int) float32 { return weights[i][j] }, b.table.Grad), nil
}

func (b *bigram) Loss(ctx context.Context, batch []gradient.Sequence) (gradient.Loss, error) {
	return b.pass(batch, b.table.Value, func(int, int) float32 { return 1 }, nil), ctx.Err()
}

func (b *bigram) Reference(ctx context.Context, batch []gradient.Sequence) (gradient.Loss, error) {
	return b.pass(batch, make([]float32, vocabulary*vocabulary), func(int, int) float32 { return 1 }, nil), ctx.Err()
}

// pass computes losses, and gradients unless grad is nil.
func (b *bigram) pass(batch []gradient.Sequence, table []float32, weight func(i, j int) float32, grad []float32) gradient.Loss {
	var l gradient.Loss
	for i, s := range batch {
		logprobs := make([]float32, len(s.Tokens))
		for j, target := range s.Targets {
			if target < 0 {
				continue
			}
			row := table[s.Tokens[j]*vocabulary:][:vocabulary]
			total := 0.0
			for _, x := range row {
				total += math.Exp(float64(x))
			}
			w := float64(weight(i, j))
			logprob := float64(row[target]) - math.Log(total)
			logprobs[j] = float32(logprob)
			l.Sum -= w * logprob
			l.Weight += w
			l.Targets++
			for k := range row {
				if grad == nil {
					break
				}
				d := math.Exp(float64(row[k])) / total
				if k == target {
					d--
				}
				grad[s.Tokens[j]*vocabulary+k] += float32(w * d)
			}
		}
		l.Logprobs = append(l.Logprobs, logprobs)
	}
	return l
}

// chain returns rows in which token t is mostly followed by t+1.
func chain(seed uint64, n, length int) []gradient.Sequence {
	r := rand.New(rand.NewPCG(seed, 3))
	var all []gradient.Sequence
	for range n {
		tokens := []int{r.IntN(vocabulary)}
		for len(tokens) <= length {
			next := (tokens[len(tokens)-1] + 1) % vocabulary
			if r.IntN(10) == 0 {
				next = r.IntN(vocabulary)
			}
			tokens = append(tokens, next)
		}
		all = append(all, train.Example{Tokens: tokens}.Sequence())
	}
	return all
}
