package recipe

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/recipe/layout"
)

// show makes the page of a result.
func (r *Recipe) show(run *pipeline.Run, in Input, m *material, o *outcome, out Result, asked bool) (page.Page, error) {
	p := page.Page{Kicker: r.kicker(), Evidence: out.Evidence, Coverage: &out.Coverage, Provenance: out.Provenance}
	values, err := r.values(in, o.values, len(m.evidence), asked)
	if err != nil {
		return p, err
	}
	if err := r.page.Write(values, &p); err != nil {
		return p, fmt.Errorf("recipe %q: %w", r.Name, err)
	}
	if p.Title == "" {
		p.Title = r.Summary
	}
	for _, a := range out.Recommendations {
		p.Blocks = append(p.Blocks, page.Callout{Level: casemate.SeverityMedium, Title: "The model judges " + a.On + " less grave", Text: a.Text})
	}
	return p, nil
}

func (r *Recipe) kicker() string {
	if r.Title != "" {
		return r.Title
	}
	return r.Name
}

// values are what the template sees: the input, what rules found and what steps
// answered, with the names that they have in JSON. Statements stay what they are.
func (r *Recipe) values(in Input, found map[string]any, pieces int, asked bool) (map[string]any, error) {
	out := map[string]any{"input": in.Values, "evidence": pieces, "model": asked, "files": in.Files}
	if in.Values == nil {
		out["input"] = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		v, err := asMaps(reflect.ValueOf(found[name]))
		if err != nil {
			return nil, fmt.Errorf("recipe %q: %s: %w", r.Name, name, err)
		}
		out[name] = v
	}
	return out, nil
}

// asMaps spells a value as JSON would, but for statements.
func asMaps(v reflect.Value) (any, error) {
	if !v.IsValid() {
		return nil, nil
	}
	if _, ok := v.Interface().(*casemate.Statement); ok {
		return v.Interface(), nil
	}
	var err error
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return asMaps(v.Elem())
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if out[name], err = asMaps(v.Field(i)); err != nil {
				return nil, err
			}
		}
		return out, nil
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			if out[k.String()], err = asMaps(v.MapIndex(k)); err != nil {
				return nil, err
			}
		}
		return out, nil
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			if out[i], err = asMaps(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return out, nil
	case reflect.Int:
		return float64(v.Int()), nil
	}
	return v.Interface(), nil
}

// output checks the template and the schema of the result.
func (l *loader) output() {
	r := l.recipe
	if r.Output.Level != "" && !slices.ContainsFunc(r.Rules, func(x Rule) bool { return x.Name == r.Output.Level && x.Do == "level" }) {
		l.fault("$.output.level", "no rule of level is called %q", r.Output.Level)
	}
	if err := r.resultSchema(); err != nil {
		l.fault("$.output.schema", "%v", err)
	}
	text, ok := r.files[r.Output.Template]
	if !ok {
		l.fault("$.output.template", "the recipe has no file %q", r.Output.Template)
		return
	}
	var err error
	if r.page, err = layout.Parse(r.Output.Template, string(text)); err != nil {
		l.faults = append(l.faults, err)
		return
	}
	if len(l.faults) > 0 {
		return // what the template would be tried on is not known
	}
	// With nothing found and no model, and with something of everything.
	for _, sample := range []map[string]any{r.sample(false), r.sample(true)} {
		var p page.Page
		if err := r.page.Write(sample, &p); err != nil {
			l.faults = append(l.faults, err)
			return
		}
	}
}
