// Package decimal makes automata of sets of numbers as JSON spells them, without
// exponents: an optional minus, digits without a leading zero, and optionally a
// point and more digits. A set holds every spelling of its numbers or none, 0.5
// as well as 0.50, so sets can be combined and complemented exactly.
package decimal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

// MaxDigits bounds the digits of a number in a schema, on each side of the point.
const MaxDigits = 400

// maxStates bounds the automata of this package.
const maxStates = 20000

// Decimal is an exact number.
type Decimal struct {
	Neg  bool
	Int  string // no leading zeros; "0" if there is none
	Frac string // no trailing zeros
}

// Parse reads a JSON number. It fails when the number has more than MaxDigits
// digits without an exponent.
func Parse(s string) (Decimal, error) {
	d := Decimal{}
	body, neg := strings.CutPrefix(s, "-")
	mantissa, exponent := body, "0"
	if i := strings.IndexAny(body, "eE"); i >= 0 {
		mantissa, exponent = body[:i], body[i+1:]
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	// A JSON number has digits before the point; the caller's parser checked it.
	digits := strings.TrimLeft(whole+frac, "0")
	if digits == "" {
		return Decimal{Int: "0"}, nil
	}
	exp, err := strconv.Atoi(exponent)
	if err != nil || exp > 1e6 || exp < -1e6 || len(s) > 10*MaxDigits {
		return d, fmt.Errorf("number %.20q has more than %d digits", s, MaxDigits)
	}
	point := len(digits) - len(frac) + exp // digits before the point
	trimmed := strings.TrimRight(digits, "0")
	if point > MaxDigits || len(trimmed)-point > MaxDigits {
		return d, fmt.Errorf("number %.20q has more than %d digits", s, MaxDigits)
	}
	switch {
	case point >= len(trimmed):
		d.Int = trimmed + strings.Repeat("0", point-len(trimmed))
	case point <= 0:
		d.Int, d.Frac = "0", strings.Repeat("0", -point)+trimmed
	default:
		d.Int, d.Frac = trimmed[:point], trimmed[point:]
	}
	d.Neg = neg
	return d, nil
}

// String spells d in the shortest way.
func (d Decimal) String() string {
	s := d.Int
	if d.Frac != "" {
		s += "." + d.Frac
	}
	if d.Neg {
		s = "-" + s
	}
	return s
}

// Zero says whether d is 0.
func (d Decimal) Zero() bool { return d.Int == "0" && d.Frac == "" }

// The symbols of a number; others are those of no number.
const (
	minus = 10 + iota
	point
	other
)

// alphabet returns the alphabet of numbers and which symbol each class is.
func alphabet() (*automaton.Alphabet, []int) {
	var sets [][]automaton.Range
	for _, r := range "0123456789-." {
		sets = append(sets, []automaton.Range{{Lo: r, Hi: r}})
	}
	a, err := automaton.NewAlphabet(sets)
	if err != nil {
		panic("decimal: thirteen classes are within the limit")
	}
	symbols := make([]int, a.Width())
	for c := range symbols {
		symbols[c] = other
		for s := range sets {
			if a.Has(s, c) {
				symbols[c] = s
			}
		}
	}
	return a, symbols
}

// explore is automaton.Explore over the symbols of numbers.
func explore[S comparable](start S, step func(S, int) (S, bool), accept func(S) bool) (*automaton.DFA, error) {
	a, symbols := alphabet()
	return automaton.Explore(a, start, func(s S, c int) (S, bool) {
		if symbols[c] == other {
			return s, false
		}
		return step(s, symbols[c])
	}, accept, maxStates)
}

// The places in a number that the shape of its spelling depends on.
const (
	atStart   = iota
	afterSign // a digit must come
	afterZero // the number is 0 so far, and no digit may come
	inInt
	afterPoint
	inFrac
)

// shape is a place, and whether a digit other than 0 was read.
type shape struct {
	place           int
	neg, some, zero bool // zero: the last digit after the point is 0
}

func (s shape) next(symbol int) (shape, bool) {
	switch {
	case symbol == minus:
		ok := s.place == atStart
		return shape{place: afterSign, neg: true}, ok
	case symbol == point:
		ok := s.place == afterZero || s.place == inInt
		s.place = afterPoint
		return s, ok
	}
	s.some = s.some || symbol != 0
	switch s.place {
	case atStart, afterSign:
		s.place = inInt
		if symbol == 0 {
			s.place = afterZero
		}
	case afterZero:
		return s, false
	case afterPoint, inFrac:
		s.place, s.zero = inFrac, symbol == 0
	}
	return s, true
}

// complete says whether a number may end here. -0 is not spelled.
func (s shape) complete() bool {
	return (s.place == afterZero || s.place == inInt || s.place == inFrac) && (s.some || !s.neg)
}

func must(d *automaton.DFA, err error) *automaton.DFA {
	if err != nil {
		panic("decimal: a fixed automaton is within the limit")
	}
	return d
}

// All returns the spellings of every number.
func All() *automaton.DFA {
	return must(explore(shape{}, shape.next, shape.complete))
}

// Shortest returns the spellings that have no needless zero or point.
func Shortest() *automaton.DFA {
	return must(explore(shape{}, shape.next, func(s shape) bool {
		return s.complete() && (s.place != inFrac || !s.zero)
	}))
}

// Plain returns the spellings without a point.
func Plain() *automaton.DFA {
	return must(explore(shape{}, func(s shape, symbol int) (shape, bool) {
		to, ok := s.next(symbol)
		return to, ok && symbol != point
	}, shape.complete))
}

// Within returns the spellings with at most n digits on each side of the point.
func Within(n int) (*automaton.DFA, error) {
	type counted struct {
		shape
		digits int
	}
	return explore(counted{}, func(s counted, symbol int) (counted, bool) {
		to, ok := s.next(symbol)
		n1 := s.digits + 1
		if symbol == minus || symbol == point {
			n1 = 0
		}
		return counted{to, n1}, ok && n1 <= n
	}, func(s counted) bool { return s.complete() })
}

// Integers returns the spellings of every integer, 1.0 included.
func Integers() *automaton.DFA {
	d, err := Multiples(Decimal{Int: "1"})
	return must(d, err)
}
