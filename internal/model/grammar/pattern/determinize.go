package pattern

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

// matched is the set that stands for "matched already": whatever follows fits.
const matched = "matched"

// search makes a nondeterministic automaton deterministic, reading it as a
// search: a match may begin at every place.
type search struct {
	*builder
	alphabet   *automaton.Alphabet
	start, end int
	mark       []int // round in which a state was last added
	round      int
	work       int
}

// determinize returns the automaton of the strings in which some part leads
// from start to end.
func (b *builder) determinize(start, end, limit int) (*automaton.DFA, error) {
	alphabet, err := automaton.NewAlphabet(b.sets)
	if err != nil {
		return nil, err
	}
	s := &search{builder: b, alphabet: alphabet, start: start, end: end, mark: make([]int, len(b.states))}
	first := s.closure([]int{start}, true, false)
	d, err := automaton.Explore(alphabet, s.encode(first, true), s.step, s.accept, limit)
	if err == nil && s.work > maxWork {
		err = automaton.ErrTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%w: more than %d, or too many steps to find them", err, limit)
	}
	return d, nil
}

// closure returns the states that seeds reach without reading.
func (s *search) closure(seeds []int, atStart, atEnd bool) []int {
	s.round++
	var out []int
	push := func(to int) {
		s.work++
		if s.mark[to] != s.round {
			s.mark[to] = s.round
			out = append(out, to)
		}
	}
	for _, q := range seeds {
		push(q)
	}
	for i := 0; i < len(out); i++ {
		st := &s.states[out[i]]
		for _, to := range st.empty {
			push(to)
		}
		if atStart {
			for _, to := range st.starts {
				push(to)
			}
		}
		if atEnd {
			for _, to := range st.ends {
				push(to)
			}
		}
	}
	return out
}

// encode writes a set as a key: whether it is at the start, then the states
// that have something left to do, in order.
func (s *search) encode(set []int, atStart bool) string {
	if slices.Contains(set, s.end) {
		return matched
	}
	set = slices.DeleteFunc(set, func(q int) bool { return s.states[q].set < 0 && len(s.states[q].ends) == 0 })
	slices.Sort(set)
	key := []byte{0}
	if atStart {
		key[0] = 1
	}
	for _, q := range set {
		key = binary.AppendUvarint(key, uint64(q))
	}
	return string(key)
}

func decode(key string) (set []int, atStart bool) {
	b := []byte(key)
	atStart = b[0] == 1
	for b = b[1:]; len(b) > 0; {
		q, n := binary.Uvarint(b)
		set = append(set, int(q))
		b = b[n:]
	}
	return set, atStart
}

func (s *search) step(key string, class int) (string, bool) {
	if key == matched {
		return matched, true
	}
	if s.work > maxWork {
		return "", false
	}
	set, _ := decode(key)
	seeds := []int{s.start}
	for _, q := range set {
		s.work++
		if st := &s.states[q]; st.set >= 0 && s.alphabet.Has(st.set, class) {
			seeds = append(seeds, st.to)
		}
	}
	return s.encode(s.closure(seeds, false, false), false), true
}

func (s *search) accept(key string) bool {
	if key == matched {
		return true
	}
	set, atStart := decode(key)
	return slices.Contains(s.closure(set, atStart, true), s.end)
}
