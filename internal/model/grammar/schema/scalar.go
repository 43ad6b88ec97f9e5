package schema

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
	"github.com/casemate-ai/casemate/internal/model/grammar/decimal"
	"github.com/casemate-ai/casemate/internal/model/grammar/pattern"
)

// types reads type.
func (c *compiler) types(v *value, negated bool) (set, error) {
	list := []string{v.text}
	if v.kind != '"' {
		var err error
		if list, err = v.names(); err != nil {
			return set{}, v.fail("must be a type or a list of types")
		}
	}
	has := map[string]bool{}
	for _, name := range list {
		if !slices.Contains([]string{"null", "boolean", "object", "array", "number", "string", "integer"}, name) {
			return set{}, v.fail("there is no type %q", name)
		}
		has[name] = true
	}
	out := set{null: has["null"] != negated, bool: [2]bool{has["boolean"] != negated, has["boolean"] != negated}}
	if has["string"] != negated {
		out.str = []text{anyText()}
	}
	if has["array"] != negated {
		out.arr = []array{anyArray()}
	}
	if has["object"] != negated {
		out.obj = []object{anyObject()}
	}
	switch {
	case has["number"] && !negated, !has["number"] && !has["integer"] && negated:
		out.num = c.numbers
	case has["integer"] && !negated:
		out.num = c.whole
	case has["integer"] && !has["number"]:
		d, err := automaton.Subtract(c.numbers, c.whole, maxStates)
		if err != nil {
			return out, v.fail("%v", err)
		}
		out.num = d
	}
	return out, nil
}

// values reads enum and const.
func (c *compiler) values(m member, negated bool) (set, error) {
	list := []*value{m.value}
	if m.name == "enum" {
		if m.value.kind != '[' {
			return set{}, m.value.fail("must be a list")
		}
		list = m.value.items
	}
	e, err := enumerate(m.value, list)
	if err != nil {
		return set{}, err
	}
	out := set{null: e.null != negated, bool: [2]bool{e.bool[0] != negated, e.bool[1] != negated}}
	if out.num, err = c.enumNumbers(m.value, e.numbers, negated); err != nil {
		return out, err
	}
	if negated {
		out.arr, out.obj = []array{anyArray()}, []object{anyObject()}
	}
	t, err := enumStrings(m.value, e.strings, negated)
	if err != nil {
		return out, err
	}
	if t != nil {
		out.str = []text{*t}
	}
	for _, s := range e.schemas {
		one, err := c.eval(c.literal(s, negated))
		if err != nil {
			return out, err
		}
		if negated {
			out, err = c.intersect(out, one, m.value)
		} else {
			out, err = c.unite(out, one, m.value)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// enumeration is the values of an enum by type.
type enumeration struct {
	null    bool
	bool    [2]bool
	numbers []decimal.Decimal
	strings []string
	schemas []*value // that accept one array or object each
}

func enumerate(at *value, list []*value) (enumeration, error) {
	var e enumeration
	for _, v := range list {
		switch v.kind {
		case 'n':
			e.null = true
		case 'f':
			e.bool[0] = true
		case 't':
			e.bool[1] = true
		case '"':
			e.strings = append(e.strings, v.text)
		case '0':
			d, err := decimal.Parse(v.text)
			if err != nil {
				return e, v.fail("%v", err)
			}
			e.numbers = append(e.numbers, d)
		default:
			e.schemas = append(e.schemas, exactly(v))
		}
	}
	if len(e.numbers) > maxEnumNumbers || len(e.strings) > maxEnumStrings || len(e.schemas) > maxAlternatives {
		return e, at.fail("too many values; limits are %d numbers, %d strings and %d arrays and objects", maxEnumNumbers, maxEnumStrings, maxAlternatives)
	}
	slices.Sort(e.strings)
	e.strings = slices.Compact(e.strings)
	return e, nil
}

// exactly writes the schema that accepts one array or object.
func exactly(v *value) *value {
	s := &value{kind: '{', parent: v.parent, key: v.key}
	constant := func(x *value) *value {
		return &value{kind: '{', parent: x.parent, key: x.key, members: []member{{"const", x}}}
	}
	no := &value{kind: 'f', parent: v.parent, key: v.key}
	name := func(x string) *value { return &value{kind: '"', text: x, parent: v.parent, key: v.key} }
	add := func(keyword string, x *value) {
		x.parent, x.key = v.parent, v.key
		s.members = append(s.members, member{keyword, x})
	}
	if v.kind == '[' {
		prefix := &value{kind: '['}
		for _, x := range v.items {
			prefix.items = append(prefix.items, constant(x))
		}
		add("type", name("array"))
		if len(prefix.items) > 0 {
			add("prefixItems", prefix)
		}
		add("items", no)
		add("minItems", &value{kind: '0', text: itoa(len(v.items))})
		return s
	}
	properties, required := &value{kind: '{'}, &value{kind: '['}
	for _, m := range v.members {
		properties.members = append(properties.members, member{m.name, constant(m.value)})
		required.items = append(required.items, name(m.name))
	}
	add("type", name("object"))
	add("properties", properties)
	add("required", required)
	add("additionalProperties", no)
	return s
}

func (c *compiler) enumNumbers(at *value, list []decimal.Decimal, negated bool) (*automaton.DFA, error) {
	var parts []*automaton.DFA
	for _, d := range list {
		one, err := decimal.Compare(decimal.Equal, d)
		if err != nil {
			return nil, at.fail("%v", err)
		}
		parts = append(parts, one)
	}
	// In pairs, so that a long list costs n log n.
	for len(parts) > 1 {
		var next []*automaton.DFA
		for i := 0; i < len(parts); i += 2 {
			if i+1 == len(parts) {
				next = append(next, parts[i])
				break
			}
			d, err := automaton.Union(parts[i], parts[i+1], maxStates)
			if err != nil {
				return nil, at.fail("%v", err)
			}
			if err := c.spend(d.States(), at); err != nil {
				return nil, err
			}
			next = append(next, d)
		}
		parts = next
	}
	switch {
	case len(parts) == 0 && negated:
		return c.numbers, nil
	case len(parts) == 0:
		return nil, nil
	case negated:
		d, err := automaton.Subtract(c.numbers, parts[0], maxStates)
		if err != nil {
			return nil, at.fail("%v", err)
		}
		return d, nil
	}
	return parts[0], nil
}

func enumStrings(at *value, list []string, negated bool) (*text, error) {
	switch {
	case len(list) == 0 && !negated:
		return nil, nil
	case len(list) == 0:
		t := anyText()
		return &t, nil
	case !negated:
		return &text{words: list, finite: true, max: infinite}, nil
	}
	d, err := except(list)
	if err != nil {
		return nil, at.fail("every string but these: %v", err)
	}
	return &text{lang: d, max: infinite}, nil
}

// except returns every string that is not in list.
func except(list []string) (*automaton.DFA, error) {
	d, err := automaton.Of(list, maxStates)
	if err != nil {
		return nil, err
	}
	return automaton.Complement(d, maxStates)
}

// bound reads the four bounds of numbers.
func (c *compiler) bound(m member, negated bool) (set, error) {
	relation := map[string]decimal.Relation{
		"minimum": decimal.Greater | decimal.Equal, "exclusiveMinimum": decimal.Greater,
		"maximum": decimal.Less | decimal.Equal, "exclusiveMaximum": decimal.Less,
	}[m.name]
	if m.value.kind != '0' {
		return set{}, m.value.fail("must be a number")
	}
	d, err := decimal.Parse(m.value.text)
	if err != nil {
		return set{}, m.value.fail("%v", err)
	}
	if negated {
		relation = (decimal.Less | decimal.Equal | decimal.Greater) &^ relation
	}
	lang, err := decimal.Compare(relation, d)
	if err != nil {
		return set{}, m.value.fail("%v", err)
	}
	return c.numberPart(lang, negated), nil
}

// numberPart is lang, and with it every value that is no number unless negated.
func (c *compiler) numberPart(lang *automaton.DFA, negated bool) set {
	out := set{}
	if !negated {
		out = c.others("number")
	}
	if !lang.Empty() {
		out.num = lang
	}
	return out
}

func (c *compiler) multiple(v *value, negated bool) (set, error) {
	if v.kind != '0' {
		return set{}, v.fail("must be a number above 0")
	}
	d, err := decimal.Parse(v.text)
	if err != nil {
		return set{}, v.fail("%v", err)
	}
	lang, err := decimal.Multiples(d)
	if err == nil && negated {
		lang, err = automaton.Subtract(c.numbers, lang, 3*maxStates)
	}
	if err != nil {
		return set{}, v.fail("%v", err)
	}
	return c.numberPart(lang, negated), nil
}

// stringKeyword reads the keywords of strings.
func (c *compiler) stringKeyword(m member, negated bool) (set, bool, error) {
	t, used, err := c.stringSet(m, negated)
	if err != nil || !used {
		return set{}, false, err
	}
	out := set{}
	if !negated {
		out = c.others("string")
	}
	out.str = t
	return out, true, nil
}

func (c *compiler) stringSet(m member, negated bool) ([]text, bool, error) {
	v := m.value
	switch m.name {
	case "minLength", "maxLength":
		n, err := v.count()
		if err != nil {
			return nil, false, err
		}
		t := anyText()
		switch {
		case m.name == "minLength" && !negated:
			t.min = n
		case m.name == "minLength":
			t.max = n - 1
		case negated:
			t.min = n + 1
		default:
			t.max = n
		}
		if t.max < 0 {
			return nil, true, nil
		}
		return []text{t}, true, nil
	case "pattern":
		d, err := c.pattern(v, negated)
		return []text{{lang: d, max: infinite}}, true, err
	case "format":
		return c.format(v, negated)
	case "x-casemate-id":
		t, err := c.identifiers(v, negated)
		return []text{t}, true, err
	}
	switch {
	case v.kind != '"' || v.text == "":
		return nil, false, v.fail("must be the name of a sibling property")
	case negated:
		return nil, false, v.fail("cannot be negated")
	}
	return []text{{nameOf: v, max: infinite}}, true, nil
}

func (c *compiler) pattern(v *value, negated bool) (*automaton.DFA, error) {
	if v.kind != '"' {
		return nil, v.fail("must be a regular expression")
	}
	return compilePattern(v, v.text, negated)
}

func compilePattern(at *value, src string, negated bool) (*automaton.DFA, error) {
	d, err := pattern.Compile(src, maxStates)
	if err == nil && negated {
		d, err = automaton.Complement(d, maxStates)
	}
	if err != nil {
		return nil, at.fail("%v", err)
	}
	return d, nil
}

func (c *compiler) format(v *value, negated bool) ([]text, bool, error) {
	if v.kind != '"' {
		return nil, false, v.fail("must be a string")
	}
	f, known, err := pattern.Named(v.text)
	switch {
	case err != nil:
		return nil, false, v.fail("%v", err)
	case known == pattern.Refused:
		return nil, false, v.fail("format %q cannot be held to", v.text)
	case known == pattern.Unknown && c.Strict:
		return nil, false, v.fail("there is no format %q", v.text)
	case known == pattern.Unknown:
		return nil, false, nil
	case negated && !f.Exact:
		return nil, false, v.fail("format %q cannot be negated: not all of it is produced", v.text)
	case negated:
		d, err := automaton.Complement(f.DFA, maxStates)
		if err != nil {
			return nil, false, v.fail("%v", err)
		}
		return []text{{lang: d, max: infinite}}, true, nil
	}
	t := text{lang: f.DFA, max: infinite, partial: !f.Exact}
	if f.Max > 0 {
		t.max = f.Max
	}
	return []text{t}, true, nil
}

// identifiers returns the ids of a catalogue, sorted once for all schemas of
// the document that name it.
func (c *compiler) identifiers(v *value, negated bool) (text, error) {
	if v.kind != '"' {
		return text{}, v.fail("must be the name of a catalogue")
	}
	t, ok := c.catalogue[v.text]
	if !ok {
		var err error
		if t, err = c.load(v); err != nil {
			return t, err
		}
		c.catalogue[v.text] = t
	}
	if !negated {
		return t, nil
	}
	if len(t.words) > maxStates/10 {
		return t, v.fail("a catalogue of %d ids cannot be negated", len(t.words))
	}
	d, err := except(t.words)
	if err != nil {
		return t, v.fail("%v", err)
	}
	return text{lang: d, max: infinite}, nil
}

func (c *compiler) load(v *value) (text, error) {
	if c.Catalogue == nil {
		return text{}, v.fail("no catalogues are loaded")
	}
	cat, ok := c.Catalogue(v.text)
	if !ok || cat == nil {
		return text{}, v.fail("there is no catalogue %q", v.text)
	}
	ids := cat.IDs()
	if !slices.IsSorted(ids) {
		ids = slices.Sorted(slices.Values(ids))
	}
	for i, id := range ids {
		if i > 0 && id == ids[i-1] {
			return text{}, v.fail("catalogue %q has %q twice", v.text, id)
		}
		if id == "" || strings.ToValidUTF8(id, "") != id {
			return text{}, v.fail("catalogue %q has an id that is empty or not UTF-8", v.text)
		}
	}
	if len(ids) == 0 {
		return text{}, v.fail("catalogue %q is empty", v.text)
	}
	return text{words: ids, finite: true, max: infinite, catalogue: cat}, nil
}
