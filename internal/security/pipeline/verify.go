package pipeline

import (
	"context"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

// checker is a grounding.Checker and the evidence that it is for.
type checker struct {
	first *casemate.Evidence
	n     int
	*grounding.Checker
}

// maxCheckers is how many sets of evidence have their checkers kept.
const maxCheckers = 8

// Verify holds statements against the evidence. What is unsupported is marked, or
// struck where Options.Strict says so. Statements of rules are checked as well:
// a template that says more than its evidence is a fault of ours. The evidence
// must not change afterwards: what was made of it is kept for the next call.
func (r *Run) Verify(statements []casemate.Statement, evidence []casemate.Evidence) []casemate.Statement {
	c := r.checker(evidence)
	out := make([]casemate.Statement, len(statements))
	for i, s := range statements {
		s.Problems = nil
		s = c.Check(s)
		if s.Support == casemate.Unsupported && r.opt.Strict {
			s.Support = casemate.Struck
		}
		out[i] = s
	}
	return out
}

// checker returns the checker of a set of evidence.
func (r *Run) checker(evidence []casemate.Evidence) *grounding.Checker {
	key := checker{n: len(evidence)}
	if key.n > 0 {
		key.first = &evidence[0]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.checkers {
		if c.first == key.first && c.n == key.n {
			return c.Checker
		}
	}
	key.Checker = grounding.New(evidence, grounding.Options{Catalogue: r.opt.Catalogue, Known: r.known(), Clean: prompt.OneLine})
	r.checkers = append([]checker{key}, r.checkers[:min(len(r.checkers), maxCheckers-1)]...)
	return key.Checker
}

// known looks ids up in the library; nil where there is none.
func (r *Run) known() func(id string) (string, bool) {
	if r.opt.Library == nil {
		return nil
	}
	return func(id string) (string, bool) {
		e, _, err := r.opt.Library.Entry(context.Background(), strings.TrimSpace(id))
		if err != nil { // what cannot be looked up is not known
			return "", false
		}
		return e.Name, true
	}
}

// verdicts are triage's verdicts, the gravest last.
var verdicts = map[casemate.Verdict]int{casemate.VerdictBenign: 1, casemate.VerdictReview: 2, casemate.VerdictSuspicious: 3, casemate.VerdictMalicious: 4}

// Upward returns what becomes of a rule's verdict when a model has another: the
// graver of the two. A model's lesser verdict is returned as a recommendation, in
// words for people, and changes nothing. A verdict that there is not counts for
// nothing.
func Upward(rule, model casemate.Verdict) (verdict casemate.Verdict, recommendation string) {
	switch {
	case verdicts[model] == 0 || model == rule:
		return rule, ""
	case verdicts[model] > verdicts[rule]:
		return model, ""
	}
	return rule, "The model would call it " + string(model) + ". The rules' verdict stands: a model lowers none."
}
