package schema

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// objects returns o as it is produced: usually one Object, several if a
// property must exist and there is a choice of which.
func (c *compiler) objects(o object, at *value) ([]*program.Object, error) {
	if !o.plain() {
		return c.shapes(o, at)
	}
	if c.anyObject == nil {
		var err error
		if c.anyObject, err = c.shapes(o, at); err != nil {
			return nil, err
		}
	}
	return c.anyObject, nil
}

func (c *compiler) shapes(o object, at *value) ([]*program.Object, error) {
	if err := sized(&o.min, &o.max, "properties", at); err != nil {
		return nil, err
	}
	known := c.knownNames(o)
	if len(known) > maxProperties {
		return nil, at.fail("more than %d properties", maxProperties)
	}
	names, err := c.nameLimit(o, at)
	if err != nil {
		return nil, err
	}
	regions, err := c.regions(o, known, names, at)
	if err != nil {
		return nil, err
	}
	forms := []form{{object: o}}
	for _, e := range o.exists {
		if forms, err = c.witness(forms, e, known, regions); err != nil {
			return nil, err
		}
	}
	var out []*program.Object
	for _, f := range forms {
		if obj := c.object(f, known, names, regions, at); obj != nil {
			out = append(out, obj)
		}
	}
	return out, nil
}

// form is an object whose witnesses are chosen.
type form struct {
	object
	slots []zone
}

// zone is a set of unknown names and what their values are.
type zone struct {
	lang    *automaton.DFA
	keys    *program.Text
	value   conjunction
	matched bool // by a pattern
}

// knownNames returns the names that o speaks of, in the order of their first
// mention, with those that are merely required last.
func (c *compiler) knownNames(o object) []string {
	seen := map[string]bool{}
	var out []string
	add := func(list []string) {
		for _, n := range list {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	for _, r := range o.rules {
		add(r.names)
	}
	add(o.required)
	return out
}

// nameLimit returns the automaton of all names that may be used; nil if any may.
func (c *compiler) nameLimit(o object, at *value) (*automaton.DFA, error) {
	var lang *automaton.DFA
	for _, con := range o.names {
		one, _, err := c.strings(con, con[0].schema)
		if err != nil {
			return nil, err
		}
		if lang == nil {
			lang = one
		} else if lang, err = automaton.Intersect(lang, one, maxStates); err != nil {
			return nil, at.fail("the names of properties: %v", err)
		}
	}
	return lang, nil
}

// regions divides the names that are not known by what their values must be.
func (c *compiler) regions(o object, known []string, names *automaton.DFA, at *value) ([]zone, error) {
	lang, err := except(slices.Concat(known, o.forbidden))
	if err == nil && names != nil {
		lang, err = automaton.Intersect(lang, names, maxStates)
	}
	if err != nil {
		return nil, at.fail("the names of other properties: %v", err)
	}
	zones := []zone{{lang: lang}}
	for _, r := range o.rules {
		if zones, err = c.divide(zones, r, at); err != nil {
			return nil, err
		}
	}
	if c.closed(o, known, zones) {
		zones = slices.DeleteFunc(zones, func(z zone) bool { return !z.matched })
	}
	zones = slices.DeleteFunc(zones, func(z zone) bool { return z.lang.Empty() || c.never(z.value, 0) })
	for i := range zones {
		if zones[i].keys, err = c.keyText(zones[i].lang, at); err != nil {
			return nil, err
		}
	}
	return zones, nil
}

// divide applies one rule to each zone.
func (c *compiler) divide(zones []zone, r propertyRule, at *value) ([]zone, error) {
	type part struct {
		zone
		hit bool
	}
	var parts []part
	for _, z := range zones {
		parts = append(parts, part{zone: z})
	}
	for _, p := range r.patterns {
		var next []part
		for _, z := range parts {
			in, err := automaton.Intersect(z.lang, p.lang, maxStates)
			if err != nil {
				return nil, at.fail("the names of other properties: %v", err)
			}
			out, err := automaton.Subtract(z.lang, p.lang, maxStates)
			if err != nil {
				return nil, at.fail("the names of other properties: %v", err)
			}
			if err := c.spend(in.States()+out.States(), at); err != nil {
				return nil, err
			}
			if !in.Empty() {
				next = append(next, part{zone{lang: in, value: slices.Concat(z.value, p.value), matched: true}, true})
			}
			if !out.Empty() {
				z.lang = out
				next = append(next, z)
			}
		}
		if parts = next; len(parts) > maxAlternatives {
			return nil, at.fail("patternProperties overlap in more than %d ways", maxAlternatives)
		}
	}
	var out []zone
	for _, z := range parts {
		if !z.hit {
			z.value = slices.Concat(z.value, r.rest)
			z.matched = z.matched || r.explicit
		}
		out = append(out, z.zone)
	}
	return out, nil
}

// closed says whether only declared properties are produced: there are some, no
// keyword speaks of others, and none are needed.
func (c *compiler) closed(o object, known []string, zones []zone) bool {
	if c.Open || len(o.exists) > 0 {
		return false
	}
	declared := false
	for _, r := range o.rules {
		declared = declared || !r.silent && len(r.names)+len(r.patterns) > 0
	}
	room := len(known)
	for _, z := range zones {
		if z.matched {
			room = o.min // a pattern stands for any number
		}
	}
	return declared && o.min <= room
}

func (c *compiler) keyText(lang *automaton.DFA, at *value) (*program.Text, error) {
	t, err := c.text(text{lang: lang, max: infinite}, at)
	if err != nil {
		return nil, err
	}
	if t.Max == c.MaxString {
		// Names that a model makes up are short.
		least := 0
		if t.DFA != nil {
			least = int(t.Shortest[t.DFA.Start()])
		}
		t.Max = max(program.Horizon, least)
	}
	return c.unrepeated(t, at)
}

// witness chooses, for each form, which property is the one that must exist: a
// known one, or an unknown one of a region, which is then written first.
func (c *compiler) witness(forms []form, e existsRule, known []string, zones []zone) ([]form, error) {
	var out []form
	for _, f := range forms {
		for _, name := range known {
			if e.lang.Matches(name) && !slices.Contains(f.forbidden, name) {
				g := f
				g.required = append(slices.Clone(f.required), name)
				g.rules = append(slices.Clone(f.rules), propertyRule{names: []string{name}, values: []conjunction{e.value}})
				out = append(out, g)
			}
		}
		for _, z := range zones {
			lang, err := automaton.Intersect(z.lang, e.lang, maxStates)
			if err != nil {
				return nil, e.keyword.fail("%v", err)
			}
			value := slices.Concat(z.value, e.value)
			if lang.Empty() || c.never(value, 0) {
				continue
			}
			keys, err := c.keyText(lang, e.keyword)
			if err != nil {
				return nil, err
			}
			g := f
			g.slots = append(slices.Clone(f.slots), zone{lang: lang, keys: keys, value: value})
			if len(g.slots) > 1 {
				return nil, e.keyword.fail("more than one unknown property must exist")
			}
			out = append(out, g)
		}
		if len(out) > maxAlternatives {
			return nil, e.keyword.fail("more than %d alternatives", maxAlternatives)
		}
	}
	return out, nil
}

// object makes the nodes of a form; nil if a property that must be there cannot.
func (c *compiler) object(f form, known []string, names *automaton.DFA, zones []zone, at *value) *program.Object {
	out := &program.Object{Min: f.min, Max: f.max, MaxFree: c.MaxProperties}
	for _, name := range known {
		required := slices.Contains(f.required, name)
		allowed := !slices.Contains(f.forbidden, name) && (names == nil || names.Matches(name))
		con := f.value(name)
		if !allowed || c.never(con, 0) {
			if required {
				return nil
			}
			continue
		}
		out.Props = append(out.Props, program.Prop{Name: name, Value: c.node(con, at), Required: required, NameOf: -1})
	}
	for _, z := range f.slots {
		out.Slots = append(out.Slots, program.Region{Keys: z.keys, Value: c.node(z.value, at)})
	}
	for _, z := range zones {
		out.Free = append(out.Free, program.Region{Keys: z.keys, Value: c.node(z.value, at)})
	}
	// As for strings and arrays: what the schema asks for is not cut by an option.
	out.MaxFree = max(out.MaxFree, f.min)
	return out
}
