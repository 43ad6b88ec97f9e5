package kernel

// Run is how many products AddProducts adds in float32 before it goes on in
// float64. At 16 rounding takes about 1e-7 from a sum of random numbers, however
// long it is, which is little more than rounding the sum takes; 32 would be a
// twelfth faster and half as far again from the exact values after 32 layers.
const Run = 16

// AddProducts adds to sum the products of each row of x with each row of w.
//
//	sum  [T,R] row-major: sum[t,r] += Σ w[r,i]·x[t,i]
//	w    [R,K] row-major
//	x    T rows of K numbers, xStride apart
//
// A row's products are added in order, in float32, Run at a time; the sums of
// the runs are added to sum in float64, in order. So a longer row may come in
// pieces that are multiples of Run, and no element's bits depend on R or T. The
// slices must not overlap. It panics if one is too short.
func AddProducts(sum []float64, w, x []float32, R, T, K, xStride int) {
	if R <= 0 || T <= 0 || K <= 0 {
		return
	}
	sum, w, x = sum[:T*R], w[:R*K], x[:(T-1)*xStride+K]
	t := 0
	for ; T-t >= 3; t += 3 {
		x0 := x[t*xStride:]
		triple(sum[t*R:], w, x0, x0[xStride:], x0[2*xStride:], R, K)
	}
	for ; t < T; t++ {
		single(sum[t*R:(t+1)*R], w, x[t*xStride:][:K], R, K)
	}
}

// triple does three rows of x: two rows of w at a time, whose six sums the
// registers hold.
func triple(sum []float64, w, x0, x1, x2 []float32, R, K int) {
	var s [6]float64
	r := 0
	for ; R-r >= 2; r += 2 {
		w0, w1 := w[r*K:][:K], w[(r+1)*K:][:K]
		s0, s1, s2 := sum[r:r+2], sum[R+r:R+r+2], sum[2*R+r:2*R+r+2]
		s = [6]float64{s0[0], s0[1], s1[0], s1[1], s2[0], s2[1]}
		for i := 0; i < K; i += Run {
			j := min(i+Run, K)
			run2x3(&s, w0[i:j], w1[i:j], x0[i:j], x1[i:j], x2[i:j])
		}
		s0[0], s0[1], s1[0], s1[1], s2[0], s2[1] = s[0], s[1], s[2], s[3], s[4], s[5]
	}
	if r < R {
		single(sum[r:r+1], w[r*K:], x0[:K], 1, K)
		single(sum[R+r:R+r+1], w[r*K:], x1[:K], 1, K)
		single(sum[2*R+r:2*R+r+1], w[r*K:], x2[:K], 1, K)
	}
}

// single does one row of x: four rows of w at a time.
func single(sum []float64, w, x []float32, R, K int) {
	r := 0
	for ; R-r >= 4; r += 4 {
		s := (*[4]float64)(sum[r:])
		w0, w1, w2, w3 := w[r*K:][:K], w[(r+1)*K:][:K], w[(r+2)*K:][:K], w[(r+3)*K:][:K]
		for i := 0; i < K; i += Run {
			j := min(i+Run, K)
			run4x1(s, w0[i:j], w1[i:j], w2[i:j], w3[i:j], x[i:j])
		}
	}
	for ; r < R; r++ {
		row := w[r*K:][:K]
		for i := 0; i < K; i += Run {
			j := min(i+Run, K)
			var a float32
			for k, v := range x[i:j] {
				a += float32(row[i+k] * v)
			}
			sum[r] += float64(a)
		}
	}
}

// run2x3 adds one run's products of two rows with three. It is not inlined, for
// then the compiler runs out of registers and is half as fast.
//
//go:noinline
func run2x3(s *[6]float64, w0, w1, x0, x1, x2 []float32) {
	var a0, a1, a2, a3, a4, a5 float32
	n := len(w0)
	w1, x0, x1, x2 = w1[:n], x0[:n], x1[:n], x2[:n]
	for i, u := range w0 {
		v := w1[i]
		p, q, r := x0[i], x1[i], x2[i]
		a0 += float32(u * p)
		a1 += float32(v * p)
		a2 += float32(u * q)
		a3 += float32(v * q)
		a4 += float32(u * r)
		a5 += float32(v * r)
	}
	s[0] += float64(a0)
	s[1] += float64(a1)
	s[2] += float64(a2)
	s[3] += float64(a3)
	s[4] += float64(a4)
	s[5] += float64(a5)
}

// run4x1 is run2x3 for four rows of w and one of x.
//
//go:noinline
func run4x1(s *[4]float64, w0, w1, w2, w3, x []float32) {
	var a0, a1, a2, a3 float32
	n := len(x)
	w0, w1, w2, w3 = w0[:n], w1[:n], w2[:n], w3[:n]
	for i, v := range x {
		a0 += float32(w0[i] * v)
		a1 += float32(w1[i] * v)
		a2 += float32(w2[i] * v)
		a3 += float32(w3[i] * v)
	}
	s[0] += float64(a0)
	s[1] += float64(a1)
	s[2] += float64(a2)
	s[3] += float64(a3)
}
