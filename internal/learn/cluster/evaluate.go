package cluster

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// Engine is what tests a model: an engine.Engine.
type Engine interface {
	Generate(ctx context.Context, r engine.GenerateRequest, emit func(engine.Piece) error) (engine.Generation, error)
	Score(ctx context.Context, r engine.ScoreRequest) ([]engine.Score, error)
}

// taskLoss is the task of conversations in outcome: how improbable the rows'
// answers are.
const taskLoss = "loss"

// Candidate is what is tested.
type Candidate struct {
	Name    string // in the evaluation
	Digest  string // of the adapter; empty for the base alone
	Adapter string // as engine requests name it
}

// Evaluate asks the rows of a test part of a model with an adapter, as the job
// taught them, and says how good the answers are. Labels are chosen by the
// probability of each as the answer; several labels of a row are read from what the
// model says; of conversations the mean loss of the answers is taken. Groups has
// the group of each row of the table. Several rows are asked at a time, which
// changes no answer.
func (j *Job) Evaluate(ctx context.Context, e Engine, c Candidate, t *dataset.Table, rows, groups []int, progress func(done, all int)) (*outcome.Evaluation, error) {
	w, err := newWriter(t, j.Data.Instruction, nil)
	if err != nil {
		return nil, err
	}
	ev := &outcome.Evaluation{Format: 1, Candidate: c.Name, Digest: c.Digest, Base: j.Base.Name, Task: taskLoss, Data: t.Digest, Rows: make([]outcome.Row, len(rows))}
	if t.Kind != dataset.KindChat {
		ev.Task, ev.Labels = string(t.Kind), slices.Clone(t.Labels)
	}
	x := &examiner{w: w, e: e, adapter: c.Adapter, t: t}
	if err := x.all(ctx, len(rows), func(ctx context.Context, n int) error {
		row := &t.Rows[rows[n]]
		ev.Rows[n] = outcome.Row{Number: row.Number, Text: outcome.TextDigest(row.Text), Group: groups[rows[n]], Truth: []string{}, Answer: []string{}}
		if err := x.ask(ctx, row, &ev.Rows[n]); err != nil {
			return fmt.Errorf("test row %d: %w", row.Number, err)
		}
		return nil
	}, progress); err != nil {
		return nil, err
	}
	ev.Test = outcome.TestDigest(ev.Rows)
	ev.Figures = figures(ev)
	return ev, ev.Check()
}

// examiner asks a model.
type examiner struct {
	w       *writer
	e       Engine
	adapter string
	t       *dataset.Table
}

// together is how many rows are asked at a time.
const together = 8

// all calls do for every n below count, some at a time, and tells how many are
// done. The first error ends the others.
func (x *examiner) all(ctx context.Context, count int, do func(ctx context.Context, n int) error, progress func(done, all int)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex // of next, done and progress
	var group sync.WaitGroup
	next, done := 0, 0
	for range min(count, together) {
		group.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= count || ctx.Err() != nil {
					return
				}
				if err := do(ctx, n); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				if done++; progress != nil {
					progress(done, count)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// ask fills in the answer to a row, and the truth.
func (x *examiner) ask(ctx context.Context, row *dataset.Row, out *outcome.Row) error {
	switch x.t.Kind {
	case dataset.KindChat:
		return x.loss(ctx, row, out)
	case dataset.KindMulti:
		out.Truth = append(out.Truth, row.Labels...)
		return x.several(ctx, row, out)
	}
	out.Truth = append(out.Truth, row.Labels...)
	return x.one(ctx, row, x.t.Labels, out)
}

// messages are turns as an engine takes them.
func messages(turns []dataset.Turn) []engine.Message {
	out := make([]engine.Message, len(turns))
	for i, t := range turns {
		out[i] = engine.Message{Role: t.Role, Content: t.Content}
	}
	return out
}

// one chooses a label by the probabilities of all.
func (x *examiner) one(ctx context.Context, row *dataset.Row, labels []string, out *outcome.Row) error {
	scores, err := x.e.Score(ctx, engine.ScoreRequest{Messages: messages(x.w.question.Turns(row.Text)), Options: x.w.question.Options(), Adapter: x.adapter})
	if err != nil {
		return err
	}
	out.Probabilities = share(scores)
	best := 0
	for i, p := range out.Probabilities {
		if p > out.Probabilities[best] {
			best = i
		}
	}
	out.Answer, out.P = []string{labels[best]}, out.Probabilities[best]
	return nil
}

// share makes probabilities of the options alone.
func share(scores []engine.Score) []float64 {
	most, sum := math.Inf(-1), 0.0
	for _, s := range scores {
		most = max(most, s.Logprob)
	}
	p := make([]float64, len(scores))
	for i, s := range scores {
		p[i] = math.Exp(s.Logprob - most)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// maxAnswer bounds an answer of several labels, in tokens.
const maxAnswer = 256

// several reads the labels of what the model says.
func (x *examiner) several(ctx context.Context, row *dataset.Row, out *outcome.Row) error {
	g, err := x.e.Generate(ctx, engine.GenerateRequest{Messages: messages(x.w.question.Turns(row.Text)), MaxTokens: maxAnswer,
		Thinking: engine.ThinkingCut, Logprobs: true, Adapter: x.adapter}, nil)
	if err != nil {
		return err
	}
	labels, _ := x.w.question.Read(g.Text)
	sum := 0.0
	for _, t := range g.Tokens {
		sum += t.Logprob
	}
	out.Answer, out.P = append(out.Answer, labels...), math.Exp(min(sum, 0))
	return nil
}

// loss takes the mean loss of the answers of a conversation.
func (x *examiner) loss(ctx context.Context, row *dataset.Row, out *outcome.Row) error {
	sum, tokens := 0.0, 0
	for i, turn := range row.Turns {
		if turn.Role != "assistant" || i == 0 {
			continue
		}
		scores, err := x.e.Score(ctx, engine.ScoreRequest{Messages: messages(row.Turns[:i]), Options: []string{turn.Content}, Adapter: x.adapter})
		if err != nil {
			return err
		}
		sum, tokens = sum-scores[0].Logprob, tokens+scores[0].Tokens
	}
	out.Answer = []string{strconv.FormatFloat(sum/float64(max(tokens, 1)), 'g', -1, 64)}
	return nil
}

// figures measures an evaluation.
func figures(ev *outcome.Evaluation) map[string]metric.Estimate {
	out, groups := map[string]metric.Estimate{}, ev.Groups()
	if ev.Task == taskLoss {
		zero, given := make([]float64, len(ev.Rows)), make([]float64, len(ev.Rows))
		for i, r := range ev.Rows {
			given[i], _ = strconv.ParseFloat(r.Answer[0], 64) // written by loss
		}
		out["mean_loss_in_nats"] = metric.MeanAbsolute(groups, zero, given)
		return out
	}
	a, _ := ev.Labelled(false)
	out["accuracy"], out["macro_f1"], out["micro_f1"] = a.Accuracy(), a.MacroF1(), a.MicroF1()
	if ev.Task != string(dataset.KindMulti) {
		p, right := make([]float64, len(ev.Rows)), make([]bool, len(ev.Rows))
		for i := range ev.Rows {
			p[i], right[i] = ev.Rows[i].P, ev.Rows[i].Right()
		}
		out["ece"] = metric.GroupedECE(groups, p, right)
	}
	return out
}

// Majority answers every row of a test part with what is most frequent among the
// rows to learn from: what a model must beat. It is nil for conversations.
func (j *Job) Majority(t *dataset.Table, learn, rows, groups []int) (*outcome.Evaluation, error) {
	if t.Kind == dataset.KindChat {
		return nil, nil
	}
	count := map[string]int{}
	best := []string{}
	for _, i := range learn {
		key := fmt.Sprintf("%q", t.Rows[i].Labels)
		if count[key]++; count[key] > count[fmt.Sprintf("%q", best)] {
			best = t.Rows[i].Labels
		}
	}
	ev := &outcome.Evaluation{Format: 1, Candidate: "majority", Task: string(t.Kind), Data: t.Digest, Labels: slices.Clone(t.Labels), Rows: make([]outcome.Row, len(rows))}
	p := float64(count[fmt.Sprintf("%q", best)]) / float64(max(1, len(learn)))
	for n, i := range rows {
		row := &t.Rows[i]
		ev.Rows[n] = outcome.Row{Number: row.Number, Text: outcome.TextDigest(row.Text), Group: groups[i],
			Truth: append([]string{}, row.Labels...), Answer: append([]string{}, best...), P: p}
	}
	ev.Test = outcome.TestDigest(ev.Rows)
	ev.Figures = figures(ev)
	return ev, ev.Check()
}

// Seen is the rows that the adapter learnt from or was chosen by, by their digests.
func (j *Job) Seen(t *dataset.Table, learn, try, groups []int) *outcome.Seen {
	s := &outcome.Seen{Format: 1, Data: t.Digest}
	for _, i := range slices.Sorted(slices.Values(slices.Concat(learn, try))) {
		s.Texts = append(s.Texts, outcome.TextDigest(t.Rows[i].Text))
		s.Groups = append(s.Groups, groups[i])
	}
	return s
}
