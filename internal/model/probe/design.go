package probe

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// standard is what makes numbers of a vector comparable: from each its mean is
// taken, and the rest is divided by its deviation.
type standard struct {
	mean, scale []float32 // [D]; scale is one over the deviation
}

// rowsTogether is how many rows a worker takes at a time: sums are over such
// blocks, and the blocks' sums are added in order.
const rowsTogether = 256

// leastDeviation is the part of the largest magnitude of a number under which its
// deviation is rounding, not signal: such a number is left out.
const leastDeviation = 1e-6

// newStandard learns it from some rows of a matrix, weighing each as one.
func newStandard(pool *tensor.Pool, m *Matrix, rows []int) (standard, error) {
	D, blocks := m.Width, (len(rows)+rowsTogether-1)/rowsTogether
	s := standard{mean: make([]float32, D), scale: make([]float32, D)}
	sum, err := columnSums(pool, m, rows, blocks, nil)
	if err != nil {
		return s, err
	}
	for k, v := range sum {
		s.mean[k] = float32(v / float64(len(rows)))
	}
	squares, err := columnSums(pool, m, rows, blocks, s.mean)
	if err != nil {
		return s, err
	}
	for k, v := range squares {
		deviation := math.Sqrt(v / float64(len(rows)))
		if deviation > leastDeviation*math.Abs(float64(s.mean[k])) && deviation > 0 {
			s.scale[k] = float32(1 / deviation)
		}
		if s.scale[k]-s.scale[k] != 0 { // of numbers near the smallest there are
			s.scale[k] = 0
		}
	}
	return s, nil
}

// columnSums returns the sum of each number over rows, or of its squared distance
// from mean.
func columnSums(pool *tensor.Pool, m *Matrix, rows []int, blocks int, mean []float32) ([]float64, error) {
	D := m.Width
	total := make([]float64, D)
	// Some blocks at a time: their sums are memory.
	const together = 64
	sums := make([]float64, min(blocks, together)*D)
	for first := 0; first < blocks; first += together {
		n := min(together, blocks-first)
		clear(sums)
		err := pool.Do(n, func(_ *tensor.Worker, b int) {
			sum, row := sums[b*D:(b+1)*D], make([]float32, D)
			lo := (first + b) * rowsTogether
			for _, i := range rows[lo:min(len(rows), lo+rowsTogether)] {
				m.Row(row, i)
				if mean == nil {
					for k, v := range row {
						sum[k] += float64(v)
					}
					continue
				}
				for k, v := range row {
					d := float64(v) - float64(mean[k])
					sum[k] += d * d
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for b := range n {
			for k, v := range sums[b*D : (b+1)*D] {
				total[k] += v
			}
		}
	}
	return total, nil
}

// apply standardises a vector in place. A number far outside what training saw
// stays finite, so that no answer is NaN.
func (s *standard) apply(x []float32) {
	const most = 1e4
	for k, v := range x {
		z := float32(v-s.mean[k]) * s.scale[k]
		x[k] = max(-most, min(z, most))
	}
}

// maxFloats is how many numbers a design keeps as float32; a larger one is
// rounded to float16.
const maxFloats = 1 << 26

// design is standardised rows, as products want them.
type design struct {
	n, width int
	floats   []float32
	halves   []byte
}

// newDesign standardises some rows of a matrix. A large design, or any with round,
// is rounded to float16.
func newDesign(pool *tensor.Pool, m *Matrix, rows []int, s *standard, round bool) (*design, error) {
	d := &design{n: len(rows), width: m.Width}
	if d.n*d.width <= maxFloats && !round {
		d.floats = make([]float32, d.n*d.width)
	} else {
		d.halves = make([]byte, 2*d.n*d.width)
	}
	blocks := (d.n + rowsTogether - 1) / rowsTogether
	return d, pool.Do(blocks, func(_ *tensor.Worker, b int) {
		row := make([]float32, d.width)
		for i := b * rowsTogether; i < min(d.n, (b+1)*rowsTogether); i++ {
			m.Row(row, rows[i])
			s.apply(row)
			if d.floats != nil {
				copy(d.floats[i*d.width:], row)
				continue
			}
			to := d.halves[2*i*d.width:]
			for k, v := range row {
				h := quant.ToF16(v)
				to[2*k], to[2*k+1] = byte(h), byte(h>>8)
			}
		}
	})
}

// weights returns the design as a factor of products.
func (d *design) weights() gemm.Weights {
	if d.floats != nil {
		return gemm.Weights{Type: quant.F32, Rows: d.n, Cols: d.width, Floats: d.floats}
	}
	return gemm.Weights{Type: quant.F16, Rows: d.n, Cols: d.width, Data: d.halves}
}

// row writes row i to dst.
func (d *design) row(dst []float32, i int) {
	if d.floats != nil {
		copy(dst, d.floats[i*d.width:(i+1)*d.width])
		return
	}
	from := d.halves[2*i*d.width:]
	for k := range dst {
		dst[k] = quant.FromF16(uint16(from[2*k]) | uint16(from[2*k+1])<<8)
	}
}
