package schema

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// checkNames finds the sibling of every string that a name is filled into, and
// fails where there is none that always has an id.
func (c *compiler) checkNames(p *program.Program) error {
	used := map[*program.Node]bool{p.Root: true}
	for _, n := range p.Nodes {
		for _, a := range n.Arrays {
			for i := range len(a.Prefix) + 1 {
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
				if err := c.bind(o, i); err != nil {
					return err
				}
			}
		}
	}
	for _, n := range p.Nodes {
		if used[n] && c.fills[n] != nil {
			return c.fills[n].fail("is for the value of a declared property")
		}
	}
	return nil
}

// bind sets NameOf of the property at place i.
func (c *compiler) bind(o *program.Object, i int) error {
	p := &o.Props[i]
	keyword := c.fills[p.Value]
	if keyword == nil {
		return nil
	}
	n := p.Value
	if n.Bool[0] || n.Bool[1] || n.Number != nil || len(n.Texts) != 1 || len(n.Arrays)+len(n.Objects) > 0 {
		return keyword.fail("is for a string, or a string or null")
	}
	j := slices.IndexFunc(o.Props[:i], func(q program.Prop) bool { return q.Name == keyword.text })
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
