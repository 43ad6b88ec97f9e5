package llama

import (
	"context"
)

// LogProbs returns the natural log-probability of each token of each option
// after the tokens in cache, which is left as it is.
//
//	after    the logits that follow cache's last token, as Forward gave them
//	options  tokens; an empty one has no log-probabilities
//
// The prefix is not computed again: each option runs on a fork, several at a
// time.
func (m *Model) LogProbs(ctx context.Context, cache *Cache, after []float32, options [][]int) ([][]float64, error) {
	panic("not written yet")
}

// LogProb returns the natural log-probability of a token given logits.
func LogProb(logits []float32, token int) float64 { panic("not written yet") }
