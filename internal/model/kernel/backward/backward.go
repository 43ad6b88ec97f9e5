// Package backward is the arithmetic of a backward pass between the products:
// the gradients of norms, SwiGLU, softmax and the loss, and the step of AdamW. As
// in package floats, each function is defined by the order of its operations, and
// nothing is fused, so all processors give the same bits.
package backward

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// chosen is the set of instructions that the functions use.
var chosen = isa.Chosen()

// sumLanes is how many sums run side by side, over every 32nd number each. They
// are added as a tree: number i and number i+16, then i and i+8, and so on.
const sumLanes = 32

// tree adds sums into one.
func tree(lanes *[sumLanes]float64) float64 {
	for half := sumLanes / 2; half > 0; half /= 2 {
		for i := range half {
			lanes[i] += lanes[half+i]
		}
	}
	return lanes[0]
}

// Root returns what RMSNorm multiplies a row by before the gain:
// 1/√(mean square + eps), rounded once.
//
//	x  [C]
func Root(x []float32, eps float64) float32 {
	return float32(root(sumProducts(chosen, x, x), len(x), eps))
}

func root(squares float64, C int, eps float64) float64 {
	return 1 / math.Sqrt(squares/float64(C)+eps)
}

// RMSNorm adds to dx the gradient of floats.RMSNorm's input.
//
//	dx, dy, x  [T,C] row-major; dx must not overlap the others
//	w          [C]   gain
//	eps        as in the forward pass
//
// With f the row's root as a float64, rounded where it multiplies, and s the sum
// of the products of w·dy, rounded, and x, which are exact in float64, summed in
// 32 sums side by side: dx += (dy·w)·f - x·c, c being f³·s/C rounded once. It
// panics if len(w) does not divide len(dx), or dy or x is shorter than dx.
func RMSNorm(dx, dy, x, w []float32, eps float64) { rmsNorm(chosen, dx, dy, x, w, eps) }

func rmsNorm(l isa.Level, dx, dy, x, w []float32, eps float64) {
	C := len(w)
	if C == 0 || len(dx)%C != 0 {
		panic("backward: RMSNorm: the gain's length does not divide the gradient's")
	}
	dy, x = dy[:len(dx)], x[:len(dx)]
	for ; len(dx) > 0; dx, dy, x = dx[C:], dy[C:], x[C:] {
		f := root(sumProducts(l, x[:C], x[:C]), C, eps)
		s := sumGained(l, dy[:C], w, x[:C])
		c := float64(float64(float64(f*f)*f) * s / float64(C))
		normed(l, dx[:C], dy[:C], x[:C], w, float32(f), float32(c))
	}
}

// Dot returns the sum of the products of two vectors in float64, where each is
// exact, in 32 sums side by side that are added as a tree.
//
//	a, b  [N]; b may be longer
//
// It panics if b is shorter than a.
func Dot(a, b []float32) float64 { return sumProducts(chosen, a, b) }

// AddNormed adds dy times the normed x to dw: a row's part of a gain's gradient,
// dw += dy·(x·f).
//
//	dw, dy, x  [C]; dy and x may be longer
//	f          the row's Root
//
// It panics if dy or x is shorter than dw.
func AddNormed(dw, dy, x []float32, f float32) { addNormed(chosen, dw, dy, x, f) }

// SwiGLU replaces gate and up by their gradients, given that of their SwiGLU.
// With n = 1+e^-gate, s = 1/n and a = gate/n:
//
//	gate ← (dy·up)·(s·(1+gate·(1-s)))
//	up   ← dy·a
//
//	gate, up, dy  [N]; dy may be longer and must not overlap the others
//
// It panics if up or dy is shorter than gate.
func SwiGLU(gate, up, dy []float32) { swiGLU(chosen, gate, up, dy) }

// Exponentials writes e^(x·scale - shift), each operation rounded, as floats.Exp
// computes it, and returns their sum, in float64 in 32 sums side by side that are
// added as a tree.
//
//	out, x  [N]; x may be longer; out may be x itself
//
// It panics if x is shorter than out.
func Exponentials(out, x []float32, scale, shift float32) float64 {
	return exponentials(chosen, out, x, scale, shift)
}

// Softmax writes the gradient of scores, before they are scaled, given weights
// and the gradient of weights: ds = (p·(dp-delta))·scale. ds may be dp or p.
//
//	ds, p, dp  [N]; p and dp may be longer
//	delta      Σ p·dp of the row
//	scale      multiplied the scores
//
// It panics if p or dp is shorter than ds.
func Softmax(ds, p, dp []float32, delta, scale float32) { softmax(chosen, ds, p, dp, delta, scale) }

// Log returns the natural logarithm of x within 1e-15 of it, for finite x > 0; of
// +Inf and NaN it returns them. math.Log is not used because its bits differ
// between processors. x is 2^e·m with m between √½ and √2, and ln m = 2·artanh s,
// s = (m-1)/(m+1), whose series to s^21 leaves out less than 1e-18.
func Log(x float64) float64 {
	if x != x || math.IsInf(x, 1) {
		return x
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	sum := 1.0/19 + float64(s2*(1.0/21))
	sum = 1.0/17 + float64(s2*sum)
	sum = 1.0/15 + float64(s2*sum)
	sum = 1.0/13 + float64(s2*sum)
	sum = 1.0/11 + float64(s2*sum)
	sum = 1.0/9 + float64(s2*sum)
	sum = 1.0/7 + float64(s2*sum)
	sum = 1.0/5 + float64(s2*sum)
	sum = 1.0/3 + float64(s2*sum)
	sum = float64(s2 * sum)
	return float64(float64(e)*math.Ln2) + float64(2*float64(s+float64(s*sum)))
}

// CrossEntropy returns the log-probability of a target among logits, which it
// replaces by weight times the gradient of its negative: the probabilities, less
// 1 for the target.
//
//	logits  [V]
//
// Exponentials are those of the logits less the largest; their sum is float64,
// and weight over it is rounded once. It panics if there is no such target.
func CrossEntropy(logits []float32, target int, weight float32) float64 {
	top := largest(chosen, logits)
	own := float64(logits[target]) - float64(top)
	sum := exponentials(chosen, logits, logits, 1, top)
	floats.Scale(logits, logits, float32(float64(weight)/sum))
	logits[target] -= weight
	return own - Log(sum)
}

// LogProbability returns the log-probability of a target among logits, which are
// overwritten: what CrossEntropy returns, to the bit.
//
//	logits  [V]
//
// It panics if there is no such target.
func LogProbability(logits []float32, target int) float64 {
	top := largest(chosen, logits)
	own := float64(logits[target]) - float64(top)
	return own - Log(exponentials(chosen, logits, logits, 1, top))
}
