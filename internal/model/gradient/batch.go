package gradient

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/llama"
)

// groupTokens is how many tokens go through the layers together, if documents
// let them be divided: more take more memory, and fewer read the weights more
// often. Sums over tokens depend on it.
const groupTokens = 1024

// document is tokens that see one another: rows from to from+n-1 of a group.
type document struct{ from, n int }

// group is documents whose tokens go through the layers together.
type group struct {
	ids       []int
	positions []int // within the document
	numbers   []int // within the batch
	documents []document
	// Of the tokens that have a target: rows ascend.
	rows     []int
	targets  []int
	weights  []float32
	logprobs []*float32 // where they go
	sum      float64    // of the loss
}

// plan checks a batch and divides it into groups: documents one after another,
// as many as stay within most tokens, but one at least. 0 means that all are one
// group. Documents without a target are left out, for nothing depends on them.
func (m *Model) plan(batch []Sequence, most int) ([]*group, Loss, error) {
	var loss Loss
	var groups []*group
	var last *group
	at := 0
	for i := range batch {
		s := &batch[i]
		if err := m.checkSequence(s); err != nil {
			return nil, loss, fmt.Errorf("sequence %d: %w", i, err)
		}
		logprobs := make([]float32, len(s.Tokens))
		loss.Logprobs = append(loss.Logprobs, logprobs)
		for d := 0; d < max(len(s.Starts), 1); d++ {
			from, to := s.document(d)
			if s.hasTarget(from, to) {
				if last == nil || most > 0 && len(last.ids)+to-from > most {
					last = &group{}
					groups = append(groups, last)
				}
				last.add(s, from, to, at, logprobs)
			}
			at += to - from
		}
		for j, t := range s.Targets {
			if t >= 0 {
				loss.Targets++
				loss.Weight += float64(s.weight(j))
			}
		}
	}
	return groups, loss, nil
}

// document returns where document d of a sequence begins and ends.
func (s *Sequence) document(d int) (from, to int) {
	if s.Starts == nil {
		return 0, len(s.Tokens)
	}
	to = len(s.Tokens)
	if d+1 < len(s.Starts) {
		to = s.Starts[d+1]
	}
	return s.Starts[d], to
}

func (s *Sequence) weight(i int) float32 {
	if s.Weights == nil {
		return 1
	}
	return s.Weights[i]
}

func (s *Sequence) hasTarget(from, to int) bool {
	for _, t := range s.Targets[from:to] {
		if t >= 0 {
			return true
		}
	}
	return false
}

// add appends a document to a group; at is the first token's number in the batch.
func (g *group) add(s *Sequence, from, to, at int, logprobs []float32) {
	g.documents = append(g.documents, document{len(g.ids), to - from})
	for i := from; i < to; i++ {
		if t := s.Targets[i]; t >= 0 {
			g.rows = append(g.rows, len(g.ids))
			g.targets = append(g.targets, t)
			g.weights = append(g.weights, s.weight(i))
			g.logprobs = append(g.logprobs, &logprobs[i])
		}
		g.ids = append(g.ids, s.Tokens[i])
		g.positions = append(g.positions, i-from)
		g.numbers = append(g.numbers, at+i-from)
	}
}

// checkSequence refuses what cannot be computed.
func (m *Model) checkSequence(s *Sequence) error {
	V := m.config.Vocabulary
	if len(s.Tokens) == 0 {
		return fmt.Errorf("there are no tokens")
	}
	if len(s.Targets) != len(s.Tokens) {
		return fmt.Errorf("%d targets for %d tokens", len(s.Targets), len(s.Tokens))
	}
	if s.Weights != nil && len(s.Weights) != len(s.Tokens) {
		return fmt.Errorf("%d weights for %d tokens", len(s.Weights), len(s.Tokens))
	}
	for i, t := range s.Tokens {
		if t < 0 || t >= V {
			return &llama.TokenError{Token: t, Vocabulary: V}
		}
		if s.Targets[i] >= V {
			return &llama.TokenError{Token: s.Targets[i], Vocabulary: V}
		}
	}
	for i, start := range s.Starts {
		before := -1
		if i > 0 {
			before = s.Starts[i-1]
		}
		if i == 0 && start != 0 || start <= before || start >= len(s.Tokens) {
			return fmt.Errorf("documents begin at %v of %d tokens: want them to ascend from 0", s.Starts, len(s.Tokens))
		}
	}
	if s.Starts != nil && len(s.Starts) == 0 {
		return fmt.Errorf("no document begins")
	}
	return nil
}
