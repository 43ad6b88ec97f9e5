package ranklogs

import (
	"context"
	"embed"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

//go:embed prompts
var prompts embed.FS

var rankPrompt = sync.OnceValues(func() (*prompt.Prompt, error) { return prompt.Load(prompts, "prompts/rank") })

// verbalisers are pairs of words for suspicious and not: the mean over several is
// less a matter of the words.
var verbalisers = [...][2]string{{"malicious", "benign"}, {"Malicious", "Benign"}, {"suspicious", "normal"}, {"attack", "routine"}}

// contentFree stand in for a line. What a model says of them it says of the
// question alone, and that is taken off.
//
// Source: Zhao et al. 2021, Calibrate Before Use, arXiv:2102.09690.
var contentFree = [...]string{"N/A", "", "[MASK]"}

// The model's share in a score.
const (
	modelWeight = 0.7 // points for each deviation above the lines of the sample
	maxModel    = 2.1
	smallSpread = 0.5 // log-odds; the least that is taken for a deviation
)

// ModelPart says what the model read, and how its answers were calibrated.
type ModelPart struct {
	Lines       int     `json:"lines"`        // that it read
	Sample      int     `json:"sample"`       // of them, drawn uniformly from all
	ContentFree float64 `json:"content_free"` // log-odds that it gives a question without a line
	Median      float64 `json:"median"`       // of the sample's log-odds
	Spread      float64 `json:"spread"`       // of the sample's log-odds: 1.4826 times the median deviation
	Why         string  `json:"why"`          // why not all lines were read
}

// askModel has the model score the most promising lines and a uniform sample, and
// raises those that it holds to be worse than the sample. It returns nil where
// there is no model or it cannot be used, which is noted.
func askModel(ctx context.Context, run *pipeline.Run, st *ranking) (*ModelPart, error) {
	if !run.HasModel() || st.total == 0 {
		return nil, nil
	}
	run.Limit(Budget)
	budget, limited := run.Left()
	if !limited {
		budget = len(contentFree) + st.total
	}
	chosen, sample := st.choose(budget - len(contentFree))
	if len(chosen) == 0 {
		run.Note(fmt.Sprintf("the model read no line: %d questions are its budget, and %d go to its calibration", budget, len(contentFree)))
		return nil, nil
	}
	requests, chosen, sample, err := ask(ctx, run, chosen, sample)
	if err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		run.Note("the model read no line: none fits into its context")
		return nil, nil
	}
	odds, err := scoreAll(ctx, run, requests)
	if err != nil {
		if !pipeline.WithoutModel(err) {
			return nil, err
		}
		run.Note("the model scored no line: " + err.Error())
		return nil, nil
	}
	part := &ModelPart{Lines: len(chosen), Sample: sample, Why: fmt.Sprintf("the model read %d of %d lines: %d for what the rules say of them, %d drawn from all; its budget is %d questions, of which %d are its calibration",
		len(chosen), st.total, len(chosen)-sample, sample, budget, len(contentFree))}
	if len(chosen) == st.total {
		part.Why = ""
	}
	for _, x := range odds[:len(contentFree)] {
		part.ContentFree += x / float64(len(contentFree))
	}
	for i, s := range chosen {
		m := odds[len(contentFree)+i] - part.ContentFree
		s.model = &m
	}
	part.raise(chosen, sample)
	return part, nil
}

// choose returns the lines that the budget allows: first those of the uniform
// sample, a quarter, then those with the most points. A line is asked for once.
func (st *ranking) choose(n int) (chosen []*scored, sample int) {
	if n <= 0 {
		return nil, 0
	}
	draws := slices.Clone(st.sample)
	slices.SortFunc(draws, func(a, b *scored) int {
		if a.draw < b.draw {
			return -1
		}
		return 1
	})
	chosen = append(chosen, draws[:min(len(draws), max(1, n/4))]...)
	sample = len(chosen)
	best := slices.Clone(st.kept)
	order(best, nil)
	for _, s := range best {
		if len(chosen) == n {
			break
		}
		if !slices.Contains(chosen[:sample], s) {
			chosen = append(chosen, s)
		}
	}
	return chosen, sample
}

// raise gives points to the lines that the model holds to be worse than the
// lines of the sample. What it holds to be harmless keeps its points.
func (part *ModelPart) raise(chosen []*scored, sample int) {
	var all []float64
	for _, s := range chosen[:sample] {
		all = append(all, *s.model)
	}
	part.Median = median(all)
	for i := range all {
		all[i] = math.Abs(all[i] - part.Median)
	}
	part.Spread = max(smallSpread, 1.4826*median(all))
	for _, s := range chosen {
		z := (*s.model - part.Median) / part.Spread
		s.points.Model = min(max(modelWeight*z, 0), maxModel)
		rounded := round(*s.model, 3)
		s.model = &rounded
	}
	part.ContentFree, part.Median, part.Spread = round(part.ContentFree, 3), round(part.Median, 3), round(part.Spread, 3)
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	n := len(list)
	if n == 0 {
		return 0
	}
	return (list[(n-1)/2] + list[n/2]) / 2
}

// ask writes the questions: those without a line first, then one of each line that
// fits into the model's context. Lines that do not are told and left out.
func ask(ctx context.Context, run *pipeline.Run, chosen []*scored, sample int) ([]engine.ScoreRequest, []*scored, int, error) {
	var out []engine.ScoreRequest
	for _, text := range contentFree {
		r, fits, err := request(ctx, run, text)
		if err != nil || !fits {
			return nil, nil, 0, err
		}
		out = append(out, r)
	}
	var kept []*scored
	drawn, long := 0, 0
	for i, s := range chosen {
		r, fits, err := request(ctx, run, s.entry.text)
		if err != nil {
			return nil, nil, 0, err
		}
		if !fits {
			long++
			continue
		}
		if i < sample {
			drawn++
		}
		out, kept = append(out, r), append(kept, s)
	}
	if long > 0 {
		run.Note(fmt.Sprintf("the model did not read %d of the chosen lines: each is longer than its context", long))
	}
	if drawn == 0 { // nothing to compare with
		return nil, nil, 0, nil
	}
	return out, kept, drawn, nil
}

// wordRoom is how many tokens the longest of the words may take.
const wordRoom = 16

// request writes the question about one line, and says whether it fits.
func request(ctx context.Context, run *pipeline.Run, line string) (engine.ScoreRequest, bool, error) {
	p, err := rankPrompt()
	if err != nil {
		return engine.ScoreRequest{}, false, fmt.Errorf("load prompt %q: %w", "rank", err)
	}
	messages, _, err := p.Messages(prompt.Data{Texts: map[string]string{"line": line}}, run.Options().Seed)
	if err != nil {
		return engine.ScoreRequest{}, false, fmt.Errorf("write prompt %q: %w", "rank", err)
	}
	r := engine.ScoreRequest{Messages: messages}
	for _, v := range verbalisers {
		r.Options = append(r.Options, v[:]...)
	}
	prepared, err := run.Options().Engine.Prepare(ctx, engine.GenerateRequest{Messages: messages, Thinking: engine.ThinkingCut})
	if err != nil {
		return engine.ScoreRequest{}, false, fmt.Errorf("write prompt %q: %w", "rank", err)
	}
	return r, prepared.Room >= wordRoom, nil
}

// scoreAll returns the log-odds of the words for suspicious after each question.
func scoreAll(ctx context.Context, run *pipeline.Run, requests []engine.ScoreRequest) ([]float64, error) {
	scores, err := run.Score(ctx, "rank", requests)
	if err != nil {
		return nil, err
	}
	if p, err := rankPrompt(); err == nil {
		run.AddPrompt(p)
	}
	out := make([]float64, len(requests))
	for i, list := range scores {
		if out[i], err = logOdds(list); err != nil {
			return nil, fmt.Errorf("score line %d: %w", i+1, err)
		}
	}
	return out, nil
}

// logOdds is the mean over the pairs of words.
func logOdds(scores []engine.Score) (float64, error) {
	if len(scores) != 2*len(verbalisers) {
		return 0, fmt.Errorf("%w: %d scores for %d words", pipeline.ErrUnusable, len(scores), 2*len(verbalisers))
	}
	sum := 0.0
	for i := range verbalisers {
		sum += scores[2*i].Logprob - scores[2*i+1].Logprob
	}
	if sum /= float64(len(verbalisers)); math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, fmt.Errorf("%w: a log-probability is no number", pipeline.ErrUnusable)
	}
	return sum, nil
}
