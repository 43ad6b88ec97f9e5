package batch

import "slices"

// What is computed of tokens depends on the adapter, so one adapter's pages are
// not another's. The tree of beginnings knows tokens alone: each adapter has
// numbers of its own for them. An adapter that is loaded again has others, and
// the pages of one that nobody uses are let go of like any that are old.

// keys returns tokens as the tree of beginnings knows them.
func (s *Sequence) keys(tokens []int) []int {
	if s.adapter == nil {
		return tokens
	}
	first := int(s.adapter.Serial()) * s.b.options.Vocabulary
	keys := slices.Clone(tokens)
	for i := range keys {
		keys[i] += first
	}
	return keys
}
