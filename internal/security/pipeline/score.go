package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Score asks the model how probable options are, for several prefixes. Each
// prefix is one question of the budget; where the budget does not reach all of
// them, none is asked and the error is ErrBudget, so that scores can be compared.
// Data in a prefix is the caller's to clean (prompt.OneLine).
func (r *Run) Score(ctx context.Context, step string, requests []engine.ScoreRequest) ([][]engine.Score, error) {
	if err := r.takeScores(step, len(requests)); err != nil {
		return nil, err
	}
	if r.opt.DryRun != nil {
		return nil, r.writeScores(step, requests)
	}
	out, errs := make([][]engine.Score, len(requests)), make([]error, len(requests))
	next := make(chan int)
	var group sync.WaitGroup
	for range max(1, min(r.opt.Engine.Info().Together, len(requests))) {
		group.Go(func() {
			for i := range next {
				out[i], errs[i] = r.opt.Engine.Score(ctx, requests[i])
			}
		})
	}
	for i := range requests {
		next <- i
		if p := r.opt.Progress; p != nil {
			p("scoring", int64(i+1), int64(len(requests)))
		}
	}
	close(next)
	group.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("score %q, number %d: %w", step, i+1, err)
		}
	}
	type scored struct {
		Request engine.ScoreRequest `json:"request"`
		Scores  []engine.Score      `json:"scores"`
	}
	kept := make([]scored, len(requests))
	for i := range kept {
		kept[i] = scored{requests[i], out[i]}
	}
	return out, r.Step(step, kept)
}

// takeScores takes n questions out of the budget, or none.
func (r *Run) takeScores(step string, n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.HasModel():
		return ErrNoModel
	case r.left != unlimited && r.left < n:
		return fmt.Errorf("%s: %w: %s, %d left", step, ErrBudget, phrase.Count(n, "question"), r.left)
	}
	if r.left != unlimited {
		r.left -= n
	}
	r.asked += n
	if r.opt.DryRun == nil {
		r.calls += n
	}
	return nil
}

// writeScores writes what would be scored.
func (r *Run) writeScores(step string, requests []engine.ScoreRequest) error {
	for i, q := range requests {
		p, err := r.opt.Engine.Prepare(context.Background(), engine.GenerateRequest{Messages: q.Messages, Prompt: q.Prefix, Thinking: engine.ThinkingCut})
		if err != nil {
			return fmt.Errorf("score %q: %w", step, err)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "how probable is each of %q after it\n", q.Options)
		if err := r.show(fmt.Sprintf("%s, number %d", step, i+1), b.String(), p); err != nil {
			return err
		}
	}
	return fmt.Errorf("score %q: %w", step, ErrDryRun)
}
