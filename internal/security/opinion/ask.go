package opinion

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// sentence is one sentence of a model with what it cites.
type sentence struct {
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
}

// opinionAnswer and groupingAnswer are the two answers.
type (
	opinionAnswer struct {
		Verdict    casemate.Verdict `json:"verdict"`
		Confidence string           `json:"confidence"`
		Reasons    []sentence       `json:"reasons"`
		Check      sentence         `json:"check"`
	}
	groupingAnswer struct {
		Sentences []sentence `json:"sentences"`
	}
)

// ask asks for opinions, by rank, and then with what is left of the budget why the
// alerts of the same incidents belong together.
func (out *Output) ask(ctx context.Context, run *pipeline.Run, files []*file, o Options) error {
	q, err := loadQuestions()
	if err != nil {
		return err
	}
	n := o.Incidents
	if n == 0 {
		n = run.Options().Budget
	}
	if n == 0 {
		n = Budget
	}
	run.Limit(2 * max(n, 0))
	todo := chosen(out.triage.Incidents, max(n, 0))
	for i := range out.Incidents {
		rules := out.Incidents[i].Verdict
		out.Incidents[i].Opinion = &report.Opinion{Rules: rules, Effective: rules, Status: out.unread(i, n)}
	}
	for _, i := range todo {
		if files[i], err = fitting(ctx, run, q.opinion, files[i]); err != nil {
			return err
		}
	}
	if err := out.askOpinions(ctx, run, q.opinion, files, todo); err != nil {
		return err
	}
	if err := out.askGroupings(ctx, run, q.grouping, files, todo); err != nil {
		return err
	}
	out.count(run)
	return nil
}

// unread says why an incident was not read.
func (out *Output) unread(i, n int) string {
	benign := 0
	for j := range out.Incidents {
		if out.Incidents[j].Verdict == casemate.VerdictBenign {
			benign++
		}
	}
	if out.Incidents[i].Verdict == casemate.VerdictBenign && benign > fewBenign {
		return "not read by the model: likely benign, and such are read only where they are few"
	}
	return fmt.Sprintf("not read by the model: budget of %s", phrase.Count(max(n, 0), "incident"))
}

// fitting returns the file with so few moments that a question about it fits into
// the model's context.
func fitting(ctx context.Context, run *pipeline.Run, p *prompt.Prompt, f *file) (*file, error) {
	for n := maxMoments; ; n /= 2 {
		ok, err := run.Fits(ctx, question("opinion", p, f))
		if err != nil && !pipeline.WithoutModel(err) {
			return nil, err
		}
		if ok || err != nil || n <= minMoments {
			return f, nil
		}
		f = gatherMost(f.incident, n/2)
	}
}

func question(step string, p *prompt.Prompt, f *file) pipeline.Question {
	return pipeline.Question{Step: step + "/" + f.incident.ID, Prompt: p, Data: prompt.Data{Evidence: f.evidence}, English: true}
}

func (out *Output) askOpinions(ctx context.Context, run *pipeline.Run, p *prompt.Prompt, files []*file, todo []int) error {
	answers := make([]opinionAnswer, len(todo))
	faults := askAll(ctx, run, "opinion", p, files, todo, func(k int) any { return &answers[k] })
	for k, i := range todo {
		op := out.Incidents[i].Opinion
		if err := faults[k]; err != nil {
			if !pipeline.WithoutModel(err) {
				return fmt.Errorf("ask for an opinion of incident %q: %w", out.Incidents[i].ID, err)
			}
			if !errors.Is(err, pipeline.ErrBudget) {
				op.Status = "not read by the model: " + pipeline.Reason(err)
			}
			continue
		}
		out.take(run, op, &answers[k], files[i])
	}
	return nil
}

// take makes an opinion of a model's answer.
func (out *Output) take(run *pipeline.Run, op *report.Opinion, a *opinionAnswer, f *file) {
	op.Read, op.By, op.Status = true, casemate.DecidedByModel, "read by the model"
	if f.left > 0 {
		op.Status = fmt.Sprintf("read by the model: %d of %d lines of the timeline", len(f.moments), len(f.moments)+f.left)
	}
	op.Verdict, op.Confidence = a.Verdict, a.Confidence
	op.Agrees = op.Verdict == op.Rules
	op.Reasons = run.Verify(statements(a.Reasons), f.evidence)
	op.Check = run.Verify(statements([]sentence{a.Check}), f.evidence)
	verdict, advice := pipeline.Upward(op.Rules, op.Verdict)
	switch {
	case verdict == op.Rules:
		op.Recommendation = advice
	case holds(op.Reasons):
		op.Raised, op.Effective = true, op.Verdict
	default:
		op.Status += "; it would call this " + string(op.Verdict) + ", but the evidence shows none of its reasons, so the rules' verdict stands"
	}
}

// holds reports whether a reason is supported.
func holds(list []casemate.Statement) bool {
	return slices.ContainsFunc(list, func(s casemate.Statement) bool { return s.Support == casemate.Supported })
}

// citation is an id of evidence that a model wrote into its sentence: ids stand
// beside it.
var citation = regexp.MustCompile(`\s*[\[(](?:(?:see |evidence )?E\d+(?:\s*(?:,|and|;)\s*)?)+[\])]`)

func statements(list []sentence) []casemate.Statement {
	var out []casemate.Statement
	for _, s := range list {
		text := strings.Join(strings.Fields(citation.ReplaceAllString(s.Text, "")), " ")
		if text == "" {
			continue
		}
		out = append(out, casemate.Statement{Text: text, Evidence: s.Evidence, By: casemate.DecidedByModel})
	}
	return out
}

// askGroupings asks why the alerts belong together, where there are several and
// the model gave an opinion.
func (out *Output) askGroupings(ctx context.Context, run *pipeline.Run, p *prompt.Prompt, files []*file, todo []int) error {
	var several []int
	for _, i := range todo {
		if out.Incidents[i].Opinion.Read && len(files[i].moments) > 1 {
			several = append(several, i)
		}
	}
	answers := make([]groupingAnswer, len(several))
	faults := askAll(ctx, run, "grouping", p, files, several, func(k int) any { return &answers[k] })
	for k, i := range several {
		if err := faults[k]; err != nil {
			if !pipeline.WithoutModel(err) {
				return fmt.Errorf("ask how incident %q holds together: %w", out.Incidents[i].ID, err)
			}
			continue
		}
		out.Incidents[i].Opinion.Grouping = run.Verify(statements(answers[k].Sentences), files[i].evidence)
	}
	return nil
}

// askAll asks one question of each incident, at the same time where the engine
// can, and returns an error for each.
func askAll(ctx context.Context, run *pipeline.Run, step string, p *prompt.Prompt, files []*file, todo []int, into func(k int) any) []error {
	questions, outs := make([]pipeline.Question, len(todo)), make([]any, len(todo))
	for k, i := range todo {
		questions[k], outs[k] = question(step, p, files[i]), into(k)
	}
	return run.AskAll(ctx, questions, outs)
}

// count fills what the output says of all incidents.
func (out *Output) count(run *pipeline.Run) {
	var milder []string
	for i := range out.Incidents {
		op := out.Incidents[i].Opinion
		if !op.Read {
			out.Unread++
			continue
		}
		out.Read++
		switch {
		case !op.Disagrees():
		case gravity(op.Verdict) < gravity(op.Rules):
			out.Disagreements = append(out.Disagreements, out.Incidents[i].ID)
		default:
			milder = append(milder, out.Incidents[i].ID)
		}
	}
	out.Disagreements = append(out.Disagreements, milder...)
	if out.Read > 0 {
		run.Decided("incidents[].opinion", casemate.DecidedByModel)
	}
	if out.Unread > 0 {
		run.Note(fmt.Sprintf("the model read %d of %d incidents; each of the rest says why", out.Read, len(out.Incidents)))
	}
}

// cited returns the evidence of an incident that its statements cite, and gives
// both ids that are unique in the whole answer.
func (f *file) cited(in *Incident) []casemate.Evidence {
	used := map[string]bool{}
	rename := func(list []casemate.Statement) {
		for i := range list {
			ids := make([]string, len(list[i].Evidence))
			for j, id := range list[i].Evidence {
				used[id] = true
				ids[j] = f.global(id)
			}
			list[i].Evidence = ids
		}
	}
	rename(in.WhyTogether)
	if in.Opinion != nil {
		rename(in.Opinion.Reasons)
		rename(in.Opinion.Check)
		rename(in.Opinion.Grouping)
	}
	var out []casemate.Evidence
	for _, e := range f.evidence {
		if used[e.ID] {
			e.ID = f.global(e.ID)
			out = append(out, e)
		}
	}
	return out
}

func (f *file) global(id string) string {
	return fmt.Sprintf("E%d.%s", f.incident.Rank, strings.TrimPrefix(id, "E"))
}
