package outcome

import (
	"errors"
	"slices"
)

// Alike is how much less the rows of a reference tell than as many independent ones
// would, since rows of a group, such as the sentences of a report, are alike: the
// design effect of each figure, 1 where they are not alike, and 0 where that is not
// known. A report has not drifted because it tells of one thing.
type Alike struct {
	Labels     float64 `json:"labels,omitzero"`
	Confidence float64 `json:"confidence,omitzero"`
	Length     float64 `json:"length,omitzero"`
	Known      float64 `json:"known,omitzero"`
	Abstained  float64 `json:"abstained,omitzero"`
	Values     float64 `json:"values,omitzero"`
}

// Together measures how alike the rows of a reference are, of which groups has the
// group of each of held, in the order that NewReference had.
func (r *Reference) Together(held []Observed, groups []int) {
	f := features(held, func(string) func(uint32) bool {
		return func(word uint32) bool { _, ok := slices.BinarySearch(r.Words, word); return ok }
	})
	index := map[string]int{}
	r.Alike = &Alike{
		Labels: effect(groups, func(row int) (bins []int) {
			answer := held[row].Answer
			if len(answer) == 0 && held[row].Value == nil {
				answer = []string{""}
			}
			for _, l := range answer {
				if _, ok := index[l]; !ok {
					index[l] = len(index)
				}
				bins = append(bins, index[l])
			}
			return bins
		}),
		Confidence: effect(groups, binned(r.Confidence.Edges, f.confidence)),
		Length:     effect(groups, binned(r.Length.Edges, f.length)),
		Known:      effect(groups, binned(r.Known.Edges, f.known)),
		Abstained: effect(groups, func(row int) []int {
			if held[row].Abstain {
				return []int{1}
			}
			return []int{0}
		}),
	}
	if r.Values != nil {
		r.Alike.Values = effect(groups, binned(r.Values.Edges, f.values))
	}
}

func binned(edges, values []float64) func(row int) []int {
	return func(row int) []int {
		k, found := slices.BinarySearch(edges, values[row])
		if found {
			k++
		}
		return []int{k}
	}
}

// effect returns the design effect of how rows fall into bins, 1 at least: how much
// more the shares of groups differ than chance has it, the mean over the bins, each
// by how little of the rows it has.
//
// Source: Rao and Scott 1981, The Analysis of Categorical Data from Complex Sample
// Surveys, Journal of the American Statistical Association 76, for the mean; the
// ratio estimator of a cluster sample, Cochran 1977, section 11, for each bin.
func effect(groups []int, bins func(row int) []int) float64 {
	place := map[int]int{}
	var sizes []float64
	var counts [][]float64 // of each bin, by group
	for row, g := range groups {
		k, ok := place[g]
		if !ok {
			k = len(sizes)
			place[g], sizes = k, append(sizes, 0)
		}
		sizes[k]++
		for _, b := range bins(row) {
			for len(counts) <= b {
				counts = append(counts, nil)
			}
			for len(counts[b]) <= k {
				counts[b] = append(counts[b], 0)
			}
			counts[b][k]++
		}
	}
	n, k := float64(len(groups)), float64(len(sizes))
	sum, weight := 0.0, 0.0
	for _, of := range counts {
		all := 0.0
		for _, x := range of {
			all += x
		}
		p := all / n
		if all == 0 || p >= 1 || k < 2 {
			continue
		}
		spread := 0.0
		for at, size := range sizes {
			d := -float64(p * size)
			if at < len(of) {
				d += of[at]
			}
			spread += float64(d * d)
		}
		weight += 1 - p
		sum += spread / float64(n*p) * k / (k - 1) // (1 − p) times the variance over p·(1 − p)/n
	}
	if weight == 0 {
		return 1
	}
	return max(1, sum/weight)
}

func (a *Alike) check() error {
	for _, x := range []float64{a.Labels, a.Confidence, a.Length, a.Known, a.Abstained, a.Values} {
		if !finite(x) || x < 0 || x > maxRows {
			return errors.New("how alike its rows are is no such number")
		}
	}
	return nil
}
