package grammar

import (
	"fmt"
	"slices"
	"sync"
)

// Grammar is a schema bound to a vocabulary. It may be used by any number of
// goroutines.
type Grammar struct {
	schema     *Schema
	vocabulary *Vocabulary

	mu    sync.Mutex
	cache map[interiorKey]*interior
}

// Matcher follows one document as it is generated. It is for one goroutine.
type Matcher struct {
	grammar  *Grammar
	at       config
	finished bool
	mask     []uint64
	exits    []exitMask // of the last strings, newest first
}

// Accept takes the next token. A token that Mask does not allow is an error
// and changes nothing.
func (m *Matcher) Accept(token int) error {
	v := m.grammar.vocabulary
	switch {
	case token < 0 || token >= len(v.tokens):
		return fmt.Errorf("accept token %d: the vocabulary has %d", token, len(v.tokens))
	case m.finished:
		return fmt.Errorf("accept token %d: the document has ended", token)
	case slices.Contains(v.end, token):
		if !m.Done() {
			return fmt.Errorf("accept token %d: the document is not complete", token)
		}
		m.finished = true
		return nil
	case len(v.tokens[token]) == 0:
		return fmt.Errorf("accept token %d: a control token is no part of a document", token)
	}
	if err := m.AcceptBytes(v.tokens[token]); err != nil {
		return fmt.Errorf("accept token %d: %w", token, err)
	}
	return nil
}

// AcceptBytes takes bytes that need not be whole tokens, such as those of
// Forced. On an error nothing has changed.
func (m *Matcher) AcceptBytes(text []byte) error {
	if m.finished && len(text) > 0 {
		return fmt.Errorf("the document has ended")
	}
	c := m.at
	for i, b := range text {
		if c = m.grammar.schema.step(c, b); len(c) == 0 {
			return fmt.Errorf("byte %d of %q cannot come here", i, text)
		}
	}
	m.at = c
	return nil
}

// Done says whether what has been accepted is a complete document. More may
// still be possible: 1 may become 12.
func (m *Matcher) Done() bool { return complete(m.at) }

// Finished says whether an end token has been accepted.
func (m *Matcher) Finished() bool { return m.finished }

// Clone returns a matcher at the same place that goes its own way.
func (m *Matcher) Clone() *Matcher {
	return &Matcher{grammar: m.grammar, at: m.at, finished: m.finished, exits: slices.Clone(m.exits)}
}

// maxForced bounds what Forced returns at once.
const maxForced = 4096

// Forced returns the bytes that must come next whatever the model says; empty
// when there is a choice. It changes nothing.
func (m *Matcher) Forced() []byte {
	var out []byte
	if m.finished {
		return nil
	}
	for c := m.at; len(out) < maxForced && !complete(c); {
		b, next := m.grammar.schema.only(c)
		if next == nil {
			break
		}
		out, c = append(out, b), next
	}
	return out
}

// only returns the one byte that may come next, and where it leads; nil if there
// are several.
func (s *Schema) only(c config) (byte, config) {
	if len(c) == 1 {
		if b, ok := c[0].obvious(); ok {
			return b, s.step(c, b)
		}
	}
	var found config
	var at byte
	for i := range 256 {
		// Printable characters first: of these a choice shows soonest.
		b := byte(i + ' ')
		next := s.step(c, b)
		if len(next) == 0 {
			continue
		}
		if found != nil {
			return 0, nil
		}
		found, at = next, b
	}
	return at, found
}

// obvious returns the one byte that may come next where it can be told without
// trying others.
func (s *stack) obvious() (byte, bool) {
	switch {
	case s.space == mustSpace:
		return ' ', true
	case s.space != noSpace:
	case s.kind == literal:
		return s.lit[s.q], true
	case s.kind == colon:
		return ':', true
	case (s.kind == inWord || s.kind == knownKey) && s.text.esc == noEscape:
		// Words are sorted, so what the first and the last have next all have.
		words := s.list()
		first, last := words[s.q], words[s.n-1]
		if len(first) > int(s.m) && first[s.m] == last[s.m] && !escapable(rune(first[s.m])) {
			return first[s.m], true
		}
	}
	return 0, false
}
