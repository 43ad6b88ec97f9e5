package main

import (
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
)

// Of so many runs of words one is kept: enough to tell a file of a hundred texts.
const (
	attackSeenRate = 16
	cweSeenRate    = 128
)

// seenAttack returns the sentences that the attack head is trained on.
func seenAttack(j job) (texts []string, rate uint32, err error) {
	a, err := corpus.ReadAttack(j.from)
	if err != nil {
		return nil, 0, err
	}
	for i := range a.Sentences {
		texts = append(texts, a.Sentences[i].Text)
	}
	return texts, attackSeenRate, nil
}

// seenCWE returns the descriptions that the cwe head is trained on.
func seenCWE(j job) (texts []string, rate uint32, err error) {
	rows, err := corpus.Vulnerabilities(filepath.Join(j.from, "cve", "cve.tsv.gz"))
	if err != nil {
		return nil, 0, err
	}
	rows, _ = corpus.Before(rows, j.until)
	for i := range rows {
		if len(rows[i].Weaknesses) > 0 {
			texts = append(texts, rows[i].Text)
		}
	}
	return texts, cweSeenRate, nil
}
