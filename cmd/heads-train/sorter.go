package main

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// sorterThreshold is where heads of two labels abstain.
const sorterThreshold = 0.7

// trainSorter trains twice. A first head, without the texts that are held out,
// shows on them how sure it may be; the second, on everything, takes that over.
func trainSorter(r technique.Sorter) func(j job) (*lexical.Model, error) {
	return func(j job) (*lexical.Model, error) {
		texts, err := r.Read(j.from)
		if err != nil {
			return nil, err
		}
		counts := map[string]int{}
		for _, t := range texts {
			counts[t.Source]++
		}
		fmt.Fprintf(j.log, "%s: %d texts: %v\n", r.Name, len(texts), counts)
		say := func(epoch int, loss float64) { fmt.Fprintf(j.log, "%s: pass %d, loss %.4f\n", r.Name, epoch, loss) }
		m, err := r.Train(texts, r.Held, say)
		if err != nil {
			return nil, err
		}
		if !j.quick {
			first := m
			if m, err = r.Train(texts, nil, say); err != nil {
				return nil, err
			}
			temper, shift := first.Temper(0, 0)
			m.SetTemper(0, 0, temper, shift)
		}
		return m, describe(j, m)
	}
}

// describe notes the threshold and the files that a sorter was trained from.
func describe(j job, m *lexical.Model) error {
	info := m.Info()
	info.Version, info.Threshold = attackVersion, sorterThreshold
	for _, f := range corpus.RelevantFiles {
		s, err := source(j.from, f)
		if err != nil {
			return err
		}
		info.Sources = append(info.Sources, s)
	}
	m.SetInfo(info)
	return nil
}
