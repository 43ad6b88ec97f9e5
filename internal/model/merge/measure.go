package merge

import (
	"context"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// maxKept is how many bytes of log-probabilities a Reference may keep.
const maxKept = 1 << 30

// Model is what is measured: a *llama.Model.
type Model interface {
	Config() modelfile.Config
	Forward(ctx context.Context, batch []llama.Sequence) ([]llama.Result, error)
}

// Difference is how far a model's probabilities of next tokens are from those of
// a reference, over all positions of some texts.
type Difference struct {
	Tokens int `json:"tokens"` // positions
	// Mean and Max are of the absolute difference of the log-probability, natural,
	// of the token that follows in the text.
	Mean float64 `json:"mean_logprob_difference"`
	Max  float64 `json:"max_logprob_difference"`
	// Divergence is the mean Kullback-Leibler divergence from the reference over
	// the whole vocabulary, in nats.
	Divergence float64 `json:"mean_kl_divergence"`
	// Agreement is the share of positions at which both have the same most
	// probable token.
	Agreement float64 `json:"top1_agreement"`
	// Reference and Model are the mean losses: minus the mean log-probability of
	// the token that follows, natural.
	Reference float64 `json:"reference_loss"`
	Model     float64 `json:"model_loss"`
}

// Reference is log-probabilities that others are held against.
type Reference struct {
	texts [][]int
	rows  [][]float32 // [V] of each position but the last of each text
}

// NewReference computes the log-probabilities of every token after every position
// of the texts, each of two tokens at least; adapter may be nil.
func NewReference(ctx context.Context, m Model, adapter *llama.Adapter, texts [][]int) (*Reference, error) {
	r := &Reference{texts: texts}
	tokens, most := 0, maxKept/4/max(1, m.Config().Vocabulary)
	for _, text := range texts {
		tokens += len(text)
	}
	if tokens > most {
		return nil, fmt.Errorf("the texts have %d tokens, with this vocabulary they may have %d: give fewer or shorter ones", tokens, most)
	}
	err := walk(ctx, m, adapter, texts, func(row []float32, _ int) error {
		r.rows = append(r.rows, row)
		return nil
	})
	return r, err
}

// Against computes the same of another model and says how far it is.
func (r *Reference) Against(ctx context.Context, m Model, adapter *llama.Adapter) (Difference, error) {
	d := sum{of: r}
	err := walk(ctx, m, adapter, r.texts, d.add)
	return d.mean(), err
}

// To says how far another reference, of the same texts, is from this one.
func (r *Reference) To(other *Reference) (Difference, error) {
	d := sum{of: r}
	n := 0
	for _, text := range r.texts {
		for _, next := range text[1:] {
			if n >= len(other.rows) {
				return Difference{}, fmt.Errorf("the other reference has %d positions, fewer than this one", len(other.rows))
			}
			if err := d.add(other.rows[n], next); err != nil {
				return Difference{}, err
			}
			n++
		}
	}
	return d.mean(), nil
}

// sum is a Difference in the making, of a reference.
type sum struct {
	Difference
	of   *Reference
	same int
}

// add takes the log-probabilities after the next position, and the token there.
func (d *sum) add(row []float32, next int) error {
	if d.Tokens >= len(d.of.rows) || len(row) != len(d.of.rows[d.Tokens]) {
		return fmt.Errorf("a vocabulary of %d tokens is not the reference's", len(row))
	}
	is := d.of.rows[d.Tokens]
	d.Tokens++
	change := math.Abs(float64(row[next]) - float64(is[next]))
	d.Mean, d.Max = d.Mean+change, max(d.Max, change)
	d.Divergence += divergence(is, row)
	d.Reference, d.Model = d.Reference-float64(is[next]), d.Model-float64(row[next])
	if largest(is) == largest(row) {
		d.same++
	}
	return nil
}

// mean divides sums by the positions.
func (d *sum) mean() Difference {
	out := d.Difference
	if n := float64(d.Tokens); n > 0 {
		out.Mean, out.Divergence, out.Agreement = d.Mean/n, max(0, d.Divergence/n), float64(d.same)/n
		out.Reference, out.Model = d.Reference/n, d.Model/n
	}
	return out
}

// walk gives each the log-probabilities after every position of every text, and
// the token that follows there.
func walk(ctx context.Context, m Model, adapter *llama.Adapter, texts [][]int, each func(row []float32, next int) error) error {
	for i, text := range texts {
		if len(text) < 2 {
			return fmt.Errorf("text %d has %d tokens: want two at least", i+1, len(text))
		}
		results, err := m.Forward(ctx, []llama.Sequence{{Tokens: text[:len(text)-1], AllLogits: true, Adapter: adapter}})
		if err != nil {
			return fmt.Errorf("text %d: %w", i+1, err)
		}
		for k, row := range results[0].Logits {
			normalise(row)
			if err := each(row, text[k+1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// normalise makes log-probabilities of logits.
func normalise(row []float32) {
	total := kernel.LogSumExp(row)
	for i, v := range row {
		row[i] = float32(float64(v) - total)
	}
}

// divergence is that of q from p, both log-probabilities.
func divergence(p, q []float32) float64 {
	sum := 0.0
	for i, v := range p {
		sum += float64(math.Exp(float64(v)) * (float64(v) - float64(q[i])))
	}
	return sum
}

func largest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
