// Package pattern compiles regular expressions as JSON Schema writes them, those
// of ECMA-262 with the u flag, to automata over code points. A pattern matches a
// string if it matches anywhere in it, unless it is anchored.
//
// Look-around, back-references and word boundaries are refused, as is whatever
// the parser does not know: an automaton that is returned is exact.
package pattern

import (
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

// Limits of a pattern. They keep a hostile one from costing more than about a
// tenth of a second.
const (
	MaxLength = 4096  // bytes of a pattern
	maxDepth  = 100   // groups inside one another
	maxRepeat = 1000  // a count in braces
	maxNodes  = 20000 // states before they are made deterministic
	maxWork   = 20e6  // steps of making them so
)

// ErrUnsupported is wrapped by errors about what is a valid pattern elsewhere.
var ErrUnsupported = errors.New("not supported")

// Compile returns the automaton of the strings that pattern matches, of at most
// limit states.
func Compile(pattern string, limit int) (*automaton.DFA, error) {
	if len(pattern) > MaxLength {
		return nil, fmt.Errorf("pattern of %d bytes, limit %d", len(pattern), MaxLength)
	}
	return compile(pattern, limit)
}

func compile(pattern string, limit int) (*automaton.DFA, error) {
	p := &parser{src: []rune(pattern)}
	n, err := p.alternatives(0)
	if err == nil && p.pos < len(p.src) {
		err = fmt.Errorf("unexpected %q at %d", p.src[p.pos], p.pos)
	}
	if err != nil {
		return nil, fmt.Errorf("parse pattern: %w", err)
	}
	b := &builder{}
	start, end := b.add(), b.add()
	if err := b.compile(n, start, end); err != nil {
		return nil, fmt.Errorf("compile pattern: %w", err)
	}
	d, err := b.determinize(start, end, limit)
	if err != nil {
		return nil, fmt.Errorf("compile pattern: %w", err)
	}
	return d, nil
}

type kind byte

const (
	empty   kind = iota
	chars        // one code point of set
	concat       // all of subs
	either       // one of subs
	repeat       // subs[0], min to max times; max -1 has no end
	atStart      // ^
	atEnd        // $
)

// node is a part of a parsed pattern.
type node struct {
	kind     kind
	set      []automaton.Range
	subs     []*node
	min, max int
}

// state is a state of the automaton before it is made deterministic: it has
// any number of empty moves, and one move on a set of code points.
type state struct {
	empty  []int
	starts []int // reached without reading, at the start of the string alone
	ends   []int // the same at its end
	set    int   // -1: none
	to     int
}

type builder struct {
	states []state
	sets   [][]automaton.Range
	known  map[string]int
}

func (b *builder) add() int {
	b.states = append(b.states, state{set: -1})
	return len(b.states) - 1
}

// compile lays n between two states.
func (b *builder) compile(n *node, from, to int) error {
	if len(b.states) > maxNodes {
		return fmt.Errorf("more than %d states before determinization", maxNodes)
	}
	s := &b.states[from]
	switch n.kind {
	case empty:
		s.empty = append(s.empty, to)
	case atStart:
		s.starts = append(s.starts, to)
	case atEnd:
		s.ends = append(s.ends, to)
	case chars:
		// A state has one move, so a new one is made to hold it.
		hold := b.add()
		b.states[from].empty = append(b.states[from].empty, hold)
		b.states[hold].set, b.states[hold].to = b.intern(n.set), to
	case concat:
		for i, sub := range n.subs {
			next := to
			if i < len(n.subs)-1 {
				next = b.add()
			}
			if err := b.compile(sub, from, next); err != nil {
				return err
			}
			from = next
		}
	case either:
		for _, sub := range n.subs {
			// Each way has its own entry, lest loops of one leak into another.
			entry := b.add()
			b.states[from].empty = append(b.states[from].empty, entry)
			if err := b.compile(sub, entry, to); err != nil {
				return err
			}
		}
	case repeat:
		return b.repeat(n, from, to)
	}
	return nil
}

func (b *builder) repeat(n *node, from, to int) error {
	for range n.min {
		next := b.add()
		if err := b.compile(n.subs[0], from, next); err != nil {
			return err
		}
		from = next
	}
	if n.max < 0 {
		loop := b.add()
		b.states[from].empty = append(b.states[from].empty, loop)
		b.states[loop].empty = append(b.states[loop].empty, to)
		body, back := b.add(), b.add()
		b.states[loop].empty = append(b.states[loop].empty, body)
		b.states[back].empty = append(b.states[back].empty, loop)
		return b.compile(n.subs[0], body, back)
	}
	for range n.max - n.min {
		b.states[from].empty = append(b.states[from].empty, to)
		entry, next := b.add(), b.add()
		b.states[from].empty = append(b.states[from].empty, entry)
		if err := b.compile(n.subs[0], entry, next); err != nil {
			return err
		}
		from = next
	}
	b.states[from].empty = append(b.states[from].empty, to)
	return nil
}

func (b *builder) intern(set []automaton.Range) int {
	if b.known == nil {
		b.known = map[string]int{}
	}
	key := fmt.Sprint(set)
	id, ok := b.known[key]
	if !ok {
		id = len(b.sets)
		b.known[key] = id
		b.sets = append(b.sets, set)
	}
	return id
}
