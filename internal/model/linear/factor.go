package linear

import (
	"math"
	"math/rand/v2"
)

// factors returns the leading left factors [n][dim] of m, each scaled by the
// root of its size.
func (m *matrix) factors(dim int) []float32 {
	const spare, rounds = 10, 4
	if m.n == 0 {
		return nil
	}
	width := min(dim+spare, m.n)
	random := rand.New(rand.NewPCG(7, 11))
	x := make([]float32, m.n*width)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	y := m.times(x, width, false)
	for range rounds {
		orthonormal(y, width)
		y = m.times(y, width, true)
		orthonormal(y, width)
		y = m.times(y, width, false)
	}
	orthonormal(y, width)
	b := m.times(y, width, true) // [n][width], the transpose of the small factor
	square := make([]float64, width*width)
	for i := range m.n {
		row := b[i*width:][:width]
		for p := range row {
			for q := range row {
				square[p*width+q] += float64(row[p]) * float64(row[q])
			}
		}
	}
	size, turn := eigen(square, width)
	out := make([]float32, m.n*dim)
	for d := range min(dim, width) {
		scale := math.Sqrt(math.Sqrt(max(0, size[d])))
		for i := range m.n {
			sum := 0.0
			for p := range width {
				sum += float64(y[i*width+p]) * turn[p*width+d]
			}
			out[i*dim+d] = float32(sum * scale)
		}
	}
	return out
}

// orthonormal makes the columns of x [n][width] so, by Gram and Schmidt, twice,
// for once loses digits.
func orthonormal(x []float32, width int) {
	n := len(x) / width
	for range 2 {
		for d := range width {
			for e := range d {
				p := 0.0
				for i := range n {
					p += float64(x[i*width+d]) * float64(x[i*width+e])
				}
				for i := range n {
					x[i*width+d] -= float32(p * float64(x[i*width+e]))
				}
			}
			length := 0.0
			for i := range n {
				length += float64(x[i*width+d]) * float64(x[i*width+d])
			}
			if length = math.Sqrt(length); length < 1e-12 {
				length = math.Inf(1) // a column that the others span: it becomes zero
			}
			for i := range n {
				x[i*width+d] = float32(float64(x[i*width+d]) / length)
			}
		}
	}
}

// eigen returns the eigenvalues of a symmetric matrix [n][n], the largest first,
// and its eigenvectors as columns, by Jacobi's rotations.
func eigen(a []float64, n int) (values, vectors []float64) {
	const sweeps = 30
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	for range sweeps {
		off := 0.0
		for p := range n {
			for q := p + 1; q < n; q++ {
				off += a[p*n+q] * a[p*n+q]
				rotate(a, v, n, p, q)
			}
		}
		if off < 1e-18 {
			break
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
		for j := i; j > 0 && a[order[j]*n+order[j]] > a[order[j-1]*n+order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	values, vectors = make([]float64, n), make([]float64, n*n)
	for k, i := range order {
		values[k] = a[i*n+i]
		for r := range n {
			vectors[r*n+k] = v[r*n+i]
		}
	}
	return values, vectors
}

// rotate makes the entry p, q of a zero.
func rotate(a, v []float64, n, p, q int) {
	if math.Abs(a[p*n+q]) < 1e-300 {
		return
	}
	theta := (a[q*n+q] - a[p*n+p]) / (2 * a[p*n+q])
	t := math.Copysign(1, theta) / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for k := range n {
		x, y := a[k*n+p], a[k*n+q]
		a[k*n+p], a[k*n+q] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	for k := range n {
		x, y := a[p*n+k], a[q*n+k]
		a[p*n+k], a[q*n+k] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	for k := range n {
		x, y := v[k*n+p], v[k*n+q]
		v[k*n+p], v[k*n+q] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
}

// The products below are rounded before they are added, float32(x*y), so that
// no processor fuses the two and all give the same bits.

// dots returns the products of a and b with c, each as dot computes it. The two
// sums do not wait for each other.
func dots(a, b, c []float32) (float32, float32) {
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	const step = 16
	for len(a) >= step && len(b) >= step && len(c) >= step {
		x, y, z := (*[step]float32)(a), (*[step]float32)(b), (*[step]float32)(c)
		a0 += float32(x[0] * z[0])
		b0 += float32(y[0] * z[0])
		a1 += float32(x[1] * z[1])
		b1 += float32(y[1] * z[1])
		a2 += float32(x[2] * z[2])
		b2 += float32(y[2] * z[2])
		a3 += float32(x[3] * z[3])
		b3 += float32(y[3] * z[3])
		a0 += float32(x[4] * z[4])
		b0 += float32(y[4] * z[4])
		a1 += float32(x[5] * z[5])
		b1 += float32(y[5] * z[5])
		a2 += float32(x[6] * z[6])
		b2 += float32(y[6] * z[6])
		a3 += float32(x[7] * z[7])
		b3 += float32(y[7] * z[7])
		a0 += float32(x[8] * z[8])
		b0 += float32(y[8] * z[8])
		a1 += float32(x[9] * z[9])
		b1 += float32(y[9] * z[9])
		a2 += float32(x[10] * z[10])
		b2 += float32(y[10] * z[10])
		a3 += float32(x[11] * z[11])
		b3 += float32(y[11] * z[11])
		a0 += float32(x[12] * z[12])
		b0 += float32(y[12] * z[12])
		a1 += float32(x[13] * z[13])
		b1 += float32(y[13] * z[13])
		a2 += float32(x[14] * z[14])
		b2 += float32(y[14] * z[14])
		a3 += float32(x[15] * z[15])
		b3 += float32(y[15] * z[15])
		a, b, c = a[step:], b[step:], c[step:]
	}
	for len(a) >= 4 && len(b) >= 4 && len(c) >= 4 {
		x, y, z := (*[4]float32)(a), (*[4]float32)(b), (*[4]float32)(c)
		a0, b0 = a0+float32(x[0]*z[0]), b0+float32(y[0]*z[0])
		a1, b1 = a1+float32(x[1]*z[1]), b1+float32(y[1]*z[1])
		a2, b2 = a2+float32(x[2]*z[2]), b2+float32(y[2]*z[2])
		a3, b3 = a3+float32(x[3]*z[3]), b3+float32(y[3]*z[3])
		a, b, c = a[4:], b[4:], c[4:]
	}
	for i, z := range c {
		a0 += float32(a[i] * z)
		b0 += float32(b[i] * z)
	}
	return (a0 + a1) + (a2 + a3), (b0 + b1) + (b2 + b3)
}

// exp is e to the x to about seven digits: 2 to the whole part of x/ln 2 by the
// exponent, a polynomial for the rest.
func exp(x float32) float32 {
	const log2e, ln2Hi, ln2Lo = 1.44269504, 0.693359375, -2.12194440e-4
	if x < -87 {
		return 0
	}
	if x > 88 {
		x = 88
	}
	t := float32(x*log2e) + 0.5
	whole := int32(t)
	n := float32(whole)
	if n > t { // the conversion rounds towards zero
		whole, n = whole-1, n-1
	}
	r := x - float32(n*ln2Hi)
	r -= float32(n * ln2Lo)
	p := float32(1.9875691500e-4)
	p = float32(p*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	p = float32(float32(p*r)*r) + r + 1
	return math.Float32frombits(math.Float32bits(p) + uint32(whole)<<23)
}
