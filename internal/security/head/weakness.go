package head

import (
	"errors"

	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// maxAlternatives bounds the alternatives of a decision.
const maxAlternatives = 50

// weakness is the cwe head: one group, its labels exclude one another.
type weakness struct {
	model  *lexical.Model
	labels []string
}

func newWeakness(m *lexical.Model) (decider, error) {
	groups := m.Config().Groups
	if len(groups) != 1 || groups[0].Multi {
		return nil, errors.New("want one group of labels that exclude one another")
	}
	return &weakness{m, groups[0].Labels}, nil
}

func (w *weakness) decide(d *Decision, s *lexical.Scores, opt Options) {
	var room [maxAlternatives + 1]int
	top := s.Top(0, room[:min(opt.Alternatives, maxAlternatives)+1])
	p := s.P(0)
	d.Label, d.P = w.labels[top[0]], float64(p[top[0]])
	for _, k := range top[1:] {
		d.Alternatives = append(d.Alternatives, Alternative{w.labels[k], float64(p[k])})
	}
	if opt.Because > 0 {
		d.Because = reasons(w.model, s, opt.Because, []lexical.Output{{Group: 0, Label: top[0]}}, nil)
	}
}
