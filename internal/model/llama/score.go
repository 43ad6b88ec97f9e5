package llama

import (
	"context"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// LogProb returns the natural log-probability of a token given logits.
//
//	logits  [V]
//
// It panics if there is no such token.
func LogProb(logits []float32, token int) float64 {
	return float64(logits[token]) - kernel.LogSumExp(logits)
}

// LogProbs returns the natural log-probability of each token of each option
// after the tokens in cache, which is left as it is.
//
//	after    [V] the logits that follow cache's last token, as Forward gave them
//	options  tokens; an empty one has no log-probabilities
//
// The prefix is not computed again: each option runs on a fork, several at a
// time. Errors are those of Forward.
func (m *Model) LogProbs(ctx context.Context, cache *Cache, after []float32, options [][]int) ([][]float64, error) {
	if len(after) != m.config.Vocabulary {
		return nil, fmt.Errorf("score options: %d logits for a vocabulary of %d", len(after), m.config.Vocabulary)
	}
	scores := make([][]float64, len(options))
	total := kernel.LogSumExp(after)
	for i, o := range options {
		scores[i] = make([]float64, len(o))
		if len(o) == 0 {
			continue
		}
		if o[0] < 0 || o[0] >= m.config.Vocabulary {
			return nil, fmt.Errorf("score option %d: %w", i, &TokenError{o[0], m.config.Vocabulary})
		}
		scores[i][0] = float64(after[o[0]]) - total
	}
	for first := 0; first < len(options); {
		next, err := m.scoreSome(ctx, cache, options, scores, first)
		if err != nil {
			return nil, err
		}
		first = next
	}
	return scores, nil
}

// maxForks bounds how many options run at a time: each fork has a page of its
// own, at least.
const maxForks = 32

// scoreSome scores options from the first on until they fill a chunk, and
// returns which is next. An option of N tokens takes N-1 of a pass.
func (m *Model) scoreSome(ctx context.Context, cache *Cache, options [][]int, scores [][]float64, first int) (int, error) {
	var batch []Sequence
	var whose []int
	tokens, next := 0, first
	for ; next < len(options) && len(batch) < maxForks && (len(batch) == 0 || tokens+len(options[next]) <= m.chunk); next++ {
		o := options[next]
		if len(o) < 2 {
			continue
		}
		tokens += len(o) - 1
		batch = append(batch, Sequence{Cache: cache.Fork(), Tokens: o[:len(o)-1], Targets: o[1:]})
		whose = append(whose, next)
	}
	if len(batch) == 0 {
		return next, nil
	}
	results, err := m.Forward(ctx, batch)
	if err != nil {
		return 0, fmt.Errorf("score options %d to %d: %w", first, next-1, err)
	}
	for i, r := range results {
		copy(scores[whose[i]][1:], r.LogProbs)
	}
	return next, nil
}
