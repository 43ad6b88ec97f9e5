package probe

import (
	"context"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/minimize"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// fit is a linear head being trained on a design.
type fit struct {
	pool   *tensor.Pool
	design *design
	loss   *loss
	l2     float64
	space  *subspace // nil where there is none
	found  bool      // it has been looked for

	x []float32 // [M·D + E]: weights, then extras
	z []float32 // [M,n]
	// Of each block of rows: its loss, and the gradient of the extras.
	losses []float64
	extras []float64 // [blocks,E]
}

func newFit(pool *tensor.Pool, d *design, l *loss) *fit {
	blocks := (d.n + rowsTogether - 1) / rowsTogether
	return &fit{pool: pool, design: d, loss: l, x: make([]float32, l.outputs*d.width+l.extras), z: make([]float32, l.outputs*d.n),
		losses: make([]float64, blocks), extras: make([]float64, blocks*l.extras)}
}

// value is the objective: the weighted mean of the rows' losses, and half of l2
// times the squared weights. Extras are not held down.
func (f *fit) value(x, g []float32) (float64, error) {
	M, D, E := f.loss.outputs, f.design.width, f.loss.extras
	w := f.design.weights()
	if err := gemm.Forward(f.pool, f.z, x[:M*D], M, w, gemm.Options{}); err != nil {
		return 0, err
	}
	total, dExtra, err := f.lossOf(x[M*D:])
	if err != nil {
		return 0, err
	}
	for e := range E {
		g[M*D+e] = float32(dExtra[e])
	}
	if err := gemm.Input(f.pool, g[:M*D], f.z, M, w, gemm.Options{}); err != nil {
		return 0, err
	}
	sums := make([]float64, M)
	err = f.pool.Do(M, func(_ *tensor.Worker, m int) {
		sum := 0.
		for i := m * D; i < (m+1)*D; i++ {
			v := float64(x[i])
			sum += v * v
			g[i] += float32(f.l2 * v)
		}
		sums[m] = sum
	})
	for _, s := range sums {
		total += f.l2 / 2 * s
	}
	return total, err
}

// lossOf replaces the outputs in z by their gradient and returns the loss and the
// gradient of the extras.
func (f *fit) lossOf(extra []float32) (float64, []float64, error) {
	E := f.loss.extras
	wide := make([]float64, E)
	for e, v := range extra[:E] {
		wide[e] = float64(v)
	}
	clear(f.extras)
	err := f.pool.Do(len(f.losses), func(_ *tensor.Worker, b int) {
		f.losses[b] = f.block(b, wide, f.extras[b*E:(b+1)*E])
	})
	total, dExtra := 0., make([]float64, E)
	for b, v := range f.losses {
		total += v
		for e, d := range f.extras[b*E : (b+1)*E] {
			dExtra[e] += d
		}
	}
	return total, dExtra, err
}

// lane is how many rows of z are turned at a time, so that memory is read in
// lines.
const lane = 16

// block is lossOf for a block of rows.
func (f *fit) block(b int, extra, dExtra []float64) float64 {
	n, M := f.design.n, f.loss.outputs
	work, turned := f.loss.work(), make([]float32, lane*M)
	total := 0.
	for lo := b * rowsTogether; lo < min(n, (b+1)*rowsTogether); lo += lane {
		hi := min(lo+lane, n)
		for m := range M {
			for i, v := range f.z[m*n+lo : m*n+hi] {
				turned[i*M+m] = v
			}
		}
		for i := lo; i < hi; i++ {
			work.z = turned[(i-lo)*M : (i-lo+1)*M]
			total += f.loss.row(work, i, extra, dExtra)
		}
		for m := range M {
			row := f.z[m*n+lo : m*n+hi]
			for i := range row {
				row[i] = turned[i*M+m]
			}
		}
	}
	return total
}

// train finds the weights from where x is.
func (f *fit) train(ctx context.Context, l2 float64, o minimize.Options) (minimize.Result, error) {
	f.l2 = l2
	if !f.found {
		var err error
		if f.space, err = f.newSubspace(); err != nil {
			return minimize.Result{}, err
		}
		f.found = true
	}
	if f.space != nil {
		o.Precondition = f.preconditioner(f.space, l2)
	}
	return minimize.LBFGS(ctx, f.pool, f.x, f.value, o)
}

// outputs returns those of all rows of another design, before the extras: [n,M].
func (f *fit) outputs(d *design) ([]float32, error) {
	M := f.loss.outputs
	out := make([]float32, d.n*M)
	if d.floats != nil {
		w := gemm.Weights{Type: quant.F32, Rows: M, Cols: d.width, Floats: f.x[:M*d.width]}
		return out, gemm.Forward(f.pool, out, d.floats, d.n, w, gemm.Options{})
	}
	turned := make([]float32, M*d.n)
	if err := gemm.Forward(f.pool, turned, f.x[:M*d.width], M, d.weights(), gemm.Options{}); err != nil {
		return nil, err
	}
	for m := range M {
		for i := range d.n {
			out[i*M+m] = turned[m*d.n+i]
		}
	}
	return out, nil
}
