package grammar

import (
	"github.com/casemate-ai/casemate/internal/model/grammar/program"
)

// Bounds of the caches of masks. An interior has a bit a token and a few thousand
// nodes: about 30 kB at 128,000 tokens, so 16 MB in all.
const (
	maxInteriors = 512 // of a grammar, and of a vocabulary
	maxExits     = 8   // of a matcher
)

// Mask returns which tokens may come next: bit i%64 of word i/64 is set if
// token i may. Ids that end the text are set exactly when the document is
// complete. The slice belongs to the matcher and is valid until its next call.
// A mask of zeros is never returned before the end (Finished).
func (m *Matcher) Mask() []uint64 {
	v := m.grammar.vocabulary
	if m.mask == nil {
		m.mask = make([]uint64, words(len(v.tokens)))
	}
	clear(m.mask)
	if m.finished {
		return m.mask
	}
	w := &walker{schema: m.grammar.schema, v: v, bits: m.mask}
	for _, st := range m.at {
		if st.kind == inText && st.text.rem == 0 && st.text.esc == noEscape {
			m.maskText(w, st)
		} else {
			w.below(0, config{st})
		}
	}
	if complete(m.at) {
		for _, id := range v.end {
			m.mask[id/64] |= 1 << (id % 64)
		}
	}
	return m.mask
}

// walker marks the tokens of a tree that a place allows.
type walker struct {
	schema *Schema
	v      *Vocabulary
	bits   []uint64
}

// below marks the tokens below node that may come at c.
func (w *walker) below(node int32, c config) {
	v := w.v
	if len(c) == 1 && c[0].kind == inText && (c[0].limit() == nil || c[0].up.used.count(c[0].sofar) == 0) {
		w.text(node, c[0])
		return
	}
	for child := node + 1; child < v.next[node]; child = v.next[child] {
		if next := w.schema.step(c, v.label[child]); len(next) > 0 {
			v.set(w.bits, child)
			w.below(child, next)
		}
	}
}

// text does the same inside one string, without making a stack for each byte.
func (w *walker) text(node int32, st *stack) {
	t := st.p.(*program.Text)
	var after *place
	inside := func(child int32, _ textState) { w.v.set(w.bits, child) }
	exit := func(child int32, _ textState) {
		w.v.set(w.bits, child)
		if child+1 == w.v.next[child] {
			return
		}
		if after == nil {
			after = w.place(config{w.schema.closeText(st, "")})
		}
		w.follow(child, after, node, st)
	}
	scan(w.v, t, node, st.text, inside, exit)
}

// scan visits the nodes below node that the inside of a string leads to, and
// those just after its closing quote, with the place in the string before it.
func scan(v *Vocabulary, t *program.Text, node int32, s textState, in, out func(int32, textState)) {
	end := v.next[node]
	for child := node + 1; child < end; child = v.next[child] {
		next, result := stepText(t, s, v.label[child], nil)
		switch result {
		case inside:
			in(child, next)
			if child+1 < v.next[child] {
				scan(v, t, child, next, in, out)
			}
		case closed:
			out(child, s)
		}
	}
}

// retrace returns where the bytes from node to child lead.
func (w *walker) retrace(node, child int32, st *stack) config {
	var path []byte
	for ; child != node; child = w.v.up[child] {
		path = append(path, w.v.label[child])
	}
	c := config{st}
	for i := len(path) - 1; i >= 0; i-- {
		c = w.schema.step(c, path[i])
	}
	return c
}

// place is a config and where each byte leads from it, once that is known: many
// tokens end a string and go on alike.
type place struct {
	at      config
	depends bool // on the words that were used
	known   [256]bool
	next    [256]*place
}

func (w *walker) place(c config) *place {
	p := &place{at: c}
	for _, st := range c {
		_, isArray := st.p.(*program.Array)
		switch st.kind {
		case inArray:
		case inObject: // whether a further name is left
			p.depends = p.depends || st.phase == afterComma
		default:
			p.depends = p.depends || isArray || st.phase != plainString
		}
	}
	return p
}

func (p *place) step(w *walker, b byte) *place {
	if !p.known[b] {
		p.known[b] = true
		if c := w.schema.step(p.at, b); len(c) > 0 {
			p.next[b] = w.place(c)
		}
	}
	return p.next[b]
}

// follow marks the tokens below node that may come at p, which is where the
// string st leads when it is closed. The string was read from node from to node;
// what it says matters only where words may not repeat.
func (w *walker) follow(node int32, p *place, from int32, st *stack) {
	v := w.v
	for child := node + 1; child < v.next[node]; child = v.next[child] {
		next := p.step(w, v.label[child])
		if next == nil {
			continue
		}
		if next.depends && st.phase != plainString {
			if c := w.retrace(from, child, st); len(c) > 0 {
				v.set(w.bits, child)
				w.below(child, c)
			}
			continue
		}
		v.set(w.bits, child)
		w.follow(child, next, from, st)
	}
}
