package backward

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// productGeneric has no product to round: that of two float32 is a float64.
func productGeneric(lanes *[sumLanes]float64, a, b []float32) {
	for len(a) >= sumLanes && len(b) >= sumLanes {
		for i := range lanes {
			lanes[i] += float64(a[i]) * float64(b[i])
		}
		a, b = a[sumLanes:], b[sumLanes:]
	}
	for i := range a {
		lanes[i] += float64(a[i]) * float64(b[i])
	}
}

func gainedGeneric(lanes *[sumLanes]float64, dy, w, x []float32) {
	for i := range dy {
		lanes[i%sumLanes] += float64(float32(dy[i]*w[i])) * float64(x[i])
	}
}

func normedGeneric(dx, dy, x, w []float32, f, c float32) {
	for i := range dx {
		dx[i] += float32(float32(dy[i]*w[i])*f) - float32(x[i]*c)
	}
}

func addNormedGeneric(dw, dy, x []float32, f float32) {
	for i := range dw {
		dw[i] += float32(dy[i] * float32(x[i]*f))
	}
}

// fewNumbers is how many exponentials portable Go computes at once.
const fewNumbers = 128

func swiGLUGeneric(gate, up, dy []float32) {
	var e [fewNumbers]float32
	for i := range gate {
		if i%fewNumbers == 0 {
			n := min(fewNumbers, len(gate)-i)
			for j, g := range gate[i : i+n] {
				e[j] = -g
			}
			floats.Exp(e[:n], e[:n])
		}
		g, d := gate[i], dy[i]
		n := 1 + e[i%fewNumbers]
		s := 1 / n
		slope := float32(s * (1 + float32(g*(1-s))))
		gate[i] = float32(d*up[i]) * slope
		up[i] = d * float32(g/n)
	}
}

func largestGeneric(top float32, x []float32) float32 {
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

func exponentialGeneric(lanes *[sumLanes]float64, out, x []float32, scale, shift float32) {
	for i := range out {
		out[i] = float32(x[i]*scale) - shift
	}
	floats.Exp(out, out)
	for i, e := range out {
		lanes[i%sumLanes] += float64(e)
	}
}

func softmaxGeneric(ds, p, dp []float32, delta, scale float32) {
	for i := range ds {
		ds[i] = float32(p[i]*(dp[i]-delta)) * scale
	}
}

func adamWGeneric(value, grad, m, v []float32, f *AdamWFactors) {
	for i := range value {
		g := float32(grad[i] * f.Scale)
		m[i] += float32(f.Mean * (g - m[i]))
		v[i] = float32(f.Keep*v[i]) + float32(f.Square*float32(g*g))
		// The root of a float32 in float64, rounded, is the rounded root.
		below := float32(float32(math.Sqrt(float64(v[i])))/f.Root) + f.Epsilon
		value[i] = float32(value[i]*f.Shrink) - float32(f.Step*float32(m[i]/below))
	}
}
