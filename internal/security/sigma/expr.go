package sigma

import (
	"cmp"
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

// order puts what is cheap to evaluate first: it changes no result.
func (e *expr) order() {
	if e.op == opAll || e.op == opAny {
		slices.SortStableFunc(e.kids, func(a, b *expr) int { return cmp.Compare(a.effort(), b.effort()) })
	}
}

// effort ranks an expr by how long it may take to evaluate.
func (e *expr) effort() int {
	switch {
	case e.op == opAtom && e.atom.kind == literalAtom:
		return 0
	case e.op == opAtom && e.atom.kind != valueAtom:
		return 1
	case e.op == opAtom:
		return 2
	}
	return 3
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
	nums []string // of the lits that are numbers, in canonical form

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
	var b strings.Builder
	b.WriteByte('0' + byte(a.kind))
	b.WriteString(strconv.Quote(a.field))
	for _, l := range a.lits {
		b.WriteByte('0' + byte(l.place))
		b.WriteString(strconv.Itoa(len(l.text)))
		b.WriteByte(':')
		b.WriteString(l.text)
	}
	for _, n := range a.nums {
		b.WriteByte('#')
		b.WriteString(n)
	}
	if a.test != nil {
		b.WriteString(a.test.key())
	}
	if a.kind == refAtom {
		b.WriteString(strconv.Quote(a.other))
		b.WriteByte('0' + byte(a.at))
		b.WriteString(strconv.FormatBool(a.cased))
	}
	return b.String()
}

// literals returns the atom of a set of literals, in canonical order.
func literals(field, label string, lits []literal, nums []string) *atom {
	slices.SortFunc(lits, func(a, b literal) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.text, b.text))
	})
	slices.Sort(nums)
	return &atom{kind: literalAtom, field: field, label: label, lits: slices.Compact(lits), nums: slices.Compact(nums)}
}
