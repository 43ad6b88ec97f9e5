package pattern

import (
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

// parser reads a pattern by recursive descent.
type parser struct {
	src []rune
	pos int
}

func (p *parser) more() bool { return p.pos < len(p.src) }

// take consumes text if it comes next.
func (p *parser) take(text string) bool {
	n := 0
	for _, r := range text {
		if p.pos+n >= len(p.src) || p.src[p.pos+n] != r {
			return false
		}
		n++
	}
	p.pos += n
	return true
}

func (p *parser) alternatives(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d groups inside one another", maxDepth)
	}
	n := &node{kind: either}
	for {
		sub, err := p.sequence(depth)
		if err != nil {
			return nil, err
		}
		n.subs = append(n.subs, sub)
		if !p.take("|") {
			break
		}
	}
	if len(n.subs) == 1 {
		return n.subs[0], nil
	}
	return n, nil
}

func (p *parser) sequence(depth int) (*node, error) {
	n := &node{kind: concat}
	for p.more() && p.src[p.pos] != '|' && p.src[p.pos] != ')' {
		sub, err := p.term(depth)
		if err != nil {
			return nil, err
		}
		n.subs = append(n.subs, sub)
	}
	if len(n.subs) == 0 {
		return &node{kind: empty}, nil
	}
	return n, nil
}

// term reads an anchor, or an atom and what is written after it.
func (p *parser) term(depth int) (*node, error) {
	switch {
	case p.take("^"):
		return &node{kind: atStart}, nil
	case p.take("$"):
		return &node{kind: atEnd}, nil
	}
	atom, err := p.atom(depth)
	if err != nil {
		return nil, err
	}
	return p.quantified(atom)
}

func (p *parser) quantified(atom *node) (*node, error) {
	n := &node{kind: repeat, subs: []*node{atom}, max: -1}
	switch {
	case p.take("*"):
	case p.take("+"):
		n.min = 1
	case p.take("?"):
		n.max = 1
	case p.take("{"):
		if err := p.braces(n); err != nil {
			return nil, err
		}
	default:
		return atom, nil
	}
	p.take("?") // a lazy repetition matches the same strings
	return n, nil
}

func (p *parser) braces(n *node) error {
	var ok bool
	if n.min, ok = p.number(); !ok {
		return fmt.Errorf("a brace that opens no count at %d", p.pos)
	}
	n.max = n.min
	if p.take(",") {
		if n.max, ok = p.number(); !ok {
			n.max = -1
		}
	}
	if !p.take("}") {
		return fmt.Errorf("a count is not closed at %d", p.pos)
	}
	if n.max >= 0 && n.max < n.min {
		return fmt.Errorf("a count from %d to %d", n.min, n.max)
	}
	if max(n.min, n.max) > maxRepeat {
		return fmt.Errorf("a count over %d: %w", maxRepeat, ErrUnsupported)
	}
	return nil
}

// number reads decimal digits; more than maxRepeat is as good as any more.
func (p *parser) number() (int, bool) {
	n, from := 0, p.pos
	for p.more() && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
		n = min(n*10+int(p.src[p.pos]-'0'), maxRepeat+1)
		p.pos++
	}
	return n, p.pos > from
}

func (p *parser) atom(depth int) (*node, error) {
	r := p.src[p.pos]
	switch r {
	case '(':
		return p.group(depth)
	case '[':
		p.pos++
		set, err := p.class()
		return &node{kind: chars, set: set}, err
	case '.':
		p.pos++
		return &node{kind: chars, set: negate(lineEnds)}, nil
	case '\\':
		set, err := p.escape(false)
		return &node{kind: chars, set: set}, err
	case '*', '+', '?', '{', '}', ']':
		return nil, fmt.Errorf("unexpected %q at %d", r, p.pos)
	}
	p.pos++
	return &node{kind: chars, set: one(r)}, nil
}

func (p *parser) group(depth int) (*node, error) {
	p.pos++
	switch {
	case p.take("?:"):
	case p.take("?=") || p.take("?!") || p.take("?<=") || p.take("?<!"):
		return nil, fmt.Errorf("look-around at %d: %w", p.pos, ErrUnsupported)
	case p.take("?<"):
		end := strings.IndexRune(string(p.src[p.pos:]), '>')
		if end <= 0 {
			return nil, fmt.Errorf("a group name that does not end at %d", p.pos)
		}
		for !p.take(">") {
			p.pos++
		}
	case p.take("?"):
		return nil, fmt.Errorf("an unknown kind of group at %d: %w", p.pos, ErrUnsupported)
	}
	n, err := p.alternatives(depth + 1)
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, fmt.Errorf("a group is not closed at %d", p.pos)
	}
	return n, nil
}

// class reads what is inside brackets.
func (p *parser) class() ([]automaton.Range, error) {
	inverted := p.take("^")
	var set []automaton.Range
	for !p.take("]") {
		lo, err := p.classAtom()
		if err != nil {
			return nil, err
		}
		if p.pos+1 < len(p.src) && p.src[p.pos] == '-' && p.src[p.pos+1] != ']' {
			p.pos++
			hi, err := p.classAtom()
			if err != nil {
				return nil, err
			}
			if !single(lo) || !single(hi) || lo[0].Lo > hi[0].Lo {
				return nil, fmt.Errorf("a range out of order before %d", p.pos)
			}
			lo = []automaton.Range{{Lo: lo[0].Lo, Hi: hi[0].Lo}}
		}
		set = append(set, lo...)
	}
	if inverted {
		return negate(set), nil
	}
	return tidy(set), nil
}

func single(set []automaton.Range) bool { return len(set) == 1 && set[0].Lo == set[0].Hi }

func (p *parser) classAtom() ([]automaton.Range, error) {
	if !p.more() {
		return nil, fmt.Errorf("a class is not closed at %d", p.pos)
	}
	if p.src[p.pos] == '\\' {
		return p.escape(true)
	}
	p.pos++
	return one(p.src[p.pos-1]), nil
}
