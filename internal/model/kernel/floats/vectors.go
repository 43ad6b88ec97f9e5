package floats

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

// Add adds x to y.
//
//	y, x  [N]; x may be longer, and must not overlap y unless it is y itself
//
// It panics if x is shorter than y.
func Add(y, x []float32) { add(chosen, y, x) }

func add(l isa.Level, y, x []float32) {
	x = x[:len(y)]
	for n := addVectors(l, y, x); n > 0; n = addVectors(l, y, x) {
		y, x = y[n:], x[n:]
	}
	addGeneric(y, x)
}

// Scale writes x times f.
//
//	out, x  [N]; x may be longer; out may be x itself
//
// It panics if x is shorter than out.
func Scale(out, x []float32, f float32) { scale(chosen, out, x, f) }

func scale(l isa.Level, out, x []float32, f float32) {
	x = x[:len(out)]
	for n := scaleVectors(l, out, x, f); n > 0; n = scaleVectors(l, out, x, f) {
		out, x = out[n:], x[n:]
	}
	scaleGeneric(out, x, f)
}

// Blend makes y the sum of y·f and x·g, both rounded before they are added.
//
//	y, x  [N]; x may be longer, and must not overlap y unless it is y itself
//
// It panics if x is shorter than y.
func Blend(y, x []float32, f, g float32) { blend(chosen, y, x, f, g) }

func blend(l isa.Level, y, x []float32, f, g float32) {
	x = x[:len(y)]
	for n := blendVectors(l, y, x, f, g); n > 0; n = blendVectors(l, y, x, f, g) {
		y, x = y[n:], x[n:]
	}
	blendGeneric(y, x, f, g)
}

// normLanes is how many sums of squares run side by side.
const normLanes = 32

// RMSNorm scales each row of x to unit root mean square and multiplies it by w.
//
//	out, x  [T,C] row-major; out may be x itself
//	w       [C]   gain
//	eps     added to the mean square, no unit; Llama 3 uses 1e-5
//
// Squares are float64, and so exact; 32 sums run side by side, over every 32nd
// number each, and are added as a tree: number i and number i+16 of them, then i
// and i+8, and so on. The scale, 1/√(mean+eps), is computed in float64 and
// rounded to float32; a result is x times the scale, rounded, times w. It panics
// if len(w) does not divide len(x): the caller has the shapes.
//
// Source: Zhang and Sennrich 2019, arXiv:1910.07467.
func RMSNorm(out, x, w []float32, eps float64) { rmsNorm(chosen, out, x, w, eps) }

func rmsNorm(l isa.Level, out, x, w []float32, eps float64) {
	C := len(w)
	if C == 0 || len(x)%C != 0 {
		panic("floats: RMSNorm: the gain's length does not divide the input's")
	}
	out = out[:len(x)]
	for ; len(x) > 0; out, x = out[C:], x[C:] {
		f := float32(1 / math.Sqrt(sumSquares(l, x[:C])/float64(C)+eps))
		gain(l, out[:C], x[:C], w, f)
	}
}

func sumSquares(l isa.Level, x []float32) float64 {
	var lanes [normLanes]float64
	for n := squareVectors(l, &lanes, x); n > 0; n = squareVectors(l, &lanes, x) {
		x = x[n:]
	}
	squareGeneric(&lanes, x)
	for half := normLanes / 2; half > 0; half /= 2 {
		for i := range half {
			lanes[i] += lanes[half+i]
		}
	}
	return lanes[0]
}

// gain writes x·f·w.
func gain(l isa.Level, out, x, w []float32, f float32) {
	for n := gainVectors(l, out, x, w, f); n > 0; n = gainVectors(l, out, x, w, f) {
		out, x, w = out[n:], x[n:], w[n:]
	}
	gainGeneric(out, x, w, f)
}

// SwiGLU multiplies each number of up by that of gate times its logistic
// function: out = (gate / (1 + e^-gate)) · up, in this order, with e^-gate as Exp
// computes it.
//
//	out, gate, up  [N]; out may be gate or up
//
// It panics if gate or up is shorter than out.
//
// Source: Shazeer 2020, arXiv:2002.05202.
func SwiGLU(out, gate, up []float32) { swiGLU(chosen, out, gate, up) }

func swiGLU(l isa.Level, out, gate, up []float32) {
	gate, up = gate[:len(out)], up[:len(out)]
	for n := swiGLUVectors(l, out, gate, up); n > 0; n = swiGLUVectors(l, out, gate, up) {
		out, gate, up = out[n:], gate[n:], up[n:]
	}
	swiGLUGeneric(out, gate, up)
}

// Exp writes e to each number of x, within 9e-8 of its value: 0 where that is
// less than half of the smallest float32, infinite where it is more than the
// largest, and NaN for NaN.
//
//	out, x  [N]; x may be longer; out may be x itself
//
// x is held between -104 and 89 and split into n·ln 2 + r, n being the whole
// number next to x/ln 2; e^r is 1 + (r + r²·p(r)), p having five terms and being
// computed by Horner's rule; that is multiplied by 2^(n>>1) and by 2^(n-n>>1). It
// panics if x is shorter than out.
func Exp(out, x []float32) { exponentials(chosen, out, x) }

func exponentials(l isa.Level, out, x []float32) {
	x = x[:len(out)]
	for n := expVectors(l, out, x); n > 0; n = expVectors(l, out, x) {
		out, x = out[n:], x[n:]
	}
	for i, v := range x {
		out[i] = exp(v)
	}
}

// RotatePairs turns neighbours (0,1), (2,3), … of each head: RoPE as GGUF files
// of the llama architecture order it. A pair (a,b) becomes (a·cos - b·sin,
// a·sin + b·cos), products being rounded before they are added.
//
//	x         [H,D] row-major, changed in place
//	D         numbers of a head; the last D-2N stay as they are
//	cos, sin  [N] of the angle of each pair; 2N ≤ D
//
// It panics if D is less than 2N or sin is shorter than cos.
//
// Source: Su et al. 2021, arXiv:2104.09864.
func RotatePairs(x []float32, D int, cos, sin []float32) { rotatePairs(chosen, x, D, cos, sin) }

func rotatePairs(l isa.Level, x []float32, D int, cos, sin []float32) {
	N := len(cos)
	sin = sin[:N]
	for ; len(x) >= D && D > 0; x = x[D:] {
		head := x[:D][:2*N]
		n := pairVectors(l, head, cos, sin)
		pairGeneric(head[2*n:], cos[n:], sin[n:])
	}
}

// RotateHalves is RotatePairs with the pairs (0,N), (1,N+1), …, as models of
// Hugging Face have them.
func RotateHalves(x []float32, D int, cos, sin []float32) { rotateHalves(chosen, x, D, cos, sin) }

func rotateHalves(l isa.Level, x []float32, D int, cos, sin []float32) {
	N := len(cos)
	sin = sin[:N]
	for ; len(x) >= D && D > 0; x = x[D:] {
		head := x[:D][:2*N]
		low, high := head[:N], head[N:]
		n := halfVectors(l, low, high, cos, sin)
		halfGeneric(low[n:], high[n:], cos[n:], sin[n:])
	}
}
