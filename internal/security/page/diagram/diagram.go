// Package diagram lays out a graph for a picture: boxes in columns, wires between
// them, and labels where nothing else is. No step depends on chance or on the
// order of a map, so that the same graph is always the same picture. It knows
// nothing of what the boxes stand for.
package diagram

import (
	"cmp"
	"slices"
)

const (
	// BoxHeight is the height of every box, in pixels.
	BoxHeight = 30.0
	// BestWidth is the width that a diagram tries to keep to, in pixels.
	BestWidth = 1194.0
)

// Options says how a diagram is made. All fields are needed.
type Options struct {
	// Kinds names the kinds of nodes, in the order in which their columns stand
	// where nothing speaks against it.
	Kinds []string
	// Label is the name of a node in at most so many columns of text.
	Label func(node, columns int) string
	// Columns is how many columns a text takes in a type of fixed pitch.
	Columns func(text string) int
}

// Wire ties two nodes, by their indices.
type Wire struct {
	From, To int
	Label    string
}

// Diagram is where everything stands, in pixels from the upper left.
type Diagram struct {
	Width, Height float64
	Columns       []Column // named where they are kinds, else none
	Boxes         []Box    // of the nodes, in their order
	Lines         []Line   // of the wires, in their order
	Unlabelled    int      // wires whose label found no free place
}

// Column is the middle of a column and its name.
type Column struct {
	X    float64
	Name string
}

// Box is a node's.
type Box struct {
	X, Y, Width float64
	Label       string
}

// Line is a wire's: the paths of its line and of its arrow as SVG writes them,
// and the middle of its label.
type Line struct {
	Path, Arrow string
	Labelled    bool
	X, Y        float64
}

// New lays out nodes, each of a kind (an index of Options.Kinds), and the wires
// between them. No wire may tie a node to itself.
//
// The columns are the kinds, in the order that keeps wires short, unless most
// wires tie nodes of one kind; then they are steps from where the wires begin.
func New(kinds []int, wires []Wire, o Options) *Diagram {
	own := make([]wire, len(wires))
	for i, w := range wires {
		own[i] = wire{from: w.From, to: w.To, label: w.Label, columns: o.Columns(w.Label)}
	}
	l := newLayout(kinds, own, o)
	d := &Diagram{Width: l.width, Height: l.height}
	for c, name := range l.names {
		d.Columns = append(d.Columns, Column{l.x[c] + l.widths[c]/2, name})
	}
	var taken []rect
	for i := range kinds {
		s := l.spots[l.byNode[i]]
		x, y := l.x[s.layer]+(l.widths[s.layer]-l.wide[i])/2, s.y-BoxHeight/2
		d.Boxes = append(d.Boxes, Box{x, y, l.wide[i], l.labels[i]})
		taken = append(taken, rect{x - 2, y - 2, x + l.wide[i] + 2, y + BoxHeight + 2})
	}
	d.lines(l, taken)
	return d
}

// lines draws the wires, and puts their labels where nothing else is.
func (d *Diagram) lines(l *layout, taken []rect) {
	ends := l.ends()
	ways := make([][]curve, len(l.wires))
	for i := range l.wires {
		ways[i] = l.curves(&l.wires[i], ends[i])
		last := ways[i][len(ways[i])-1]
		dir := 1.0
		if last[4] > last[6] {
			dir = -1
		}
		d.Lines = append(d.Lines, Line{Path: pathOf(ways[i], dir), Arrow: arrow(last[6], last[7], dir)})
	}
	// The shortest ways have the fewest places for a label: they choose first.
	order := make([]int, len(ways))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(ways[a]), len(ways[b])) })
	for _, i := range order {
		w := &l.wires[i]
		if w.label == "" {
			continue
		}
		within := l.spots[l.byNode[w.from]].layer == l.spots[l.byNode[w.to]].layer
		x, y, ok := spotFor(ways[i], w.labelWidth(), within, &taken)
		if !ok {
			d.Unlabelled++
			continue
		}
		d.Lines[i].Labelled, d.Lines[i].X, d.Lines[i].Y = true, x, y
	}
}
