package metric

import (
	"cmp"
	"math"
	"slices"
)

// ECE returns the expected calibration error of probabilities p, where right
// says which came true: the mean gap between stated and observed frequency over
// fifteen bins with equally many items.
//
// Source: Naeini and others 2015, AAAI; with equal-mass bins as Nixon and
// others 2019, since most probabilities crowd at one end.
func ECE(p []float64, right []bool) float64 {
	const bins = 15
	order := all(len(p))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
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

// GroupedECE is ECE with its interval. Noise alone makes the error of a resample
// larger than that of the rows, so the interval is shifted onto the value.
func GroupedECE(groups []int, p []float64, right []bool) Estimate {
	var ps []float64
	var rs []bool
	e := Grouped(groups, func(rows []int) float64 {
		ps, rs = ps[:0], rs[:0]
		for _, i := range rows {
			ps, rs = append(ps, p[i]), append(rs, right[i])
		}
		return ECE(ps, rs)
	})
	if mid := (e.Low + e.High) / 2; mid > e.Value {
		e.Low, e.High = max(0, e.Low-(mid-e.Value)), e.High-(mid-e.Value)
	}
	return e
}

// Brier returns the mean squared distance of stated probabilities from what
// came true, 0 at best. p[i] has the probability of each label in row i, truth[i]
// those that hold. A row's is the sum over labels: 2 at worst where they exclude
// one another.
//
// Source: Brier 1950, Monthly Weather Review 78.
func Brier(groups []int, p [][]float64, truth [][]int) Estimate {
	of := make([]float64, len(p))
	for i, row := range p {
		for k, x := range row {
			if holds(truth[i], k) {
				x--
			}
			of[i] += float64(x * x)
		}
	}
	return mean(groups, of)
}

// mean returns the mean of values.
func mean(groups []int, values []float64) Estimate {
	return Grouped(groups, func(rows []int) float64 {
		sum := 0.0
		for _, i := range rows {
			sum += values[i]
		}
		return sum / float64(max(1, len(rows)))
	})
}

// Risk is a point of a curve: answering the share Coverage of the rows, those with
// probabilities of at least Threshold, gets the share Risk of them wrong.
type Risk struct {
	Threshold float64 `json:"threshold"`
	Coverage  float64 `json:"coverage"`
	Risk      float64 `json:"risk"`
}

// RiskCurve returns the risk at each threshold that the probabilities p allow,
// the highest first; rows of one probability are answered together.
func RiskCurve(p []float64, right []bool) []Risk {
	order := all(len(p))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	var out []Risk
	wrong := 0
	for n, i := range order {
		if !right[i] {
			wrong++
		}
		if n+1 < len(order) && p[order[n+1]] == p[i] {
			continue
		}
		out = append(out, Risk{p[i], ratio(n+1, len(p)), ratio(wrong, n+1)})
	}
	return out
}

// Threshold returns the lowest threshold such that answering only rows with
// probabilities of at least that much is right in a share of at least precision
// of them, going by the lower end of the 95 % interval of Clustered, and how
// that came out. ok is false where no threshold is sure of that.
//
// Every threshold that the rows allow is tried, so the one that is found is a
// little too good: measure it on other rows.
func Threshold(groups []int, p []float64, right []bool, precision float64) (threshold float64, at Estimate, ok bool) {
	order := all(len(p))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	step := max(1, len(order)/maxThresholds)
	for n := len(order); n > 0; n -= step {
		t := p[order[n-1]]
		e := Clustered(groups, func(i int) bool { return p[i] >= t }, func(i int) bool { return right[i] })
		if e.Low >= precision {
			return t, e, true
		}
	}
	return 1, Estimate{}, false
}

// maxThresholds bounds how many thresholds are tried on many rows.
const maxThresholds = 500

// Stability returns the population stability index of live counts against those
// of a reference, bin by bin, and what the index reaches once in twenty where
// nothing has changed and chance alone moves so few items. A common rule takes
// 0.1 for some and 0.25 for much change; below chance there is nothing to say.
// An empty bin counts as half an item. It panics if the bins are not as many.
//
// Source: Yurdakul 2018, Western Michigan University, for the distribution; the
// quantile of chi-square by Wilson and Hilferty 1931.
func Stability(reference, live []int) (index, chance float64) {
	if len(reference) != len(live) {
		panic("metric: Stability: bins of the reference and of the live items differ in number")
	}
	share := func(counts []int) (shares []float64, n float64) {
		for _, c := range counts {
			n += max(0.5, float64(c))
		}
		for _, c := range counts {
			shares = append(shares, max(0.5, float64(c))/n)
		}
		return shares, n
	}
	a, n := share(reference)
	b, m := share(live)
	for i := range a {
		index += float64((b[i] - a[i]) * math.Log(b[i]/a[i]))
	}
	if len(a) < 2 {
		return 0, 0
	}
	free := float64(len(a) - 1)
	const z = 1.644854 // the standard normal exceeds it once in twenty
	x := 1 - 2/(9*free) + z*math.Sqrt(2/(9*free))
	return index, float64(free*x*x*x) * (1/n + 1/m)
}

// Edges returns the inner edges of so many bins that hold equally many values,
// for Histogram. Equal edges are one.
func Edges(values []float64, bins int) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	var out []float64
	for b := 1; b < bins && len(sorted) > 0; b++ {
		out = append(out, sorted[b*len(sorted)/bins])
	}
	return slices.Compact(out)
}

// Histogram counts values between edges: a value is in the bin after the last edge
// that it is not below.
func Histogram(edges, values []float64) []int {
	out := make([]int, len(edges)+1)
	for _, v := range values {
		i, found := slices.BinarySearch(edges, v)
		if found {
			i++
		}
		out[i]++
	}
	return out
}
