package floats

import (
	"encoding/binary"
	"math"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

func addGeneric(y, x []float32) {
	for i := range y {
		y[i] += x[i]
	}
}

func scaleGeneric(out, x []float32, f float32) {
	for i := range out {
		out[i] = x[i] * f
	}
}

func blendGeneric(y, x []float32, f, g float32) {
	for i := range y {
		y[i] = float32(y[i]*f) + float32(x[i]*g)
	}
}

// squareGeneric has no product to round: that of two float32 is a float64. x
// begins at a multiple of normLanes.
func squareGeneric(lanes *[normLanes]float64, x []float32) {
	for ; len(x) >= normLanes; x = x[normLanes:] {
		for i := range lanes {
			v := float64(x[i])
			lanes[i] += v * v
		}
	}
	for i, v := range x {
		lanes[i] += float64(v) * float64(v)
	}
}

func gainGeneric(out, x, w []float32, f float32) {
	for i := range out {
		out[i] = float32(x[i]*f) * w[i]
	}
}

func swiGLUGeneric(out, gate, up []float32) {
	for i := range out {
		g := gate[i]
		out[i] = float32(g/(1+exp(-g))) * up[i]
	}
}

func pairGeneric(x, cos, sin []float32) {
	for i, c := range cos {
		s := sin[i]
		a, b := x[2*i], x[2*i+1]
		x[2*i] = float32(a*c) - float32(b*s)
		x[2*i+1] = float32(a*s) + float32(b*c)
	}
}

func halfGeneric(low, high, cos, sin []float32) {
	for i, c := range cos {
		s := sin[i]
		a, b := low[i], high[i]
		low[i] = float32(a*c) - float32(b*s)
		high[i] = float32(a*s) + float32(b*c)
	}
}

// The constants of Exp, all float32.
const (
	// Below expFloor e^x is less than half of the smallest float32, and from
	// expCeil on more than the largest.
	expFloor, expCeil = -104, 89

	log2e = 1 / math.Ln2
	// ln2 is split: ln2Hi has nine bits, so that n·ln2Hi is not rounded.
	ln2Hi = 0.693359375
	ln2Lo = math.Ln2 - ln2Hi
	// Adding 1.5·2^23 rounds to a whole number, which is then in the low bits.
	expShift = 3 << 22

	// p is (e^r-1-r)/r² for |r| ≤ ln 2/2, the largest relative error of the
	// whole being the least: 4e-9.
	expP0 = 0.49999994
	expP1 = 0.16666521
	expP2 = 0.04166839
	expP3 = 0.008368716
	expP4 = 0.0013814602
)

// exp is Exp of one number.
func exp(x float32) float32 {
	if x < expFloor {
		x = expFloor
	}
	if x > expCeil {
		x = expCeil
	}
	shifted := float32(x*log2e) + expShift
	n := shifted - expShift
	r := float32(x-float32(n*ln2Hi)) - float32(n*ln2Lo)
	p := float32(expP4*r) + expP3
	p = float32(p*r) + expP2
	p = float32(p*r) + expP1
	p = float32(p*r) + expP0
	p = 1 + float32(float32(p*float32(r*r))+r)
	k := int32(math.Float32bits(shifted) - math.Float32bits(expShift))
	half := k >> 1
	return float32(p*power2(half)) * power2(k-half)
}

// power2 returns 2^k for k from -126 to 127. What it returns for a k that no
// number has, but a NaN, does not matter.
func power2(k int32) float32 { return math.Float32frombits(uint32(k+127) << 23) }

// scoresGeneric turns a run of a page into float32 once for all queries.
func scoresGeneric(out []float32, t quant.Type, keys [][]byte, q []float32, D int) {
	var w [Run * Lanes]float32
	R := len(q) / D
	for r := range R {
		clear(out[r*Block:][:len(keys)*Lanes])
	}
	for p, page := range keys {
		for k := 0; k < D; k += Run {
			n := min(Run, D-k)
			widenKeys(w[:n*Lanes], t, page, k)
			for r := range R {
				var sum [Lanes]float32
				addLanes(&sum, w[:n*Lanes], q[r*D+k:][:n])
				addGeneric(out[r*Block+p*Lanes:][:Lanes], sum[:])
			}
		}
	}
}

// widenKeys turns the numbers of a page of keys from number k on, a multiple of
// Run, into float32.
func widenKeys(dst []float32, t quant.Type, page []byte, k int) {
	if t != quant.Q8_0 {
		widenPortable(dst, t, page[k*Lanes*pageNumberSize(t):])
		return
	}
	var scale [Lanes]float32
	for page = page[k/q8Group*q8KeyBytes:]; len(dst) > 0; page = page[q8KeyBytes:] {
		widenPortable(scale[:], quant.F16, page)
		n := min(len(dst), q8Group*Lanes)
		for i, b := range page[2*Lanes:][:n] {
			dst[i] = float32(int8(b)) * scale[i%Lanes]
		}
		dst = dst[n:]
	}
}

// widenValue turns Lanes numbers of a value, from number d on, a multiple of
// Lanes, into float32.
func widenValue(dst []float32, t quant.Type, row []byte, d int) {
	if t != quant.Q8_0 {
		widenPortable(dst, t, row[d*pageNumberSize(t):])
		return
	}
	row = row[d/q8Group*q8ValueBytes:]
	scale := quant.FromF16(binary.LittleEndian.Uint16(row))
	for i, b := range row[2+d%q8Group:][:Lanes] {
		dst[i] = float32(int8(b)) * scale
	}
}

// addLanes adds to sum each number of x times Lanes numbers of w. Four lanes at a
// time keep their sums in registers.
func addLanes(sum *[Lanes]float32, w, x []float32) {
	for r := 0; r < Lanes; r += 4 {
		a, b, c, d := sum[r], sum[r+1], sum[r+2], sum[r+3]
		for k, v := range x {
			u := (*[4]float32)(w[k*Lanes+r:])
			a += float32(v * u[0])
			b += float32(v * u[1])
			c += float32(v * u[2])
			d += float32(v * u[3])
		}
		sum[r], sum[r+1], sum[r+2], sum[r+3] = a, b, c, d
	}
}

// valuesGeneric turns Lanes numbers of each position into float32 once for all
// queries.
func valuesGeneric(out []float32, t quant.Type, values [][]byte, P int, w []float32, from, to int, factor []float32) {
	var v [Block * Lanes]float32
	for d := 0; d < P; d += Lanes {
		for i := from; i < to; i++ {
			widenValue(v[(i-from)*Lanes:][:Lanes], t, values[i/Lanes][i%Lanes*valueRow(t, P):], d)
		}
		for r, f := range factor {
			var sum [Lanes]float32
			addLanes(&sum, v[:(to-from)*Lanes], w[r*Block+from:r*Block+to])
			o := out[r*P+d:][:Lanes]
			for i, s := range sum {
				o[i] = float32(o[i]*f) + s
			}
		}
	}
}

func softmaxGeneric(score []float32, n int, scale float32, top, total, factor []float32) {
	for r, old := range top {
		row := score[r*Block:][:n]
		largest := old
		for i, s := range row {
			s *= scale
			row[i] = s
			if s > largest {
				largest = s
			}
		}
		var lanes [Lanes]float32
		for i, s := range row {
			row[i] = exp(s - largest)
			lanes[i%Lanes] += row[i]
		}
		for half := Lanes / 2; half > 0; half /= 2 {
			for i := range half {
				lanes[i] += lanes[half+i]
			}
		}
		f := exp(old - largest)
		top[r], factor[r], total[r] = largest, f, float32(total[r]*f)+lanes[0]
	}
}
