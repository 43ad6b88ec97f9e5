package grammar

import (
	"github.com/casemate-ai/casemate/internal/model/grammar/schema"
)

// interior is what a place inside a string allows, whatever the string is in:
// the tokens that stay inside, and the nodes just after a quote that closes it.
type interior struct {
	bits  []uint64
	exits []int32
}

// interiorKey names a place in a string that is held to an automaton. left is
// how many code points may come, or a number so large that no token reaches it.
type interiorKey struct {
	text *schema.Text
	q    int32
	left int32
}

// freeMask names a place in a free string, by how many code points must and how
// many may come.
type freeMask struct{ need, left int32 }

// freeTokens says of each token and each exit how many code points it adds to a
// free string.
type freeTokens struct {
	runes []uint8 // of a token by its place in order; notInside if it is not
	exits []freeExit
	most  int32 // the largest number
}

type freeExit struct {
	node  int32
	runes uint8
}

// notInside is the count of a token that is not wholly inside a string. Tokens
// of more code points than are counted are not used in strings.
const notInside = 255

// anyString is the string that freeTokens counts in.
func anyString() *schema.Text { return &schema.Text{Free: true, Max: notInside - 1} }

// prepare counts, once for a vocabulary.
func (v *Vocabulary) prepare() {
	f := &v.free
	f.runes = make([]uint8, len(v.order))
	for i := range f.runes {
		f.runes[i] = notInside
	}
	v.count(anyString(), 0, textState{})
}

func (v *Vocabulary) count(t *schema.Text, node int32, s textState) {
	f := &v.free
	for child := node + 1; child < v.next[node]; child = v.next[child] {
		next, result := stepText(t, s, v.label[child], nil)
		switch result {
		case closed:
			f.exits = append(f.exits, freeExit{child, uint8(s.n)})
			f.most = max(f.most, s.n)
		case inside:
			n := next.n
			if next.rem > 0 || next.esc != noEscape {
				n++ // a code point that is begun must have room to end
			}
			for i := v.first[child]; i < v.first[child+1]; i++ {
				f.runes[i] = uint8(n)
			}
			f.most = max(f.most, n)
			v.count(t, child, next)
		}
	}
}

// freeInterior returns what a free string allows.
func (v *Vocabulary) freeInterior(need, left int32) *interior {
	v.once.Do(v.prepare)
	key := freeMask{max(0, min(need, v.free.most+1)), max(0, min(left, v.free.most))}
	v.mu.Lock()
	defer v.mu.Unlock()
	in, ok := v.made[key]
	if ok {
		return in
	}
	in = &interior{bits: make([]uint64, words(len(v.tokens)))}
	for i, id := range v.order {
		if n := v.free.runes[i]; n != notInside && int32(n) <= key.left {
			in.bits[id/64] |= 1 << (id % 64)
		}
	}
	for _, e := range v.free.exits {
		if n := int32(e.runes); n >= key.need && n <= key.left {
			in.exits = append(in.exits, e.node)
		}
	}
	if len(v.made) >= maxInteriors {
		clear(v.made)
	}
	v.made[key] = in
	return in
}

// interior returns what a string allows at a place that is not inside an escape
// or a code point.
func (g *Grammar) interior(t *schema.Text, s textState) *interior {
	v := g.vocabulary
	if t.Free {
		return v.freeInterior(int32(t.Min)-s.n, int32(t.Max)-s.n)
	}
	v.once.Do(v.prepare)
	// From here on the length is no limit: a token adds at most free.most code
	// points, and no state is farther from its end than there are states.
	far := v.free.most + int32(t.DFA.States())
	key := interiorKey{t, s.q, min(int32(t.Max)-s.n, far)}
	g.mu.Lock()
	in, ok := g.cache[key]
	g.mu.Unlock()
	if ok {
		return in
	}
	in = &interior{bits: make([]uint64, words(len(v.tokens)))}
	scan(v, t, 0, s, func(child int32) { v.set(in.bits, child) }, func(child int32) { in.exits = append(in.exits, child) })
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.cache) >= maxInteriors {
		clear(g.cache)
	}
	g.cache[key] = in
	return in
}

// exitMask is the tokens that end a string, and go on after it in one place.
type exitMask struct {
	in   *interior
	up   *stack
	bits []uint64
}

// maskText marks what may come inside a string.
func (m *Matcher) maskText(w *walker, st *stack) {
	t := st.p.(*schema.Text)
	in := m.grammar.interior(t, st.text)
	if st.phase != plainString {
		m.maskUnused(w, st, in)
		return
	}
	for i, b := range in.bits {
		w.bits[i] |= b
	}
	for i, b := range m.exit(w, st, in) {
		w.bits[i] |= b
	}
}

// exit returns the tokens that end the string st. As long as a string goes on,
// they are the same at most of its places.
func (m *Matcher) exit(w *walker, st *stack, in *interior) []uint64 {
	for _, e := range m.exits {
		if e.in == in && e.up == st.up {
			return e.bits
		}
	}
	e := exitMask{in: in, up: st.up, bits: make([]uint64, len(w.bits))}
	out := &walker{schema: w.schema, grammar: w.grammar, v: w.v, bits: e.bits}
	after := &place{at: config{w.schema.closeText(st, "")}}
	for _, node := range in.exits {
		w.v.set(out.bits, node)
		out.follow(node, after)
	}
	m.exits = append([]exitMask{e}, m.exits[:min(len(m.exits), maxExits-1)]...)
	return e.bits
}

// maskUnused marks what may come in a string that may not be one of some words:
// what a string may be, less what leads to nothing but such words.
func (m *Matcher) maskUnused(w *walker, st *stack, in *interior) {
	bits := make([]uint64, len(w.bits))
	copy(bits, in.bits)
	var banned [][2]int32
	if st.limit() != nil {
		w.ban(0, st, &banned)
	}
	for _, r := range banned {
		w.v.clear(bits, r[0])
	}
	out := &walker{schema: w.schema, grammar: w.grammar, v: w.v, bits: bits}
exits:
	for _, node := range in.exits {
		for _, r := range banned {
			if node >= r[0] && node < r[1] {
				continue exits
			}
		}
		w.v.set(bits, node)
		if node+1 < w.v.next[node] {
			out.below(node, w.retrace(0, node, st))
		}
	}
	for i, b := range bits {
		w.bits[i] |= b
	}
}

// ban finds the nodes that a string leads to, but for the words that were used.
func (w *walker) ban(node int32, st *stack, banned *[][2]int32) {
	if st.up.used.count(st.sofar) == 0 {
		return
	}
	t := st.p.(*schema.Text)
	for child := node + 1; child < w.v.next[node]; child = w.v.next[child] {
		b := w.v.label[child]
		_, result := stepText(t, st.text, b, nil)
		if result == dead {
			continue
		}
		next := w.schema.stepStack(st, b, nil)
		switch {
		case len(next) == 0:
			*banned = append(*banned, [2]int32{child, w.v.next[child]})
		case result == inside:
			w.ban(child, next[0], banned)
		}
	}
}
