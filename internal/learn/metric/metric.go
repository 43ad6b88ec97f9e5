// Package metric says how good answers are and how sure that is: proportions and
// means with intervals, confusion, calibration, and paired tests of two heads on
// the same rows.
//
// Rows that belong together, such as the sentences of one report, are not
// independent: a head that knows a report knows many of its rows. Figures
// therefore take the group of each row, and their intervals and tests draw
// groups, not rows. Where each row is a group of its own, that is the usual
// bootstrap. Everything is deterministic: the same rows give the same bits.
package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Estimate is a figure with its 95 % interval.
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

const (
	z95    = 1.959964 // the standard normal exceeds it once in forty
	rounds = 1000     // of a bootstrap
)

// Proportion returns hits of n with the Wilson score interval at 95 %.
//
// Source: Wilson 1927, Journal of the American Statistical Association 22.
func Proportion(hits, n int) Estimate {
	if n == 0 {
		return Estimate{}
	}
	e := wilson(float64(hits)/float64(n), float64(n), z95)
	e.N = n
	return e
}

// wilson returns the interval of a share p seen in m items; m need not be whole. z
// is how many standard errors it reaches to either side.
func wilson(p, m, z float64) Estimate {
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return Estimate{Value: p, Low: max(0, mid-half), High: min(1, mid+half)}
}

// Clustered returns the share of hits among the rows that count, with the Wilson
// interval at 95 % of as many independent rows as the rows are worth: their
// number over the design effect, which is how much more the shares of groups
// differ than chance has it. Where all or none hit, nothing is known of that
// effect, and a group is worth one row. Where groups are of several rows, what is
// known of the effect is as little as groups are few, and the interval is wider by
// as much as Student's distribution is than the normal one.
//
//	groups  the group of each row
//	hit     whether a row is a hit; asked once of each row that counts
//	counts  whether a row counts; nil for all
//
// Source: the ratio estimator of a cluster sample, Cochran 1977, Sampling
// Techniques, section 11.
func Clustered(groups []int, counts, hit func(row int) bool) Estimate {
	type tally struct{ hits, n float64 }
	of := map[int]*tally{}
	var order []*tally // by the first row, so that sums have one order
	hits, n := 0.0, 0.0
	for i, g := range groups {
		if counts != nil && !counts(i) {
			continue
		}
		t := of[g]
		if t == nil {
			t = &tally{}
			of[g], order = t, append(order, t)
		}
		t.n, n = t.n+1, n+1
		if hit(i) {
			t.hits, hits = t.hits+1, hits+1
		}
	}
	if n == 0 {
		return Estimate{}
	}
	p, k := hits/n, float64(len(order))
	worth, z := k, z95
	if hits > 0 && hits < n && k > 1 {
		spread := 0.0
		for _, t := range order {
			d := t.hits - float64(p*t.n)
			spread += float64(d * d)
		}
		if v := k / (k - 1) * spread / (n * n); v > 0 {
			worth = min(n, p*(1-p)/v)
		}
		worth = max(worth, 1)
		if k < n {
			z = student95(len(order) - 1)
		}
	}
	e := wilson(p, worth, z)
	e.N = int(n)
	return e
}

// Bootstrap returns figure over all n items with the percentile interval of a
// thousand resamples of the items. figure gets the indices of a resample, with
// repeats. The generator is fixed: the same items give the same interval.
//
// Source: Efron 1979, Annals of Statistics 7.
func Bootstrap(n int, figure func(items []int) float64) Estimate {
	items := all(n)
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
	e.Low, e.High = percentiles(values, 1.0/40)
	return e
}

// Grouped is Bootstrap over groups: it draws as many groups as there are, with
// repeats, and figure gets all rows of those drawn. The interval is wider where
// groups are few, as Student's distribution has it. It reaches to the
// value where resamples are on one side of it, as those of a figure that is biased
// in few rows are.
func Grouped(groups []int, figure func(rows []int) float64) Estimate {
	members := byGroup(groups)
	rows := all(len(groups))
	e := Estimate{Value: figure(rows), N: len(groups)}
	if len(groups) == 0 {
		return e
	}
	e.Low, e.High = percentiles(resample(members, rows, figure), outer(len(members)))
	e.Low, e.High = min(e.Low, e.Value), max(e.High, e.Value)
	return e
}

// resample returns figure over each resample of groups.
func resample(members [][]int, rows []int, figure func(rows []int) float64) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, rounds)
	for i := range values {
		rows = rows[:0]
		for range members {
			rows = append(rows, members[r.IntN(len(members))]...)
		}
		values[i] = figure(rows)
	}
	return values
}

// byGroup returns the rows of each group, the groups in the order of their first.
func byGroup(groups []int) [][]int {
	at := map[int]int{}
	var out [][]int
	for row, g := range groups {
		i, ok := at[g]
		if !ok {
			i = len(out)
			at[g], out = i, append(out, nil)
		}
		out[i] = append(out[i], row)
	}
	return out
}

// all returns 0 to n−1.
func all(n int) []int {
	items := make([]int, n)
	for i := range items {
		items[i] = i
	}
	return items
}

// percentiles returns what a share of values are below and above, and sorts them.
func percentiles(values []float64, share float64) (low, high float64) {
	slices.Sort(values)
	n := int(share * float64(len(values)))
	return values[n], values[len(values)-1-n]
}
