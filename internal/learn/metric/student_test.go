package metric_test

import (
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/metric"
)

// TestFewGroups draws rows in few groups that are alike inside, where nothing is
// better than anything and the accuracy is known, and counts how often that is
// missed.
func TestFewGroups(t *testing.T) {
	const groups, per, rounds, truth, alike = 8, 15, 600, 0.8, 0.3
	r := rand.New(rand.NewPCG(4, 2))
	better, outside := 0, 0
	for range rounds {
		var of []int
		var first, second []float64
		var hits []bool
		for g := range groups {
			shift, p := r.NormFloat64(), truth
			if r.Float64() < alike { // all rows of the group are of one kind
				if p = 0; r.Float64() < truth {
					p = 1
				}
			}
			for range per {
				of = append(of, g)
				first, second = append(first, r.NormFloat64()+shift), append(second, r.NormFloat64()-shift)
				hits = append(hits, r.Float64() < p)
			}
		}
		mean := func(x []float64) func(rows []int) float64 {
			return func(rows []int) float64 {
				sum := 0.0
				for _, i := range rows {
					sum += x[i]
				}
				return sum / float64(len(rows))
			}
		}
		if metric.Paired(of, mean(first), mean(second)).Better() {
			better++
		}
		if e := metric.Clustered(of, nil, func(i int) bool { return hits[i] }); e.Low > truth || e.High < truth {
			outside++
		}
	}
	// One in forty is meant; before Student's distribution it was one in fifteen.
	if better > rounds/25 {
		t.Errorf("one of two equals is better in %d of %d draws", better, rounds)
	}
	if outside > rounds/12 {
		t.Errorf("the accuracy is outside of its interval in %d of %d draws", outside, rounds)
	}
}

func TestPairedOfFewGroupsGoesByStudent(t *testing.T) {
	// Six groups that differ by 1 to 6: t = 4.58 with five degrees of freedom.
	groups, first := []int{0, 1, 2, 3, 4, 5}, []float64{1, 2, 3, 4, 5, 6}
	sum := func(rows []int) float64 {
		s := 0.0
		for _, i := range rows {
			s += first[i]
		}
		return s / float64(len(rows))
	}
	d := metric.Paired(groups, sum, func([]int) float64 { return 0 })
	if d.P < 0.02 || d.P > 0.05 || !d.Better() {
		t.Errorf("p = %v, want about 0.037: the least that a thousand resamples of six groups can say", d.P)
	}
}
