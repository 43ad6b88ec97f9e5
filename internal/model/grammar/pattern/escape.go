package pattern

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

var (
	digits   = []automaton.Range{{Lo: '0', Hi: '9'}}
	words    = []automaton.Range{{Lo: '0', Hi: '9'}, {Lo: 'A', Hi: 'Z'}, {Lo: '_', Hi: '_'}, {Lo: 'a', Hi: 'z'}}
	lineEnds = []automaton.Range{{Lo: '\n', Hi: '\n'}, {Lo: '\r', Hi: '\r'}, {Lo: 0x2028, Hi: 0x2029}}
	// ECMA-262: tab to carriage return, no-break space, byte order mark,
	// everything in Zs, and the two separators.
	spaces = tidy(append(fromTable(unicode.Zs), automaton.Range{Lo: 9, Hi: 13}, automaton.Range{Lo: 0xFEFF, Hi: 0xFEFF}, automaton.Range{Lo: 0x2028, Hi: 0x2029}))
)

func one(r rune) []automaton.Range { return []automaton.Range{{Lo: r, Hi: r}} }

// tidy sorts ranges and joins those that touch.
func tidy(set []automaton.Range) []automaton.Range {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b automaton.Range) int { return int(a.Lo - b.Lo) })
	var out []automaton.Range
	for _, r := range set {
		if n := len(out); n > 0 && r.Lo <= out[n-1].Hi+1 {
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func negate(set []automaton.Range) []automaton.Range {
	var out []automaton.Range
	lo := rune(0)
	for _, r := range tidy(set) {
		if r.Lo > lo {
			out = append(out, automaton.Range{Lo: lo, Hi: r.Lo - 1})
		}
		lo = r.Hi + 1
	}
	if lo <= automaton.MaxRune {
		out = append(out, automaton.Range{Lo: lo, Hi: automaton.MaxRune})
	}
	return out
}

func fromTable(t *unicode.RangeTable) []automaton.Range {
	var out []automaton.Range
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			out = append(out, automaton.Range{Lo: lo, Hi: hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			out = append(out, automaton.Range{Lo: r, Hi: r})
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return out
}

var controls = map[rune]rune{'t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r'}

var sets = map[rune][]automaton.Range{
	'd': digits, 'D': negate(digits),
	'w': words, 'W': negate(words),
	's': spaces, 'S': negate(spaces),
}

// escape reads what follows a backslash.
func (p *parser) escape(inClass bool) ([]automaton.Range, error) {
	at := p.pos
	p.pos++
	if !p.more() {
		return nil, fmt.Errorf("a backslash at the end")
	}
	r := p.src[p.pos]
	p.pos++
	if set, ok := sets[r]; ok {
		return set, nil
	}
	if c, ok := controls[r]; ok {
		return one(c), nil
	}
	switch {
	case r == 'p' || r == 'P':
		return p.property(r == 'P')
	case r == 'x':
		return p.hex(2)
	case r == 'u':
		return p.unicode()
	case r == 'c' && p.more() && isLetter(p.src[p.pos]):
		p.pos++
		return one(p.src[p.pos-1] % 32), nil
	case r == '0' && (!p.more() || p.src[p.pos] < '0' || p.src[p.pos] > '9'):
		return one(0), nil
	case r == 'b' && inClass:
		return one('\b'), nil
	case r >= '1' && r <= '9', r == 'k':
		return nil, fmt.Errorf("a back-reference at %d: %w", at, ErrUnsupported)
	case r == 'b' || r == 'B':
		return nil, fmt.Errorf("a word boundary at %d: %w", at, ErrUnsupported)
	case r < 0x80 && !isLetter(r) && r > ' ' && r != '_' && (r < '0' || r > '9'):
		return one(r), nil
	}
	return nil, fmt.Errorf("unknown escape %q at %d", string(p.src[at:p.pos]), at)
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func (p *parser) hex(n int) ([]automaton.Range, error) {
	v := rune(0)
	for range n {
		d := -1
		if p.more() {
			d = strings.IndexRune("0123456789abcdef", unicode.ToLower(p.src[p.pos]))
		}
		if d < 0 {
			return nil, fmt.Errorf("a hexadecimal digit is missing at %d", p.pos)
		}
		v = v*16 + rune(d)
		p.pos++
	}
	return one(v), nil
}

// unicode reads what follows \u: four digits, two times four that are a
// surrogate pair, or digits in braces.
func (p *parser) unicode() ([]automaton.Range, error) {
	if p.take("{") {
		v, n := rune(0), 0
		for ; !p.take("}"); n++ {
			set, err := p.hex(1)
			if err != nil {
				return nil, err
			}
			if v = v*16 + set[0].Lo; v > automaton.MaxRune {
				return nil, fmt.Errorf("no such code point before %d", p.pos)
			}
		}
		if n == 0 || utf16.IsSurrogate(v) {
			return nil, fmt.Errorf("no such code point before %d", p.pos)
		}
		return one(v), nil
	}
	set, err := p.hex(4)
	if err != nil || !utf16.IsSurrogate(set[0].Lo) {
		return set, err
	}
	if p.take(`\u`) {
		low, err := p.hex(4)
		if err != nil {
			return nil, err
		}
		if r := utf16.DecodeRune(set[0].Lo, low[0].Lo); r != unicode.ReplacementChar {
			return one(r), nil
		}
	}
	return nil, fmt.Errorf("half a surrogate pair before %d: %w", p.pos, ErrUnsupported)
}

// property reads the braces after \p.
func (p *parser) property(inverted bool) ([]automaton.Range, error) {
	at := p.pos
	if !p.take("{") {
		return nil, fmt.Errorf("no name of a property at %d", at)
	}
	for p.more() && p.src[p.pos] != '}' {
		p.pos++
	}
	name := string(p.src[at+1 : p.pos])
	if !p.take("}") {
		return nil, fmt.Errorf("a property that does not end at %d", at)
	}
	set, ok := lookup(name)
	if !ok {
		return nil, fmt.Errorf("unicode property %q: %w", name, ErrUnsupported)
	}
	if inverted {
		return negate(set), nil
	}
	return tidy(set), nil
}

// lookup returns the code points of a property: a general category by its short
// or long name, a script, or one of a few binary properties.
func lookup(name string) ([]automaton.Range, bool) {
	key, value, pair := strings.Cut(name, "=")
	if !pair {
		value = name
	}
	switch {
	case pair && (key == "Script" || key == "sc"):
		t, ok := unicode.Scripts[value]
		if !ok {
			return nil, false
		}
		return fromTable(t), true
	case pair && key != "General_Category" && key != "gc":
		return nil, false
	}
	if long, ok := unicode.CategoryAliases[value]; ok {
		value = long
	}
	if t, ok := unicode.Categories[value]; ok {
		return fromTable(t), true
	}
	if pair {
		return nil, false
	}
	switch value {
	case "Any":
		return []automaton.Range{{Lo: 0, Hi: automaton.MaxRune}}, true
	case "ASCII":
		return []automaton.Range{{Lo: 0, Hi: 0x7F}}, true
	case "Alphabetic", "Alpha":
		return slices.Concat(fromTable(unicode.L), fromTable(unicode.Nl), fromTable(unicode.Other_Alphabetic)), true
	case "Lowercase", "Lower":
		return slices.Concat(fromTable(unicode.Ll), fromTable(unicode.Other_Lowercase)), true
	case "Uppercase", "Upper":
		return slices.Concat(fromTable(unicode.Lu), fromTable(unicode.Other_Uppercase)), true
	case "ASCII_Hex_Digit", "Hex_Digit", "White_Space":
		return fromTable(unicode.Properties[value]), true
	}
	return nil, false
}
