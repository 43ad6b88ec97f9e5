package native

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

// maxSchemas is how many compiled schemas are kept.
const maxSchemas = 32

// schemas keeps compiled schemas by their text, the most recently used first.
type schemas struct {
	mu         sync.Mutex
	vocabulary *grammar.Vocabulary
	kept       []schema
}

type schema struct {
	digest  [sha256.Size]byte
	rules   *grammar.Schema
	grammar *grammar.Grammar
}

// compile returns the automaton of a schema over the model's vocabulary.
func (e *Engine) compile(text []byte) (schema, error) {
	s := &e.schemas
	s.mu.Lock()
	defer s.mu.Unlock()
	digest := sha256.Sum256(text)
	for i, k := range s.kept {
		if k.digest == digest {
			copy(s.kept[1:i+1], s.kept[:i])
			s.kept[0] = k
			return k, nil
		}
	}
	if s.vocabulary == nil {
		v, err := e.vocabulary()
		if err != nil {
			return schema{}, input("use the model's vocabulary for schemas", err, "")
		}
		s.vocabulary = v
	}
	var missing error
	rules, err := grammar.Compile(text, grammar.Options{Catalogue: func(kind string) (grammar.Catalogue, bool) {
		if e.options.Catalogue == nil {
			return nil, false
		}
		c, err := e.options.Catalogue(kind)
		if err != nil {
			missing = err
		}
		return c, err == nil
	}})
	if err != nil {
		if missing != nil {
			err = fmt.Errorf("%w: %w", err, missing)
		}
		return schema{}, misused("use the schema", err, "docs/constrained-decoding.md says what a schema may hold")
	}
	g, err := rules.Bind(s.vocabulary)
	if err != nil {
		return schema{}, input("use the schema with this model", err, "")
	}
	k := schema{digest, rules, g}
	s.kept = append([]schema{k}, s.kept[:min(len(s.kept), maxSchemas-1)]...)
	return k, nil
}

// vocabulary returns the bytes of every row of the model's output. Rows that
// the tokenizer does not know have none, so that no schema allows them, and
// neither have the tags of thoughts, which an answer cannot hold.
func (e *Engine) vocabulary() (*grammar.Vocabulary, error) {
	tokens := make([][]byte, e.info.Vocabulary)
	for id := range min(e.tok.Size(), len(tokens)) {
		if !e.tok.IsControl(id) && !e.isThinkMark(id) {
			tokens[id] = e.tok.Bytes(id)
		}
	}
	return grammar.NewVocabulary(tokens, e.ends)
}
