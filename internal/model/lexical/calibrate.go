package lexical

import (
	"fmt"
	"math"
)

// Calibrate fits, for each group and style that the examples have, the number
// that logits are multiplied by, so that probabilities come true as often as
// they say; for a multi-label group also what is added. The examples must be
// none that training saw. Order and sign of logits within a softmax stay.
func (m *Model) Calibrate(examples []Example) error {
	if err := checkExamples(examples, &m.config); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	for i := range m.groups {
		for style := range m.config.styles() {
			rows, want := m.calibrationRows(examples, i, style)
			if len(rows) == 0 {
				continue
			}
			g := &m.groups[i]
			if g.multi {
				g.temper[style], g.shift[style] = fitSigmoid(rows, want)
			} else {
				g.temper[style] = fitSoftmax(rows, want)
			}
		}
	}
	return nil
}

// calibrationRows returns raw logits and targets of the examples of a style.
func (m *Model) calibrationRows(examples []Example, i, style int) (rows, want [][]float32) {
	g := &m.groups[i]
	s := m.NewScores()
	for n := range examples {
		e := &examples[n]
		target := make([]float32, g.labels)
		if e.Style != style || !m.target(target, i, e) {
			continue
		}
		m.Read(s, e.Text, style)
		raw := make([]float32, g.labels)
		for k, z := range s.Logits(i) {
			raw[k] = (z - g.shift[style]) / g.temper[style]
		}
		rows, want = append(rows, raw), append(want, target)
	}
	return rows, want
}

// Temper returns what the logits of a group are multiplied by, and what is
// added then, in a style.
func (m *Model) Temper(groupIndex, style int) (temper, shift float32) {
	return m.groups[groupIndex].temper[style], m.groups[groupIndex].shift[style]
}

// SetTemper sets what Temper returns, for a model whose calibration comes from
// another of its kind.
func (m *Model) SetTemper(groupIndex, style int, temper, shift float32) {
	m.groups[groupIndex].temper[style], m.groups[groupIndex].shift[style] = temper, shift
}

// fitSoftmax returns the factor with the least cross entropy, by golden section.
func fitSoftmax(rows, want [][]float32) float32 {
	p := make([]float32, len(rows[0]))
	loss := func(temper float64) float64 {
		total := 0.0
		for n, row := range rows {
			for k, z := range row {
				p[k] = z * float32(temper)
			}
			total += lossOf(p, want[n], false)
		}
		return total
	}
	return float32(math.Exp(golden(func(x float64) float64 { return loss(math.Exp(x)) }, -2, 2)))
}

// golden returns where f, which falls and then rises, is least between a and b.
func golden(f func(float64) float64, a, b float64) float64 {
	const ratio, rounds = 0.6180339887498949, 22
	c, d := b-ratio*(b-a), a+ratio*(b-a)
	fc, fd := f(c), f(d)
	for range rounds {
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - ratio*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + ratio*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}

// fitSigmoid returns the factor and the summand with the least cross entropy
// over all labels, by Newton's method.
//
// Source: Platt 1999, with the plain targets: there are enough of them.
func fitSigmoid(rows, want [][]float32) (temper, shift float32) {
	a, b := 1.0, 0.0
	for range 30 {
		var ga, gb, haa, hab, hbb float64
		for n, row := range rows {
			for k, z := range row {
				x := float64(z)
				p := 1 / (1 + math.Exp(-(float64(a*x) + b)))
				e, w := p-float64(want[n][k]), p*(1-p)
				ga += float64(e * x)
				gb += e
				haa += float64(w * x * x)
				hab += float64(w * x)
				hbb += w
			}
		}
		const ridge = 1e-6
		haa, hbb = haa+ridge, hbb+ridge
		det := float64(haa*hbb) - float64(hab*hab)
		if det <= 0 {
			break
		}
		a -= (float64(hbb*ga) - float64(hab*gb)) / det
		b -= (float64(haa*gb) - float64(hab*ga)) / det
	}
	if math.IsNaN(a) || math.IsNaN(b) || a <= 0 || a > 100 || math.Abs(b) > 100 {
		return 1, 0
	}
	return float32(a), float32(b)
}
