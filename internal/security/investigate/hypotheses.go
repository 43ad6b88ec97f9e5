package investigate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	maxArgument = 4 // ids that a line of the table cites
	coverPoints = 5 // for a theory that accounts for every tactic seen
)

// weigh holds every theory of the catalogue against the scene.
func (s *scene) weigh(logs []LogCause) []Hypothesis {
	var out []Hypothesis
	for _, t := range s.book.theories {
		out = append(out, s.hold(t, logs))
	}
	slices.SortStableFunc(out, func(a, b Hypothesis) int {
		return cmp.Or(cmp.Compare(rank(b.Standing), rank(a.Standing)), cmp.Compare(b.Score, a.Score))
	})
	for i := range out {
		out[i].Says = s.certainty(out, i)
	}
	return out
}

// hold makes one theory's table.
func (s *scene) hold(t theory, logs []LogCause) Hypothesis {
	h := Hypothesis{ID: t.ID, Name: t.Name, Kind: t.Kind}
	pro := 0
	for _, c := range t.Checks {
		st, found := s.answer(c, logs)
		switch {
		case found && c.Points > 0:
			pro += c.Points
			h.For = append(h.For, Argument{Check: c.ID, Points: c.Points, Statement: st})
		case found:
			h.Against = append(h.Against, Argument{Check: c.ID, Points: c.Points, Statement: st})
		case c.Points > 0:
			h.Missing = append(h.Missing, Missing{Text: c.Text + ".", Where: c.Where, Points: c.Points})
		}
		if found {
			h.Score += c.Points
		}
	}
	if pro > 0 {
		if points, st, ok := s.accounts(t); ok {
			h.For = append(h.For, Argument{Check: "accounts-for", Points: points, Statement: st})
			h.Score += points
		}
	}
	h.Standing = standing(h, pro, t.Core)
	return h
}

// standing says in a word how a theory stands. The borders are of the scale of
// twenty points that every theory's checks add up to.
func standing(h Hypothesis, pro int, core []string) string {
	heart := slices.ContainsFunc(h.For, func(a Argument) bool { return slices.Contains(core, a.Check) })
	switch {
	case pro == 0:
		return "nothing for it"
	case h.Score <= 0 || len(h.Against) > 0 && h.Score < 5:
		return "contradicted"
	case !heart:
		return "weak"
	case h.Score >= 14:
		return "well supported"
	case h.Score >= 8:
		return "plausible"
	}
	return "weak"
}

// standings, from the worst to the best.
var standings = []string{"nothing for it", "contradicted", "weak", "plausible", "well supported"}

// rank is the place of a standing among them.
func rank(standing string) int { return slices.Index(standings, standing) }

// answer looks for what a check asks for.
func (s *scene) answer(c check, logs []LogCause) (casemate.Statement, bool) {
	if c.Log != "" {
		for _, l := range logs {
			if l.Kind == c.Log {
				return casemate.Statement{Text: c.Text + ": " + causes.Lower(l.Statement.Text), Evidence: l.Statement.Evidence, By: casemate.DecidedByRule}, true
			}
		}
	}
	var found []*causes.Record
	for _, r := range s.scope {
		if causes.Has(r, c.Techniques...) && (!c.Ran || r.Image != "") {
			found = append(found, r)
		}
	}
	if test := tests[c.Test]; len(found) == 0 && test != nil {
		found = test(s)
	}
	if len(found) == 0 {
		return casemate.Statement{}, false
	}
	slices.SortStableFunc(found, func(a, b *causes.Record) int { return cmp.Compare(b.Severity, a.Severity) })
	best := found[0]
	text := fmt.Sprintf("%s: %s at %s", c.Text, best.Called(), phrase.Time(best.Time))
	if len(found) > maxArgument || c.Test != "" {
		// What a count or a test says of many records is our finding: it becomes
		// evidence that can be cited.
		if len(found) > 1 {
			text += fmt.Sprintf(", and %d more", len(found)-1)
		}
		ids := append(s.citeAll(found, maxArgument), s.count(c, found))
		return casemate.Statement{Text: text + ".", Evidence: ids, By: casemate.DecidedByRule}, true
	}
	return casemate.Statement{Text: text + ".", Evidence: s.citeAll(found, maxArgument), By: casemate.DecidedByRule}, true
}

// count makes a finding of how many records answer a check.
func (s *scene) count(c check, found []*causes.Record) string {
	first, last := found[0].Time, found[0].Time
	for _, r := range found {
		if r.Time.Before(first) {
			first = r.Time
		}
		if r.Time.After(last) {
			last = r.Time
		}
	}
	text := fmt.Sprintf("%s: %d records from %s to %s; %d besides the one that is quoted.", c.Text, len(found), phrase.Time(first), phrase.Time(last), len(found)-1)
	return s.find(casemate.Evidence{First: first, Last: last, Count: len(found), Name: "count of records", Text: text})
}

// find makes evidence of a finding of ours, once for each text.
func (s *scene) find(e casemate.Evidence) string {
	e.Kind = casemate.EvidenceFinding
	if id := s.found[e.Text]; id != "" {
		return id
	}
	id := s.addEvidence(e)
	s.found[e.Text] = id
	return id
}

// accounts says for how many of the tactics seen a theory accounts.
func (s *scene) accounts(t theory) (int, casemate.Statement, bool) {
	seen := map[string]bool{}
	for _, r := range s.scope {
		for _, id := range r.Techniques {
			if tech, _, ok := s.Catalogue.Resolve(id); ok {
				for _, tactic := range tech.Tactics {
					seen[tactic] = true
				}
			}
		}
	}
	if len(seen) == 0 {
		return 0, casemate.Statement{}, false
	}
	n := 0
	for _, tactic := range t.Covers {
		if seen[tactic] {
			n++
		}
	}
	points := (coverPoints*n + len(seen)/2) / len(seen)
	if points == 0 {
		return 0, casemate.Statement{}, false
	}
	text := fmt.Sprintf("It accounts for %d of the %d tactics that the records show.", n, len(seen))
	id := s.find(casemate.Evidence{Name: "count of tactics", Count: n, Text: text})
	return points, casemate.Statement{Text: text, Evidence: []string{id}, By: casemate.DecidedByRule}, true
}

// certainty says how sure a place in the ranking is.
func (s *scene) certainty(all []Hypothesis, i int) string {
	h := all[i]
	open := 0
	for _, m := range h.Missing {
		open += m.Points
	}
	if h.Standing == "nothing for it" {
		return "Nothing in the evidence speaks for it."
	}
	text := fmt.Sprintf("%s with %d points, a rule's count and no probability", strings.ToUpper(h.Standing[:1])+h.Standing[1:], h.Score)
	if i == 0 && len(all) > 1 {
		text += fmt.Sprintf("; the next explanation has %d", all[1].Score)
	}
	if open > 0 {
		text += fmt.Sprintf("; %d points hang on what is missing", open)
	}
	return text + "."
}
