package minimize

import "math"

// MeanError returns the mean of numbers, and its standard error.
func MeanError(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		deviation += (v - mean) * (v - mean)
	}
	n := float64(len(x))
	return mean, math.Sqrt(deviation / max(1, n*(n-1)))
}

// Simplest returns the first of several candidates, the simplest first, whose rows'
// losses are no more above those of the best than one standard error of the
// difference.
//
//	losses  [candidate][row], rows that were left out; the same rows for each
//
// Source of the rule: Breiman et al. 1984, Classification and Regression Trees,
// section 3.4.3.
func Simplest(losses [][]float64) int {
	best, bestMean := 0, math.Inf(1)
	for i, l := range losses {
		if mean, _ := MeanError(l); mean < bestMean {
			best, bestMean = i, mean
		}
	}
	for i, l := range losses[:best] {
		difference := make([]float64, len(l))
		for k := range l {
			difference[k] = l[k] - losses[best][k]
		}
		if mean, deviation := MeanError(difference); mean <= deviation {
			return i
		}
	}
	return best
}
