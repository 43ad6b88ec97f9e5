// Package split divides rows into those to learn from, to choose by and to test
// on. Rows that belong together, such as those of one report or near-duplicates,
// stay together, and each part has every label in its proportion as far as that
// allows. The parts do not depend on the order of the rows.
package split

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// The shares of the rows that parts have where nothing else is asked for.
const (
	DefaultValidation = 0.15
	DefaultTest       = 0.2
)

// quantiles that numbers are told apart by, so that each part has small and large.
const quantiles = 5

// Split is three parts of a table's rows, as ascending indices.
type Split struct {
	Train      []int `json:"train"`
	Validation []int `json:"validation"`
	Test       []int `json:"test"`
	// By says in a sentence how the parts were made.
	By string `json:"by"`
	// Notes are sentences on what is out of proportion: labels that a part lacks.
	Notes []string `json:"notes,omitempty"`
}

// Options say how to divide. Zero values take the defaults in parentheses.
type Options struct {
	Validation float64 // share of the rows (DefaultValidation)
	Test       float64 // share of the rows (DefaultTest)
	Seed       uint64
	// Anew divides even where the table's files already give rows to parts.
	Anew bool
}

// Make divides the rows of a table. Where the table gives rows to parts, they are
// kept, and a part that is missing is taken from the rows to learn from.
func Make(t *dataset.Table, g Grouping, o Options) (Split, error) {
	if o.Validation == 0 {
		o.Validation = DefaultValidation
	}
	if o.Test == 0 {
		o.Test = DefaultTest
	}
	if !(o.Validation > 0 && o.Test > 0 && o.Validation+o.Test < 1) {
		return Split{}, fmt.Errorf("divide rows: shares of %g and %g leave nothing to learn from", o.Validation, o.Test)
	}
	if len(g.Of) != len(t.Rows) {
		return Split{}, fmt.Errorf("divide rows: %d rows and groups of %d", len(t.Rows), len(g.Of))
	}
	var s Split
	var rest []int
	given := map[string]int{}
	for i, r := range t.Rows {
		part := r.Part
		if o.Anew {
			part = ""
		}
		given[part]++
		switch part {
		case dataset.PartTest:
			s.Test = append(s.Test, i)
		case dataset.PartValidation:
			s.Validation = append(s.Validation, i)
		default:
			rest = append(rest, i)
		}
	}
	shares := []float64{1 - o.Validation - o.Test, o.Validation, o.Test}
	if s.Test != nil {
		shares[2] = 0
	}
	if s.Validation != nil {
		shares[1] = 0
	}
	parts := assign(t, g, rest, shares, o.Seed)
	for n, i := range rest {
		switch parts[n] {
		case 0:
			s.Train = append(s.Train, i)
		case 1:
			s.Validation = append(s.Validation, i)
		default:
			s.Test = append(s.Test, i)
		}
	}
	if len(s.Train) == 0 || len(s.Validation) == 0 || len(s.Test) == 0 {
		return Split{}, fmt.Errorf("divide rows: %d rows in %d groups are too few for three parts", len(t.Rows), g.N)
	}
	s.By = describe(g, given, shares)
	s.Notes = notes(t, s)
	return s, nil
}

// describe says how parts were made.
func describe(g Grouping, given map[string]int, shares []float64) string {
	by := "rows"
	if len(g.By) > 0 {
		by = "rows that share " + strings.Join(g.By, " or ") + " stay together; the others"
	}
	by += " are divided by chance, each label in its proportion"
	switch {
	case given[dataset.PartTest] > 0 && given[dataset.PartValidation] > 0:
		return "the parts are those that the data give"
	case given[dataset.PartTest] > 0:
		return "the test part is the one that the data give; of the others " + by
	case given[dataset.PartValidation] > 0:
		return "the validation part is the one that the data give; of the others " + by
	}
	return fmt.Sprintf("%s: %.0f %% to learn from, %.0f %% to choose by, %.0f %% to test on", by, 100*shares[0], 100*shares[1], 100*shares[2])
}

// notes says which labels a part lacks.
func notes(t *dataset.Table, s Split) []string {
	var out []string
	for _, p := range []struct {
		name string
		rows []int
	}{{"to learn from", s.Train}, {"to choose by", s.Validation}, {"to test on", s.Test}} {
		has := map[string]bool{}
		for _, i := range p.rows {
			for _, l := range t.Rows[i].Labels {
				has[l] = true
			}
		}
		lacks := 0
		for _, l := range t.Labels {
			if !has[l] {
				lacks++
			}
		}
		switch {
		case lacks == 1:
			out = append(out, fmt.Sprintf("one label has no row %s", p.name))
		case lacks > 1:
			out = append(out, fmt.Sprintf("%d of %d labels have no row %s", lacks, len(t.Labels), p.name))
		}
	}
	return out
}

// Folds gives each of rows, or of all rows if it is nil, to one of k folds, from 0.
// Rows of a group are in one fold, and each fold has every label in its proportion
// as far as that allows. With fewer groups than k some folds are empty.
func Folds(t *dataset.Table, g Grouping, rows []int, k int, seed uint64) []int {
	if rows == nil {
		rows = make([]int, len(t.Rows))
		for i := range rows {
			rows[i] = i
		}
	}
	shares := make([]float64, max(k, 1))
	for i := range shares {
		shares[i] = 1 / float64(len(shares))
	}
	return assign(t, g, rows, shares, seed)
}

// bunch is a group's rows among those that are divided.
type bunch struct {
	digest [sha256.Size]byte
	rows   []int // places in the rows that are divided
	labels map[int]int
}

// assign gives each of rows to one of len(shares) parts.
//
// Labels are taken from the rarest on. Of each, the group that has most of its rows
// goes first, to the part that wants most rows of the label still.
//
// Source: Sechidis, Tsoumakas and Vlahavas 2011, On the stratification of
// multi-label data, with groups in the place of rows.
func assign(t *dataset.Table, g Grouping, rows []int, shares []float64, seed uint64) []int {
	classes := classes(t, rows)
	a := &assignment{bunches: bunchesOf(t, g, rows, classes, seed), shares: shares, want: map[int][]float64{}, out: make([]int, len(rows))}
	a.done = make([]bool, len(a.bunches))
	counts := map[int]int{}
	for _, of := range classes {
		for _, c := range of {
			counts[c]++
		}
	}
	a.want[allRows] = a.wanted(len(rows))
	order := make([]int, 0, len(counts))
	for c, n := range counts {
		order = append(order, c)
		a.want[c] = a.wanted(n)
	}
	slices.SortFunc(order, func(x, y int) int { return cmp.Or(counts[x]-counts[y], x-y) })
	having := map[int][]int{}
	for b := range a.bunches {
		for c := range a.bunches[b].labels {
			having[c] = append(having[c], b)
		}
	}
	for _, c := range order {
		of := having[c]
		slices.SortFunc(of, func(x, y int) int {
			return cmp.Or(a.bunches[y].labels[c]-a.bunches[x].labels[c], bytes.Compare(a.bunches[x].digest[:], a.bunches[y].digest[:]))
		})
		for _, b := range of {
			a.give(b, c)
		}
	}
	for b := range a.bunches { // those without a label, by digest
		a.give(b, allRows)
	}
	return a.out
}

// allRows stands for a class that every row has.
const allRows = -1

// assignment is a division under way.
type assignment struct {
	bunches []bunch
	shares  []float64
	want    map[int][]float64 // of each class, what each part still wants
	done    []bool            // of each bunch
	out     []int             // of each row, its part
}

// wanted is what each part wants of n rows.
func (a *assignment) wanted(n int) []float64 {
	out := make([]float64, len(a.shares))
	for i, s := range a.shares {
		out[i] = s * float64(n)
		if s == 0 {
			out[i] = math.Inf(-1)
		}
	}
	return out
}

// give gives a bunch to the part that wants most of a class, if it has none yet.
func (a *assignment) give(b, class int) {
	if a.done[b] {
		return
	}
	a.done[b] = true
	part := 0
	for p := range a.shares {
		x, y := a.want[class][p], a.want[class][part]
		if x > y || x == y && a.want[allRows][p] > a.want[allRows][part] {
			part = p
		}
	}
	for _, n := range a.bunches[b].rows {
		a.out[n] = part
	}
	a.want[allRows][part] -= float64(len(a.bunches[b].rows))
	for c, n := range a.bunches[b].labels {
		a.want[c][part] -= float64(n)
	}
}

// classes returns what each of rows is to be in proportion by: its labels, as
// indices, or which fifth of the numbers its own is in.
func classes(t *dataset.Table, rows []int) [][]int {
	out := make([][]int, len(rows))
	if t.Kind == dataset.KindRegression {
		sorted := make([]float64, len(rows))
		for n, i := range rows {
			sorted[n] = t.Rows[i].Value
		}
		slices.Sort(sorted)
		for n, i := range rows {
			at, _ := slices.BinarySearch(sorted, t.Rows[i].Value)
			out[n] = []int{at * quantiles / len(sorted)}
		}
		return out
	}
	index := make(map[string]int, len(t.Labels))
	for i, l := range t.Labels {
		index[l] = i
	}
	for n, i := range rows {
		for _, l := range t.Rows[i].Labels {
			if c, ok := index[l]; ok {
				out[n] = append(out[n], c)
			}
		}
	}
	return out
}

// bunchesOf gathers the groups of rows, by a digest of what is in them and the seed.
func bunchesOf(t *dataset.Table, g Grouping, rows []int, classes [][]int, seed uint64) []bunch {
	at := map[int]int{}
	var out []bunch
	var digests [][][sha256.Size]byte
	for n, i := range rows {
		b, ok := at[g.Of[i]]
		if !ok {
			b = len(out)
			at[g.Of[i]] = b
			out = append(out, bunch{labels: map[int]int{}})
			digests = append(digests, nil)
		}
		out[b].rows = append(out[b].rows, n)
		for _, c := range classes[n] {
			out[b].labels[c]++
		}
		digests[b] = append(digests[b], digestOf(&t.Rows[i]))
	}
	for b := range out {
		slices.SortFunc(digests[b], func(x, y [sha256.Size]byte) int { return bytes.Compare(x[:], y[:]) })
		h := sha256.New()
		h.Write(binary.LittleEndian.AppendUint64(nil, seed))
		for _, d := range digests[b] {
			h.Write(d[:])
		}
		h.Sum(out[b].digest[:0])
	}
	slices.SortFunc(out, func(x, y bunch) int { return bytes.Compare(x.digest[:], y.digest[:]) })
	return out
}

// digestOf is of what a row teaches, not of where it stands.
func digestOf(r *dataset.Row) [sha256.Size]byte {
	var b []byte
	add := func(s string) {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	add(r.Text)
	add(r.Chosen)
	add(r.Rejected)
	for _, l := range r.Labels {
		add(l)
	}
	return sha256.Sum256(binary.LittleEndian.AppendUint64(b, math.Float64bits(r.Value)))
}
