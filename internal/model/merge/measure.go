package merge

import (
	"context"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/llama"
)

// maxKept is how many bytes of log-probabilities a Reference may keep.
const maxKept = 1 << 30

// Model is what is measured: a *llama.Model.
type Model interface {
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
	kept := 0
	err := walk(ctx, m, adapter, texts, func(row []float32, _ int) error {
		if kept += 4 * len(row); kept > maxKept {
			return fmt.Errorf("the texts have more tokens than fit %d bytes: give fewer", maxKept)
		}
		r.rows = append(r.rows, row)
		return nil
	})
	return r, err
}

// Against computes the same of another model and says how far it is.
func (r *Reference) Against(ctx context.Context, m Model, adapter *llama.Adapter) (Difference, error) {
	var d Difference
	same := 0
	err := walk(ctx, m, adapter, r.texts, func(row []float32, next int) error {
		if d.Tokens >= len(r.rows) || len(row) != len(r.rows[d.Tokens]) {
			return fmt.Errorf("a vocabulary of %d tokens is not the reference's", len(row))
		}
		is := r.rows[d.Tokens]
		d.Tokens++
		change := math.Abs(float64(row[next]) - float64(is[next]))
		d.Mean, d.Max = d.Mean+change, max(d.Max, change)
		d.Divergence += divergence(is, row)
		d.Reference, d.Model = d.Reference-float64(is[next]), d.Model-float64(row[next])
		if largest(is) == largest(row) {
			same++
		}
		return nil
	})
	if n := float64(d.Tokens); n > 0 {
		d.Mean, d.Divergence, d.Agreement = d.Mean/n, max(0, d.Divergence/n), float64(same)/n
		d.Reference, d.Model = d.Reference/n, d.Model/n
	}
	return d, err
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
