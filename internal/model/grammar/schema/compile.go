// Package schema reads JSON Schema, draft 2020-12, into a program.Program:
// alternatives by type, without references, negations or intersections. Every
// step is exact. A keyword that cannot be resolved exactly is an Error with its
// JSON pointer.
//
// A schema is seen as a set of values. A keyword is a set, a schema is the
// intersection of its keywords, and a negated schema is the union of their
// complements; what is inside arrays and objects stays a conjunction of schemas
// and is resolved when its turn comes, so recursion ends.
package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
	"github.com/casemate-ai/casemate/internal/model/grammar/decimal"
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// ErrNothing is returned for a schema that no document satisfies.
var ErrNothing = errors.New("no document satisfies the schema")

// Limits of a schema. Whatever is over one is refused with an Error.
const (
	MaxBytes        = 1 << 20 // of a document
	maxNesting      = 128     // values inside one another in the document
	maxAlternatives = 256     // of one value: what anyOf, oneOf and negation multiply to
	maxStates       = 10000   // of one automaton
	maxNodes        = 20000   // values that can differ in what they accept
	maxWork         = 4e6     // steps of combining sets
	maxEnumNumbers  = 1000    // numbers of one enum
	maxEnumStrings  = 100000  // strings of one enum
	maxChain        = 64      // schemas that apply to one value through another
	maxCounted      = 512     // a length that is counted in an automaton
	maxProperties   = 2000    // declared properties of one object
	maxPrefix       = 1000    // places of one array
)

// Options says how a schema is read. All limits are set.
type Options struct {
	Catalogue func(kind string) (program.Catalogue, bool)
	Open      bool // objects that declare properties may hold others
	Strict    bool // unknown formats are errors

	MaxString, MaxItems, MaxProperties, MaxDepth, MaxDigits int
}

// compiler holds what is known of one document.
type compiler struct {
	Options
	refs    *resources
	numbers *automaton.DFA // every number
	whole   *automaton.DFA // every integer

	evaluated map[literal]set
	open      []literal // being evaluated
	scope     *scope    // of what is being evaluated
	joint     map[string]set
	ids       map[literal]int // of literals that are not negated
	scopes    map[string]*scope
	vacant    map[string]bool
	catalogue map[string]text // by kind
	narrowed  bool            // some set holds less than its schema accepts, by dependencies
	work      int

	nodes map[string]*program.Node
	fills map[*program.Node]*value // the x-casemate-name-of keyword of a node
	queue []pending

	// What is the same in every node that holds any number, array or object.
	spelled   map[*automaton.DFA]*automaton.DFA
	anyArray  *program.Array
	anyObject []*program.Object
}

// Compile reads a schema.
func Compile(src []byte, o Options) (*program.Program, error) {
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	if !root.isSchema() {
		return nil, root.fail("a schema is an object or a boolean")
	}
	refs, err := index(root)
	if err != nil {
		return nil, err
	}
	c := &compiler{
		Options: o, refs: refs, numbers: decimal.All(), whole: decimal.Integers(),
		evaluated: map[literal]set{}, joint: map[string]set{}, ids: map[literal]int{}, scopes: map[string]*scope{}, vacant: map[string]bool{},
		catalogue: map[string]text{}, nodes: map[string]*program.Node{}, fills: map[*program.Node]*value{}, spelled: map[*automaton.DFA]*automaton.DFA{},
	}
	return c.program(root)
}

// spend counts work, and fails when a schema needs too much of it.
func (c *compiler) spend(n int, at *value) error {
	if c.work += n + 1; c.work > maxWork {
		return at.fail("the schema is too complex: its alternatives multiply")
	}
	return nil
}

// all returns the conjunction of one schema, which is empty for the schema that
// accepts everything.
func (c *compiler) all(s *value, negated bool) conjunction {
	if !negated && (s.kind == 't' || s.kind == '{' && len(s.members) == 0) {
		return nil
	}
	return conjunction{c.literal(s, negated)}
}

// literal returns a literal in the scope of what is being evaluated.
func (c *compiler) literal(s *value, negated bool) literal {
	return literal{schema: s, negated: negated, scope: c.scope}
}

// key returns what is the same for equal conjunctions, and c without repeats.
func (c *compiler) key(con conjunction) (string, conjunction) {
	var numbers []int
	var out conjunction
	for _, l := range con {
		plain := literal{schema: l.schema, scope: l.scope}
		id, ok := c.ids[plain]
		if !ok {
			id = len(c.ids)
			c.ids[plain] = id
		}
		if id *= 2; l.negated {
			id++
		}
		if !slices.Contains(numbers, id) {
			numbers = append(numbers, id)
			out = append(out, l)
		}
	}
	slices.Sort(numbers)
	return strings.Trim(fmt.Sprint(numbers), "[]"), out
}

// together returns the set of values that all of con accept.
func (c *compiler) together(con conjunction) (set, error) {
	key, con := c.key(con)
	if s, ok := c.joint[key]; ok {
		return s, nil
	}
	s := c.full()
	for _, l := range con {
		one, err := c.eval(l)
		if err != nil {
			return s, err
		}
		if s, err = c.intersect(s, one, l.schema); err != nil {
			return s, err
		}
	}
	c.joint[key] = s
	return s, nil
}

// eval returns the set of values that one literal accepts.
func (c *compiler) eval(l literal) (set, error) {
	if s, ok := c.evaluated[l]; ok {
		return s, nil
	}
	if slices.Contains(c.open, l) {
		return set{}, l.schema.fail("applies to the same value as itself, without end")
	}
	if len(c.open) == maxChain {
		return set{}, l.schema.fail("more than %d schemas apply to one value through one another", maxChain)
	}
	if err := c.spend(1, l.schema); err != nil {
		return set{}, err
	}
	c.open = append(c.open, l)
	outer := c.scope
	c.scope = c.enter(l.scope, l.schema)
	s, err := c.apply(l)
	c.scope = outer
	c.open = c.open[:len(c.open)-1]
	if err == nil {
		c.evaluated[l] = s
	}
	return s, err
}

// apply combines the keywords of a schema.
func (c *compiler) apply(l literal) (set, error) {
	acc := c.full()
	if l.negated {
		acc = set{}
	}
	switch {
	case !l.schema.isSchema():
		return acc, l.schema.fail("a schema is an object or a boolean")
	case l.schema.kind == 'f':
		if l.negated {
			return c.full(), nil
		}
		return set{}, nil
	}
	for _, m := range l.schema.members {
		one, used, err := c.keyword(l.schema, m, l.negated)
		if err != nil {
			return acc, err
		}
		if !used {
			continue
		}
		if l.negated {
			acc, err = c.unite(acc, one, m.value)
		} else {
			acc, err = c.intersect(acc, one, m.value)
		}
		if err != nil {
			return acc, err
		}
	}
	return acc, nil
}

// runes returns the number of code points of a word.
func runes(w string) int { return utf8.RuneCountInString(w) }
