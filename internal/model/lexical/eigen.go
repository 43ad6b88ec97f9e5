package lexical

import (
	"math"
	"slices"
)

// eigen returns the eigenvalues of a symmetric matrix, the largest first, and
// its eigenvectors in the columns of vectors, by cyclic Jacobi rotations. a is
// [n][n] and is overwritten.
//
// Source: Golub and Van Loan, Matrix Computations, section 8.5.
func eigen(a []float64, n int) (values, vectors []float64) {
	v := make([]float64, n*n) // eigenvectors in its rows
	for i := range n {
		v[i*n+i] = 1
	}
	const sweeps = 12
	for range sweeps {
		off, all := 0.0, 0.0
		for i := range n {
			for j := range n {
				x := a[i*n+j] * a[i*n+j]
				all += x
				if i != j {
					off += x
				}
			}
		}
		if off <= 1e-22*all {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				rotate(a, v, n, p, q)
			}
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch x, y := a[i*n+i], a[j*n+j]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	values, vectors = make([]float64, n), make([]float64, n*n)
	for k, i := range order {
		values[k] = a[i*n+i]
		for r := range n {
			vectors[r*n+k] = v[i*n+r]
		}
	}
	return values, vectors
}

// rotate makes a[p][q] zero. It works on rows p and q, and mirrors them.
func rotate(a, v []float64, n, p, q int) {
	x := a[p*n+q]
	if x == 0 || math.Abs(x) < 1e-300 {
		return
	}
	theta := (a[q*n+q] - a[p*n+p]) / (2 * x)
	t := 1 / (math.Abs(theta) + math.Sqrt(float64(theta*theta)+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(float64(t*t)+1)
	s := t * c
	app, aqq := a[p*n+p]-t*x, a[q*n+q]+t*x
	turn(a[p*n:][:n], a[q*n:][:n], c, s)
	for k := range n {
		a[k*n+p], a[k*n+q] = a[p*n+k], a[q*n+k]
	}
	a[p*n+p], a[q*n+q], a[p*n+q], a[q*n+p] = app, aqq, 0, 0
	turn(v[p*n:][:n], v[q*n:][:n], c, s)
}

// turn replaces x by c*x - s*y and y by s*x + c*y.
func turn(x, y []float64, c, s float64) {
	y = y[:len(x)]
	for i, a := range x {
		b := y[i]
		x[i] = float64(c*a) - float64(s*b)
		y[i] = float64(s*a) + float64(c*b)
	}
}

// product returns a times b, all [n][n].
func product(a, b []float64, n int) []float64 {
	out := make([]float64, n*n)
	for i := range n {
		row := out[i*n:][:n]
		for k := range n {
			x := a[i*n+k]
			other := b[k*n:][:n]
			for j := range row {
				row[j] += float64(x * other[j])
			}
		}
	}
	return out
}

// columns returns the first dim columns of an [n][n] matrix.
func columns(a []float64, n, dim int) []float64 {
	out := make([]float64, 0, n*dim)
	for i := range n {
		out = append(out, a[i*n:][:dim]...)
	}
	return out
}
