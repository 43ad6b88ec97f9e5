package probe

import (
	"context"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Reads is what vectors a head is made for.
type Reads struct {
	Width int `json:"width"`
	// Layer and Pool say which hidden states they are, as the caller names them.
	Layer int    `json:"layer"`
	Pool  string `json:"pool,omitempty"`
}

// Activation is what a network's hidden numbers go through.
type Activation string

// The activations.
const (
	ReLU Activation = "relu"
	GELU Activation = "gelu" // with the hyperbolic tangent
)

// Config is what a head is.
type Config struct {
	Task   Task     `json:"task"`
	Kind   Kind     `json:"kind"`
	Labels []string `json:"labels,omitempty"` // of the classes; ordinal: in their order
	Reads  Reads    `json:"reads"`
	// Hidden is the width of a network's hidden layer.
	Hidden     int        `json:"hidden,omitempty"`
	Activation Activation `json:"activation,omitempty"`
}

// outputs returns M and E: how many numbers the last layer gives, and how many
// biases or thresholds there are.
func (c *Config) outputs() (M, E int) {
	l := newLoss(c.Task, len(c.Labels), 0)
	return l.outputs, l.extras
}

// Trained says how a head came about.
type Trained struct {
	Rows int     `json:"rows"`
	L2   float64 `json:"l2"` // of a network: the weight decay
	Loss float64 `json:"loss"`
	// Iterations are steps of L-BFGS, or epochs of a network.
	Iterations int  `json:"iterations"`
	Converged  bool `json:"converged"`
	// Tried are the strengths of L2 that were compared, or a network's epochs.
	Tried []Tried `json:"tried,omitempty"`
}

// Tried is a strength of L2, or a number of epochs, and the mean loss of rows that
// were not trained on, with its standard error.
type Tried struct {
	L2    float64 `json:"l2,omitempty"`
	Epoch int     `json:"epoch,omitempty"`
	Loss  float64 `json:"loss"`
	Error float64 `json:"error"`
}

// Head is a trained classifier of vectors. Its methods may be called from several
// goroutines at once.
type Head struct {
	config   Config
	trained  Trained
	standard standard
	w1, b1   []float32 // [H,D], [H] of a network
	w        []float32 // [M,D] or [M,H]
	extra    []float32 // [E]
	// A regression's answer is centre + spread times the output.
	centre, spread float64
}

// Config returns what the head is. Its slices are not to be changed.
func (h *Head) Config() Config { return h.config }

// Trained returns how the head came about.
func (h *Head) Trained() Trained { return h.trained }

// Check refuses a vector that the head cannot answer.
func (h *Head) Check(x []float32) error {
	if len(x) != h.config.Reads.Width {
		return fmt.Errorf("%w: a vector of %d numbers, the head reads %d", ErrInput, len(x), h.config.Reads.Width)
	}
	return finite(x)
}

// Logits returns what the head gives for a vector: a logit for each class; for
// ordered classes the cumulative ones, of the answer being above each but the
// last; for a regression the number itself. It panics if the vector is not as wide
// as Config().Reads: see Check.
func (h *Head) Logits(x []float32) []float64 {
	c := &h.config
	if len(x) != c.Reads.Width {
		panic(fmt.Sprintf("probe: Logits: a vector of %d numbers, not %d", len(x), c.Reads.Width))
	}
	in := append([]float32(nil), x...)
	h.standard.apply(in)
	if c.Kind == Network {
		hidden := make([]float32, c.Hidden)
		for k := range hidden {
			hidden[k] = kernel.Dot(in, h.w1[k*len(in):(k+1)*len(in)])
		}
		c.Activation.apply(hidden, h.b1)
		in = hidden
	}
	M, _ := c.outputs()
	out := make([]float32, M)
	for m := range out {
		out[m] = kernel.Dot(in, h.w[m*len(in):(m+1)*len(in)])
	}
	return h.finish(out)
}

// finish adds the biases to the outputs of the last layer.
func (h *Head) finish(out []float32) []float64 {
	switch h.config.Task {
	case Ordinal:
		extra := make([]float64, len(h.extra))
		for k, v := range h.extra {
			extra[k] = float64(v)
		}
		t := thresholds(extra)
		for k := range t {
			t[k] = float64(out[0]) - t[k]
		}
		return t
	case Regression:
		return []float64{h.centre + h.spread*(float64(out[0])+float64(h.extra[0]))}
	}
	logits := make([]float64, len(out))
	for m, v := range out {
		logits[m] = float64(v) + float64(h.extra[m])
	}
	return logits
}

// P turns logits into the probabilities of the classes; temperature divides the
// logits, 0 counts as 1. Probabilities of Multi are each class's own; the others'
// sum to 1. It returns nil for a regression.
func (h *Head) P(logits []float64, temperature float64) []float64 {
	return Probabilities(h.config.Task, logits, temperature)
}

// Probabilities is Head.P for logits of a task.
func Probabilities(task Task, logits []float64, temperature float64) []float64 {
	if temperature == 0 {
		temperature = 1
	}
	p := make([]float64, len(logits))
	switch task {
	case Single:
		top, sum := math.Inf(-1), 0.
		for _, v := range logits {
			top = max(top, v)
		}
		for k, v := range logits {
			p[k] = math.Exp((v - top) / temperature)
			sum += p[k]
		}
		for k := range p {
			p[k] /= sum
		}
	case Multi:
		for k, v := range logits {
			p[k] = logistic(v / temperature)
		}
	case Ordinal:
		p = append(p, 0)
		above := 1. // P(y ≥ k)
		for k, v := range logits {
			next := logistic(v / temperature)
			p[k] = max(0, above-next)
			above = next
		}
		p[len(logits)] = above
	default:
		return nil
	}
	return p
}

// Evaluate returns the logits of some rows of a matrix, nil meaning all, computed
// together on so many threads. Their last bits may differ from those of Logits,
// which adds in another order.
func (h *Head) Evaluate(ctx context.Context, m Matrix, rows []int, threads int) ([][]float64, error) {
	if m.Width != h.config.Reads.Width {
		return nil, fmt.Errorf("%w: vectors of %d numbers, the head reads %d", ErrInput, m.Width, h.config.Reads.Width)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if rows == nil {
		rows = all(m.Rows)
	}
	pool := newPool(threads)
	defer pool.Close()
	out := make([][]float64, 0, len(rows))
	const together = 4096
	for lo := 0; lo < len(rows); lo += together {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := rows[lo:min(len(rows), lo+together)]
		d, err := newDesign(pool, &m, part, &h.standard, false)
		if err != nil {
			return nil, err
		}
		z, err := h.outputs(pool, d)
		if err != nil {
			return nil, err
		}
		M, _ := h.config.outputs()
		for i := range part {
			out = append(out, h.finish(z[i*M:(i+1)*M]))
		}
	}
	return out, nil
}

// outputs returns those of the last layer for all rows of a design: [n,M].
func (h *Head) outputs(pool *tensor.Pool, d *design) ([]float32, error) {
	c := &h.config
	M, _ := c.outputs()
	out := make([]float32, d.n*M)
	in, width := d.floats, d.width
	if in == nil {
		in = make([]float32, d.n*width)
		for i := range d.n {
			d.row(in[i*width:(i+1)*width], i)
		}
	}
	if c.Kind == Network {
		hidden := make([]float32, d.n*c.Hidden)
		w := gemm.Weights{Type: quant.F32, Rows: c.Hidden, Cols: width, Floats: h.w1}
		if err := gemm.Forward(pool, hidden, in, d.n, w, gemm.Options{}); err != nil {
			return nil, err
		}
		err := pool.Do(d.n, func(_ *tensor.Worker, i int) {
			c.Activation.apply(hidden[i*c.Hidden:(i+1)*c.Hidden], h.b1)
		})
		if err != nil {
			return nil, err
		}
		in, width = hidden, c.Hidden
	}
	w := gemm.Weights{Type: quant.F32, Rows: M, Cols: width, Floats: h.w}
	return out, gemm.Forward(pool, out, in, d.n, w, gemm.Options{})
}

// apply adds biases and applies the activation.
func (a Activation) apply(x, bias []float32) {
	for k := range x {
		x[k] = a.of(x[k] + bias[k])
	}
}

// Numbers of the approximation of GELU: Hendrycks and Gimpel 2016,
// arXiv:1606.08415.
const (
	geluRoot = 0.7978845608028654 // √(2/π)
	geluCube = 0.044715
)

func (a Activation) of(x float32) float32 {
	if a == GELU {
		v := float64(x)
		return float32(v / 2 * (1 + math.Tanh(geluRoot*(v+geluCube*v*v*v))))
	}
	return max(x, 0)
}

// slope is the derivative at x.
func (a Activation) slope(x float32) float32 {
	if a == GELU {
		v := float64(x)
		t := math.Tanh(geluRoot * (v + geluCube*v*v*v))
		return float32((1+t)/2 + v/2*(1-t*t)*geluRoot*(1+3*geluCube*v*v))
	}
	if x > 0 {
		return 1
	}
	return 0
}

// all returns the numbers below n.
func all(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}
