package eval

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/casemate-ai/casemate/internal/security/openbook"
)

// How the weights of the answerer are fitted: a softmax over the options of a
// question, by gradient descent on all questions at once.
const (
	trainRounds = 3000
	trainStep   = 2.0
	trainDecay  = 1e-3 // pull of each weight towards zero, for a mean loss of questions
)

// example is what training sees of a question.
type example struct {
	options []openbook.Vector
	answer  int
	weight  float64
}

// TrainWeights fits the weights of the answerer to questions, each kind with the
// same weight in all. Half of the questions are answered with the passages
// hidden that they were written from, so that what holds without them counts.
func TrainWeights(ctx context.Context, b *openbook.Book, questions []Question) (w [openbook.Features]float64, err error) {
	var data []example
	kinds := map[string]float64{}
	for _, q := range questions {
		kinds[q.Kind]++
	}
	for i, q := range questions {
		if err := ctx.Err(); err != nil {
			return w, err
		}
		hide := map[int32]bool{}
		if i%2 == 0 {
			for _, s := range q.source {
				for _, at := range b.Holding(s.id, s.text) {
					hide[at] = true
				}
			}
		}
		data = append(data, example{b.Vectors(q.Text, q.Options, hide), q.Answer, 1 / kinds[q.Kind]})
	}
	total := 0.0
	for _, e := range data {
		total += e.weight
	}
	velocity := w
	for range trainRounds {
		g := gradient(data, &w)
		for i := range w {
			velocity[i] = 0.9*velocity[i] - 0.1*trainStep*(g[i]/total+trainDecay*w[i])
			w[i] += velocity[i]
		}
	}
	return w, nil
}

// gradient returns the derivative of the summed loss.
func gradient(data []example, w *[openbook.Features]float64) (g [openbook.Features]float64) {
	for _, e := range data {
		scores := make([]float64, len(e.options))
		best, total := math.Inf(-1), 0.0
		for i, x := range e.options {
			for j, f := range x {
				scores[i] += w[j] * float64(f)
			}
			best = max(best, scores[i])
		}
		for i := range scores {
			scores[i] = math.Exp(scores[i] - best)
			total += scores[i]
		}
		for i, x := range e.options {
			d := scores[i] / total
			if i == e.answer {
				d--
			}
			for j, f := range x {
				g[j] += e.weight * d * float64(f)
			}
		}
	}
	return g
}

// WriteWeights prints weights by name.
func WriteWeights(w io.Writer, weights [openbook.Features]float64) error {
	for i, v := range weights {
		if _, err := fmt.Fprintf(w, "%-16s %8.3f\n", openbook.FeatureNames[i], v); err != nil {
			return err
		}
	}
	return nil
}
