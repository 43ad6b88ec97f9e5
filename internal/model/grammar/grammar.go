// Package grammar holds a model's output to a JSON Schema: a schema is compiled
// to an automaton over bytes, and the automaton says at each step which tokens
// of a vocabulary may come next. What has been accepted to the end is valid by
// construction. It knows no tokenizer: a Vocabulary is the bytes of each token.
package grammar

// Catalogue is the identifiers of one kind, such as all ATT&CK techniques.
type Catalogue interface {
	// IDs returns every identifier. The list is kept and must not change; if it
	// is sorted, it is not copied.
	IDs() []string
	// Name returns what an identifier is called.
	Name(id string) string
}
