package technique

import (
	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// Sorter is the recipe of a head that tells the texts it looks for from others.
type Sorter struct {
	Name    string
	Yes, No string // its labels, in the order of its model
	Read    func(folder string) ([]corpus.Sorted, error)
	Held    func(*corpus.Sorted) bool // what is held out to calibrate and measure on

	dim, epochs int
	dropout     float32
}

// Relevant is the recipe of the relevant head: is a text about security?
func Relevant() Sorter {
	return Sorter{Name: "relevant", Yes: "security", No: "other", Read: corpus.ReadRelevant, Held: held, dim: 8, epochs: 6, dropout: 0.6}
}

// Behaviour is the recipe of the behaviour head: does a sentence tell what an
// attacker does?
func Behaviour() Sorter {
	return Sorter{Name: "behaviour", Yes: "behaviour", No: "other", Read: corpus.ReadBehaviour, Held: held, dim: 16, epochs: 3, dropout: 0.7}
}

// Train trains on the texts that are not held out, and calibrates on those that
// are. With nothing held out, take the calibration from a head that had: see
// lexical.Model.Temper.
func (r Sorter) Train(texts []corpus.Sorted, held func(*corpus.Sorted) bool, progress func(epoch int, loss float64)) (*lexical.Model, error) {
	var train, rest []lexical.Example
	for i := range texts {
		s := &texts[i]
		label := 0
		if !s.Yes {
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
		Name:     r.Name,
		Groups:   []lexical.Group{{Name: r.Name, Labels: []string{r.Yes, r.No}}},
		Features: lexical.Features{Pairs: true, Affixes: true, Bits: 18, MinDocs: 3},
		Dim:      r.dim, Epochs: r.epochs, Dropout: r.dropout,
	}, progress)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		err = m.Calibrate(rest)
	}
	return m, err
}

// held holds a tenth of the groups of each source out, of everyday texts whole
// themes and of made-up talk whole patterns: a head that knows templates must not
// be measured on them.
func held(s *corpus.Sorted) bool {
	const parts, patternParts = 10, 5
	switch s.Source {
	case "everyday":
		return s.Group == "sport" || s.Group == "manual" || s.Group == "meeting"
	case "talk":
		return corpus.Part(s.Group, patternParts) == 0
	}
	return corpus.Part(s.Source+s.Group, parts) == 0
}
