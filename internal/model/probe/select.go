package probe

import (
	"math"
	"slices"
)

// fair returns the loss of each row at its outputs, unweighted. Outputs of Single
// are first divided by the one temperature that makes their mean loss least: heads
// are calibrated later, and one that is only too sure of itself must not look
// worse than it will be.
//
//	z  [n,M], before the extras
func (l *loss) fair(z []float32, extra []float32) []float64 {
	n := len(z) / l.outputs
	losses := make([]float64, n)
	at := func(logTemperature float64) float64 {
		by := math.Exp(-logTemperature)
		scaled := make([]float64, len(extra))
		for k, v := range extra {
			scaled[k] = float64(v)
			if l.task == Single {
				scaled[k] *= by
			}
		}
		work, unused := l.work(), make([]float64, l.extras)
		row, total := work.z, 0.
		for i := range n {
			for m, v := range z[i*l.outputs : (i+1)*l.outputs] {
				row[m] = v
				if l.task == Single {
					row[m] = float32(float64(v) * by)
				}
			}
			weight := l.targets.weight[i]
			l.targets.weight[i] = 1
			losses[i] = l.row(work, i, scaled, unused)
			l.targets.weight[i] = weight
			total += losses[i]
		}
		return total
	}
	if l.task != Single {
		at(0)
		return losses
	}
	at(least(at, -2, 4))
	return losses
}

// least returns where a function with one valley is least, by the golden section.
func least(f func(float64) float64, a, b float64) float64 {
	const ratio = 0.6180339887498949
	c, d := b-ratio*(b-a), a+ratio*(b-a)
	fc, fd := f(c), f(d)
	for range 16 {
		if fc <= fd {
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

// folds returns, for each fold in ascending order, the places that it has.
func folds(of []int) [][]int {
	var names []int
	places := map[int][]int{}
	for i, f := range of {
		if places[f] == nil {
			names = append(names, f)
		}
		places[f] = append(places[f], i)
	}
	slices.Sort(names)
	out := make([][]int, len(names))
	for k, f := range names {
		out[k] = places[f]
	}
	return out
}

// without returns rows but for those at some places, which ascend.
func without(rows, places []int) []int {
	out := make([]int, 0, len(rows)-len(places))
	next := 0
	for i, r := range rows {
		if next < len(places) && places[next] == i {
			next++
			continue
		}
		out = append(out, r)
	}
	return out
}

// pick returns the rows at places.
func pick(rows, places []int) []int {
	out := make([]int, len(places))
	for k, i := range places {
		out[k] = rows[i]
	}
	return out
}
