package technique

import (
	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// The labels of the relevant head, in the order of its model.
const (
	LabelSecurity = "security"
	LabelOther    = "other"
)

// TrainRelevant trains the head that tells texts about security from others on
// those that are not held out, and calibrates it on those that are. With nothing
// held out, take the calibration from a head that had: see lexical.Model.Temper.
func TrainRelevant(texts []corpus.Sorted, held func(*corpus.Sorted) bool, progress func(epoch int, loss float64)) (*lexical.Model, error) {
	var train, rest []lexical.Example
	for i := range texts {
		s := &texts[i]
		label := 0
		if !s.Security {
			label = 1
		}
		e := lexical.Example{Text: s.Text, Targets: []lexical.Target{{Label: label}}}
		if held != nil && held(s) {
			rest = append(rest, e)
		} else {
			train = append(train, e)
		}
	}
	m, err := lexical.Train(train, lexical.Config{
		Name:     "relevant",
		Groups:   []lexical.Group{{Name: "relevant", Labels: []string{LabelSecurity, LabelOther}}},
		Features: lexical.Features{Pairs: true, Affixes: true, Bits: 18, MinDocs: 3},
		Dim:      8, Epochs: 6, Dropout: 0.6,
	}, progress)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		err = m.Calibrate(rest)
	}
	return m, err
}

// HeldRelevant holds a tenth of the groups of each source out, and of everyday
// texts whole themes: a head that knows templates must not be measured on them.
func HeldRelevant(s *corpus.Sorted) bool {
	if s.Source == "everyday" {
		return s.Group == "sport" || s.Group == "manual" || s.Group == "meeting"
	}
	const parts = 10
	return corpus.Part(s.Source+s.Group, parts) == 0
}
