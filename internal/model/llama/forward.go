package llama

import (
	"context"
)

// OutputNorm as HiddenRequest.Layer asks for what the output norm gives, from
// which logits are computed.
const OutputNorm = -1

// Pool says how the positions of a sequence become one vector.
type Pool string

// The poolings.
const (
	PoolNone Pool = ""     // they do not: each position has its own
	PoolLast Pool = "last" // the last position
	PoolMean Pool = "mean" // the mean over positions
)

// HiddenRequest asks for hidden states of a sequence.
type HiddenRequest struct {
	// Layer is whose output: 0 the embedding's, 1 to L a layer's, OutputNorm
	// the output norm's.
	Layer int
	// Positions are indices into Tokens, negative from the end; nil means all.
	// With PoolMean the mean is over them; PoolLast needs none.
	Positions []int
	Pool      Pool
}

// Sequence is what a pass is to compute of one sequence.
type Sequence struct {
	// Cache has the tokens before; Tokens are appended to it. Nil means a cache
	// of F32 that lasts for the pass.
	Cache  *Cache
	Tokens []int
	// Logits are indices into Tokens, negative from the end, whose logits are
	// wanted: []int{-1} for those that follow the last token.
	Logits []int
	// AllLogits asks for those of every token, in place of Logits.
	AllLogits bool
	// Targets asks for log-probabilities without keeping logits: Targets[i] is
	// the token whose log-probability after Tokens[i] is wanted, or None. It is
	// nil or as long as Tokens.
	Targets []int
	Hidden  []HiddenRequest
}

// None is no token.
const None = -1

// Result is what a pass computed of one sequence.
type Result struct {
	// Logits has [V] for each entry of Sequence.Logits, or for each token.
	Logits [][]float32
	// LogProbs has, for each entry of Targets, its natural log-probability; 0
	// for None.
	LogProbs []float64
	// Hidden has, for each request, [C] for each position; or one if pooled.
	Hidden [][][]float32
}

// Forward appends each sequence's tokens to its cache and computes what it asks
// for; results stand in the order of batch. If it fails, caches are as they were
// before. Errors that a caller may branch on: *ContextError, *TokenError, and
// the context's own; the context is looked at between layers.
func (m *Model) Forward(ctx context.Context, batch []Sequence) ([]Result, error) {
	panic("not written yet")
}

// ContextError says that tokens do not fit a cache. Nothing was cut.
type ContextError struct {
	Have int // tokens the cache can hold
	Want int // tokens it would have to
}

// Error says by how much.
func (e *ContextError) Error() string { panic("not written yet") }

// TokenError says that the model has no such token.
type TokenError struct {
	Token      int
	Vocabulary int
}

// Error names the token.
func (e *TokenError) Error() string { panic("not written yet") }
