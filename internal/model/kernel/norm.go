package kernel

import "math"

// RMSNorm scales each row of x to unit root mean square and multiplies it by w.
//
//	out, x  [T,C] row-major; out may be x itself
//	w       [C]   gain
//	eps     added to the mean square, no unit; Llama 3 uses 1e-5
//
// The mean is summed in float64: the squares are exact, and four sums over every
// fourth number are added as (0+1)+(2+3). Each result is rounded once. It panics
// if len(w) does not divide len(x): the caller has the shapes.
//
// Source: Zhang and Sennrich 2019, arXiv:1910.07467.
func RMSNorm(out, x, w []float32, eps float64) {
	C := len(w)
	if C == 0 || len(x)%C != 0 {
		panic("kernel: RMSNorm: the gain's length does not divide the input's")
	}
	out = out[:len(x)]
	for ; len(x) > 0; out, x = out[C:], x[C:] {
		row := x[:C]
		scale := 1 / math.Sqrt(sumSquares(row)/float64(C)+eps)
		o, w := out[:C], w[:C]
		for i, v := range row {
			o[i] = float32(float64(float64(v)*scale) * float64(w[i]))
		}
	}
}

// sumSquares has no product to round: that of two float32 is a float64.
func sumSquares(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for len(x) >= 4 {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
		x = x[4:]
	}
	for _, v := range x {
		s0 += float64(v) * float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}

// RotatePairs turns neighbours (0,1), (2,3), … of each head: RoPE as GGUF files
// of the llama architecture order it.
//
//	x         [H,D] row-major, changed in place
//	D         numbers of a head; the last D-2N stay as they are
//	cos, sin  [N] of the angle of each pair; 2N ≤ D
//
// It panics if D is less than 2N.
//
// Source: Su et al. 2021, arXiv:2104.09864.
func RotatePairs(x []float32, D int, cos, sin []float32) {
	N := len(cos)
	sin = sin[:N]
	for ; len(x) >= D && D > 0; x = x[D:] {
		head := x[:D]
		head = head[:2*N]
		for i, c := range cos {
			s := sin[i]
			a, b := head[2*i], head[2*i+1]
			head[2*i] = float32(a*c) - float32(b*s)
			head[2*i+1] = float32(a*s) + float32(b*c)
		}
	}
}

// RotateHalves is RotatePairs with the pairs (0,N), (1,N+1), …, as models of
// Hugging Face have them.
func RotateHalves(x []float32, D int, cos, sin []float32) {
	N := len(cos)
	sin = sin[:N]
	for ; len(x) >= D && D > 0; x = x[D:] {
		head := x[:D]
		low, high := head[:N], head[N:2*N]
		for i, c := range cos {
			s := sin[i]
			a, b := low[i], high[i]
			low[i] = float32(a*c) - float32(b*s)
			high[i] = float32(a*s) + float32(b*c)
		}
	}
}
