package main

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// relevantThreshold is where the relevant head abstains: it has two labels.
const relevantThreshold = 0.7

// trainRelevant trains twice. A first head, without the texts that
// technique.HeldRelevant holds out, shows on them how sure it may be; the second,
// on everything, takes that over.
func trainRelevant(j job) (*lexical.Model, error) {
	texts, err := corpus.ReadRelevant(j.from)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, t := range texts {
		counts[t.Source]++
	}
	fmt.Fprintf(j.log, "relevant: %d texts: %v\n", len(texts), counts)
	say := func(epoch int, loss float64) { fmt.Fprintf(j.log, "relevant: pass %d, loss %.4f\n", epoch, loss) }
	m, err := technique.TrainRelevant(texts, technique.HeldRelevant, say)
	if err != nil {
		return nil, err
	}
	if !j.quick {
		first := m
		if m, err = technique.TrainRelevant(texts, nil, say); err != nil {
			return nil, err
		}
		temper, shift := first.Temper(0, 0)
		m.SetTemper(0, 0, temper, shift)
	}
	info := m.Info()
	info.Version, info.Threshold = attackVersion, relevantThreshold
	for _, f := range corpus.RelevantFiles {
		s, err := source(j.from, f)
		if err != nil {
			return nil, err
		}
		info.Sources = append(info.Sources, s)
	}
	m.SetInfo(info)
	return m, nil
}
