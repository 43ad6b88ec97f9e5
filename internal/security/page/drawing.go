package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page/diagram"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

const (
	maxWires   = 120  // edges drawn; the table has all
	maxLabel   = 22   // columns of a label
	leastScale = 0.84 // a drawing is scrolled before it is shown smaller than this
)

// wire is what one line of a drawing stands for.
type wire struct {
	from, to int   // nodes
	edges    []int // indices of edges
}

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
	kinds := make([]int, len(nodes))
	for i := range nodes {
		kinds[i] = column(nodes[i].Type)
	}
	labelled := make([]diagram.Wire, len(wires))
	for i := range wires {
		labelled[i] = diagram.Wire{From: wires[i].from, To: wires[i].to, Label: wireLabel(g, &wires[i])}
	}
	d := diagram.New(kinds, labelled, diagram.Options{
		Kinds: columnNames[:], Columns: columns.Of, Label: func(node, most int) string { return boxLabel(&nodes[node], most) },
	})
	// A drawing that is a little too wide is shown a little smaller; one that is
	// wider than that is scrolled.
	scale := min(max(diagram.BestWidth/d.Width, leastScale), 1)
	v := &drawingView{Width: px(scale * d.Width), Height: px(scale * d.Height), W: px(d.Width), H: px(d.Height), Summary: phrase.Number(len(nodes)) + " entities and " + phrase.Count(len(wires), "tie")}
	for _, c := range d.Columns {
		v.Columns = append(v.Columns, columnView{px(c.X), c.Name})
	}
	v.boxes(d, nodes)
	for i, l := range d.Lines {
		one := wireView{Path: l.Path, Arrow: l.Arrow}
		one.describe(h, g, &wires[i], nodes)
		if l.Labelled {
			one.Label, one.LabelX, one.LabelY = labelled[i].Label, px(l.X), px(l.Y+3.5)
		}
		v.Wires = append(v.Wires, one)
	}
	if d.Unlabelled > 0 {
		v.Notes = append(v.Notes, "No free place was left for "+phrase.Count(d.Unlabelled, "label")+": point at a line to read it, or see the table.")
	}
	v.types(nodes)
	if rest := countNodes(g) - len(nodes); rest > 0 {
		v.Notes = append(v.Notes, "Drawn are the gravest and most tied; "+phrase.Number(rest)+" more entities are in the table.")
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
	return tied(nodes, pickWires(g, at))
}

// tied leaves out the nodes whose neighbours are all left out.
func tied(nodes []Node, wires []wire) ([]Node, []wire) {
	touched := make([]bool, len(nodes))
	for _, w := range wires {
		touched[w.from], touched[w.to] = true, true
	}
	moved := make([]int, len(nodes))
	var kept []Node
	for i, n := range nodes {
		moved[i] = len(kept)
		if touched[i] {
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

// boxes takes over where the boxes stand.
func (v *drawingView) boxes(d *diagram.Diagram, nodes []Node) {
	for i, n := range nodes {
		b := d.Boxes[i]
		title := shorten(n.name(), 400)
		if n.Type != "" {
			title += "\n" + shorten(string(n.Type), 24)
		}
		if n.Level > casemate.SeverityUnknown {
			title += ", " + n.Level.String()
		}
		v.Boxes = append(v.Boxes, boxView{
			X: px(b.X), Y: px(b.Y), W: px(b.Width), IconX: px(b.X + 9), IconY: px(b.Y + 8), TextX: px(b.X + 27), TextY: px(b.Y + 19.5),
			Class: severityClass(n.Level), Type: iconOf(n.Type), Label: b.Label, Title: title,
		})
	}
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

// column is the kind of thing that a type of entity is, in the order in which
// the columns stand where nothing speaks against it.
func column(t casemate.EntityType) int {
	switch t {
	case casemate.EntityUser, casemate.EntityMail:
		return 0
	case casemate.EntityHost:
		return 1
	case casemate.EntityProcess:
		return 2
	case casemate.EntityFile, casemate.EntityHash:
		return 3
	case casemate.EntityAddress, casemate.EntityDomain, casemate.EntityURL:
		return 4
	}
	return 5
}

var columnNames = [...]string{"Accounts and mail", "Hosts", "Processes", "Files", "Network", "Other"}

// boxLabel is the name of a node in at most so many columns: of a file's path
// the end, of anything else the beginning and the end.
func boxLabel(n *Node, most int) string {
	s := shorten(n.name(), 300)
	if columns.Of(s) <= most || n.Type != casemate.EntityFile {
		return columns.Middle(s, most)
	}
	for i := 1; i < len(s); i++ {
		if (s[i] == '/' || s[i] == '\\') && columns.Of(s[i:])+1 <= most {
			return "…" + s[i:]
		}
	}
	if i := strings.LastIndexAny(s, `/\`); i >= 0 && i+1 < len(s) {
		s = s[i+1:]
	}
	return columns.Middle(s, most)
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
		suffix = " ×" + phrase.Number(times)
	}
	text := strings.Join(verbs, ", ")
	if len(verbs) > 1 && columns.Of(text+suffix) > maxLabel {
		text = verbs[0] + ", …"
	}
	return strings.TrimSpace(columns.Fit(text, maxLabel-columns.Of(suffix)) + suffix)
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
	v.Title = shorten(nodes[w.from].name(), 120) + " → " + shorten(nodes[w.to].name(), 120) + "\n" + columns.Fit(strings.Join(verbs, ", "), 200)
	if times > len(w.edges) {
		v.Title += ", " + phrase.Number(times) + " times"
	}
	if len(ids) == 0 {
		return
	}
	v.Title += "\n" + runs(phrase.Once(ids), 8)
	for _, id := range ids {
		if i, ok := h.at[id]; ok {
			v.Link = h.anchor(i)
			h.linked[i] = true
			return
		}
	}
}

func px(v float64) string { return diagram.Pixels(v) }
