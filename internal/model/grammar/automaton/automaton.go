// Package automaton builds deterministic finite automata over Unicode code
// points and combines them. Languages are exact: union, intersection and
// complement are computed, never estimated, and every operation has a limit of
// states beyond which it fails instead of growing.
package automaton

import (
	"errors"
	"slices"
	"sort"
	"unicode/utf8"
)

// ErrTooLarge is returned when an automaton would have more states than the
// caller allows.
var ErrTooLarge = errors.New("automaton has too many states")

// Range is the code points from Lo to Hi, both included.
type Range struct{ Lo, Hi rune }

// MaxRune is the last code point.
const MaxRune = utf8.MaxRune

const (
	surrogateMin = 0xD800
	surrogateMax = 0xDFFF
)

// DFA is a complete deterministic automaton. State 0 accepts nothing, ever;
// every other state can still reach an accepting one, so a state that is not 0
// is never a dead end. It does not change once made.
type DFA struct {
	bounds []rune   // first code point of each interval, from 0 up
	class  []uint16 // class of each interval
	ascii  [utf8.RuneSelf]uint16
	width  int     // classes
	next   []int32 // [state*width+class]
	accept []bool
	start  int32
}

// Start returns the first state; 0 if the language is empty.
func (d *DFA) Start() int32 { return d.start }

// Accept says whether a word may end in state q.
func (d *DFA) Accept(q int32) bool { return d.accept[q] }

// States returns the number of states, the dead one included.
func (d *DFA) States() int { return len(d.accept) }

// Empty says whether no word is accepted.
func (d *DFA) Empty() bool { return d.start == 0 }

// Step returns the state after code point r.
func (d *DFA) Step(q int32, r rune) int32 {
	return d.next[int(q)*d.width+int(d.classOf(r))]
}

func (d *DFA) classOf(r rune) uint16 {
	if r < utf8.RuneSelf {
		return d.ascii[r]
	}
	return d.class[interval(d.bounds, r)]
}

// interval returns the index of the interval that holds r.
func interval(bounds []rune, r rune) int {
	return sort.Search(len(bounds), func(i int) bool { return bounds[i] > r }) - 1
}

// Matches says whether s is in the language.
func (d *DFA) Matches(s string) bool {
	q := d.start
	for _, r := range s {
		if q = d.Step(q, r); q == 0 {
			return false
		}
	}
	return d.accept[q]
}

// Universal says whether every string is accepted.
func (d *DFA) Universal() bool {
	if d.start == 0 {
		return false
	}
	for q := 1; q < len(d.accept); q++ {
		if !d.accept[q] || !d.total(int32(q)) {
			return false
		}
	}
	return true
}

// total says whether every code point leads from q to a live state.
func (d *DFA) total(q int32) bool {
	for i, c := range d.class {
		last := rune(MaxRune)
		if i+1 < len(d.bounds) {
			last = d.bounds[i+1] - 1
		}
		surrogates := d.bounds[i] >= surrogateMin && last <= surrogateMax
		if d.next[int(q)*d.width+int(c)] == 0 && !surrogates {
			return false
		}
	}
	return true
}

// Alphabet divides the code points into classes of those that some sets do not
// tell apart.
type Alphabet struct {
	bounds []rune
	class  []uint16
	width  int
	member [][]bool // [set][class]
}

// NewAlphabet makes the alphabet of sets. It fails with ErrTooLarge when the
// sets make more than 65,535 classes.
func NewAlphabet(sets [][]Range) (*Alphabet, error) {
	a := &Alphabet{bounds: []rune{0}}
	for _, set := range sets {
		for _, r := range set {
			a.bounds = append(a.bounds, r.Lo)
			if r.Hi < MaxRune {
				a.bounds = append(a.bounds, r.Hi+1)
			}
		}
	}
	slices.Sort(a.bounds)
	a.bounds = slices.Compact(a.bounds)
	sign := make([][]byte, len(a.bounds))
	for i := range sign {
		sign[i] = make([]byte, (len(sets)+7)/8)
	}
	for s, set := range sets {
		for _, r := range set {
			for i := interval(a.bounds, r.Lo); i < len(a.bounds) && a.bounds[i] <= r.Hi; i++ {
				sign[i][s/8] |= 1 << (s % 8)
			}
		}
	}
	return a, a.classes(sign, len(sets))
}

func (a *Alphabet) classes(sign [][]byte, sets int) error {
	ids := map[string]uint16{}
	a.member = make([][]bool, sets)
	a.class = make([]uint16, len(a.bounds))
	for i, key := range sign {
		id, ok := ids[string(key)]
		if !ok {
			if len(ids) == 1<<16-1 {
				return ErrTooLarge
			}
			id = uint16(len(ids))
			ids[string(key)] = id
			for s := range a.member {
				a.member[s] = append(a.member[s], key[s/8]>>(s%8)&1 == 1)
			}
		}
		a.class[i] = id
	}
	a.width = len(ids)
	return nil
}

// Width returns the number of classes.
func (a *Alphabet) Width() int { return a.width }

// Has says whether set holds the code points of class.
func (a *Alphabet) Has(set, class int) bool { return a.member[set][class] }

// Explore makes the automaton whose states are the values that step reaches
// from start. step returns the state after a code point of class, and false
// where there is none.
func Explore[S comparable](a *Alphabet, start S, step func(S, int) (S, bool), accept func(S) bool, limit int) (*DFA, error) {
	ids := map[S]int32{start: 1}
	queue := []S{start}
	d := &DFA{bounds: a.bounds, class: a.class, width: a.width, start: 1, accept: []bool{false}}
	d.next = make([]int32, a.width)
	for i := 0; i < len(queue); i++ {
		d.accept = append(d.accept, accept(queue[i]))
		for c := range a.width {
			to, ok := step(queue[i], c)
			if !ok {
				d.next = append(d.next, 0)
				continue
			}
			id, known := ids[to]
			if !known {
				if len(queue) >= limit {
					return nil, ErrTooLarge
				}
				id = int32(len(queue) + 1)
				ids[to] = id
				queue = append(queue, to)
			}
			d.next = append(d.next, id)
		}
	}
	d.finish()
	return d, nil
}

// finish sends every transition into a state that cannot accept to state 0,
// drops states that cannot be reached, and fills the table of ASCII.
func (d *DFA) finish() {
	live := d.live()
	number := make([]int32, len(d.accept))
	order := []int32{0}
	visit := func(q int32) int32 {
		if !live[q] {
			return 0
		}
		if number[q] == 0 {
			number[q] = int32(len(order))
			order = append(order, q)
		}
		return number[q]
	}
	d.start = visit(d.start)
	next := make([]int32, d.width, len(d.next))
	for i := 1; i < len(order); i++ {
		for _, to := range d.next[int(order[i])*d.width:][:d.width] {
			next = append(next, visit(to))
		}
	}
	accept := make([]bool, len(order))
	for i, q := range order[1:] {
		accept[i+1] = d.accept[q]
	}
	d.next, d.accept = next, accept
	for r := range rune(utf8.RuneSelf) {
		d.ascii[r] = d.class[interval(d.bounds, r)]
	}
}

// live says of each state whether an accepting one can be reached from it.
func (d *DFA) live() []bool {
	back := d.back()
	live := make([]bool, len(d.accept))
	var queue []int32
	for q := 1; q < len(d.accept); q++ {
		if d.accept[q] {
			live[q] = true
			queue = append(queue, int32(q))
		}
	}
	for len(queue) > 0 {
		q := queue[0]
		queue = queue[1:]
		for _, from := range back[q] {
			if !live[from] {
				live[from] = true
				queue = append(queue, from)
			}
		}
	}
	return live
}
