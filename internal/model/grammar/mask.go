package grammar

import (
	"github.com/casemate-ai/casemate/internal/model/grammar/schema"
)

// Bounds of the caches of masks. An interior has two bits or so a token and a
// few thousand nodes, about 30 kB at 128,000 tokens.
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
	w := &walker{schema: m.grammar.schema, grammar: m.grammar, v: v, bits: m.mask}
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
	schema  *Schema
	grammar *Grammar
	v       *Vocabulary
	bits    []uint64
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
	t := st.p.(*schema.Text)
	var after *place
	inside := func(child int32) { w.v.set(w.bits, child) }
	exit := func(child int32) {
		w.v.set(w.bits, child)
		if child+1 == w.v.next[child] {
			return
		}
		if st.phase != plainString {
			// What was read is part of what follows: it may not come again.
			w.below(child, w.retrace(node, child, st))
			return
		}
		if after == nil {
			after = &place{at: config{w.schema.closeText(st, "")}}
		}
		w.follow(child, after)
	}
	scan(w.v, t, node, st.text, inside, exit)
}

// scan visits the nodes below node that the inside of a string leads to, and
// those just after its closing quote.
func scan(v *Vocabulary, t *schema.Text, node int32, s textState, in, out func(int32)) {
	for child := node + 1; child < v.next[node]; child = v.next[child] {
		next, result := stepText(t, s, v.label[child], nil)
		switch result {
		case inside:
			in(child)
			if child+1 < v.next[child] {
				scan(v, t, child, next, in, out)
			}
		case closed:
			out(child)
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
	at    config
	known [256]bool
	next  [256]*place
}

func (p *place) step(s *Schema, b byte) *place {
	if !p.known[b] {
		p.known[b] = true
		if c := s.step(p.at, b); len(c) > 0 {
			p.next[b] = &place{at: c}
		}
	}
	return p.next[b]
}

// follow marks the tokens below node that may come at p.
func (w *walker) follow(node int32, p *place) {
	v := w.v
	for child := node + 1; child < v.next[node]; child = v.next[child] {
		if next := p.step(w.schema, v.label[child]); next != nil {
			v.set(w.bits, child)
			w.follow(child, next)
		}
	}
}
