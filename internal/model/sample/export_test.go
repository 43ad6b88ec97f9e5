package sample

// Exp and Philox let the tests look at the arithmetic itself.
var (
	Exp    = exp
	Philox = philox
)

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
