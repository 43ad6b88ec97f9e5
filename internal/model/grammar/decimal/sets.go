package decimal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

// Relation is how numbers compare with a bound.
type Relation int

// The relations; they may be combined with |.
const (
	Less Relation = 1 << iota
	Equal
	Greater
)

// Compare returns the spellings of the numbers that stand in relation r to
// bound.
func Compare(r Relation, bound Decimal) (*automaton.DFA, error) {
	c := comparison{bound: bound, relation: r}
	return explore(compared{}, c.step, c.accept)
}

// comparison compares the magnitude of a number with that of bound as its
// digits are read.
type comparison struct {
	bound    Decimal
	relation Relation
}

// compared is a place in the comparison.
type compared struct {
	shape
	digits int      // read of the whole part, or after the point; no more than matter
	order  Relation // of the digits read to those of bound; 0 means equal so far
	long   bool     // the whole part has more digits than bound's
}

func (c comparison) step(s compared, symbol int) (compared, bool) {
	sh, ok := s.next(symbol)
	if !ok {
		return s, false
	}
	s.shape = sh
	switch {
	case symbol == minus:
		return s, true
	case symbol == point:
		s.order, s.long, s.digits = c.whole(s), false, 0
		return s, true
	case sh.place == inFrac:
		return c.fraction(s, symbol), true
	}
	if s.digits == len(c.bound.Int) {
		return compared{shape: sh, digits: s.digits, long: true}, true
	}
	if s.order == 0 {
		s.order = order(symbol, int(c.bound.Int[s.digits]-'0'))
	}
	s.digits++
	return s, true
}

// order compares two digits; 0 means that they are equal.
func order(x, y int) Relation {
	switch {
	case x < y:
		return Less
	case x > y:
		return Greater
	}
	return 0
}

// whole compares the whole parts once all digits are read.
func (c comparison) whole(s compared) Relation {
	switch {
	case s.place == afterPoint && s.digits == 0: // cannot be: a digit comes first
		return Less
	case s.long:
		return Greater
	case s.digits < len(c.bound.Int):
		return Less
	}
	return s.order
}

func (c comparison) fraction(s compared, symbol int) compared {
	if s.order != 0 {
		s.digits = 0
		return s
	}
	want := 0
	if s.digits < len(c.bound.Frac) {
		want = int(c.bound.Frac[s.digits] - '0')
		s.digits++
	}
	s.order = order(symbol, want)
	return s
}

func (c comparison) accept(s compared) bool {
	if !s.complete() {
		return false
	}
	o := s.order
	if s.place != inFrac {
		o = c.whole(s)
	}
	// Digits of bound that were not reached are not all 0.
	if rest := s.place != inFrac && c.bound.Frac != "" || s.place == inFrac && s.digits < len(c.bound.Frac); o == 0 && rest {
		o = Less
	}
	if o == 0 {
		o = Equal
	}
	switch {
	case s.neg && c.bound.Neg: // the larger magnitude is the smaller number
		o = map[Relation]Relation{Less: Greater, Equal: Equal, Greater: Less}[o]
	case s.neg:
		o = Less // -0 is not spelled, so s is below 0
	case c.bound.Neg:
		o = Greater
	}
	return c.relation&o != 0
}

// Multiples returns the spellings of the multiples of m, which must be above 0.
// It fails when m has too many digits for a table of remainders.
func Multiples(m Decimal) (*automaton.DFA, error) {
	if m.Neg || m.Zero() {
		return nil, fmt.Errorf("multiples of %s: must be above 0", m)
	}
	digits := strings.TrimLeft(m.Int+m.Frac, "0")
	p, err := strconv.Atoi(digits)
	if err != nil || p > maxStates/(len(m.Frac)+3) {
		return nil, fmt.Errorf("multiples of %s: too many digits, try a rounder number", m)
	}
	type rest struct {
		shape
		r, scale int // remainder of the digits, and how many were after the point
	}
	k := len(m.Frac)
	step := func(s rest, symbol int) (rest, bool) {
		to, ok := s.next(symbol)
		if !ok {
			return s, false
		}
		// The sign matters only to refuse -0, and the last digit not at all.
		to.zero, to.neg = false, to.neg && !to.some
		s.shape = to
		switch {
		case symbol == minus || symbol == point:
		case to.place == inFrac && s.scale == k:
			return s, symbol == 0
		default:
			s.r = (s.r*10 + symbol) % p
			if to.place == inFrac {
				s.scale++
			}
		}
		return s, true
	}
	accept := func(s rest) bool {
		r := s.r
		for range k - s.scale {
			r = r * 10 % p
		}
		return s.complete() && r == 0
	}
	return explore(rest{}, step, accept)
}
