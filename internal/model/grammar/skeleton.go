package grammar

import "errors"

// Vocabulary is the tokens of one tokenizer as bytes. It does not change and
// may be used by any number of goroutines.
type Vocabulary struct{}

// NewVocabulary takes the bytes of each token id, nil for a control token, which
// is never allowed, and the ids that end a text. tokens is kept, not copied.
func NewVocabulary(tokens [][]byte, end []int) (*Vocabulary, error) {
	return nil, errors.New("not yet")
}

// Size returns the number of token ids.
func (v *Vocabulary) Size() int { return 0 }

// Schema is a compiled JSON Schema. It does not change and may be used by any
// number of goroutines.
type Schema struct{}

// Compile reads a JSON Schema of draft 2020-12. A keyword that cannot be
// honoured exactly is a *KeywordError; every error wraps ErrSchema.
func Compile(schema []byte, o Options) (*Schema, error) { return nil, ErrSchema }

// Validate says whether instance, to its last byte, is a document that a
// Matcher of s can produce: one the schema accepts, spelled as this package
// spells documents.
func (s *Schema) Validate(instance []byte) error { return ErrSchema }

// Bind prepares s for a vocabulary. It fails when the vocabulary has no single
// token for some byte that a document may need. The grammar holds the bounded
// cache of masks: bind once and start many matchers.
func (s *Schema) Bind(v *Vocabulary) (*Grammar, error) { return nil, errors.New("not yet") }

// Grammar is a schema bound to a vocabulary. It may be used by any number of
// goroutines.
type Grammar struct{}

// Start returns a matcher at the start of a document.
func (g *Grammar) Start() *Matcher { return nil }

// Matcher follows one document as it is generated. It is for one goroutine.
type Matcher struct{}

// Mask returns which tokens may come next: bit i%64 of word i/64 is set if
// token i may. Ids that end the text are set exactly when the document is
// complete. The slice belongs to the matcher and is valid until its next call.
// A mask of zeros is never returned before the end (Finished).
func (m *Matcher) Mask() []uint64 { return nil }

// Accept takes the next token. A token that Mask does not allow is an error
// and changes nothing.
func (m *Matcher) Accept(token int) error { return errors.New("not yet") }

// Done says whether what has been accepted is a complete document. More may
// still be possible: 1 may become 12.
func (m *Matcher) Done() bool { return false }

// Finished says whether an end token has been accepted.
func (m *Matcher) Finished() bool { return false }

// Forced returns the bytes that must come next whatever the model says; empty
// when there is a choice. It changes nothing.
func (m *Matcher) Forced() []byte { return nil }

// AcceptBytes takes bytes that need not be whole tokens, such as those of
// Forced. On an error nothing has changed.
func (m *Matcher) AcceptBytes(text []byte) error { return errors.New("not yet") }

// Clone returns a matcher at the same place that goes its own way.
func (m *Matcher) Clone() *Matcher { return nil }
