package diagram

import (
	"cmp"
	"slices"
)

// The layout of a graph, in pixels. Names are set in a fixed pitch, so that
// their width is known whatever font the reader has.
const (
	pitch      = 7.25 // of one column of a name at 12 pixels
	labelPitch = 6.2  // at most, of one column of a label at 11 pixels
	boxGap     = 16.0 // between boxes of a column
	wireGap    = 14.0 // around an edge that passes through a column
	iconSpace  = 27.0
	boxPad     = 11.0
	maxName    = 26 // columns of a name, fewer where the columns need the room
	minName    = 16
	goodScale  = 0.93 // names are cut before a drawing is wider than this allows
	leastGap   = 60.0 // between columns
	labelSpace = 20.0 // left free beside a label in its gap
	arcSpace   = 44.0 // beside a label of an edge within a column
	mostGap    = 230.0
	headSpace  = 34.0 // for the names of the columns
	margin     = 6.0
	sweeps     = 24
	maxDepth   = 5 // columns of a graph that is not set by types, less one
)

// spot is a place in a column: a node's, or where an edge passes through.
type spot struct {
	node  int // -1 where an edge passes
	layer int
	y     float64 // of its middle
	ties  []int   // spots that it is tied to, in neighbouring columns and its own
}

// wire is a drawn edge: the spots it runs through from its first end to its last.
type wire struct {
	from, to int // nodes
	through  []int
	label    string
	columns  int // of its label
}

// labelWidth is what the label of a wire takes, in pixels.
func (w *wire) labelWidth() float64 { return labelPitch * float64(w.columns) }

// layout is where everything of a graph stands.
type layout struct {
	opt    Options
	spots  []spot
	layers [][]int // spots in order from the top
	byNode []int   // the spot of each node
	wires  []wire
	names  []string // of the columns, where they are types
	labels []string // of the nodes
	wide   []float64
	x      []float64 // left edge of each column
	widths []float64
	height float64
	width  float64
}

// newLayout lays out nodes of kinds and the wires between them in columns.
func newLayout(kinds []int, wires []wire, o Options) *layout {
	l := &layout{opt: o, wires: wires}
	layer := l.assign(kinds)
	l.place(layer)
	l.order()
	l.rows()
	most := make([]int, len(l.layers))
	for c := range most {
		most[c] = maxName
	}
	l.columns(most)
	for l.width > BestWidth/goodScale {
		widest := -1
		for c, w := range l.widths {
			if most[c] > minName && (widest < 0 || w > l.widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			break
		}
		most[widest]--
		l.columns(most)
	}
	return l
}

// assign gives each node its column: by types, unless most edges tie things of
// one kind, which would all stand in one column; then by the way from where the
// edges begin.
func (l *layout) assign(kinds []int) []int {
	layer := slices.Clone(kinds)
	within := 0
	for _, w := range l.wires {
		if layer[w.from] == layer[w.to] {
			within++
		}
	}
	if 5*within <= 2*len(l.wires) || len(l.wires) < 2 {
		l.arrange(layer)
		return layer
	}
	return l.depths(len(kinds))
}

// arrange puts the columns of types into the order in which edges are shortest.
func (l *layout) arrange(layer []int) {
	used := slices.Clone(layer)
	slices.Sort(used)
	used = slices.Compact(used)
	ties := map[[2]int]int{}
	for _, w := range l.wires {
		ties[[2]int{layer[w.from], layer[w.to]}]++
	}
	best, bestCost := slices.Clone(used), -1
	permute(used, 0, func(p []int) {
		cost := 0
		for i, a := range p {
			for j, b := range p {
				d := max(i-j, j-i)
				cost += ties[[2]int{a, b}] * d * d
			}
		}
		if bestCost < 0 || cost < bestCost {
			best, bestCost = slices.Clone(p), cost
		}
	})
	at := map[int]int{}
	for i, c := range best {
		at[c] = i
		l.names = append(l.names, l.opt.Kinds[c])
	}
	for i := range layer {
		layer[i] = at[layer[i]]
	}
}

// permute calls f with every order of p, the given one first.
func permute(p []int, k int, f func([]int)) {
	if k == len(p) {
		f(p)
		return
	}
	for i := k; i < len(p); i++ {
		v := p[i]
		copy(p[k+1:i+1], p[k:i])
		p[k] = v
		permute(p, k+1, f)
		copy(p[k:i], p[k+1:i+1])
		p[i] = v
	}
}

// depths gives each node its distance from where the edges begin, as far as maxDepth.
func (l *layout) depths(n int) []int {
	out := make([][]int, n)
	in := make([]int, n)
	degree := make([]int, n)
	for _, w := range l.wires {
		out[w.from] = append(out[w.from], w.to)
		in[w.to]++
		degree[w.from]++
		degree[w.to]++
	}
	layer := make([]int, n)
	for i := range layer {
		layer[i] = -1
	}
	spread := func(start []int) {
		for len(start) > 0 {
			i := start[0]
			start = start[1:]
			for _, j := range out[i] {
				if layer[j] < 0 {
					layer[j] = min(layer[i]+1, maxDepth)
					start = append(start, j)
				}
			}
		}
	}
	var roots []int
	for i := range layer {
		if in[i] == 0 && degree[i] > 0 {
			layer[i] = 0
			roots = append(roots, i)
		}
	}
	spread(roots)
	// What is left lies in circles that nothing leads into.
	for {
		pick := -1
		for i := range layer {
			if layer[i] < 0 && (pick < 0 || degree[i] > degree[pick]) {
				pick = i
			}
		}
		if pick < 0 {
			return layer
		}
		layer[pick] = 0
		spread([]int{pick})
	}
}

// place makes the spots: one for each node and one in each column that an edge
// passes.
func (l *layout) place(layer []int) {
	count := 0
	for _, c := range layer {
		count = max(count, c+1)
	}
	l.layers = make([][]int, count)
	add := func(node, c int) int {
		l.spots = append(l.spots, spot{node: node, layer: c})
		l.layers[c] = append(l.layers[c], len(l.spots)-1)
		return len(l.spots) - 1
	}
	for i := range layer {
		l.byNode = append(l.byNode, add(i, layer[i]))
	}
	tie := func(a, b int) {
		l.spots[a].ties = append(l.spots[a].ties, b)
		l.spots[b].ties = append(l.spots[b].ties, a)
	}
	for i := range l.wires {
		w := &l.wires[i]
		from, to := layer[w.from], layer[w.to]
		step := 1
		if to < from {
			step = -1
		}
		w.through = append(w.through, l.byNode[w.from])
		if from != to {
			for c := from + step; c != to; c += step {
				w.through = append(w.through, add(-1, c))
			}
		}
		w.through = append(w.through, l.byNode[w.to])
		for k := 1; k < len(w.through); k++ {
			if w.through[k-1] != w.through[k] {
				tie(w.through[k-1], w.through[k])
			}
		}
	}
}

// order sorts each column so that few edges cross: each spot goes to the middle
// of what it is tied to, column by column, to and fro, and the best order seen
// is kept.
func (l *layout) order() {
	at := make([]float64, len(l.spots))
	index := func(c int) {
		n := float64(len(l.layers[c]))
		for i, s := range l.layers[c] {
			at[s] = (float64(i) + 0.5) / n
		}
	}
	for c := range l.layers {
		index(c)
	}
	best, bestCost := l.copyLayers(), l.cost(at)
	for sweep := range sweeps {
		for k := range l.layers {
			c := k
			if sweep%2 == 1 {
				c = len(l.layers) - 1 - k
			}
			want := map[int]float64{}
			for _, s := range l.layers[c] {
				want[s] = l.middleOf(s, at)
			}
			slices.SortStableFunc(l.layers[c], func(a, b int) int { return cmp.Compare(want[a], want[b]) })
			index(c)
		}
		l.swap(at, index)
		if cost := l.cost(at); cost < bestCost {
			best, bestCost = l.copyLayers(), cost
		}
	}
	l.layers = best
}

func (l *layout) copyLayers() [][]int {
	out := make([][]int, len(l.layers))
	for i := range out {
		out[i] = slices.Clone(l.layers[i])
	}
	return out
}

// middleOf is the mean place of what a spot is tied to, or its own.
func (l *layout) middleOf(s int, at []float64) float64 {
	sum, n := 0.0, 0.0
	for _, t := range l.spots[s].ties {
		weight := 1.0
		if l.spots[t].layer == l.spots[s].layer {
			weight = 0.6
		}
		sum, n = sum+weight*at[t], n+weight
	}
	if n == 0 {
		return at[s]
	}
	return sum / n
}

// swap exchanges neighbours of a column where fewer edges cross that way.
func (l *layout) swap(at []float64, index func(int)) {
	for c := range l.layers {
		for i := 0; i+1 < len(l.layers[c]); i++ {
			a, b := l.layers[c][i], l.layers[c][i+1]
			if l.crossings(a, b, at) > l.crossings(b, a, at) {
				l.layers[c][i], l.layers[c][i+1] = b, a
				index(c)
			}
		}
	}
}

// crossings counts the edges of a and b that cross where a stands above b.
func (l *layout) crossings(a, b int, at []float64) int {
	n := 0
	for _, x := range l.spots[a].ties {
		for _, y := range l.spots[b].ties {
			if l.spots[x].layer == l.spots[y].layer && l.spots[x].layer != l.spots[a].layer && at[x] > at[y] {
				n++
			}
		}
	}
	return n
}

// cost is what an order is worth: crossings first, and the ways up and down.
func (l *layout) cost(at []float64) float64 {
	sum := 0.0
	for c := range l.layers {
		for i, a := range l.layers[c] {
			for _, b := range l.layers[c][i+1:] {
				sum += float64(l.crossings(a, b, at))
			}
		}
	}
	for s := range l.spots {
		for _, t := range l.spots[s].ties {
			d := at[s] - at[t]
			weight := 1.0
			if l.spots[s].layer == l.spots[t].layer {
				weight = 3 * float64(len(l.layers[l.spots[s].layer])) / 4
			}
			sum += weight * max(d, -d)
		}
	}
	return sum
}

// rows gives each spot its height on the page: as near as can be to the middle
// of what it is tied to, in the order of its column and far enough apart.
func (l *layout) rows() {
	for c := range l.layers {
		y := 0.0
		for i, s := range l.layers[c] {
			if i > 0 {
				y += l.apart(l.layers[c][i-1], s)
			}
			l.spots[s].y = y
		}
	}
	l.center()
	for round := range 40 {
		for k := range l.layers {
			c := k
			if round%2 == 1 {
				c = len(l.layers) - 1 - k
			}
			l.settle(c)
		}
	}
	top, bottom := 0.0, 0.0
	for i := range l.spots {
		y, h := l.spots[i].y, l.half(i)
		if i == 0 || y-h < top {
			top = y - h
		}
		if i == 0 || y+h > bottom {
			bottom = y + h
		}
	}
	head := headSpace
	if l.names == nil {
		head = margin
	}
	for i := range l.spots {
		l.spots[i].y += head - top
	}
	l.height = head + bottom - top + margin
}

// center puts the middles of all columns on one line.
func (l *layout) center() {
	for _, c := range l.layers {
		if len(c) == 0 {
			continue
		}
		mid := (l.spots[c[0]].y + l.spots[c[len(c)-1]].y) / 2
		for _, s := range c {
			l.spots[s].y -= mid
		}
	}
}

func (l *layout) half(s int) float64 {
	if l.spots[s].node < 0 {
		return wireGap / 2
	}
	return BoxHeight / 2
}

// apart is the least distance between the middles of two neighbours.
func (l *layout) apart(a, b int) float64 {
	gap := boxGap
	if l.spots[a].node < 0 || l.spots[b].node < 0 {
		gap = wireGap / 2
	}
	return l.half(a) + l.half(b) + gap
}

// settle moves the spots of a column to where they want to be, as far as their
// order and distances allow: the least squares under these limits, found by
// pooling neighbours that are in one another's way.
func (l *layout) settle(c int) {
	type pool struct {
		sum, weight float64
		n           int
	}
	var pools []pool
	offsets := make([]float64, len(l.layers[c]))
	for i, s := range l.layers[c] {
		if i > 0 {
			offsets[i] = offsets[i-1] + l.apart(l.layers[c][i-1], s)
		}
		want, weight := l.wants(s)
		p := pool{weight * (want - offsets[i]), weight, 1}
		for len(pools) > 0 {
			q := pools[len(pools)-1]
			if q.sum/q.weight <= p.sum/p.weight {
				break
			}
			p = pool{p.sum + q.sum, p.weight + q.weight, p.n + q.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			l.spots[l.layers[c][i]].y = p.sum/p.weight + offsets[i]
			i++
		}
	}
}

// wants is where a spot would stand best, and how much that matters: an edge
// should pass a column in a straight line.
func (l *layout) wants(s int) (y, weight float64) {
	sum, n := 0.0, 0.0
	for _, t := range l.spots[s].ties {
		if l.spots[t].layer == l.spots[s].layer {
			continue
		}
		w := 1.0
		if l.spots[t].node < 0 && l.spots[s].node < 0 {
			w = 4
		}
		sum, n = sum+w*l.spots[t].y, n+w
	}
	if n == 0 {
		return l.spots[s].y, 0.2
	}
	// A part of where it stands keeps the whole from swinging.
	return 0.85*sum/n + 0.15*l.spots[s].y, n
}

// columns gives each node its width and each column its place from the left,
// with names of at most so many columns of text in each.
func (l *layout) columns(most []int) {
	n := len(l.byNode)
	l.labels, l.wide, l.x = make([]string, n), make([]float64, n), nil
	for i := range n {
		l.labels[i] = l.opt.Label(i, most[l.spots[l.byNode[i]].layer])
		l.wide[i] = iconSpace + pitch*float64(l.opt.Columns(l.labels[i])) + boxPad
	}
	l.widths = make([]float64, len(l.layers))
	sum := 0.0
	for c, spots := range l.layers {
		for _, s := range spots {
			if n := l.spots[s].node; n >= 0 {
				l.widths[c] = max(l.widths[c], l.wide[n])
			}
		}
		sum += l.widths[c]
	}
	gaps := l.gaps()
	for _, g := range gaps {
		sum += g
	}
	// What room is left goes to the gaps between columns.
	extra := 0.0
	if n := len(gaps) - 1; n > 0 {
		extra = max((BestWidth-2*margin-sum)/float64(n), 0)
	}
	x := margin
	for c, w := range l.widths {
		l.x = append(l.x, x)
		x += w
		if c+1 < len(gaps) {
			x += min(gaps[c]+extra, max(mostGap, gaps[c]))
		}
	}
	l.width = x + gaps[len(gaps)-1] + margin
}

// gaps is the room that is needed right of each column, for the labels of what
// ends there and of what ties things within the column.
func (l *layout) gaps() []float64 {
	need := make([]float64, len(l.layers))
	for c := range need[:len(need)-1] {
		need[c] = leastGap
	}
	for i := range l.wires {
		w := &l.wires[i]
		from, to := l.spots[l.byNode[w.from]].layer, l.spots[l.byNode[w.to]].layer
		switch {
		case from == to:
			need[to] = max(need[to], w.labelWidth()+arcSpace)
		case from < to:
			need[to-1] = max(need[to-1], w.labelWidth()+labelSpace)
		default:
			need[to] = max(need[to], w.labelWidth()+labelSpace)
		}
	}
	return need
}
