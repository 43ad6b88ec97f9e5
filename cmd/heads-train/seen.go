package main

import (
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
)

// Of sentences one in sixteen runs of ten words is kept, of descriptions of
// vulnerabilities one in eight: enough to tell a file of a hundred texts.
const (
	attackSeenRate, attackSeenRun = 16, 10
	cweSeenRate, cweSeenRun       = 8, 0
)

// seenAttack returns the sentences that the attack head is trained on.
func seenAttack(j job) (texts []string, rate, run uint32, err error) {
	a, err := corpus.ReadAttack(j.from)
	if err != nil {
		return nil, 0, 0, err
	}
	for i := range a.Sentences {
		texts = append(texts, a.Sentences[i].Text)
	}
	return texts, attackSeenRate, attackSeenRun, nil
}

// seenCWE returns the descriptions that the cwe head is trained on.
func seenCWE(j job) (texts []string, rate, run uint32, err error) {
	rows, err := corpus.Vulnerabilities(filepath.Join(j.from, "cve", "cve.tsv.gz"))
	if err != nil {
		return nil, 0, 0, err
	}
	rows, _ = corpus.Before(rows, j.until)
	for i := range rows {
		if len(rows[i].Weaknesses) > 0 {
			texts = append(texts, rows[i].Text)
		}
	}
	return texts, cweSeenRate, cweSeenRun, nil
}
