package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
)

const (
	maxWires   = 120  // edges drawn; the table has all
	goodScale  = 0.93 // names are cut before a drawing is shown smaller than that
	leastScale = 0.84 // and it is scrolled before it is shown smaller than this
)

// drawingView is the picture of a graph, in pixels.
type drawingView struct {
	Width, Height string // as it is shown
	W, H          string // as it is laid out
	Summary       string
	Columns       []columnView
	Wires         []wireView
	Boxes         []boxView
	Types         []typeView
	Notes         []string
}

type columnView struct{ X, Name string }

type boxView struct {
	X, Y, W, IconX, IconY, TextX, TextY string
	Class, Type, Label, Title           string
}

type wireView struct {
	Path, Arrow    string
	Class, Title   string
	Link           string
	Label          string // "" where no place for it is free
	LabelX, LabelY string
}

type typeView struct{ Type, Name string }

// draw makes the picture of a graph, of at most so many nodes.
func (h *hypertext) draw(g Graph, most int) *drawingView {
	nodes, wires := pick(g, most)
	if len(nodes) < 2 || len(wires) == 0 {
		return nil
	}
	for i := range wires {
		wires[i].label = wireLabel(g, &wires[i])
	}
	l := newLayout(nodes, wires)
	// A drawing that is a little too wide is shown a little smaller; one that is
	// wider than that is scrolled.
	scale := min(max(wantWidth/l.width, leastScale), 1)
	v := &drawingView{Width: px(scale * l.width), Height: px(scale * l.height), W: px(l.width), H: px(l.height), Summary: number(len(nodes)) + " entities and " + count(len(wires), "tie")}
	for c, name := range l.names {
		v.Columns = append(v.Columns, columnView{px(l.x[c] + l.widths[c]/2), name})
	}
	taken := v.boxes(l, nodes)
	v.wires(h, l, g, nodes, taken)
	v.types(nodes)
	if rest := countNodes(g) - len(nodes); rest > 0 {
		v.Notes = append(v.Notes, "Drawn are the gravest and most tied; "+number(rest)+" more entities are in the table.")
	}
	return v
}

// countNodes is how many different nodes of a graph are tied to another.
func countNodes(g Graph) int {
	ids := map[string]bool{}
	for _, e := range g.Edges {
		if e.From != e.To {
			ids[e.From], ids[e.To] = true, true
		}
	}
	return len(ids)
}

// pick returns the nodes to draw, the gravest and most tied, and the wires
// between them. Edges between the same two are one wire.
func pick(g Graph, most int) ([]Node, []wire) {
	var nodes []Node
	at := map[string]int{}
	see := func(n Node) {
		if _, ok := at[n.ID]; !ok {
			at[n.ID] = len(nodes)
			nodes = append(nodes, n)
		}
	}
	for _, n := range g.Nodes {
		see(n)
	}
	degree := map[string]int{}
	for _, e := range g.Edges {
		see(Node{ID: e.From, Label: e.From})
		see(Node{ID: e.To, Label: e.To})
		if e.From != e.To {
			degree[e.From]++
			degree[e.To]++
		}
	}
	nodes = slices.DeleteFunc(nodes, func(n Node) bool { return degree[n.ID] == 0 })
	if len(nodes) > most {
		order := slices.Clone(nodes)
		slices.SortStableFunc(order, func(a, b Node) int {
			return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(degree[b.ID], degree[a.ID]))
		})
		keep := map[string]bool{}
		for _, n := range order[:most] {
			keep[n.ID] = true
		}
		nodes = slices.DeleteFunc(nodes, func(n Node) bool { return !keep[n.ID] })
	}
	clear(at)
	for i, n := range nodes {
		at[n.ID] = i
	}
	wires := pickWires(g, at)
	// A node whose neighbours are all left out stands alone: it is not drawn.
	tied := make([]bool, len(nodes))
	for _, w := range wires {
		tied[w.from], tied[w.to] = true, true
	}
	moved := make([]int, len(nodes))
	var kept []Node
	for i, n := range nodes {
		moved[i] = len(kept)
		if tied[i] {
			kept = append(kept, n)
		}
	}
	for i := range wires {
		wires[i].from, wires[i].to = moved[wires[i].from], moved[wires[i].to]
	}
	return kept, wires
}

// pickWires joins the edges between the nodes that are drawn.
func pickWires(g Graph, at map[string]int) []wire {
	var wires []wire
	between := map[[2]int]int{}
	for i, e := range g.Edges {
		from, ok := at[e.From]
		to, also := at[e.To]
		if !ok || !also || from == to {
			continue
		}
		k, seen := between[[2]int{from, to}]
		if !seen {
			k = len(wires)
			between[[2]int{from, to}] = k
			wires = append(wires, wire{from: from, to: to})
		}
		wires[k].edges = append(wires[k].edges, i)
	}
	if len(wires) <= maxWires {
		return wires
	}
	level := func(w wire) casemate.Severity {
		var s casemate.Severity
		for _, i := range w.edges {
			s = max(s, g.Edges[i].Level)
		}
		return s
	}
	order := make([]int, len(wires))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(level(wires[b]), level(wires[a])) })
	order = order[:maxWires]
	slices.Sort(order)
	out := make([]wire, maxWires)
	for i, k := range order {
		out[i] = wires[k]
	}
	return out
}

// rect is a part of the picture that something takes.
type rect struct{ x0, y0, x1, y1 float64 }

func (r rect) meets(o rect) bool {
	return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1
}

func (v *drawingView) boxes(l *layout, nodes []Node) []rect {
	var taken []rect
	for i, n := range nodes {
		s := l.spots[l.byNode[i]]
		x, y := l.x[s.layer]+(l.widths[s.layer]-l.wide[i])/2, s.y-boxHeight/2
		title := shorten(n.name(), 400)
		if n.Type != "" {
			title += "\n" + shorten(string(n.Type), 24)
		}
		if n.Level > casemate.SeverityUnknown {
			title += ", " + n.Level.String()
		}
		v.Boxes = append(v.Boxes, boxView{
			X: px(x), Y: px(y), W: px(l.wide[i]), IconX: px(x + 9), IconY: px(y + 8), TextX: px(x + iconSpace), TextY: px(y + 19.5),
			Class: severityClass(n.Level), Type: iconOf(n.Type), Label: l.labels[i], Title: title,
		})
		taken = append(taken, rect{x - 2, y - 2, x + l.wide[i] + 2, y + boxHeight + 2})
	}
	return taken
}

// iconOf names the icon of a type; there is one for what no type fits.
func iconOf(t casemate.EntityType) string {
	switch t {
	case casemate.EntityHost, casemate.EntityUser, casemate.EntityProcess, casemate.EntityFile, casemate.EntityAddress,
		casemate.EntityDomain, casemate.EntityURL, casemate.EntityHash, casemate.EntityMail:
		return string(t)
	}
	return "other"
}

// types lists the types that are drawn, for the legend.
func (v *drawingView) types(nodes []Node) {
	seen := map[string]bool{}
	for _, n := range nodes {
		seen[iconOf(n.Type)] = true
	}
	for _, t := range []string{"user", "mail", "host", "process", "file", "hash", "address", "domain", "url", "other"} {
		if seen[t] {
			v.Types = append(v.Types, typeView{t, strings.Replace(t, "url", "URL", 1)})
		}
	}
}

// port is an end of a wire at a box, sorted by where the other end lies.
type port struct {
	wire  int
	first bool // the wire's first end
	other float64
}

// ends gives each wire the heights at which it leaves and reaches its boxes, so
// that those at one side of a box lie apart.
func (l *layout) ends() [][2]float64 {
	sides := map[[2]int][]port{} // spot, and which side: -1 left, 1 right
	for i, w := range l.wires {
		for k, first := range []bool{true, false} {
			own, next := w.through[0], w.through[1]
			if k == 1 {
				own, next = w.through[len(w.through)-1], w.through[len(w.through)-2]
			}
			side := 1
			if l.spots[next].layer < l.spots[own].layer {
				side = -1
			}
			sides[[2]int{own, side}] = append(sides[[2]int{own, side}], port{i, first, l.spots[next].y})
		}
	}
	out := make([][2]float64, len(l.wires))
	for key, ports := range sides {
		slices.SortStableFunc(ports, func(a, b port) int { return cmp.Compare(a.other, b.other) })
		step := min(8, (boxHeight-8)/float64(max(len(ports)-1, 1)))
		for i, p := range ports {
			y := l.spots[key[0]].y + step*(float64(i)-float64(len(ports)-1)/2)
			if p.first {
				out[p.wire][0] = y
			} else {
				out[p.wire][1] = y
			}
		}
	}
	return out
}

// curve is one cubic of a path.
type curve [8]float64

// at is a point of it.
func (c curve) at(t float64) (x, y float64) {
	u := 1 - t
	a, b, d, e := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	return a*c[0] + b*c[2] + d*c[4] + e*c[6], a*c[1] + b*c[3] + d*c[5] + e*c[7]
}

// curves is the way of a wire: a curve in each gap that it crosses, straight
// through the columns between.
func (l *layout) curves(w *wire, ends [2]float64) []curve {
	a, b := l.spots[w.through[0]], l.spots[w.through[len(w.through)-1]]
	edge := func(s spot, node int, right bool) float64 {
		x := l.x[s.layer] + (l.widths[s.layer]-l.wide[node])/2
		if right {
			x += l.wide[node]
		}
		return x
	}
	if a.layer == b.layer {
		x0, x1 := edge(a, w.from, true), edge(b, w.to, true)
		out := max(x0, x1) + min(26+0.1*math.Abs(ends[0]-ends[1]), arcSpace)
		return []curve{{x0, ends[0], out, ends[0], out, ends[1], x1, ends[1]}}
	}
	right := b.layer > a.layer
	var list []curve
	x, y := edge(a, w.from, right), ends[0]
	for k := 1; k < len(w.through); k++ {
		s := l.spots[w.through[k]]
		tx, ty := l.x[s.layer], s.y
		if !right {
			tx += l.widths[s.layer]
		}
		if k == len(w.through)-1 {
			tx, ty = edge(b, w.to, !right), ends[1]
		}
		bend := (tx - x) * 0.5
		list = append(list, curve{x, y, x + bend, y, tx - bend, ty, tx, ty})
		x, y = tx, ty
		if k < len(w.through)-1 { // straight through the column
			x = l.x[s.layer] + l.widths[s.layer]
			if !right {
				x = l.x[s.layer]
			}
		}
	}
	return list
}

// wires draws the edges, and puts their labels where nothing else is.
func (v *drawingView) wires(h *hypertext, l *layout, g Graph, nodes []Node, taken []rect) {
	ends := l.ends()
	type labelled struct {
		curves []curve
		text   string
		aside  bool
	}
	todo := make([]labelled, len(l.wires))
	for i := range l.wires {
		w := &l.wires[i]
		curves := l.curves(w, ends[i])
		last := curves[len(curves)-1]
		dir := 1.0
		if last[4] > last[6] {
			dir = -1
		}
		one := wireView{Path: pathOf(curves, dir), Arrow: arrow(last[6], last[7], dir)}
		one.describe(h, g, w, nodes)
		todo[i] = labelled{curves, w.label, l.spots[w.through[0]].layer == l.spots[w.through[len(w.through)-1]].layer}
		v.Wires = append(v.Wires, one)
	}
	// The shortest ways have the fewest places for a label: they choose first.
	order := make([]int, len(todo))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(todo[a].curves), len(todo[b].curves)) })
	unlabelled := 0
	for _, i := range order {
		if todo[i].text == "" {
			continue
		}
		x, y, ok := spotFor(todo[i].curves, todo[i].text, todo[i].aside, &taken)
		if !ok {
			unlabelled++
			continue
		}
		v.Wires[i].Label, v.Wires[i].LabelX, v.Wires[i].LabelY = todo[i].text, px(x), px(y+3.5)
	}
	if unlabelled > 0 {
		v.Notes = append(v.Notes, "No free place was left for "+count(unlabelled, "label")+": point at a line to read it, or see the table.")
	}
}

// verbs are the labels of the edges that a wire stands for, and how often they
// were seen.
func (w *wire) verbs(g Graph) (verbs []string, times int) {
	for _, i := range w.edges {
		if verb := shorten(g.Edges[i].Label, 60); verb != "" && !slices.Contains(verbs, verb) {
			verbs = append(verbs, verb)
		}
		times += max(g.Edges[i].Count, 1)
	}
	return verbs, times
}

// wireLabel is what stands at a wire.
func wireLabel(g Graph, w *wire) string {
	verbs, times := w.verbs(g)
	suffix := ""
	if times > len(w.edges) {
		suffix = " ×" + number(times)
	}
	text := strings.Join(verbs, ", ")
	if len(verbs) > 1 && columns(text+suffix) > maxLabel {
		text = verbs[0] + ", …"
	}
	return strings.TrimSpace(fit(text, maxLabel-columns(suffix)) + suffix)
}

// describe says what a wire stands for.
func (v *wireView) describe(h *hypertext, g Graph, w *wire, nodes []Node) {
	var level casemate.Severity
	var ids []string
	for _, i := range w.edges {
		level = max(level, g.Edges[i].Level)
		ids = append(ids, g.Edges[i].Evidence...)
	}
	verbs, times := w.verbs(g)
	v.Class = severityClass(level)
	v.Title = shorten(nodes[w.from].name(), 120) + " → " + shorten(nodes[w.to].name(), 120) + "\n" + fit(strings.Join(verbs, ", "), 200)
	if times > len(w.edges) {
		v.Title += ", " + number(times) + " times"
	}
	if len(ids) == 0 {
		return
	}
	v.Title += "\n" + runs(unique(ids), 8)
	for _, id := range ids {
		if i, ok := h.at[id]; ok {
			v.Link = h.anchor(i)
			h.linked[i] = true
			return
		}
	}
}

// spotFor finds a place on a way where a label covers nothing, and takes it.
// Aside is a way within a column: its label begins at it.
func spotFor(curves []curve, text string, aside bool, taken *[]rect) (x, y float64, ok bool) {
	half := labelPitch*float64(columns(text))/2 + 3
	for _, t := range []float64{0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.15, 0.85} {
		// Of a long way the gaps at its ends come first: there it is known what it ties.
		for k := range curves {
			c := curves[(len(curves)-1+k)%len(curves)]
			x, y := c.at(t)
			if aside {
				x += half - 12
			}
			r := rect{x - half, y - 7.5, x + half, y + 7.5}
			if !slices.ContainsFunc(*taken, r.meets) {
				*taken = append(*taken, r)
				return x, y, true
			}
		}
	}
	return 0, 0, false
}

const arrowLength = 7.0

// pathOf writes curves as a path that ends where the arrow begins.
func pathOf(curves []curve, dir float64) string {
	var b strings.Builder
	for i, c := range curves {
		if i == len(curves)-1 {
			c[6] -= dir * (arrowLength - 1)
		}
		if i == 0 {
			fmt.Fprintf(&b, "M%s %s", px(c[0]), px(c[1]))
		} else {
			fmt.Fprintf(&b, "L%s %s", px(c[0]), px(c[1]))
		}
		fmt.Fprintf(&b, "C%s %s %s %s %s %s", px(c[2]), px(c[3]), px(c[4]), px(c[5]), px(c[6]), px(c[7]))
	}
	return b.String()
}

func arrow(x, y, dir float64) string {
	back := px(x - dir*arrowLength)
	return "M" + px(x) + " " + px(y) + "L" + back + " " + px(y-3.4) + "L" + back + " " + px(y+3.4) + "Z"
}

// px writes a length to a tenth of a pixel.
func px(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}
