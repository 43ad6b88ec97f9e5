package pdf

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// What the layout of a page is judged by, in sizes of its type.
const (
	sameLine  = 0.45 // baselines this near are one line
	cellGap   = 1.6  // a gap this wide divides cells
	gutter    = 1.0  // white this wide, all the way down, may divide columns
	minColumn = 4    // lines of a column
	minFill   = 18   // characters of its usual line: the cells of a table have fewer
	maxCuts   = 40   // columns and bands within each other
)

// row is one line of a page while it is put together.
type row struct {
	x0, x1, y, size float64
	cells           []cell
	bold            bool
}

// cell is text of a row between wide gaps.
type cell struct {
	x0, x1 float64
	text   string
}

// arrange puts the chunks of a page into lines in the order of reading.
func arrange(chunks []chunk) []row {
	if len(chunks) == 0 {
		return nil
	}
	sizes := make([]float64, len(chunks))
	for i, c := range chunks {
		sizes[i] = c.size
	}
	slices.Sort(sizes)
	return cut(chunks, sizes[len(sizes)/2], 0)
}

// cut divides a region into columns, or into bands whose columns differ, and
// reads one after the other.
func cut(chunks []chunk, size float64, depth int) []row {
	if depth < maxCuts && len(chunks) >= 2*minColumn {
		if left, right := columns(chunks, size); left != nil {
			return append(cut(left, size, depth+1), cut(right, size, depth+1)...)
		}
		if upper, lower := bands(chunks, size); upper != nil {
			return append(cut(upper, size, depth+1), cut(lower, size, depth+1)...)
		}
	}
	return rows(chunks)
}

// columns divides a region where white runs through it from top to bottom and
// both sides look like running text.
func columns(chunks []chunk, size float64) (left, right []chunk) {
	sorted := slices.Clone(chunks)
	slices.SortFunc(sorted, func(a, b chunk) int { return cmp.Compare(a.x0, b.x0) })
	reach := sorted[0].x1
	for i := 1; i < len(sorted); i++ {
		if sorted[i].x0-reach > gutter*size && isColumn(sorted[:i]) && isColumn(sorted[i:]) && beside(sorted[:i], sorted[i:]) {
			x := sorted[i].x0
			for _, c := range chunks { // in the order they were drawn
				if c.x0 < x {
					left = append(left, c)
				} else {
					right = append(right, c)
				}
			}
			return left, right
		}
		reach = max(reach, sorted[i].x1)
	}
	return nil, nil
}

// isColumn says whether chunks are lines of running text.
func isColumn(chunks []chunk) bool {
	if len(chunks) < minColumn {
		return false
	}
	lines := map[int]int{} // characters on each line
	for _, c := range chunks {
		lines[int(math.Round(c.y/max(c.size*sameLine, 1)))] += len(c.text)
	}
	if len(lines) < minColumn {
		return false
	}
	full := 0
	for _, n := range lines {
		if n >= minFill {
			full++
		}
	}
	return full*2 >= len(lines)
}

// beside says whether two regions lie at the same height for the most part.
func beside(a, b []chunk) bool {
	top1, bottom1 := height(a)
	top2, bottom2 := height(b)
	shared := min(top1, top2) - max(bottom1, bottom2)
	return shared > 0 && shared*3 >= min(top1-bottom1, top2-bottom2)
}

func height(chunks []chunk) (top, bottom float64) {
	top, bottom = math.Inf(-1), math.Inf(1)
	for _, c := range chunks {
		top, bottom = max(top, c.y), min(bottom, c.y)
	}
	return top, bottom
}

// bands divides a region between two lines such that the part above or below
// has columns: a title over two columns, a wide table under them.
func bands(chunks []chunk, size float64) (upper, lower []chunk) {
	sorted := slices.Clone(chunks)
	slices.SortStableFunc(sorted, func(a, b chunk) int { return cmp.Compare(b.y, a.y) })
	var cuts []int
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1].y-sorted[i].y > 1.05*size {
			cuts = append(cuts, i)
		}
	}
	// Only wide gaps are tried, the widest first, and few of them.
	slices.SortStableFunc(cuts, func(a, b int) int {
		return cmp.Compare(sorted[b-1].y-sorted[b].y, sorted[a-1].y-sorted[a].y)
	})
	for _, i := range cuts[:min(len(cuts), 8)] {
		if l, _ := columns(sorted[i:], size); l != nil {
			return sorted[:i], sorted[i:]
		}
		if l, _ := columns(sorted[:i], size); l != nil {
			return sorted[:i], sorted[i:]
		}
	}
	return nil, nil
}

// rows puts the chunks of one column into lines, from top to bottom.
func rows(chunks []chunk) []row {
	sorted := slices.Clone(chunks)
	slices.SortStableFunc(sorted, func(a, b chunk) int { return cmp.Compare(b.y, a.y) })
	var out []row
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[i].y-sorted[j].y <= sameLine*max(sorted[i].size, sorted[j].size) {
			j++
		}
		line := sorted[i:j]
		slices.SortStableFunc(line, func(a, b chunk) int { return cmp.Compare(a.x0, b.x0) })
		out = append(out, line2row(line))
		i = j
	}
	return mergeCells(out)
}

// line2row puts the chunks of one line together.
func line2row(line []chunk) row {
	r := row{x0: line[0].x0, y: line[0].y, bold: true}
	chars := 0
	var s strings.Builder
	start, end := line[0].x0, line[0].x0
	flush := func() {
		if t := strings.TrimSpace(s.String()); t != "" {
			r.cells = append(r.cells, cell{start, end, t})
		}
		s.Reset()
	}
	for i, c := range line {
		gap := c.x0 - end
		switch {
		case i == 0:
		case gap > cellGap*c.size:
			flush()
			start = c.x0
		case gap > minGap*c.size:
			s.WriteByte(' ')
		}
		s.WriteString(c.text)
		end = max(end, c.x1)
		if len(c.text) > chars { // the longest chunk sets the line's size and height
			chars, r.size, r.y = len(c.text), c.size, c.y
		}
		r.bold = r.bold && c.bold
	}
	flush()
	r.x1 = end
	return r
}

// text returns the cells of a row with tabs between them.
func (r *row) text() string {
	parts := make([]string, len(r.cells))
	for i, c := range r.cells {
		parts[i] = c.text
	}
	return strings.Join(parts, "\t")
}

// mergeCells puts the lines of a table's row together: those close below a line
// of several cells whose own cells stand where that line's cells do.
func mergeCells(in []row) []row {
	var out []row
	for _, r := range in {
		if n := len(out); n > 0 && len(out[n-1].cells) > 1 && len(r.cells) < len(out[n-1].cells)+1 && goesOn(&out[n-1], &r) {
			last := &out[n-1]
			for _, c := range r.cells {
				at := aligned(last, c)
				last.cells[at].text += " " + c.text
				last.cells[at].x1 = max(last.cells[at].x1, c.x1)
			}
			last.y = r.y
			continue
		}
		out = append(out, r)
	}
	return out
}

// goesOn says whether a line belongs to the row above it: its first cell does
// not begin a row of its own, and all of its cells stand under the row's.
func goesOn(above, r *row) bool {
	if above.y-r.y > 1.45*r.size || len(r.cells) == 0 || len(r.cells) == len(above.cells) {
		return false
	}
	for i, c := range r.cells {
		at := aligned(above, c)
		if at < 0 || i == 0 && at == 0 && len(above.cells) > 1 {
			return false
		}
	}
	return true
}

// aligned returns the cell of a row that another stands under, or -1.
func aligned(r *row, c cell) int {
	for i := range r.cells {
		if math.Abs(r.cells[i].x0-c.x0) < 0.6*r.size {
			return i
		}
	}
	return -1
}
