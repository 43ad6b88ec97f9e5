package sigma

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// opcode is what an expr does.
type opcode uint8

const (
	opAtom opcode = iota
	opAll
	opAny
	opNot
	opAtLeast
)

// expr is a rule's condition with its search identifiers put in. Searches that
// a condition names twice are shared, so it is a graph without cycles.
type expr struct {
	op   opcode
	n    int // of opAtLeast
	atom *atom
	kids []*expr
}

func allOf(kids ...*expr) *expr { return joined(opAll, kids) }
func anyOf(kids ...*expr) *expr { return joined(opAny, kids) }

func joined(op opcode, kids []*expr) *expr {
	if len(kids) == 1 {
		return kids[0]
	}
	return &expr{op: op, kids: slices.Clone(kids)}
}

func negation(e *expr) *expr { return &expr{op: opNot, kids: []*expr{e}} }

func atLeast(n int, kids []*expr) *expr {
	switch n {
	case 1:
		return anyOf(kids...)
	case len(kids):
		return allOf(kids...)
	}
	return &expr{op: opAtLeast, n: n, kids: kids}
}

func atomExpr(a *atom) *expr { return &expr{op: opAtom, atom: a} }

// walk calls visit once for each expr of the graph.
func (e *expr) walk(visit func(*expr)) {
	seen := map[*expr]bool{}
	var step func(*expr)
	step = func(e *expr) {
		if seen[e] {
			return
		}
		seen[e] = true
		visit(e)
		for _, kid := range e.kids {
			step(kid)
		}
	}
	step(e)
}

// atomKind is what an atom asks of an event.
type atomKind uint8

const (
	literalAtom atomKind = iota // one of lits occurs: found by the index
	valueAtom                   // a value passes test
	existsAtom                  // the field is in the event
	nullAtom                    // the field is absent or holds nothing
	refAtom                     // the field's value relates to another field's
)

// atom is one question about one field, shared by all rules that ask it. All
// texts of a list stand in one atom, so a rule with a thousand hashes has one.
type atom struct {
	id    int32
	kind  atomKind
	field string // folded; "" asks every field and the raw text
	label string // as the rule writes it

	lits []literal

	test tester
	// pre holds literals of which one must occur for test to pass, or is nil.
	pre *atom

	other string // folded name of refAtom's second field
	at    place  // of the second field's value in the first's
	cased bool
}

// tester judges one value of a field.
type tester interface {
	// test sees the value as it is and folded.
	test(raw, folded string) bool
	// key is unique for each test of its kind.
	key() string
}

// key is the same for atoms that ask the same.
func (a *atom) key() string {
	b := strconv.AppendQuote([]byte{'0' + byte(a.kind)}, a.field)
	for _, l := range a.lits {
		b = strconv.AppendInt(append(b, '0'+byte(l.place)), int64(len(l.text)), 10)
		b = append(append(b, ':'), l.text...)
	}
	if a.test != nil {
		b = append(b, a.test.key()...)
	}
	if a.kind == refAtom {
		b = fmt.Appendf(b, "%q%d%t", a.other, a.at, a.cased)
	}
	return string(b)
}

// literals returns the atom of a set of literals, in canonical order.
func literals(field, label string, lits []literal) *atom {
	slices.SortFunc(lits, func(a, b literal) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.text, b.text))
	})
	return &atom{kind: literalAtom, field: field, label: label, lits: slices.Compact(lits)}
}

// builder compiles the searches of one rule.
type builder struct {
	placeholders map[string][]string
}

// searches compiles the named searches of a detection or filter section, all
// keys but the ones of other meaning.
func (b *builder) searches(body *node, other ...string) (names []string, exprs map[string]*expr, err error) {
	exprs = make(map[string]*expr, len(body.keys))
	for i, name := range body.keys {
		if slices.Contains(other, name) {
			continue
		}
		e, err := b.search(body.kids[i])
		if err != nil {
			return nil, nil, fmt.Errorf("search %q: %w", name, err)
		}
		names = append(names, name)
		exprs[name] = e
	}
	return names, exprs, nil
}

// search compiles a map, a list of maps and keywords, or one keyword.
func (b *builder) search(n *node) (*expr, error) {
	switch n.kind {
	case mapNode:
		return b.fields(n)
	case nullNode:
		return nil, errors.New("it is empty")
	case listNode:
	default:
		return b.item("", modifiers{}, []*node{n})
	}
	if len(n.kids) == 0 {
		return nil, errors.New("it is an empty list")
	}
	var words []*node
	var kids []*expr
	for _, kid := range n.kids {
		switch kid.kind {
		case mapNode:
			e, err := b.fields(kid)
			if err != nil {
				return nil, err
			}
			kids = append(kids, e)
		case stringNode, numberNode, boolNode:
			words = append(words, kid)
		default:
			return nil, fmt.Errorf("%s in a list of searches", kid.kind)
		}
	}
	if len(words) > 0 {
		e, err := b.item("", modifiers{}, words)
		if err != nil {
			return nil, err
		}
		kids = append(kids, e)
	}
	return anyOf(kids...), nil
}

// fields compiles a map: all of its items must hold.
func (b *builder) fields(n *node) (*expr, error) {
	if len(n.keys) == 0 {
		return nil, errors.New("it is an empty map")
	}
	kids := make([]*expr, len(n.keys))
	for i, key := range n.keys {
		field, mods, err := splitField(key)
		if err != nil {
			return nil, err
		}
		values := []*node{n.kids[i]}
		if n.kids[i].kind == listNode {
			if values = n.kids[i].kids; len(values) == 0 {
				return nil, fmt.Errorf("field %q: no values", key)
			}
		}
		if kids[i], err = b.item(field, mods, values); err != nil {
			return nil, fmt.Errorf("field %q: %w", key, err)
		}
	}
	return allOf(kids...), nil
}

// question is what a value asks: literals, which join those of the other
// values of a list, and exprs.
type question struct {
	lits  []literal
	exprs []*expr
}

func (q *question) add(r question) {
	q.lits, q.exprs = append(q.lits, r.lits...), append(q.exprs, r.exprs...)
}

// expr joins a question's parts: any of them may hold.
func (q *question) expr(field, label string) *expr {
	kids := q.exprs
	if len(q.lits) > 0 {
		kids = append(kids, atomExpr(literals(field, label, q.lits)))
	}
	return anyOf(kids...)
}

// item compiles one field with its values, or keywords where field is empty.
func (b *builder) item(label string, m modifiers, values []*node) (*expr, error) {
	field := fold(label)
	if field == "" {
		if m.kind != "" && m.kind != "re" || m.op != "" || m.unit != "" {
			return nil, fmt.Errorf("%s%s%s needs a field", m.kind, m.op, m.unit)
		}
		if m.placed == "" && m.kind == "" {
			m.placed = "contains"
			m.steps = append(slices.Clone(m.steps), "contains")
		}
	}
	var any question
	var all []*expr
	for _, v := range values {
		q, err := b.value(field, label, &m, v)
		if err != nil {
			return nil, err
		}
		if m.all {
			all = append(all, q.expr(field, label))
			continue
		}
		any.add(q)
	}
	var e *expr
	if m.all {
		e = allOf(all...)
	} else {
		e = any.expr(field, label)
	}
	if m.neq {
		e = negation(e)
	}
	return e, nil
}

// value compiles one value of an item.
func (b *builder) value(field, label string, m *modifiers, v *node) (question, error) {
	switch v.kind {
	case listNode, mapNode:
		return question{}, fmt.Errorf("%s where a value is wanted", v.kind)
	case nullNode:
		if field == "" || len(m.steps) > 0 || m.kind != "" || m.op != "" || m.unit != "" {
			return question{}, errors.New("null where a value is wanted")
		}
		return one(&atom{kind: nullAtom, field: field, label: label}), nil
	}
	if len(v.text) > MaxPattern {
		return question{}, fmt.Errorf("value has %d bytes, limit %d", len(v.text), MaxPattern)
	}
	texts := []string{v.text}
	if m.expand {
		var err error
		if texts, err = b.expand(v.text); err != nil {
			return question{}, err
		}
	}
	var out question
	for _, text := range texts {
		q, err := scalar(field, label, m, v.kind, text)
		if err != nil {
			return question{}, err
		}
		out.add(q)
	}
	return out, nil
}

func one(a *atom) question { return question{exprs: []*expr{atomExpr(a)}} }

// scalar compiles a text whose placeholders are filled in.
func scalar(field, label string, m *modifiers, kind nodeKind, text string) (question, error) {
	a := &atom{kind: valueAtom, field: field, label: label}
	var err error
	switch {
	case m.kind == "re":
		return regexValue(a, text, m.flags)
	case m.kind == "cidr":
		a.test, err = newCIDR(text)
	case m.kind == "exists":
		return exists(a, text)
	case m.kind == "fieldref":
		a.kind, a.other, a.cased = refAtom, fold(strings.TrimSpace(text)), m.cased
		if a.other == "" {
			err = errors.New("fieldref names no field")
		}
		a.at = map[string]place{"": whole, "startswith": prefix, "endswith": suffix, "contains": inside}[m.placed]
	case m.op != "" || m.unit != "":
		a.test, err = newCompare(m, text)
	default:
		return texts(field, label, m, kind, text)
	}
	return one(a), err
}

func exists(a *atom, text string) (question, error) {
	a.kind = existsAtom
	switch strings.ToLower(text) {
	case "true", "yes":
		return one(a), nil
	case "false", "no":
		return question{exprs: []*expr{negation(atomExpr(a))}}, nil
	}
	return question{}, fmt.Errorf("exists wants true or false, not %q", text)
}

func newCompare(m *modifiers, text string) (*compareTest, error) {
	n, ok := parseNumber(strings.TrimSpace(text))
	if !ok {
		return nil, fmt.Errorf("%s%s wants a number", m.op, m.unit)
	}
	t := &compareTest{op: m.op, want: n, text: strings.TrimSpace(text), parts: m.unit}
	if t.op == "" {
		t.op = "eq"
	}
	return t, nil
}

func regexValue(a *atom, text, flags string) (question, error) {
	t, err := newRegex(text, flags)
	if err != nil {
		return question{}, err
	}
	a.test = t
	if need := t.required(); need != nil {
		lits := make([]literal, len(need))
		for i, s := range need {
			lits[i] = literal{inside, s}
		}
		a.pre = literals(a.field, a.label, lits)
	}
	return one(a), nil
}

// texts compiles a text with wildcards: a literal where it is one.
func texts(field, label string, m *modifiers, kind nodeKind, text string) (question, error) {
	var q question
	if kind == numberNode && len(m.steps) == 0 && !m.cased {
		// As the rule writes it, and in decimals.
		q.lits = []literal{{whole, fold(text)}}
		if n, ok := parseNumber(text); ok && n.integer {
			q.lits = append(q.lits, literal{whole, strconv.FormatInt(n.i, 10)})
		}
		return q, nil
	}
	globs, err := m.globs(text)
	if err != nil {
		return q, err
	}
	if len(globs) == 0 {
		return q, errors.New("value is too short to be encoded")
	}
	for _, g := range globs {
		folded := g.folded()
		if lit, ok := folded.literal(); ok && !m.cased {
			q.lits = append(q.lits, lit)
			continue
		}
		a := &atom{kind: valueAtom, field: field, label: label}
		if !m.cased {
			g = folded
		}
		if a.test, err = newGlob(g, m.cased); err != nil {
			return q, err
		}
		if need, ok := folded.necessary(); ok {
			a.pre = literals(field, label, []literal{need})
		}
		q.exprs = append(q.exprs, atomExpr(a))
	}
	return q, nil
}

// expand fills in the placeholders of a text, in all combinations.
func (b *builder) expand(text string) ([]string, error) {
	out := []string{""}
	for text != "" {
		i := strings.IndexByte(text, '%')
		if i < 0 {
			i = len(text)
		}
		if i > 0 && i < len(text) && text[i-1] == '\\' {
			out = appendEach(out, []string{text[:i-1] + "%"})
			text = text[i+1:]
			continue
		}
		out = appendEach(out, []string{text[:i]})
		if text = text[i:]; text == "" {
			break
		}
		end := strings.IndexByte(text[1:], '%')
		if end < 0 {
			out = appendEach(out, []string{text})
			break
		}
		name := text[1 : 1+end]
		values := b.placeholders[name]
		if len(values) == 0 {
			return nil, fmt.Errorf("placeholder %%%s%% has no value", name)
		}
		if len(out)*len(values) > MaxVariants {
			return nil, fmt.Errorf("placeholders make more than %d texts of one value", MaxVariants)
		}
		out = appendEach(out, values)
		text = text[end+2:]
	}
	return out, nil
}

// appendEach returns all texts of heads with all of tails behind them.
func appendEach(heads, tails []string) []string {
	out := make([]string, 0, len(heads)*len(tails))
	for _, h := range heads {
		for _, t := range tails {
			out = append(out, h+t)
		}
	}
	return out
}
