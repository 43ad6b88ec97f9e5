package recipe

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

// reduce checks what makes one answer of several.
func (l *loader) reduce(place string, s *Step) {
	r := s.Reduce
	if r == nil {
		return
	}
	if s.Over != "split" {
		l.fault(place, "reduce makes one answer of several parts: it belongs to over: split")
	}
	inline, dir := r.System != "" || r.User != "", r.Prompt
	system, user := []byte(r.System), []byte(r.User)
	switch {
	case r.Prompt != "" && inline:
		l.fault(place+".prompt", "reduce has a prompt folder, or system and user, not both")
		return
	case r.Prompt != "":
		if !fs.ValidPath(r.Prompt) {
			l.fault(place+".prompt", "prompt %q: name a folder of the recipe", r.Prompt)
			return
		}
		if l.recipe.files[path.Join(dir, "schema.json")] != nil {
			l.fault(place+".prompt", "%s/schema.json: an answer to reduce has the schema of the step; leave this one out", dir)
			return
		}
		system, user = l.recipe.files[path.Join(dir, "system.md")], l.recipe.files[path.Join(dir, "user.md")]
		if system == nil || user == nil {
			l.fault(place+".prompt", "prompt %q: the recipe has no %s", r.Prompt, path.Join(dir, "system.md")+" or no "+path.Join(dir, "user.md"))
			return
		}
	case !inline:
		l.fault(place, "reduce of step %q has no prompt", s.Name)
		return
	default:
		dir = s.Name + "-reduce"
	}
	p, err := prompt.Load(folder{path.Join(dir, "system.md"): system, path.Join(dir, "user.md"): user, path.Join(dir, "schema.json"): []byte(s.schema)}, dir)
	switch {
	case err != nil && inline:
		l.fault(place, "reduce of step %q: %v", s.Name, err)
		return
	case err != nil:
		l.faults = append(l.faults, err)
		return
	}
	r.prompt = p
	l.size(place, s.Name, p)
}

// askWhole asks about runs of the evidence that fit, and makes one answer of theirs.
// It returns nil where there is none.
func (r *Recipe) askWhole(ctx context.Context, run *pipeline.Run, s *Step, m *material, question func([]casemate.Evidence) pipeline.Question, o *outcome) (any, error) {
	evidence, err := reached(ctx, run, s, m.evidence, question)
	if err != nil {
		return nil, fmt.Errorf("step %q: %w", s.Name, err)
	}
	all := question(evidence).Data.Evidence // with passages
	got, err := pipeline.MapReduce(ctx, run, evidence, pipeline.Mapping[map[string]any]{
		Map: question,
		Reduce: func(answers []map[string]any) pipeline.Question {
			q := question(nil)
			q.Step, q.Prompt = s.Name+"/reduce", s.Reduce.prompt
			text, cited := s.plainly(run, answers, all)
			q.Data.Texts = maps.Clone(q.Data.Texts)
			q.Data.Texts["answers"] = text
			q.Data.Evidence = slices.DeleteFunc(slices.Clone(all), func(e casemate.Evidence) bool { return !cited[e.ID] })
			return q
		},
	})
	if err != nil && !pipeline.WithoutModel(err) {
		return nil, fmt.Errorf("step %q: %w", s.Name, err)
	}
	if len(got.Readings) > 1 {
		for _, reading := range got.Readings {
			o.readings = append(o.readings, reading.Part())
		}
	}
	if err != nil {
		if n := len(got.Partials); n > 0 {
			run.Note(fmt.Sprintf("%s: no one answer was made of those about %d parts of the evidence (%s); the rules' result stands", s.Name, n, pipeline.Reason(err)))
		}
		return nil, nil
	}
	s.verified(run, got.Value, all)
	answer, err := r.held(run, s, got.Value, o)
	if err != nil {
		return nil, err
	}
	run.Decided("result."+s.Name, casemate.DecidedByModel)
	return answer, nil
}

// reached is the evidence that the recipe and the budget allow questions for: all of
// it, or the gravest.
func reached(ctx context.Context, run *pipeline.Run, s *Step, evidence []casemate.Evidence, question func([]casemate.Evidence) pipeline.Question) ([]casemate.Evidence, error) {
	most := cmp.Or(s.Most, defaultAsked)
	if left, limited := run.Left(); limited {
		most = min(most, max(1, left-1)) // one is kept for making one answer
	}
	some := evidence
	for {
		parts, err := run.Split(ctx, some, question)
		if err != nil && !pipeline.WithoutModel(err) {
			return nil, err
		}
		if err != nil || len(parts) <= most || len(some) < 2 {
			break // MapReduce says what is wrong
		}
		some = gravest(some, len(some)*3/4)
	}
	if len(some) < len(evidence) {
		run.Note(fmt.Sprintf("%s: the model was given the gravest %d of %d pieces of evidence, for which there are questions; the rules read all", s.Name, len(some), len(evidence)))
	}
	return some, nil
}

// plainly writes answers for the question that makes one of them, and says what they
// cite. Sentences of a list that their evidence does not show are left out.
func (s *Step) plainly(run *pipeline.Run, answers []map[string]any, evidence []casemate.Evidence) (text string, cited map[string]bool) {
	cited, known := map[string]bool{}, map[string]bool{}
	for i := range evidence {
		known[evidence[i].ID] = true
	}
	var out []any
	for _, a := range answers {
		own := copied(a).(map[string]any)
		s.verified(run, own, evidence)
		out = append(out, plain(a, own, known, cited))
	}
	b, err := json.Marshal(out)
	if err != nil { // it has been JSON before
		return "", cited
	}
	return string(b), cited
}

// copied copies what was decoded from JSON.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, below := range v {
			out[name] = copied(below)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = copied(v[i])
		}
		return out
	}
	return v
}

// plain writes an answer with texts and citations in place of statements, without
// those of a list that do not hold, and gathers what is cited of what is known. Free
// text that a check grounds cites nothing by itself.
func plain(said, held any, known, cited map[string]bool) any {
	switch v := held.(type) {
	case *casemate.Statement:
		if text, ok := said.(string); ok {
			return text
		}
		for _, id := range v.Evidence {
			cited[id] = true
		}
		return map[string]any{"text": v.Text, "evidence": v.Evidence}
	case []any:
		out, list := []any{}, said.([]any)
		for i, below := range v {
			if st, ok := below.(*casemate.Statement); !ok || st.Support == casemate.Supported {
				out = append(out, plain(list[i], below, known, cited))
			}
		}
		return out
	case map[string]any:
		out, before := make(map[string]any, len(v)), said.(map[string]any)
		for name, below := range v {
			out[name] = plain(before[name], below, known, cited)
		}
		return out
	case string:
		if known[v] {
			cited[v] = true
		}
	}
	return held
}
