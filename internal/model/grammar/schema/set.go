package schema

import (
	"slices"
	"sort"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// infinite is a maximum that is none.
const infinite = int(1e15)

// literal is a schema, or what it does not accept. A conjunction is what all of
// its literals accept; the empty one is everything.
type literal struct {
	schema  *value
	negated bool
	scope   *scope
}

type conjunction []literal

// set is a set of JSON values by type. Lists are unions.
type set struct {
	null bool
	bool [2]bool        // false, true
	num  *automaton.DFA // nil: none
	str  []text
	arr  []array
	obj  []object
}

// text is a set of strings: the code points of each are from min to max, and it
// is in words, if finite, or in lang, if that is not nil.
type text struct {
	lang      *automaton.DFA
	words     []string // sorted
	finite    bool
	min, max  int
	catalogue program.Catalogue // what words were taken from
	nameOf    *value            // the x-casemate-name-of keyword; then nothing else is said

	// partial says that the keywords accept more than lang, by a format of which
	// only a part is produced. A set that is empty for that reason is a phantom:
	// it is not produced, but nothing may be concluded from its emptiness.
	partial, phantom bool
}

func anyText() text { return text{max: infinite} }

// plain says whether t is every string.
func (t text) plain() bool {
	return t.lang == nil && !t.finite && t.min == 0 && t.max == infinite && t.nameOf == nil && !t.partial && !t.phantom
}

// array is a set of arrays: each rule speaks of each item.
type array struct {
	rules    []itemRule
	min, max int
	contains []containsRule
	unique   *value // the uniqueItems keyword
}

// itemRule says what the items at the places of prefix are, and those after.
type itemRule struct {
	prefix []conjunction
	rest   conjunction
}

// containsRule says how many items from place from on are of a kind.
type containsRule struct {
	item     conjunction
	min, max int
	from     int
	keyword  *value
}

// object is a set of objects: each rule speaks of each property.
type object struct {
	rules     []propertyRule
	required  []string
	forbidden []string
	names     []conjunction // of each name
	min, max  int
	exists    []existsRule
}

// propertyRule is what properties, patternProperties and additionalProperties
// of one schema say.
type propertyRule struct {
	names    []string
	values   []conjunction
	patterns []patternRule
	rest     conjunction
	explicit bool // rest was written
	silent   bool // of a negated schema: declares nothing
}

type patternRule struct {
	lang  *automaton.DFA
	value conjunction
}

// existsRule says that a property with a name in lang has a value of a kind.
type existsRule struct {
	lang    *automaton.DFA
	value   conjunction
	keyword *value
}

func anyArray() array   { return array{max: infinite} }
func anyObject() object { return object{max: infinite} }

// full is every value; others is every value but those of one type.
func (c *compiler) full() set {
	return set{null: true, bool: [2]bool{true, true}, num: c.numbers, str: []text{anyText()}, arr: []array{anyArray()}, obj: []object{anyObject()}}
}

func (c *compiler) others(kind string) set {
	s := c.full()
	switch kind {
	case "number":
		s.num = nil
	case "string":
		s.str = nil
	case "array":
		s.arr = nil
	case "object":
		s.obj = nil
	}
	return s
}

// intersect returns what is in both. It fails when that is too large to hold.
func (c *compiler) intersect(a, b set, at *value) (set, error) {
	out := set{null: a.null && b.null, bool: [2]bool{a.bool[0] && b.bool[0], a.bool[1] && b.bool[1]}}
	var err error
	if out.num, err = c.both(a.num, b.num, at); err != nil {
		return out, err
	}
	if err := c.spend(len(a.str)*len(b.str)+len(a.arr)*len(b.arr)+len(a.obj)*len(b.obj), at); err != nil {
		return out, err
	}
	for _, x := range a.str {
		for _, y := range b.str {
			t, ok, err := c.meet(x, y, at)
			if err != nil {
				return out, err
			}
			if ok {
				out.str = append(out.str, t)
			}
		}
	}
	for _, x := range a.arr {
		for _, y := range b.arr {
			if z := meetArrays(x, y); z.min <= z.max {
				out.arr = append(out.arr, z)
			}
		}
	}
	for _, x := range a.obj {
		for _, y := range b.obj {
			if z := meetObjects(x, y); z.min <= z.max && !clash(z) {
				out.obj = append(out.obj, z)
			}
		}
	}
	return out, c.narrow(out, at)
}

// narrow fails when a union has more parts than are followed side by side.
func (c *compiler) narrow(s set, at *value) error {
	if max(len(s.str), len(s.arr), len(s.obj)) > maxAlternatives {
		return at.fail("more than %d alternatives", maxAlternatives)
	}
	return nil
}

// unite returns what is in either.
func (c *compiler) unite(a, b set, at *value) (set, error) {
	out := set{null: a.null || b.null, bool: [2]bool{a.bool[0] || b.bool[0], a.bool[1] || b.bool[1]}}
	switch {
	case a.num == nil || a.num == b.num:
		out.num = b.num
	case b.num == nil:
		out.num = a.num
	default:
		d, err := automaton.Union(a.num, b.num, maxStates)
		if err != nil {
			return out, at.fail("the numbers: %v", err)
		}
		out.num = d
	}
	out.str = slices.Concat(a.str, b.str)
	if i := slices.IndexFunc(out.str, text.plain); i >= 0 && !slices.ContainsFunc(out.str, func(t text) bool { return t.nameOf != nil }) {
		out.str = out.str[i : i+1]
	}
	out.str = join(out.str)
	out.arr = slices.Concat(a.arr, b.arr)
	if i := slices.IndexFunc(out.arr, array.plain); i >= 0 {
		out.arr = out.arr[i : i+1]
	}
	out.obj = slices.Concat(a.obj, b.obj)
	if i := slices.IndexFunc(out.obj, object.plain); i >= 0 {
		out.obj = out.obj[i : i+1]
	}
	return out, c.narrow(out, at)
}

// join makes one list of the words of all finite sets that no catalogue made.
func join(all []text) []text {
	var out []text
	var words []string
	for _, t := range all {
		if t.finite && t.catalogue == nil && !t.partial {
			words = append(words, t.words...)
		} else {
			out = append(out, t)
		}
	}
	if words == nil {
		return out
	}
	slices.Sort(words)
	return append(out, text{words: slices.Compact(words), finite: true, max: infinite})
}

func (a array) plain() bool {
	return len(a.rules) == 0 && a.min == 0 && a.max == infinite && len(a.contains) == 0 && a.unique == nil
}

func (o object) plain() bool {
	return len(o.rules)+len(o.required)+len(o.forbidden)+len(o.names)+len(o.exists) == 0 && o.min == 0 && o.max == infinite
}

// both intersects two automata that may be nil, which is none.
func (c *compiler) both(a, b *automaton.DFA, at *value) (*automaton.DFA, error) {
	switch {
	case a == nil || b == nil:
		return nil, nil
	case a == b || b == c.numbers:
		return a, nil
	case a == c.numbers:
		return b, nil
	}
	d, err := automaton.Intersect(a, b, maxStates)
	if err != nil {
		return nil, at.fail("the numbers: %v", err)
	}
	if d.Empty() {
		return nil, nil
	}
	return d, c.spend(d.States(), at)
}

// meet intersects two sets of strings; ok is false if nothing is left.
func (c *compiler) meet(x, y text, at *value) (t text, ok bool, err error) {
	if x.nameOf != nil || y.nameOf != nil {
		if y.nameOf == nil {
			x, y = y, x
		}
		if !x.plain() && (x.nameOf == nil || x.nameOf.text != y.nameOf.text) {
			return t, false, y.nameOf.fail("nothing else may be said of the string that a name is filled into")
		}
		return y, true, nil
	}
	if x.phantom || y.phantom {
		return text{phantom: true}, true, nil
	}
	t, ok, err = c.meetTexts(x, y, at)
	if err == nil && !ok && t.partial {
		return text{phantom: true}, true, nil
	}
	return t, ok, err
}

func (c *compiler) meetTexts(x, y text, at *value) (t text, ok bool, err error) {
	t = text{lang: x.lang, words: x.words, finite: x.finite, catalogue: x.catalogue, min: max(x.min, y.min), max: min(x.max, y.max), partial: x.partial || y.partial}
	if t.catalogue == nil {
		t.catalogue = y.catalogue
	}
	if y.lang != nil {
		if t.lang == nil {
			t.lang = y.lang
		} else if t.lang != y.lang {
			if t.lang, err = automaton.Intersect(t.lang, y.lang, maxStates); err != nil {
				return t, false, at.fail("the patterns together: %v", err)
			}
			if err := c.spend(t.lang.States(), at); err != nil {
				return t, false, err
			}
		}
	}
	switch {
	case t.finite && y.finite:
		t.words = common(t.words, y.words)
	case y.finite:
		t.words, t.finite = y.words, true
	}
	if t.finite {
		t = t.filter()
		return t, len(t.words) > 0, nil
	}
	return t, t.min <= t.max && (t.lang == nil || !t.lang.Empty()), nil
}

// filter applies the other conditions to the words, once and for all.
func (t text) filter() text {
	if t.lang == nil && t.min == 0 && t.max == infinite {
		return t
	}
	var words []string
	for _, w := range t.words {
		n := runes(w)
		if n >= t.min && n <= t.max && (t.lang == nil || t.lang.Matches(w)) {
			words = append(words, w)
		}
	}
	return text{words: words, finite: true, max: infinite, catalogue: t.catalogue, partial: t.partial}
}

// common returns what two sorted lists share.
func common(a, b []string) []string {
	if len(a) > len(b) {
		a, b = b, a
	}
	var out []string
	for _, w := range a {
		if i := sort.SearchStrings(b, w); i < len(b) && b[i] == w {
			out = append(out, w)
		}
	}
	return out
}

func meetArrays(x, y array) array {
	z := array{rules: slices.Concat(x.rules, y.rules), min: max(x.min, y.min), max: min(x.max, y.max), contains: slices.Concat(x.contains, y.contains), unique: x.unique}
	if z.unique == nil {
		z.unique = y.unique
	}
	return z
}

func meetObjects(x, y object) object {
	return object{
		rules:     slices.Concat(x.rules, y.rules),
		required:  slices.Concat(x.required, y.required),
		forbidden: slices.Concat(x.forbidden, y.forbidden),
		names:     slices.Concat(x.names, y.names),
		min:       max(x.min, y.min), max: min(x.max, y.max),
		exists: slices.Concat(x.exists, y.exists),
	}
}

// clash says whether a property must be there and must not.
func clash(o object) bool {
	for _, name := range o.required {
		if slices.Contains(o.forbidden, name) {
			return true
		}
	}
	return false
}
