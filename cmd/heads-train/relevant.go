package main

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// relevantThreshold is where the relevant head abstains: it has two labels.
const relevantThreshold = 0.7

// trainRelevant trains on all texts but those that technique.HeldRelevant holds
// out, which calibrate it: the shipped head is the one that is measured.
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
	m, err := technique.TrainRelevant(texts, technique.HeldRelevant, func(epoch int, loss float64) {
		fmt.Fprintf(j.log, "relevant: pass %d, loss %.4f\n", epoch, loss)
	})
	if err != nil {
		return nil, err
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
