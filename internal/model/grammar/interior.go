package grammar

import (
	"bytes"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// interior is what a place inside a string allows, whatever the string is in:
// the tokens that stay inside, and the nodes just after a quote that closes it.
type interior struct {
	bits  []uint64
	exits []exit
}

// exit is a node after the quote that closes a string, and how many code points
// of the string come before it.
type exit struct {
	node  int32
	runes uint8
}

// interiorKey names a place in a string that is held to an automaton. left is
// how many code points may come; if that is more than nearly all tokens reach,
// it is far.
type interiorKey struct {
	text *program.Text
	q    int32
	left int32
}

const far = math.MaxInt32

// longToken is the number of code points from which on a token is looked at by
// itself, since there are few: rulers and runs of spaces.
const longToken = 24

// freeMask names a place in a free string, by how many code points must and how
// many may come.
type freeMask struct{ need, left int32 }

// stringTokens says of each token and each exit how many code points it adds to
// a string.
type stringTokens struct {
	runes []uint8 // of a token by its place in order; notInside if it is not
	exits []exit  // in the order of their nodes
	long  []int32 // tokens of more than longToken code points
	most  int32   // the largest number
}

// notInside is the count of a token that is not wholly inside a string. Tokens
// of more code points than are counted are not used in strings.
const notInside = 255

// prepare counts in both kinds of string.
func (v *Vocabulary) prepare() {
	every := automaton.All()
	v.free.count(v, &program.Text{Free: true, Max: notInside - 1}, 0, textState{})
	v.bound.count(v, &program.Text{DFA: every, Shortest: every.Shortest(), Max: notInside - 1}, 0, textState{q: every.Start()})
}

func (f *stringTokens) count(v *Vocabulary, t *program.Text, node int32, s textState) {
	if node == 0 {
		f.runes = bytes.Repeat([]byte{notInside}, len(v.order))
	}
	for child := node + 1; child < v.next[node]; child = v.next[child] {
		next, result := stepText(t, s, v.label[child], nil)
		switch result {
		case closed:
			f.exits = append(f.exits, exit{child, uint8(s.n)})
			f.most = max(f.most, s.n)
		case inside:
			n := next.n
			if next.rem > 0 || next.esc != noEscape {
				n++ // a code point that is begun must have room to end
			}
			for i := v.first[child]; i < v.first[child+1]; i++ {
				f.runes[i] = uint8(n)
				if n > longToken {
					f.long = append(f.long, v.order[i])
				}
			}
			f.most = max(f.most, n)
			f.count(v, t, child, next)
		}
	}
}

// freeInterior returns what a free string allows.
func (v *Vocabulary) freeInterior(need, left int32) *interior {
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
			in.exits = append(in.exits, e)
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
func (g *Grammar) interior(t *program.Text, s textState) *interior {
	v := g.vocabulary
	if t.Free {
		return v.freeInterior(int32(t.Min)-s.n, int32(t.Max)-s.n)
	}
	key := interiorKey{t, s.q, int32(t.Max) - s.n}
	if key.left >= v.bound.most+t.Farthest {
		key.left = far
	}
	if in := g.cached(key); in != nil {
		return in
	}
	if key.left == far || key.left < longToken+t.Farthest {
		return g.keep(key, g.explore(key))
	}
	// Only long tokens tell this place from one without a limit.
	whole := interiorKey{t, s.q, far}
	in := g.cached(whole)
	if in == nil {
		in = g.keep(whole, g.explore(whole))
	}
	return g.keep(key, g.shorten(in, t, s))
}

func (g *Grammar) cached(key interiorKey) *interior {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cache[key]
}

// keep puts in into the cache, which starts anew when it is full.
func (g *Grammar) keep(key interiorKey, in *interior) *interior {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.cache) >= maxInteriors {
		clear(g.cache)
	}
	g.cache[key] = in
	return in
}

// explore finds what a string allows by going through all tokens.
func (g *Grammar) explore(key interiorKey) *interior {
	v := g.vocabulary
	in := &interior{bits: make([]uint64, words(len(v.tokens)))}
	t := *key.text
	t.Max = int(key.left)
	g.gather(in, &t, 0, textState{q: key.q})
	return in
}

// gather adds what is below node. Below a node from which every string is
// accepted, what is known of such strings is taken over.
func (g *Grammar) gather(in *interior, t *program.Text, node int32, s textState) {
	v := g.vocabulary
	if s.rem == 0 && s.esc == noEscape && t.Loose[s.q] {
		v.takeOver(in, node, t.Max)
		return
	}
	for child := node + 1; child < v.next[node]; child = v.next[child] {
		next, result := stepText(t, s, v.label[child], nil)
		switch result {
		case inside:
			v.set(in.bits, child)
			g.gather(in, t, child, next)
		case closed:
			in.exits = append(in.exits, exit{child, uint8(min(s.n, notInside))})
		}
	}
}

// takeOver adds the tokens and exits below node that hold at most left code
// points.
func (v *Vocabulary) takeOver(in *interior, node int32, left int) {
	f := &v.bound
	for i := v.first[node+1]; i < v.first[v.next[node]]; i++ {
		if n := f.runes[i]; n != notInside && int(n) <= left {
			id := v.order[i]
			in.bits[id/64] |= 1 << (id % 64)
		}
	}
	at := sort.Search(len(f.exits), func(i int) bool { return f.exits[i].node > node })
	for ; at < len(f.exits) && f.exits[at].node < v.next[node]; at++ {
		if int(f.exits[at].runes) <= left {
			in.exits = append(in.exits, f.exits[at])
		}
	}
}

// shorten returns in without the long tokens that do not fit any more.
func (g *Grammar) shorten(in *interior, t *program.Text, s textState) *interior {
	v := g.vocabulary
	out := *in
	copied := false
next:
	for _, id := range v.bound.long {
		if in.bits[id/64]>>(id%64)&1 == 0 {
			continue
		}
		at, result := s, inside
		for _, b := range v.tokens[id] {
			if at, result = stepText(t, at, b, nil); result != inside {
				break
			}
		}
		if result == inside {
			continue next
		}
		if !copied {
			out.bits, copied = slices.Clone(in.bits), true
		}
		out.bits[id/64] &^= 1 << (id % 64)
	}
	if slices.ContainsFunc(in.exits, func(e exit) bool { return int(e.runes) > t.Max-int(s.n) }) {
		out.exits, copied = nil, true
		for _, e := range in.exits {
			if int(e.runes) <= t.Max-int(s.n) {
				out.exits = append(out.exits, e)
			}
		}
	}
	if !copied {
		return in
	}
	return &out
}

// exitMask is the tokens that end a string, and go on after it in one place.
type exitMask struct {
	in   *interior
	up   *stack
	bits []uint64
}

// maskText marks what may come inside a string.
func (m *Matcher) maskText(w *walker, st *stack) {
	t := st.p.(*program.Text)
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
	out := &walker{schema: w.schema, v: w.v, bits: e.bits}
	after := w.place(config{w.schema.closeText(st, "")})
	for _, x := range in.exits {
		w.v.set(out.bits, x.node)
		out.follow(x.node, after, 0, st)
	}
	m.exits = append([]exitMask{e}, m.exits[:min(len(m.exits), maxExits-1)]...)
	return e.bits
}

// maskUnused marks what may come in a string that may not be one of some words:
// what a string may be, less what leads to nothing but such words.
func (m *Matcher) maskUnused(w *walker, st *stack, in *interior) {
	bits := slices.Clone(in.bits)
	var banned [][2]int32
	if st.limit() != nil {
		w.ban(0, st, &banned)
	}
	for _, r := range banned {
		w.v.clear(bits, r[0])
	}
	out := &walker{schema: w.schema, v: w.v, bits: bits}
	after := w.place(config{w.schema.closeText(st, "")})
exits:
	for _, x := range in.exits {
		for _, r := range banned {
			if x.node >= r[0] && x.node < r[1] {
				continue exits
			}
		}
		w.v.set(bits, x.node)
		out.follow(x.node, after, 0, st)
	}
	for i, b := range bits {
		w.bits[i] |= b
	}
}

// ban finds the nodes that a string leads to, but for the words that were used.
func (w *walker) ban(node int32, st *stack, banned *[][2]int32) {
	var toward [256]bool
	if !st.toward(&toward) {
		return
	}
	t := st.p.(*program.Text)
	for child := node + 1; child < w.v.next[node]; child = w.v.next[child] {
		b := w.v.label[child]
		if !toward[b] {
			continue
		}
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

// toward marks the bytes by which a string comes closer to a word that was used.
// It returns false if no such word begins with what the string is so far.
func (s *stack) toward(marks *[256]bool) bool {
	found := false
	for u := s.up.used; u != nil; u = u.next {
		rest, ok := strings.CutPrefix(u.word, s.sofar)
		if !ok {
			continue
		}
		found = true
		switch r, _ := utf8.DecodeRuneInString(rest); {
		case s.text.rem > 0 || s.text.esc != noEscape: // inside a code point
			for b := range marks {
				marks[b] = true
			}
		case rest == "":
			marks['"'] = true
		default:
			marks[program.AppendRune(nil, r)[0]] = true
		}
	}
	return found
}
