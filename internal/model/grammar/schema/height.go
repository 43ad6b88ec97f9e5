package schema

import (
	"slices"
)

// measure finds the height of every node, in rounds: those of height 1 first.
// What is taller than most stays 0 and is never produced.
func (p *Program) measure(most int) {
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
	for i := range len(a.prefix) + 1 {
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

// prune removes alternatives that have no value.
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
		for i := range a.prefix {
			a.prefix[i] = slices.DeleteFunc(a.prefix[i], dead)
		}
		a.rest = slices.DeleteFunc(a.rest, dead)
	}
}

// checkNames finds the sibling of every string that a name is filled into, and
// fails where there is none that always has an id.
func (c *compiler) checkNames(p *Program) error {
	used := map[*Node]bool{p.Root: true}
	for _, n := range p.Nodes {
		for _, a := range n.Arrays {
			for i := range len(a.prefix) + 1 {
				for _, it := range a.Items(i) {
					used[it.Node] = true
				}
			}
		}
		for _, o := range n.Objects {
			for _, r := range slices.Concat(o.Free, o.Slots) {
				used[r.Value] = true
			}
			for i := range o.Props {
				if err := o.bind(i); err != nil {
					return err
				}
			}
		}
	}
	for _, n := range p.Nodes {
		if used[n] && n.nameOf != nil {
			return n.nameOf.fail("is for the value of a declared property")
		}
	}
	return nil
}

// bind sets NameOf of the property at place i.
func (o *Object) bind(i int) error {
	p := &o.Props[i]
	keyword := p.Value.nameOf
	if keyword == nil {
		return nil
	}
	n := p.Value
	if n.Bool[0] || n.Bool[1] || n.Number != nil || len(n.Texts) != 1 || len(n.Arrays)+len(n.Objects) > 0 {
		return keyword.fail("is for a string, or a string or null")
	}
	j := slices.IndexFunc(o.Props[:i], func(q Prop) bool { return q.Name == keyword.text })
	if j < 0 {
		return keyword.fail("there is no property %q before this one", keyword.text)
	}
	id := o.Props[j]
	for _, t := range id.Value.Texts {
		if t.Catalogue == nil {
			return keyword.fail("property %q is no id of a catalogue", keyword.text)
		}
	}
	v := id.Value
	switch {
	case v.Bool[0] || v.Bool[1] || v.Number != nil || len(v.Arrays)+len(v.Objects) > 0 || len(v.Texts) == 0:
		return keyword.fail("property %q is no id of a catalogue", keyword.text)
	case v.Null != n.Null:
		return keyword.fail("either both of it and %q can be null, or neither", keyword.text)
	case p.Required && !id.Required:
		return keyword.fail("property %q must be required, since the name is", keyword.text)
	case !id.Required && o.Min > o.Needed(0, 0):
		return keyword.fail("property %q must be required, for there is a minProperties", keyword.text)
	}
	p.NameOf = j
	return nil
}
