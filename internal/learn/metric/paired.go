package metric

import "math"

// Difference is how much better one candidate is than another on the same rows.
type Difference struct {
	Value float64 `json:"value"` // the first's figure less the second's
	Low   float64 `json:"low"`   // of the 95 % interval
	High  float64 `json:"high"`
	P     float64 `json:"p"` // of so large a difference if there is none
	N     int     `json:"n"` // rows
	// Groups are the independent ones among the rows.
	Groups int `json:"groups"`
}

// Better says whether the first is better beyond chance, at 5 %.
func (d Difference) Better() bool { return d.Value > 0 && d.Low > 0 && d.P < 0.05 }

// Worse says whether the first is worse beyond chance, at 5 %.
func (d Difference) Worse() bool { return d.Value < 0 && d.High < 0 && d.P < 0.05 }

// Paired returns the difference of two figures over the same resamples of
// groups. P is two-sided: twice the share of resamples on the other side of
// nothing, counting one more than there are so that it is never 0, and larger where
// groups are few, as Student's distribution has it: without that, eight groups found
// a difference where there is none twice as often as said. Fewer than
// six groups cannot show a difference at 5 %, whatever their rows: P is then at
// least 2 to the power of 1 less their number, as a test of signs has it.
//
// Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 16.
func Paired(groups []int, first, second func(rows []int) float64) Difference {
	members, rows := byGroup(groups), all(len(groups))
	figure := func(rows []int) float64 { return first(rows) - second(rows) }
	d := Difference{N: len(groups), Groups: len(members), P: 1}
	if len(groups) == 0 {
		return d
	}
	d.Value = figure(rows)
	values := resample(members, rows, figure)
	below, above := 0, 0
	for _, v := range values {
		if v <= 0 {
			below++
		}
		if v >= 0 {
			above++
		}
	}
	d.P = few(min(1, 2*float64(min(below, above)+1)/float64(len(values)+1)), len(members))
	d.P = min(1, max(d.P, math.Pow(2, 1-float64(len(members)))))
	d.Low, d.High = percentiles(values, outer(len(members)))
	return d
}

// maxExact is the number of rows in dispute up to which McNemar is exact.
const maxExact = 1000

// McNemar returns the two-sided probability of so uneven a split of the rows in
// dispute if both candidates are equally good: those that only the first has
// right and those that only the second has. It is exact, by the binomial
// distribution, up to a thousand such rows, and by chi-square with correction for
// continuity beyond. It takes rows as independent: where groups are large, go by
// Paired.
//
// Source: McNemar 1947, Psychometrika 12.
func McNemar(first, second int) float64 {
	n := first + second
	if n == 0 {
		return 1
	}
	if n > maxExact {
		d := math.Max(0, math.Abs(float64(first-second))-1)
		return math.Erfc(d / math.Sqrt(2*float64(n)))
	}
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	tail := 0.0
	for k := range min(first, second) + 1 {
		tail += math.Exp(lg(n) - lg(k) - lg(n-k) - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}

// Dispute counts the rows that only one of two candidates has right, for McNemar.
func Dispute(first, second []bool) (onlyFirst, onlySecond int) {
	for i := range first {
		switch {
		case first[i] && !second[i]:
			onlyFirst++
		case second[i] && !first[i]:
			onlySecond++
		}
	}
	return onlyFirst, onlySecond
}
