package train

import (
	"context"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/gradient"
)

// Pair is two answers to one prompt. Their targets are the answers' tokens.
type Pair struct{ Chosen, Rejected gradient.Sequence }

// PreferenceOptions say how preferences are learnt.
type PreferenceOptions struct {
	// Beta is how strongly the model is held to what it was; 0 means 0.1.
	Beta float64
	// Smoothing is the share of pairs that is taken to be labelled the wrong way
	// round, 0 to below ½.
	Smoothing float64
}

// preference is the task of direct preference optimisation.
type preference struct {
	model             Adapted
	o                 PreferenceOptions
	train, validation []Pair
	known             map[*Pair]float64 // the reference's margins
}

// Preferences returns the task of making the model prefer the chosen answers: of
// each pair, with h the log-probability of the chosen answer less that of the
// rejected one, and h₀ the same of the model without its adapter, the loss is
//
//	−(1−ε)·log σ(β·(h−h₀)) − ε·log σ(−β·(h−h₀))
//
// with β Beta and ε Smoothing.
//
// Source: Rafailov et al. 2023, arXiv:2305.18290; Mitchell 2023 of ε.
func Preferences(m Adapted, train, validation []Pair, o PreferenceOptions) (Task, error) {
	if o.Beta == 0 {
		o.Beta = 0.1
	}
	if !(o.Beta > 0) || math.IsInf(o.Beta, 0) || !(o.Smoothing >= 0 && o.Smoothing < 0.5) {
		return nil, fmt.Errorf("learn preferences: beta %v, smoothing %v: want a number above 0, and 0 to below 0.5", o.Beta, o.Smoothing)
	}
	return &preference{m, o, train, validation, map[*Pair]float64{}}, nil
}

func (p *preference) Train() int      { return len(p.train) }
func (p *preference) Validation() int { return len(p.validation) }

func (p *preference) Learn(ctx context.Context, examples []int) (Loss, error) {
	c, err := p.compare(ctx, p.train, examples)
	if err != nil {
		return Loss{}, err
	}
	_, err = p.model.StepWith(ctx, c.sequences, func(logprobs [][]float32) ([][]float32, error) {
		c.take(logprobs)
		return p.weights(c), nil
	})
	return p.loss(c), err
}

func (p *preference) Measure(ctx context.Context, examples []int) (Loss, error) {
	c, err := p.compare(ctx, p.validation, examples)
	if err != nil {
		return Loss{}, err
	}
	l, err := p.model.Loss(ctx, c.sequences)
	if err != nil {
		return Loss{}, err
	}
	c.take(l.Logprobs)
	return p.loss(c), nil
}

// compared is pairs, and by how much more than the reference the model prefers
// the chosen answers.
type compared struct {
	sequences []gradient.Sequence // chosen and rejected in turn
	reference []float64           // the reference's margins
	margins   []float64           // the model's, less the reference's
	tokens    int
}

// compare returns pairs with the reference's margins, which are computed once.
func (p *preference) compare(ctx context.Context, all []Pair, examples []int) (*compared, error) {
	c, known := &compared{}, true
	for _, i := range examples {
		c.sequences = append(c.sequences, all[i].Chosen, all[i].Rejected)
		c.tokens += len(all[i].Chosen.Tokens) + len(all[i].Rejected.Tokens)
		_, have := p.known[&all[i]]
		known = known && have
	}
	if !known {
		l, err := p.model.Reference(ctx, c.sequences)
		if err != nil {
			return nil, err
		}
		for j, i := range examples {
			p.known[&all[i]] = margin(l.Logprobs, j)
		}
	}
	for _, i := range examples {
		c.reference = append(c.reference, p.known[&all[i]])
	}
	return c, nil
}

// take takes the model's log-probabilities.
func (c *compared) take(logprobs [][]float32) {
	for j, h := range c.reference {
		c.margins = append(c.margins, margin(logprobs, j)-h)
	}
}

// margin is the log-probability of pair j's chosen answer less the rejected one's.
func margin(logprobs [][]float32, j int) float64 {
	return sum(logprobs[2*j]) - sum(logprobs[2*j+1])
}

// weights returns those with which a model's sum has the loss's gradient. The
// loss falls by g for each unit that the margin rises, which is what the chosen
// answer's log-probability adds to it and the rejected one's takes from it; what
// a model's Step adds up is −weight·log-probability.
func (p *preference) weights(c *compared) [][]float32 {
	all := make([][]float32, len(c.sequences))
	for i := range all {
		h := p.o.Beta * c.margins[i/2]
		g := float32(p.o.Beta * (float64((1-p.o.Smoothing)*sigmoid(-h)) - float64(p.o.Smoothing*sigmoid(h))))
		if i%2 == 1 {
			g = -g
		}
		all[i] = make([]float32, len(c.sequences[i].Targets))
		for j := range all[i] {
			all[i][j] = g
		}
	}
	return all
}

// loss adds up the losses of pairs.
func (p *preference) loss(c *compared) Loss {
	l := Loss{Weight: float64(len(c.margins)), Tokens: c.tokens}
	for _, m := range c.margins {
		h := p.o.Beta * m
		l.Sum += float64((1-p.o.Smoothing)*softplus(-h)) + float64(p.o.Smoothing*softplus(h))
	}
	return l
}

func sum(x []float32) float64 {
	total := 0.0
	for _, f := range x {
		total += float64(f)
	}
	return total
}

// exp is eˣ by way of 2ˣ, which, unlike math.Exp, is computed alike on processors
// with fused operations and without.
func exp(x float64) float64 { return math.Exp2(float64(x * math.Log2E)) }

func sigmoid(x float64) float64 { return 1 / (1 + exp(-x)) }

// softplus is −log σ(−x), without overflow.
func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(exp(-math.Abs(x)))
}
