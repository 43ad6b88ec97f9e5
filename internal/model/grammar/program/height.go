package program

import (
	"slices"
)

// Measure finds the height of every node, in rounds: those of height 1 first.
// What is taller than most stays 0 and is never produced.
func (p *Program) Measure(most int) {
	for _, n := range p.Nodes {
		for _, a := range n.Arrays {
			a.tall = most
		}
		for _, o := range n.Objects {
			o.seal()
			o.tall = most + 1 // heights are not known yet
		}
	}
	for h := 1; h <= most; h++ {
		var found []*Node
		for _, n := range p.Nodes {
			if n.grow(h) && n.Height == 0 {
				found = append(found, n)
			}
		}
		// Heights are set after the round, so that a round sees only the last.
		for _, n := range found {
			n.Height = h
		}
	}
	for _, n := range p.Nodes {
		for _, a := range n.Arrays {
			a.tall, a.live = a.tallest(), nil
		}
	}
}

// grow says whether n has a value of height h, its parts being lower than h.
func (n *Node) grow(h int) bool {
	ok := n.Null || n.Bool[0] || n.Bool[1] || n.Number != nil || len(n.Texts) > 0
	for _, a := range n.Arrays {
		a.live = nil // of the round before
		if a.Height == 0 && a.Live(0, Hits{}, h-1) {
			a.Height = h
		}
		ok = ok || a.Height > 0
	}
	for _, o := range n.Objects {
		if o.Height == 0 && o.possible(h-1) {
			o.Height = h
		}
		ok = ok || o.Height > 0
	}
	return ok
}

func (a *Array) tallest() int {
	most := 0
	for i := range len(a.Prefix) + 1 {
		for _, it := range a.Items(i) {
			most = max(most, it.Node.Height)
		}
	}
	return most
}

// possible says whether o has a value whose parts are of at most depth.
func (o *Object) possible(depth int) bool {
	for _, p := range o.Props {
		if p.Required && (p.Value.Height == 0 || p.Value.Height > depth) {
			return false
		}
	}
	for _, r := range o.Slots {
		if r.Value.Height == 0 || r.Value.Height > depth {
			return false
		}
	}
	return o.Needed(0, 0) <= o.Max && o.Room(0, 0, 0, depth) >= o.Min
}

// Prune removes what Measure found to have no value.
func (p *Program) Prune() {
	for _, n := range p.Nodes {
		n.prune()
	}
}

func (n *Node) prune() {
	n.Arrays = slices.DeleteFunc(n.Arrays, func(a *Array) bool { return a.Height == 0 })
	n.Objects = slices.DeleteFunc(n.Objects, func(o *Object) bool { return o.Height == 0 })
	for _, o := range n.Objects {
		o.Props = slices.DeleteFunc(o.Props, func(p Prop) bool { return p.Value.Height == 0 })
		o.Free = slices.DeleteFunc(o.Free, func(r Region) bool { return r.Value.Height == 0 })
		o.seal()
	}
	for _, a := range n.Arrays {
		dead := func(it Item) bool { return it.Node.Height == 0 }
		for i := range a.Prefix {
			a.Prefix[i] = slices.DeleteFunc(a.Prefix[i], dead)
		}
		a.Rest = slices.DeleteFunc(a.Rest, dead)
	}
}
