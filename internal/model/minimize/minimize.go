// Package minimize finds where a smooth function of many numbers is least, from
// its values and gradients, and which of several that were found is the simplest
// that is as good as any. It knows nothing of models.
package minimize

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// ErrNotFinite is wrapped by the error of a function whose value or gradient at
// the start is no number.
var ErrNotFinite = errors.New("the function has no finite value at the start")

// Func returns the value of a function at x and writes its gradient.
//
//	x, g  [n]; x must not be changed or kept
type Func func(x, g []float32) (float64, error)

// Options say how to look. The zero value works.
type Options struct {
	Memory     int // pairs of steps that are remembered; 0 means 10
	Iterations int // at most; 0 means 500
	// Gradient ends the search where the gradient's Euclidean norm is at most so
	// large a part of that at the start; 0 means 1e-4.
	Gradient float64
	// Decrease ends it where three steps in a row have each made the value smaller
	// by no more than so large a part of it; 0 means 1e-6.
	Decrease float64
	// Precondition, where not nil, turns a gradient into a step that is as long as
	// Newton's would be, in place: an approximate inverse of the second
	// derivatives, symmetric and positive.
	Precondition func(g []float32) error
	// Progress, where not nil, is told the value after each step.
	Progress func(iteration int, value float64)
}

// Result is what was found.
type Result struct {
	Value       float64
	Iterations  int
	Evaluations int
	Converged   bool    // by Options.Gradient or Decrease, not for want of iterations
	Gradient    float64 // its norm over that at the start
}

// search is what LBFGS works with.
type search struct {
	pool *tensor.Pool
	f    Func
	o    Options
	n    int

	x, g, direction, next, gNext []float32
	pairs                        []pair // the oldest first
	result                       Result
}

// pair is a step, and by how much the gradient changed.
type pair struct {
	s, y []float32
	rho  float64 // 1 over their product
}

// LBFGS moves x to where f is least, by the method of Broyden, Fletcher, Goldfarb
// and Shanno with limited memory. Steps are made as long as a search needs that
// wants a sufficient decrease and a slope that has fallen (the weak conditions of
// Wolfe). What f says at the start must be finite; where it is not afterwards, the
// step is made shorter. Errors are those of f, of the pool and of ctx.
//
// All sums are over a fixed division of the numbers, so that results do not depend
// on the threads of the pool.
//
//	x  [n], the start; becomes the place found
//
// Source: Nocedal and Wright 2006, Numerical Optimization, algorithm 7.4; the
// search along a line, Lewis and Overton 2013.
func LBFGS(ctx context.Context, pool *tensor.Pool, x []float32, f Func, o Options) (Result, error) {
	n := len(x)
	s := &search{pool: pool, f: f, o: o.filled(), n: n, x: x, g: make([]float32, n), direction: make([]float32, n), next: make([]float32, n), gNext: make([]float32, n)}
	err := s.run(ctx)
	return s.result, err
}

func (o Options) filled() Options {
	if o.Memory == 0 {
		o.Memory = 10
	}
	if o.Iterations == 0 {
		o.Iterations = 500
	}
	if o.Gradient == 0 {
		o.Gradient = 1e-4
	}
	if o.Decrease == 0 {
		o.Decrease = 1e-6
	}
	return o
}

// run makes steps until one of the ends is reached.
func (s *search) run(ctx context.Context) error {
	value, err := s.evaluate(s.x, s.g)
	if err != nil {
		return err
	}
	norm, err := s.norm(s.g)
	if err != nil {
		return err
	}
	if !finite(value) || !finite(norm) {
		return fmt.Errorf("minimize: %w: %v, gradient %v", ErrNotFinite, value, norm)
	}
	start, slow := norm, 0
	s.result.Value = value
	for s.result.Gradient = 1; ; {
		if norm <= s.o.Gradient*start || norm == 0 || slow >= 3 {
			s.result.Converged = true
			return nil
		}
		if s.result.Iterations >= s.o.Iterations {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := s.step(value)
		if err != nil {
			return err
		}
		if next >= value { // float32 tells no smaller value
			s.result.Converged = true
			return nil
		}
		slow++
		if value-next > s.o.Decrease*math.Abs(next) {
			slow = 0
		}
		value = next
		s.result.Value, s.result.Iterations = value, s.result.Iterations+1
		if norm, err = s.norm(s.g); err != nil {
			return err
		}
		s.result.Gradient = norm / start
		if s.o.Progress != nil {
			s.o.Progress(s.result.Iterations, value)
		}
	}
}

// evaluate calls f.
func (s *search) evaluate(x, g []float32) (float64, error) {
	s.result.Evaluations++
	return s.f(x, g)
}

// step moves x and g along a direction of descent and returns the new value, or
// the old one where no smaller was found.
func (s *search) step(value float64) (float64, error) {
	if err := s.descend(); err != nil {
		return 0, err
	}
	slope, err := s.dot(s.g, s.direction)
	if err != nil {
		return 0, err
	}
	if slope >= 0 { // the pairs mislead: begin anew
		s.pairs = nil
		if err := s.descend(); err != nil {
			return 0, err
		}
		if slope, err = s.dot(s.g, s.direction); err != nil {
			return 0, err
		}
	}
	length := 1.
	if len(s.pairs) == 0 && s.o.Precondition == nil {
		length = min(1, 1/math.Sqrt(-slope))
	}
	found, length, err := s.line(value, slope, length)
	if err != nil || found >= value {
		return value, err
	}
	return found, s.accept(length)
}

// The weak conditions of Wolfe: how much of the slope's promise a step must keep,
// and how much of the slope may be left.
const (
	sufficient = 1e-4
	curvature  = .9
	maxLine    = 24
)

// line looks for a length of step that fulfils both conditions: it halves the
// interval in which one lies, or doubles the step. next and gNext are then that
// step's. It returns the old value where the slope promises nothing.
func (s *search) line(value, slope, length float64) (float64, float64, error) {
	low, high := 0., math.Inf(1)
	for range maxLine {
		if err := s.along(float32(length)); err != nil {
			return 0, 0, err
		}
		v, err := s.evaluate(s.next, s.gNext)
		if err != nil {
			return 0, 0, err
		}
		now := 0.
		if finite(v) {
			if now, err = s.dot(s.gNext, s.direction); err != nil {
				return 0, 0, err
			}
		}
		switch {
		case !finite(v) || !finite(now) || v > value+sufficient*length*slope:
			high = length
		case now < curvature*slope:
			low = length
			if math.IsInf(high, 1) {
				length *= 2
				continue
			}
		default:
			return v, length, nil
		}
		length = (low + high) / 2
	}
	if low == 0 {
		return value, 0, nil
	}
	// A step that decreases enough was found, but none with a small slope.
	if err := s.along(float32(low)); err != nil {
		return 0, 0, err
	}
	v, err := s.evaluate(s.next, s.gNext)
	return v, low, err
}

// accept makes next the place, and remembers the step.
func (s *search) accept(length float64) error {
	var p pair
	if len(s.pairs) >= s.o.Memory {
		p = s.pairs[0]
		s.pairs = append(s.pairs[:0:0], s.pairs[1:]...)
	} else {
		p = pair{s: make([]float32, s.n), y: make([]float32, s.n)}
	}
	err := s.each(func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p.s[i] = s.next[i] - s.x[i]
			p.y[i] = s.gNext[i] - s.g[i]
			s.x[i], s.g[i] = s.next[i], s.gNext[i]
		}
	})
	if err != nil {
		return err
	}
	sy, err := s.dot(p.s, p.y)
	if err != nil {
		return err
	}
	yy, err := s.dot(p.y, p.y)
	if err != nil {
		return err
	}
	if sy > 1e-10*yy && finite(1/sy) {
		p.rho = 1 / sy
		s.pairs = append(s.pairs, p)
	}
	return nil
}

// descend writes the direction: minus the gradient times what the pairs, and the
// preconditioner, say of the inverse of the second derivatives.
func (s *search) descend() error {
	d := s.direction
	copy(d, s.g)
	alpha := make([]float64, len(s.pairs))
	for i := len(s.pairs) - 1; i >= 0; i-- {
		p := s.pairs[i]
		sd, err := s.dot(p.s, d)
		if err != nil {
			return err
		}
		alpha[i] = p.rho * sd
		if err := s.add(d, float32(-alpha[i]), p.y); err != nil {
			return err
		}
	}
	if err := s.scaleDirection(); err != nil {
		return err
	}
	for i, p := range s.pairs {
		yd, err := s.dot(p.y, d)
		if err != nil {
			return err
		}
		if err := s.add(d, float32(alpha[i]-p.rho*yd), p.s); err != nil {
			return err
		}
	}
	return s.each(func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d[i] = -d[i]
		}
	})
}

// scaleDirection applies the first guess at the inverse: the preconditioner, and
// the ratio that the last pair shows of it.
func (s *search) scaleDirection() error {
	d := s.direction
	ratio := 1.
	if len(s.pairs) > 0 {
		last := s.pairs[len(s.pairs)-1]
		y := last.y
		if s.o.Precondition != nil {
			y = append([]float32(nil), last.y...)
			if err := s.o.Precondition(y); err != nil {
				return err
			}
		}
		yy, err := s.dot(last.y, y)
		if err != nil {
			return err
		}
		ratio = 1 / (last.rho * yy)
	}
	if s.o.Precondition != nil {
		if err := s.o.Precondition(d); err != nil {
			return err
		}
	}
	return s.each(func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d[i] *= float32(ratio)
		}
	})
}

// along makes next the place so far along the direction.
func (s *search) along(length float32) error {
	return s.each(func(lo, hi int) {
		for i := lo; i < hi; i++ {
			s.next[i] = s.x[i] + float32(length*s.direction[i])
		}
	})
}

// add adds v times x to y.
func (s *search) add(y []float32, v float32, x []float32) error {
	return s.each(func(lo, hi int) {
		for i := lo; i < hi; i++ {
			y[i] += float32(v * x[i])
		}
	})
}

// stretch is how many numbers are worked on at a time: sums are over stretches,
// and these are added in order.
const stretch = 1 << 14

// each calls do for all stretches.
func (s *search) each(do func(lo, hi int)) error {
	if s.n <= stretch {
		do(0, s.n)
		return nil
	}
	return s.pool.Do((s.n+stretch-1)/stretch, func(_ *tensor.Worker, i int) {
		do(i*stretch, min(s.n, (i+1)*stretch))
	})
}

// dot returns the product of two vectors, summed in float64.
func (s *search) dot(a, b []float32) (float64, error) {
	sums := make([]float64, (s.n+stretch-1)/stretch)
	err := s.each(func(lo, hi int) {
		var sum [4]float64
		i := lo
		for ; i+4 <= hi; i += 4 {
			sum[0] += float64(a[i]) * float64(b[i])
			sum[1] += float64(a[i+1]) * float64(b[i+1])
			sum[2] += float64(a[i+2]) * float64(b[i+2])
			sum[3] += float64(a[i+3]) * float64(b[i+3])
		}
		for ; i < hi; i++ {
			sum[0] += float64(a[i]) * float64(b[i])
		}
		sums[lo/stretch] = (sum[0] + sum[1]) + (sum[2] + sum[3])
	})
	total := 0.
	for _, v := range sums {
		total += v
	}
	return total, err
}

func (s *search) norm(a []float32) (float64, error) {
	sum, err := s.dot(a, a)
	return math.Sqrt(sum), err
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
