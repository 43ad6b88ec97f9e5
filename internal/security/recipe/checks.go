package recipe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// checks checks the checks, and marks the free text that they make statements of.
func (l *loader) checks() {
	r := l.recipe
	if len(r.Checks) > maxChecks {
		l.fault("$.checks", "%d checks; at most %d", len(r.Checks), maxChecks)
		return
	}
	for i := range r.Checks {
		c, place := &r.Checks[i], fmt.Sprintf("$.checks[%d]", i)
		step, part := l.place(c.On)
		if step == nil {
			l.fault(place+".on", "on %q: begin with the name of a step", c.On)
			continue
		}
		if step.kind == nil {
			continue // its fault is told already
		}
		if part == nil {
			l.fault(place+".on", "on %q: step %q has no such field", c.On, step.Name)
			continue
		}
		if c.Ground {
			if !part.free() {
				l.fault(place+".ground", "%q is no free text: sentences with evidence are grounded anyway", c.On)
			}
			part.ground = true
		}
		sentence := part.ground || part.statement()
		if !sentence && (c.MustCite || c.MaxSentences > 0 || c.Match != "" || c.Lack != "") {
			l.fault(place, "must_cite, max_sentences, match and lack are for sentences, and %q is none", c.On)
		}
		if c.MaxSentences < 0 || c.MaxSentences > 1000 {
			l.fault(place+".max_sentences", "max_sentences %d: 1 to 1000", c.MaxSentences)
		}
		c.match, c.lack = l.pattern(place+".match", c.Match), l.pattern(place+".lack", c.Lack)
		if c.ID != "" && (c.ID != "attack" || part.kind != "string" && (part.items == nil || part.items.kind != "string")) {
			l.fault(place+".id", "id %q on %q: attack is known, on a string or a list of strings", c.ID, c.On)
		}
		l.upward(place, c, part)
	}
}

func (l *loader) pattern(place, expression string) *regexp.Regexp {
	if expression == "" {
		return nil
	}
	if len(expression) > maxPattern {
		l.fault(place, "is longer than %d bytes", maxPattern)
		return nil
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		l.fault(place, "%v", err)
	}
	return re
}

// place returns the step and the part of its answer that "STEP.FIELD" names.
func (l *loader) place(on string) (*Step, *shape) {
	name, rest, _ := strings.Cut(on, ".")
	for i := range l.recipe.Steps {
		s := &l.recipe.Steps[i]
		if s.Name != name {
			continue
		}
		if rest == "" {
			return s, s.kind
		}
		return s, s.kind.find(strings.Split(rest, "."))
	}
	return nil, nil
}

// upward checks a check that a field may not fall below a rule's.
func (l *loader) upward(place string, c *Demand, part *shape) {
	if c.Upward == "" {
		if len(c.Order) > 0 {
			l.fault(place+".order", "order belongs to upward")
		}
		return
	}
	rule, field, _ := strings.Cut(c.Upward, ".")
	i := slices.IndexFunc(l.recipe.Rules, func(r Rule) bool { return r.Name == rule && r.Do == "level" })
	if i < 0 || field != "level" {
		l.fault(place+".upward", "upward %q: name the level of a rule that weighs, as in RULE.level", c.Upward)
		return
	}
	if len(c.Order) == 0 {
		c.Order = l.recipe.Rules[i].levelNames()
	}
	for _, v := range part.enum {
		if !slices.Contains(c.Order, v) {
			l.fault(place+".order", "%q can be %q, which order does not have", c.On, v)
		}
	}
	for _, v := range l.recipe.Rules[i].levelNames() {
		if !slices.Contains(c.Order, v) {
			l.fault(place+".order", "%q can be %q, which order does not have", c.Upward, v)
		}
	}
	if len(part.enum) == 0 {
		l.fault(place+".on", "%q has no enum, so it cannot be compared", c.On)
	}
}

// freeText refuses answers of which a part could be shown without having been
// verified.
func (l *loader) freeText() {
	for i := range l.recipe.Steps {
		s := &l.recipe.Steps[i]
		if s.kind == nil {
			continue
		}
		for _, place := range s.kind.loose("") {
			l.fault(fmt.Sprintf("$.steps[%d]", i), "%s.%s is free text that cites nothing: make it an object of text and evidence (\"x-casemate-evidence\": true), or check it with ground", s.Name, place)
		}
	}
}

// visit calls do for each value at a place of an answer, through lists, with a
// function that puts another in its stead; nil takes it out.
func visit(v any, place []string, do func(v any, set func(any))) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			visit(v[i], place, do)
		}
	case map[string]any:
		if len(place) == 0 {
			return
		}
		below, ok := v[place[0]]
		if !ok {
			return
		}
		if len(place) > 1 {
			visit(below, place[1:], do)
			return
		}
		do(below, func(other any) {
			if other == nil {
				delete(v, place[0])
			} else {
				v[place[0]] = other
			}
		})
	}
}

// hold holds an answer against the checks of its step.
func (r *Recipe) hold(run *pipeline.Run, step string, answer any, o *outcome) {
	for i := range r.Checks {
		c := &r.Checks[i]
		name, rest, _ := strings.Cut(c.On, ".")
		if name != step {
			continue
		}
		visit(answer, strings.Split(rest, "."), func(v any, set func(any)) {
			switch {
			case c.Upward != "":
				r.onlyUp(run, c, v, set, o)
			case c.ID != "":
				set(known(run, c, v))
			default:
				each(v, func(st *casemate.Statement) { c.statement(run, st) })
			}
		})
	}
}

// each calls do for the statements in a value.
func each(v any, do func(*casemate.Statement)) {
	switch v := v.(type) {
	case *casemate.Statement:
		do(v)
	case []any:
		for _, below := range v {
			each(below, do)
		}
	case map[string]any:
		if st, ok := v["statement"].(*casemate.Statement); ok {
			do(st)
		}
	}
}

// statement holds one sentence against a check.
func (c *Demand) statement(run *pipeline.Run, st *casemate.Statement) {
	fail := func(kind, text, why string) {
		st.Problems = append(st.Problems, casemate.Problem{Kind: kind, Text: text, Why: why})
		st.Support = casemate.Unsupported
		if run.Options().Strict {
			st.Support = casemate.Struck
		}
	}
	if c.MustCite && len(st.Evidence) == 0 {
		fail("citation", "", "it cites nothing, and the recipe wants evidence here")
	}
	if n := countSentences(st.Text); c.MaxSentences > 0 && n > c.MaxSentences {
		fail("length", "", fmt.Sprintf("it has %d sentences; the recipe wants %d at most", n, c.MaxSentences))
	}
	if c.match != nil && !c.match.MatchString(st.Text) {
		fail("form", "", "it lacks what the recipe wants here: "+c.Match)
	}
	if c.lack != nil {
		if found := c.lack.FindString(st.Text); found != "" {
			fail("form", found, "the recipe does not want this here")
		}
	}
}

// countSentences counts ends of sentences: . ! ? before a space and a capital
// letter, or at the end.
func countSentences(text string) int {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	n := 1
	runes := []rune(text)
	for i := 0; i+2 < len(runes); i++ {
		if strings.ContainsRune(".!?", runes[i]) && unicode.IsSpace(runes[i+1]) && unicode.IsUpper(runes[i+2]) {
			n++
		}
	}
	return n
}

// known keeps the ids that exist.
func known(run *pipeline.Run, c *Demand, v any) any {
	catalogue := run.Options().Catalogue
	exists := func(id string) bool {
		_, _, ok := catalogue.Resolve(id)
		if !ok {
			run.Note(fmt.Sprintf("%s: the catalogue has no %q, so it was left out", c.On, id))
		}
		return ok
	}
	switch v := v.(type) {
	case string:
		if !exists(v) {
			return nil
		}
	case []any:
		return slices.DeleteFunc(v, func(id any) bool {
			s, ok := id.(string)
			return !ok || !exists(s)
		})
	}
	return v
}

// onlyUp keeps the rules' level where the model's is lower, and makes a
// recommendation of the model's.
func (r *Recipe) onlyUp(run *pipeline.Run, c *Demand, v any, set func(any), o *outcome) {
	says, _ := v.(string)
	rule, _, _ := strings.Cut(c.Upward, ".")
	w, ok := o.values[rule].(Weighed)
	if !ok || slices.Index(c.Order, says) >= slices.Index(c.Order, w.Level) {
		return
	}
	set(w.Level)
	o.recommendations = append(o.recommendations, Recommendation{
		On: c.On, Rules: w.Level, Model: says,
		Text: fmt.Sprintf("The model would say %q; the rules say %q, and only a person may go below that.", says, w.Level),
	})
	run.Note(fmt.Sprintf("%s: the model's %q is below the rules' %q and stands as a recommendation", c.On, says, w.Level))
}
