package sample

// Philox lets the tests look at the arithmetic itself.
var Philox = philox

// Exp returns one exponential.
func Exp(x float64) float64 {
	one := []float64{x}
	expAll(one)
	return one[0]
}

// Kept returns the scores after bias and penalties, and the probability of each
// token that is left to be drawn.
func Kept(s *Sampler, logits []float32) (scores []float32, p map[int]float64, err error) {
	if scores, err = s.adjust(logits); err != nil {
		return nil, nil, err
	}
	s.cut(scores, nil, scores[first(scores, nil)])
	p, total := map[int]float64{}, 0.0
	for _, c := range s.kept {
		total += c.weight
	}
	for _, c := range s.kept {
		p[int(c.id)] = c.weight / total
	}
	return scores, p, nil
}

// LogSumExp returns the sum that log-probabilities are taken from.
func LogSumExp(logits []float32) (float64, error) {
	top, log, err := logSum(logits)
	return float64(top) + log, err
}
