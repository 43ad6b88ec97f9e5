package head

import "github.com/casemate-ai/casemate/internal/model/lexical"

// triage is the ssvc head: CISA's decision points together.
type triage struct{ *joint }

func newTriage(m *lexical.Model) (decider, error) {
	j, err := newJoint(m)
	if err != nil {
		return nil, err
	}
	return &triage{j}, nil
}

func (t *triage) decide(d *Decision, s *lexical.Scores, opt Options) {
	p := make([]float64, len(t.labels))
	t.probabilities(p, t.sharpness[s.Style()], s.All(), nil)
	t.fill(d, s, p, strongest(p, 1)[0], t.labels, opt)
}
