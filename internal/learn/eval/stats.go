package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Estimate is a measured figure with its uncertainty.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`  // of the 95 % interval
	High  float64 `json:"high"` // of the 95 % interval
	N     int     `json:"n"`    // items measured
}

// String returns the value and its interval as percentages.
func (e Estimate) String() string {
	return fmt.Sprintf("%.1f %% (%.1f–%.1f, n = %d)", 100*e.Value, 100*e.Low, 100*e.High, e.N)
}

// Proportion returns hits of n with the Wilson score interval at 95 %.
//
// Source: Wilson 1927, Journal of the American Statistical Association 22.
func Proportion(hits, n int) Estimate {
	if n == 0 {
		return Estimate{}
	}
	const z = 1.959964
	p, m := float64(hits)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Estimate{Value: p, Low: max(0, mid-half), High: min(1, mid+half), N: n}
}

// Bootstrap returns figure over all n items with the percentile interval of a
// thousand resamples of the items. figure gets the indices of a resample, with
// repeats. The generator is fixed: the same items give the same interval.
//
// Source: Efron 1979, Annals of Statistics 7.
func Bootstrap(n int, figure func(items []int) float64) Estimate {
	const rounds = 1000
	items := make([]int, n)
	for i := range items {
		items[i] = i
	}
	e := Estimate{Value: figure(items), N: n}
	if n == 0 {
		return e
	}
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, rounds)
	for i := range values {
		for j := range items {
			items[j] = r.IntN(n)
		}
		values[i] = figure(items)
	}
	slices.Sort(values)
	e.Low, e.High = values[rounds/40], values[rounds-1-rounds/40]
	return e
}

// ECE returns the expected calibration error of probabilities p, where right
// says which came true: the mean gap between stated and observed frequency over
// fifteen bins with equally many items.
//
// Source: Naeini and others 2015, AAAI; with equal-mass bins as Nixon and
// others 2019, since most probabilities crowd at one end.
func ECE(p []float64, right []bool) float64 {
	const bins = 15
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	total := 0.0
	for b := range bins {
		from, to := b*len(order)/bins, (b+1)*len(order)/bins
		gap := 0.0
		for _, i := range order[from:to] {
			gap += p[i]
			if right[i] {
				gap--
			}
		}
		total += math.Abs(gap)
	}
	if len(p) == 0 {
		return 0
	}
	return total / float64(len(p))
}
