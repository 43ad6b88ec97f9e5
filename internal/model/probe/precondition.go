package probe

import (
	"math"
	"math/rand/v2"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// subspace is the directions in which standardised rows vary most. Hidden states
// vary along few; a search that does not know them takes several times as many
// steps.
type subspace struct {
	rank   int
	basis  []float32 // [r,D], orthonormal rows
	inside []float64 // [r,r] covariance of the rows along the basis
	rest   float64   // mean variance across it
}

// How the subspace is found.
const (
	subspaceRank   = 64
	subspaceRounds = 3   // multiplications of the basis by the covariance
	leastWidth     = 256 // of vectors, for a subspace to be worth finding
)

// newSubspace finds the subspace of a design by powers of its covariance on random
// directions; nil where the design is too small to gain by it.
//
// Source: Halko, Martinsson and Tropp 2011, SIAM Review 53, algorithm 4.4.
func (f *fit) newSubspace() (*subspace, error) {
	n, D, r := f.design.n, f.design.width, subspaceRank
	if D < leastWidth || n < 4*r {
		return nil, nil
	}
	s := &subspace{rank: r, basis: make([]float32, r*D), inside: make([]float64, r*r)}
	random := rand.New(rand.NewPCG(1, 64))
	for i := range s.basis {
		s.basis[i] = float32(random.NormFloat64())
	}
	s.orthonormalise(D)
	along, image := make([]float32, r*n), make([]float32, r*D)
	for range subspaceRounds {
		if err := f.covariance(image, along, s.basis, r); err != nil {
			return nil, err
		}
		copy(s.basis, image)
		s.orthonormalise(D)
	}
	if err := f.covariance(image, along, s.basis, r); err != nil {
		return nil, err
	}
	trace := 0.
	for i := range r {
		for j := range i + 1 {
			v := (dot(s.basis[i*D:(i+1)*D], image[j*D:(j+1)*D]) + dot(s.basis[j*D:(j+1)*D], image[i*D:(i+1)*D])) / 2
			s.inside[i*r+j], s.inside[j*r+i] = v, v
		}
		trace += s.inside[i*r+i]
	}
	// Standardised numbers have a variance of 1 each.
	s.rest = max((float64(D)-trace)/float64(D-r), 1e-3)
	return s, nil
}

// covariance writes basis times the covariance of the design's rows to image.
//
//	image, basis  [r,D]
//	along         [r,n] memory
func (f *fit) covariance(image, along, basis []float32, r int) error {
	w := f.design.weights()
	if err := gemm.Forward(f.pool, along, basis, r, w, gemm.Options{}); err != nil {
		return err
	}
	if err := gemm.Input(f.pool, image, along, r, w, gemm.Options{}); err != nil {
		return err
	}
	for i := range image {
		image[i] /= float32(f.design.n)
	}
	return nil
}

// orthonormalise makes the rows of the basis orthogonal to each other, twice for
// the sake of rounding, and of length 1; a row that depends on those before it
// becomes 0.
func (s *subspace) orthonormalise(D int) {
	for i := range s.rank {
		row := s.basis[i*D : (i+1)*D]
		before := math.Sqrt(dot(row, row))
		for range 2 {
			for j := range i {
				other := s.basis[j*D : (j+1)*D]
				by := float32(dot(row, other))
				for k, v := range other {
					row[k] -= float32(by * v)
				}
			}
		}
		by := float32(0)
		if length := math.Sqrt(dot(row, row)); length > 1e-6*before && length > 0 {
			by = float32(1 / length)
		}
		for k := range row {
			row[k] *= by
		}
	}
}

// dot sums in float64, in order.
func dot(a, b []float32) float64 {
	sum := 0.
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// preconditioner returns what turns a gradient into nearly Newton's step at a
// strength of L2, where the loss bends by c along an output: within the subspace
// by its covariance, across it as if all directions were alike.
func (f *fit) preconditioner(s *subspace, l2 float64) func(g []float32) error {
	M, D, r := f.loss.outputs, f.design.width, s.rank
	c := f.loss.bend()
	across := 1 / (c*s.rest + l2)
	lower := make([]float64, r*r) // Cholesky's factor of c·covariance + l2
	for i := range r {
		for j := range i + 1 {
			v := c * s.inside[i*r+j]
			if i == j {
				v += l2 + 1e-9
			}
			for k := range j {
				v -= lower[i*r+k] * lower[j*r+k]
			}
			if i == j {
				lower[i*r+i] = math.Sqrt(max(v, 1e-12))
				continue
			}
			lower[i*r+j] = v / lower[j*r+j]
		}
	}
	w := gemm.Weights{Type: quant.F32, Rows: r, Cols: D, Floats: s.basis}
	along, x := make([]float32, M*r), make([]float64, r)
	return func(g []float32) error {
		if err := gemm.Forward(f.pool, along, g[:M*D], M, w, gemm.Options{}); err != nil {
			return err
		}
		for m := range M {
			row := along[m*r : (m+1)*r]
			for i, v := range row {
				x[i] = float64(v)
			}
			solve(lower, x, r)
			for i, v := range row {
				row[i] = float32(x[i] - across*float64(v))
			}
		}
		for i := range g[:M*D] {
			g[i] *= float32(across)
		}
		for e := range g[M*D:] {
			g[M*D+e] *= float32(1 / c)
		}
		return gemm.Input(f.pool, g[:M*D], along, M, w, gemm.Options{Accumulate: true})
	}
}

// solve replaces x by the solution of L·Lᵀ·y = x.
func solve(lower, x []float64, r int) {
	for i := range r {
		for k := range i {
			x[i] -= lower[i*r+k] * x[k]
		}
		x[i] /= lower[i*r+i]
	}
	for i := r - 1; i >= 0; i-- {
		for k := i + 1; k < r; k++ {
			x[i] -= lower[k*r+i] * x[k]
		}
		x[i] /= lower[i*r+i]
	}
}

// bend is about how much the mean loss bends along an output at the start: the
// second derivative.
func (l *loss) bend() float64 {
	switch l.task {
	case Single:
		return 1 / float64(l.outputs)
	case Multi:
		return .25 / float64(l.outputs)
	case Ordinal:
		return .25
	}
	return 1
}
