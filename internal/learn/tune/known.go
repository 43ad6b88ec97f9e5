package tune

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// seen returns the digests of the rows that the head learns from, and their groups.
func (j *job) seen() *outcome.Seen {
	s := &outcome.Seen{Data: j.table.Digest}
	for _, i := range j.learn {
		s.Texts = append(s.Texts, outcome.TextDigest(j.table.Rows[i].Text))
		s.Groups = append(s.Groups, j.grouping.Of[i])
	}
	return s
}

// apart leaves out of learning the rows whose group is in a test part that the data
// give, so that nothing is tested on what it has learnt. There are few of them:
// with many the rows are refused. Where that is allowed, they stay, and the verdict
// says that the figures are of rows that were seen.
func (j *job) apart() {
	tested := map[int]bool{}
	for _, i := range j.parts.Test {
		tested[j.grouping.Of[i]] = true
	}
	keep := func(rows []int) (out []int) {
		for _, i := range rows {
			if !tested[j.grouping.Of[i]] {
				out = append(out, i)
			}
		}
		return out
	}
	before := len(j.parts.Train) + len(j.parts.Validation)
	j.parts.Train, j.parts.Validation = keep(j.parts.Train), keep(j.parts.Validation)
	switch left := before - len(j.parts.Train) - len(j.parts.Validation); {
	case left == 1:
		j.parts.Notes = append(j.parts.Notes, "one row to learn from is left out: the test part that the data give has its text or its group")
	case left > 1:
		j.parts.Notes = append(j.parts.Notes, fmt.Sprintf("%d rows to learn from are left out: the test part that the data give has their texts or their groups", left))
	}
}

// known returns how many rows of the test part the head learnt from, or from rows of
// their group.
func (j *job) known(ev *outcome.Evaluation) int {
	texts, groups := j.seen().Knew(ev)
	return len(texts) + len(groups)
}

// unseen says of how many rows an evaluation is, and whether they are new.
func unseen(rows, known int) string {
	if known == 0 {
		return fmt.Sprintf("on %d rows that it did not see", rows)
	}
	return fmt.Sprintf("on %d rows, of which it knew %d or others of their group", rows, known)
}
