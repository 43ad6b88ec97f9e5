package recipe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

// Input is what a recipe is run on.
type Input struct {
	Files  []string       `json:"files"`
	Values map[string]any `json:"values,omitempty"` // of its fields, defaults filled in
}

// Result is what a recipe found.
type Result struct {
	Recipe string `json:"recipe"`
	// Result has what each rule found and what each step answered, by their names.
	Result map[string]any `json:"result"`
	// Recommendations are judgements of the model that are below the rules'.
	Recommendations []Recommendation    `json:"recommendations,omitempty"`
	Level           string              `json:"level,omitempty"`
	Evidence        []casemate.Evidence `json:"evidence"` // what is cited
	Coverage        casemate.Coverage   `json:"coverage"`
	Provenance      casemate.Provenance `json:"provenance"`

	page page.Page
}

// Recommendation is a judgement of the model that stands beside the rules' own.
type Recommendation struct {
	On    string `json:"on"`
	Rules string `json:"rules"`
	Model string `json:"model"`
	Text  string `json:"text"`
}

// Page returns the result for people.
func Page(r Result) page.Page { return r.page }

// outcome is what a run gathers.
type outcome struct {
	values          map[string]any
	recommendations []Recommendation
	shown           map[string]*casemate.Evidence // all that can be cited
	readings        []casemate.CoveredPart
}

// Run runs a recipe. Without a model its rules and its template say what they
// can.
func (r *Recipe) Run(ctx context.Context, run *pipeline.Run, in Input) (Result, error) {
	if len(in.Files) == 0 {
		return Result{}, usage(r.Name+" needs at least one file", "give files or folders, or - for standard input")
	}
	m, err := r.gather(ctx, run, in.Files)
	if err != nil {
		return Result{}, err
	}
	o := &outcome{values: map[string]any{}, shown: map[string]*casemate.Evidence{}}
	for i := range m.evidence {
		o.shown[m.evidence[i].ID] = &m.evidence[i]
	}
	for i := range r.Rules {
		rule := &r.Rules[i]
		v := rule.apply(m, run.Options().Catalogue, o.values)
		r.ours(run, v, m.evidence)
		o.values[rule.Name] = v
		run.Decided("result."+rule.Name, decider(rule))
		if err := run.Step("rule-"+rule.Name, v); err != nil {
			return Result{}, err
		}
	}
	passages, err := r.retrieve(ctx, run, m, o)
	if err != nil {
		return Result{}, err
	}
	asked := false
	for i := range r.Steps {
		s := &r.Steps[i]
		v, err := r.ask(ctx, run, s, m, passages, in, o)
		if err != nil {
			return Result{}, err
		}
		o.values[s.Name] = v
		asked = asked || v != nil
	}
	return r.finish(run, in, m, o, asked)
}

func decider(r *Rule) casemate.Decider {
	if r.Do == "sentences" {
		return casemate.DecidedByAnalyst
	}
	return casemate.DecidedByRule
}

// ours verifies what the rules say, as what a model says is.
func (r *Recipe) ours(run *pipeline.Run, v any, evidence []casemate.Evidence) {
	var list []*casemate.Statement
	switch v := v.(type) {
	case Listed[FoundSign]:
		for _, s := range v.Items {
			list = append(list, s.Statement)
		}
	case Listed[*casemate.Statement]:
		list = v.Items
	}
	verify(run, list, evidence)
}

// verify verifies statements in place, together.
func verify(run *pipeline.Run, list []*casemate.Statement, evidence []casemate.Evidence) {
	if len(list) == 0 {
		return
	}
	plain := make([]casemate.Statement, len(list))
	for i, st := range list {
		plain[i] = *st
	}
	for i, st := range run.Verify(plain, evidence) {
		*list[i] = st
	}
}

// retrieve looks up what the recipe asks for. Passages are evidence like others.
func (r *Recipe) retrieve(ctx context.Context, run *pipeline.Run, m *material, o *outcome) ([]casemate.Evidence, error) {
	t := r.Retrieval
	if t == nil {
		return nil, nil
	}
	var ids []string
	if slices.Contains(t.By, "ids") || len(t.By) == 0 {
		for _, f := range techniques(m, t.Passages, run.Options().Catalogue).Items {
			ids = append(ids, f.ID)
		}
	}
	words := ""
	if slices.Contains(t.By, "words") {
		for _, c := range countBy(m, "name", 5).Items {
			words += c.Value + " "
		}
	}
	passages, err := run.Retrieve(ctx, ids, strings.TrimSpace(words), t.Passages)
	if err != nil {
		return nil, fmt.Errorf("look up passages: %w", err)
	}
	for i := range passages {
		o.shown[passages[i].ID] = &passages[i]
	}
	return passages, nil
}

const defaultAsked = 20

// ask asks a step's questions and returns its answer: an object, or a list of
// objects where it goes over parts. It returns nil where there is no answer.
func (r *Recipe) ask(ctx context.Context, run *pipeline.Run, s *Step, m *material, passages []casemate.Evidence, in Input, o *outcome) (any, error) {
	if !run.HasModel() || s.If != "" && empty(o.values[s.If]) {
		return nil, nil
	}
	if m = m.of(s.Rank); len(m.evidence) == 0 {
		return nil, nil
	}
	data := r.data(in, o)
	question := func(evidence []casemate.Evidence) pipeline.Question {
		d := data
		d.Evidence = append(slices.Clone(evidence), passages...)
		return pipeline.Question{Step: s.Name, Prompt: s.prompt, Data: d, MaxTokens: s.MaxTokens}
	}
	if s.Reduce != nil {
		return r.askWhole(ctx, run, s, m, question, o)
	}
	parts, err := r.parts(ctx, run, s, m, question)
	if pipeline.WithoutModel(err) {
		run.Note(fmt.Sprintf("%s: %v", s.Name, err))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	most := cmp.Or(s.Most, defaultAsked)
	if len(parts) > most {
		run.Note(fmt.Sprintf("%s: %d of %d questions are asked, as the recipe says; the rules read all of it", s.Name, most, len(parts)))
		parts = parts[:most]
	}
	answers := []any{}
	for i, part := range parts {
		answer, err := r.answer(ctx, run, s, question(part), o)
		if err != nil {
			return nil, err
		}
		if answer == nil {
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, ctx.Err()
			}
			continue
		}
		if s.Over == "each" {
			answer["on"] = part[0].ID
		}
		run.Decided("result."+s.Name, casemate.DecidedByModel)
		answers = append(answers, any(answer))
		if p := run.Options().Progress; p != nil {
			p("asking "+s.Name, int64(i+1), int64(len(parts)))
		}
	}
	switch {
	case len(answers) == 0:
		return nil, nil
	case !s.many():
		return answers[0], nil
	}
	return answers, nil
}

// parts returns the evidence of each question.
func (r *Recipe) parts(ctx context.Context, run *pipeline.Run, s *Step, m *material, question func([]casemate.Evidence) pipeline.Question) ([][]casemate.Evidence, error) {
	switch s.Over {
	case "each":
		parts := make([][]casemate.Evidence, len(m.evidence))
		for i := range m.evidence {
			parts[i] = m.evidence[i : i+1]
		}
		return parts, nil
	case "split":
		return run.Split(ctx, m.evidence, question)
	}
	fits, err := run.Fits(ctx, question(m.evidence))
	if err != nil {
		return nil, err
	}
	if fits {
		return [][]casemate.Evidence{m.evidence}, nil
	}
	// Not all of it fits: the gravest does, and the note says what was not read.
	some := m.evidence
	for len(some) > 1 {
		some = gravest(some, len(some)*2/3)
		if fits, err := run.Fits(ctx, question(some)); err != nil {
			return nil, err
		} else if fits {
			break
		}
	}
	run.Note(fmt.Sprintf("%s: the model read the gravest %d of %d pieces of evidence, which fill its context; the rules read all", s.Name, len(some), len(m.evidence)))
	return [][]casemate.Evidence{some}, nil
}

// gravest returns the n gravest pieces, in their order.
func gravest(list []casemate.Evidence, n int) []casemate.Evidence {
	m := &material{evidence: slices.Clone(list)}
	m.cut(max(1, n))
	return m.evidence
}

// answer asks one question and verifies what comes.
func (r *Recipe) answer(ctx context.Context, run *pipeline.Run, s *Step, q pipeline.Question, o *outcome) (map[string]any, error) {
	var answer map[string]any
	err := run.Ask(ctx, q, &answer)
	if pipeline.WithoutModel(err) {
		return nil, nil // the run has noted why
	}
	if err != nil {
		return nil, fmt.Errorf("step %q: %w", s.Name, err)
	}
	s.verified(run, answer, q.Data.Evidence)
	return r.held(run, s, answer, o)
}

// verified makes statements of an answer's sentences and holds them against the
// evidence.
func (s *Step) verified(run *pipeline.Run, answer map[string]any, evidence []casemate.Evidence) {
	var list []*casemate.Statement
	var given []string
	for _, e := range evidence {
		given = append(given, e.ID)
	}
	s.kind.statements(answer, given, func(st *casemate.Statement) { list = append(list, st) })
	verify(run, list, evidence)
}

// held holds a verified answer against the recipe's checks.
func (r *Recipe) held(run *pipeline.Run, s *Step, answer map[string]any, o *outcome) (map[string]any, error) {
	r.hold(run, s.Name, answer, o)
	if err := run.Step("step-"+s.Name, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// empty says whether a rule found nothing, or a step did not answer.
func empty(v any) bool {
	b, err := json.Marshal(v)
	if v == nil || err != nil {
		return true
	}
	var l struct {
		Items  *[]json.RawMessage `json:"items"`
		Points *int               `json:"points"`
	}
	if json.Unmarshal(b, &l) != nil {
		return false
	}
	return l.Items != nil && len(*l.Items) == 0 || l.Points != nil && *l.Points == 0
}

// data is what prompts are given besides evidence: values of an enum and numbers
// are ours; what rules found and earlier steps answered is made of foreign text.
func (r *Recipe) data(in Input, o *outcome) prompt.Data {
	d := prompt.Data{Texts: map[string]string{}, Vars: map[string]any{}}
	for _, f := range r.Input {
		v := in.Values[f.Name]
		if s, ok := v.(string); ok && len(f.Enum) == 0 {
			d.Texts[f.Name] = s
		} else {
			d.Vars[f.Name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.values)) {
		if b, err := json.Marshal(o.values[name]); err == nil && o.values[name] != nil {
			d.Texts[name] = string(b)
		} else {
			d.Texts[name] = ""
		}
	}
	for _, s := range r.Steps {
		if _, ok := d.Texts[s.Name]; !ok {
			d.Texts[s.Name] = "" // not asked yet, or not answered
		}
	}
	return d
}

// finish puts the result together.
func (r *Recipe) finish(run *pipeline.Run, in Input, m *material, o *outcome, asked bool) (Result, error) {
	out := Result{Recipe: r.Name + " " + r.Version, Result: o.values, Recommendations: o.recommendations, Coverage: m.coverage, Evidence: []casemate.Evidence{}}
	if r.Output.Level != "" {
		if w, ok := o.values[r.Output.Level].(Weighed); ok {
			out.Level = w.Level
		}
	}
	if m.left > 0 {
		run.Note(fmt.Sprintf("%d pieces of evidence beyond the gravest %d were left out, as the recipe says", m.left, len(m.evidence)))
	}
	cited := map[string]bool{}
	b, err := json.Marshal(o.values)
	if err != nil {
		return out, fmt.Errorf("result of recipe %q: %w", r.Name, err)
	}
	if err := citations(b, cited); err != nil {
		return out, fmt.Errorf("result of recipe %q: %w", r.Name, err)
	}
	ids := slices.SortedFunc(maps.Keys(cited), naturally)
	for _, id := range ids {
		if e := o.shown[id]; e != nil {
			out.Evidence = append(out.Evidence, *e)
		}
	}
	count(&out.Coverage, out.Evidence, asked)
	out.Coverage.Readings = o.readings
	out.Provenance = run.Provenance()
	out.Provenance.Recipe = &casemate.Pin{Name: r.Name, Version: r.Version, Digest: r.Digest}
	if err := r.valid(b); err != nil {
		return out, err
	}
	out.page, err = r.show(run, in, m, o, out, asked)
	return out, err
}

// citations gathers the ids under every "evidence" and "on" of a document.
func citations(document []byte, ids map[string]bool) error {
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		return err
	}
	var walk func(v any, cites bool)
	walk = func(v any, cites bool) {
		switch v := v.(type) {
		case string:
			if cites {
				ids[v] = true
			}
		case []any:
			for _, b := range v {
				walk(b, cites)
			}
		case map[string]any:
			for name, b := range v {
				walk(b, name == "evidence" || name == "on")
			}
		}
	}
	walk(v, false)
	return nil
}

// naturally orders ids such as E2 before E10.
func naturally(a, b string) int {
	letters := func(s string) string { return strings.TrimRight(s, "0123456789") }
	return cmp.Or(cmp.Compare(letters(a), letters(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// count says in the coverage what is cited, and who read it.
func count(c *casemate.Coverage, evidence []casemate.Evidence, asked bool) {
	c.Parts = slices.Clone(c.Parts)
	for i := range c.Parts {
		p := &c.Parts[i]
		p.Cited = 0
		for _, e := range evidence {
			if e.At.File == p.Name {
				p.Cited++
			}
		}
		if asked && p.Read == "rules" {
			p.Read = "rules and model"
		}
	}
}
