package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	maxTable = 12 // labels of which a table with numbers can still be read
	maxHeat  = 60 // labels of the heat map; the others are counted as one
	maxPairs = 15 // pairs that are confused most
	levels   = 5  // shades
)

// confusionView is which label was answered for which.
type confusionView struct {
	Heads     []string
	Rows      []confusionRow
	Heat      *heatView
	Pairs     []pairView
	Note      string
	MorePairs string
}

type confusionRow struct {
	Label string
	Cells []cellView
	Rows  string
}

type cellView struct {
	N, Title, Class string
}

type pairView struct {
	Truth, Answer, N, Share string
	Width                   string
}

// heatView is a map of many labels: a square a pair, the shade is the share of the
// truth's rows.
type heatView struct {
	Size, Cell string
	Width      string
	Cells      []heatCell
	Names      []tickView
	Lines      []string
	Summary    string
	Left       string
}

type heatCell struct{ X, Y, Class, Title string }

// confusion shows which labels are mixed up: as a table where there are few of
// them, otherwise as a map and a list of the worst.
func confusion(r *tune.Result) *confusionView {
	labels := make([]string, 0, len(r.Classes))
	for _, c := range r.Classes {
		labels = append(labels, c.Label)
	}
	n := len(r.Confusion)
	if n < 2 || n > len(labels) {
		return nil
	}
	square := make([][]int, n)
	for i, row := range r.Confusion {
		if len(row) < n {
			return nil
		}
		square[i] = row[:n] // what follows are rows without an answer
	}
	labels = labels[:n]
	v := &confusionView{}
	v.pairs(square, labels)
	if n <= maxTable {
		v.table(square, labels)
	} else {
		v.Heat = heat(square, labels, string(r.Task) == "ordinal")
	}
	return v
}

func sum(row []int) int {
	n := 0
	for _, x := range row {
		n += x
	}
	return n
}

// shade returns the class of a share: none, or one of five.
func shade(n, of int) int {
	if n == 0 || of == 0 {
		return 0
	}
	return 1 + min(levels-1, n*levels/of)
}

func (v *confusionView) table(m [][]int, labels []string) {
	for _, l := range labels {
		v.Heads = append(v.Heads, clean(l))
	}
	for i, row := range m {
		of := sum(row)
		out := confusionRow{Label: clean(labels[i]), Rows: phrase.Number(of)}
		for j, n := range row {
			kind := "err"
			if i == j {
				kind = "hit"
			}
			c := cellView{N: phrase.Number(n), Class: fmt.Sprintf("%s-%d", kind, shade(n, of)), Title: confused(labels[i], labels[j], n, of)}
			if n == 0 {
				c.N = ""
			}
			out.Cells = append(out.Cells, c)
		}
		v.Rows = append(v.Rows, out)
	}
	v.Note = "A row is the true label, a column the answer. Right answers are on the diagonal; the stronger a square, the larger its share of the row."
}

// confused says in words what a square is.
func confused(truth, answer string, n, of int) string {
	if of == 0 {
		return clean(truth) + ": no row"
	}
	return fmt.Sprintf("%s answered as %s: %d of %d (%.0f %%)", clean(truth), clean(answer), n, of, 100*float64(n)/float64(of))
}

func (v *confusionView) pairs(m [][]int, labels []string) {
	type pair struct{ i, j, n int }
	var all []pair
	for i, row := range m {
		for j, n := range row {
			if i != j && n > 0 {
				all = append(all, pair{i, j, n})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pair) int { return cmp.Compare(b.n, a.n) })
	if len(all) == 0 {
		return
	}
	most := all[0].n
	for _, p := range all[:min(maxPairs, len(all))] {
		v.Pairs = append(v.Pairs, pairView{clean(labels[p.i]), clean(labels[p.j]), phrase.Number(p.n), fmt.Sprintf("%.0f %%", 100*float64(p.n)/float64(sum(m[p.i]))), place(100 * float64(p.n) / float64(most))})
	}
	if rest := len(all) - len(v.Pairs); rest > 0 {
		v.MorePairs = phrase.Count(rest, "further pair") + " with " + phrase.Count(all[len(v.Pairs)].n, "row") + " or fewer."
	}
}

// heat draws the map of the labels with the most rows.
func heat(m [][]int, labels []string, ordered bool) *heatView {
	order := make([]int, len(m))
	for i := range order {
		order[i] = i
	}
	byRows := slices.Clone(order)
	slices.SortStableFunc(byRows, func(a, b int) int { return cmp.Compare(sum(m[b]), sum(m[a])) })
	v := &heatView{}
	if !ordered {
		order = byRows
	}
	if len(order) > maxHeat {
		kept := byRows[:maxHeat]
		order = slices.DeleteFunc(slices.Clone(order), func(i int) bool { return !slices.Contains(kept, i) })
		v.Left = fmt.Sprintf("The map has the %d labels with the most rows; %s more have %s in all.", maxHeat, phrase.Number(len(m)-maxHeat), phrase.Count(rowsOf(m, byRows[maxHeat:]), "row"))
	}
	const side = 600.0
	n := len(order)
	cell := side / float64(n)
	v.Size, v.Cell, v.Width = place(side), place(cell-min(1, cell/8)), place(min(side, 22*float64(n)))
	for y, i := range order {
		of := sum(m[i])
		for x, j := range order {
			s := shade(m[i][j], of)
			if s == 0 {
				continue
			}
			kind := "err"
			if i == j {
				kind = "hit"
			}
			v.Cells = append(v.Cells, heatCell{place(float64(x) * cell), place(float64(y) * cell), fmt.Sprintf("%s-%d", kind, s), confused(labels[i], labels[j], m[i][j], of)})
		}
	}
	v.Summary = fmt.Sprintf("A map of %d by %d labels: the truth from top to bottom, the answer from left to right.", n, n)
	return v
}

func rowsOf(m [][]int, list []int) int {
	n := 0
	for _, i := range list {
		n += sum(m[i])
	}
	return n
}
