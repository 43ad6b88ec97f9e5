package head

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// The labels of the relevant and the behaviour head, and of neither.
const (
	RelevantYes  = "security"  // the text is about attacks, weaknesses or defence
	BehaviourYes = "behaviour" // the sentence tells what an attacker or malware does
	RelevantNo   = "other"
)

// relevance is a head that looks for something: one group of two labels.
type relevance struct {
	model  *lexical.Model
	labels []string
}

func newRelevance(m *lexical.Model) (decider, error) {
	groups := m.Config().Groups
	if len(groups) != 1 || len(groups[0].Labels) != 2 {
		return nil, fmt.Errorf("%d groups, want one of two labels", len(groups))
	}
	return &relevance{m, groups[0].Labels}, nil
}

func (r *relevance) decide(d *Decision, s *lexical.Scores, opt Options) {
	best, p := s.Best(0)
	d.Label, d.P = r.labels[best], float64(p)
	if opt.Alternatives > 0 {
		d.Alternatives = append(d.Alternatives, Alternative{r.labels[1-best], 1 - d.P})
	}
	if opt.Because > 0 {
		d.Because = reasons(r.model, s, opt.Because, []lexical.Output{{Label: best}}, nil)
	}
}
