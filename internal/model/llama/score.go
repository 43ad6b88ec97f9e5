package llama

import "github.com/casemate-ai/casemate/internal/model/kernel"

// LogProb returns the natural log-probability of a token given logits.
//
//	logits  [V]
//
// It panics if there is no such token.
func LogProb(logits []float32, token int) float64 {
	return float64(logits[token]) - kernel.LogSumExp(logits)
}
