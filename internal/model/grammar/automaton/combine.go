package automaton

import (
	"slices"
	"strings"
)

// All accepts every string.
func All() *DFA { return constant(true) }

// None accepts nothing.
func None() *DFA { return constant(false) }

func constant(accept bool) *DFA {
	a, err := NewAlphabet(nil)
	if err != nil {
		panic("automaton: the empty alphabet has one class")
	}
	d, err := Explore(a, 0, func(int, int) (int, bool) { return 0, true }, func(int) bool { return accept }, 1)
	if err != nil {
		panic("automaton: one state is within the limit")
	}
	return d
}

// Intersect accepts what both accept.
func Intersect(x, y *DFA, limit int) (*DFA, error) {
	return product(x, y, func(a, b bool) bool { return a && b }, limit)
}

// Union accepts what either accepts.
func Union(x, y *DFA, limit int) (*DFA, error) {
	return product(x, y, func(a, b bool) bool { return a || b }, limit)
}

// Subtract accepts what x accepts and y does not.
func Subtract(x, y *DFA, limit int) (*DFA, error) {
	return product(x, y, func(a, b bool) bool { return a && !b }, limit)
}

// Complement accepts every string that x does not.
func Complement(x *DFA, limit int) (*DFA, error) { return Subtract(All(), x, limit) }

type pair struct{ x, y int32 }

// product runs both automata side by side. A pair of classes that no code
// point is in has no transition.
func product(x, y *DFA, op func(a, b bool) bool, limit int) (*DFA, error) {
	a := &Alphabet{bounds: slices.Concat(x.bounds, y.bounds)}
	slices.Sort(a.bounds)
	a.bounds = slices.Compact(a.bounds)
	var pairs [][2]int
	ids := map[[2]int]uint16{}
	for _, lo := range a.bounds {
		key := [2]int{int(x.class[interval(x.bounds, lo)]), int(y.class[interval(y.bounds, lo)])}
		id, ok := ids[key]
		if !ok {
			if len(pairs) == 1<<16-1 {
				return nil, ErrTooLarge
			}
			id = uint16(len(pairs))
			ids[key] = id
			pairs = append(pairs, key)
		}
		a.class = append(a.class, id)
	}
	a.width = len(pairs)
	step := func(p pair, c int) (pair, bool) {
		to := pair{x.next[int(p.x)*x.width+pairs[c][0]], y.next[int(p.y)*y.width+pairs[c][1]]}
		return to, to.x != 0 || to.y != 0 || op(false, false)
	}
	return Explore(a, pair{x.start, y.start}, step, func(p pair) bool { return op(x.accept[p.x], y.accept[p.y]) }, limit)
}

// Of accepts exactly words.
func Of(words []string, limit int) (*DFA, error) {
	words = slices.Compact(slices.Sorted(slices.Values(words)))
	seen := map[rune]int{}
	var sets [][]Range
	for _, w := range words {
		for _, r := range w {
			if _, ok := seen[r]; !ok {
				seen[r] = len(sets)
				sets = append(sets, []Range{{r, r}})
			}
		}
	}
	a, err := NewAlphabet(sets)
	if err != nil {
		return nil, err
	}
	runes := make([]rune, a.width)
	for i := range runes {
		runes[i] = -1
	}
	for i, c := range a.class {
		if _, ok := seen[a.bounds[i]]; ok {
			runes[c] = a.bounds[i]
		}
	}
	// A state is a prefix: the words from lo to hi share their first depth bytes.
	type prefix struct{ lo, hi, depth int }
	step := func(p prefix, c int) (prefix, bool) {
		if runes[c] < 0 {
			return p, false
		}
		want := words[p.lo][:p.depth] + string(runes[c])
		lo, _ := slices.BinarySearch(words[p.lo:p.hi], want)
		lo += p.lo
		hi := lo
		for hi < p.hi && strings.HasPrefix(words[hi], want) {
			hi++
		}
		return prefix{lo, hi, len(want)}, lo < hi
	}
	accept := func(p prefix) bool { return p.lo < p.hi && len(words[p.lo]) == p.depth }
	return Explore(a, prefix{0, len(words), 0}, step, accept, limit)
}

// AtLeast accepts the words of x that have at least n code points.
func AtLeast(x *DFA, n, limit int) (*DFA, error) {
	type counted struct {
		q int32
		n int
	}
	a := &Alphabet{bounds: x.bounds, class: x.class, width: x.width}
	step := func(s counted, c int) (counted, bool) {
		to := x.next[int(s.q)*x.width+c]
		return counted{to, min(s.n+1, n)}, to != 0
	}
	accept := func(s counted) bool { return x.accept[s.q] && s.n == n }
	return Explore(a, counted{x.start, 0}, step, accept, limit)
}

// AtMost accepts the words of x that have at most n code points.
func AtMost(x *DFA, n, limit int) (*DFA, error) {
	type counted struct {
		q int32
		n int
	}
	a := &Alphabet{bounds: x.bounds, class: x.class, width: x.width}
	step := func(s counted, c int) (counted, bool) {
		to := x.next[int(s.q)*x.width+c]
		return counted{to, s.n + 1}, to != 0 && s.n < n
	}
	return Explore(a, counted{x.start, 0}, step, func(s counted) bool { return x.accept[s.q] }, limit)
}
