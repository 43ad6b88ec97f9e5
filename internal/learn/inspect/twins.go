package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/near"
)

// maxCompared bounds the rows of a family of near-duplicates that are compared each
// with each.
const maxCompared = 32

// duplicates counts rows whose text stands before, and families of nearly the same.
func (i *inspector) duplicates() error {
	var same []int
	var shown []string
	for n, first := range i.g.Near.Same {
		if first != n {
			same = append(same, n)
			if len(shown) < maxShown && i.equal(first, n) {
				shown = append(shown, i.pair(first, n))
			}
		}
	}
	if len(same) > 0 {
		share := float64(len(same)) / float64(len(i.t.Rows))
		level := LevelNote
		if share > warnDuplicates {
			level = LevelWarn
		}
		i.find(Finding{Code: CodeDuplicates, Level: level, Shown: shown,
			Message: fmt.Sprintf("%s a text that stands before (%s)", plural(len(same), "row has", "rows have"), percent(share)),
			Advice:  "they are kept in one part; take them out if they say nothing of how frequent such texts are"}, same)
	}
	sizes := map[int]int{}
	for n, first := range i.g.Near.Near {
		if i.g.Near.Same[n] == n {
			sizes[first]++
		}
	}
	families, members, largest := 0, 0, 0
	for _, n := range sizes {
		if n > 1 {
			families++
			members += n
			largest = max(largest, n)
		}
	}
	if families == 0 {
		return nil
	}
	var of []int
	for n, first := range i.g.Near.Near {
		if sizes[first] > 1 {
			of = append(of, n)
		}
	}
	shown = nil
	for _, p := range i.g.Near.Pairs[:min(len(i.g.Near.Pairs), maxShown-2)] {
		shown = append(shown, i.one(p.A), fmt.Sprintf("  %.0f %% as row %d: %s", 100*p.Alike, i.t.Rows[p.B].Number, i.show(p.B)))
	}
	i.find(Finding{Code: CodeNear, Level: LevelNote, Shown: shown, Count: members,
		Message: fmt.Sprintf("%s are nearly the same as others, in %s, the largest of %s texts", count(members, "text"), plural(families, "family", "families"), number(largest)),
		Advice:  "families are kept in one part, so that the test measures understanding and not memory"}, of)
	return nil
}

// equal reports whether two rows teach the same.
func (i *inspector) equal(a, b int) bool {
	x, y := &i.t.Rows[a], &i.t.Rows[b]
	switch i.t.Kind {
	case dataset.KindRegression:
		return math.Abs(x.Value-y.Value) <= i.tolerance()
	case dataset.KindPreference:
		return x.Chosen != y.Rejected || x.Rejected != y.Chosen
	case dataset.KindSpans:
		return x.Text != y.Text || slices.Equal(x.Spans, y.Spans)
	}
	return slices.Equal(x.Labels, y.Labels)
}

// tolerance is by how much the numbers of the same text may differ: half a standard
// deviation of all.
func (i *inspector) tolerance() float64 {
	var sum, squares float64
	for n := range i.t.Rows {
		sum += i.t.Rows[n].Value
	}
	mean := sum / float64(len(i.t.Rows))
	for n := range i.t.Rows {
		squares += (i.t.Rows[n].Value - mean) * (i.t.Rows[n].Value - mean)
	}
	return math.Sqrt(squares/float64(len(i.t.Rows))) / 2
}

// conflicts looks for the same and nearly the same texts under different labels.
func (i *inspector) conflicts() error {
	if i.t.Kind == dataset.KindChat || i.t.Kind == dataset.KindNone {
		return nil
	}
	tolerant := i.equal
	if i.t.Kind == dataset.KindRegression { // one pass for the tolerance, not one a pair
		limit := i.tolerance()
		tolerant = func(a, b int) bool { return math.Abs(i.t.Rows[a].Value-i.t.Rows[b].Value) <= limit }
	}
	members := map[int][]int{}
	for n, first := range i.g.Near.Same {
		members[first] = append(members[first], n)
	}
	var rows []int
	var shown []string
	sets := 0
	for _, first := range sortedKeys(members) {
		of := members[first]
		other := slices.IndexFunc(of, func(n int) bool { return !tolerant(first, n) })
		if other < 0 {
			continue
		}
		sets++
		rows = append(rows, of...)
		if len(shown) < maxShown {
			shown = append(shown, i.pair(first, of[other]))
		}
	}
	if len(rows) > 0 {
		slices.Sort(rows)
		share := float64(len(rows)) / float64(len(i.t.Rows))
		level := LevelWarn
		if share > refuseConflicts {
			level = LevelRefuse
		}
		i.find(Finding{Code: CodeConflicts, Level: level, Shown: shown,
			Message: fmt.Sprintf("%s under different labels, in %s (%s)", plural(sets, "text stands", "texts stand"), count(len(rows), "row"), percent(share)),
			Advice:  "decide on one label each, or let rows have several: no classifier can be right on both"}, rows)
	}
	i.nearConflicts(tolerant)
	return nil
}

// nearConflicts compares the rows of each family of near-duplicates.
func (i *inspector) nearConflicts(equal func(a, b int) bool) {
	families := map[int][]int{}
	for n, first := range i.g.Near.Near {
		if i.g.Near.Same[n] == n {
			families[first] = append(families[first], n)
		}
	}
	type conflict struct{ near.Pair }
	var found []conflict
	var rows []int
	for _, first := range sortedKeys(families) {
		of := families[first]
		of = of[:min(len(of), maxCompared)]
		for x := range of {
			for _, b := range of[x+1:] {
				if a := of[x]; !equal(a, b) {
					if alike := near.Alike(i.t.Rows[a].Text, i.t.Rows[b].Text); alike >= nearlySame {
						found = append(found, conflict{near.Pair{A: a, B: b, Alike: alike}})
						rows = append(rows, a, b)
					}
				}
			}
		}
	}
	if len(found) == 0 {
		return
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	slices.SortStableFunc(found, func(a, b conflict) int { return cmp.Compare(b.Alike, a.Alike) })
	var shown []string
	for _, c := range found[:min(len(found), maxShown)] {
		x, y := &i.t.Rows[c.A], &i.t.Rows[c.B]
		shown = append(shown, fmt.Sprintf("row %d [%s]: %s", x.Number, labelOf(i.t, x), i.show(c.A)), fmt.Sprintf("row %d [%s]: %s", y.Number, labelOf(i.t, y), i.show(c.B)))
	}
	i.find(Finding{Code: CodeNearConflict, Level: LevelWarn, Shown: shown,
		Message: fmt.Sprintf("%s have nearly the same text as a row of another label", count(len(rows), "row")),
		Advice:  "look at each pair: either a label is wrong, or a word decides that the rows have too seldom"}, rows)
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
