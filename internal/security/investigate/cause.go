package investigate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// rootCauses traces each incident.
func (s *scene) rootCauses() []RootCause {
	var out []RootCause
	for i := range s.incidents {
		var mine []*causes.Record
		for _, r := range s.scope {
			if r.Incident == i {
				mine = append(mine, r)
			}
		}
		if len(mine) > 0 {
			out = append(out, s.rootCause(&s.incidents[i], mine))
		}
	}
	return out
}

func (s *scene) rootCause(in *casemate.Incident, mine []*causes.Record) RootCause {
	chain := causes.Fewer(s.ChainTo(s.endOf(mine)))
	rc := RootCause{Incident: in.ID, Time: chain[0].Time, Confidence: "tied"}
	on := map[*causes.Record]bool{}
	for i, t := range chain {
		on[t.Record] = true
		if i > 0 && !t.Firm {
			rc.Confidence = "partly tied"
		}
		rc.Chain = append(rc.Chain, s.link(t))
	}
	rc.Root = s.rootStatement(chain)
	rc.Branches = s.branches(mine, on)
	rc.Gaps = s.gaps(chain)
	rc.Alternatives = s.alternatives(chain, mine, on)
	rc.Before = s.takenBefore(chain)
	return rc
}

// endOf picks where the chain leads to: the gravest record, or what a web server
// was made to run.
func (s *scene) endOf(mine []*causes.Record) *causes.Record {
	end := s.Gravest(mine)
	if end.Name == "ssh-login-failed" {
		return mine[0] // guesses in vain: the first of them
	}
	if end.Act == causes.ActLogon {
		// What came of the logon says more than that there was one.
		for _, r := range mine {
			if r.Act == causes.ActProcess && r.Time.After(end.Time) && s.HostName(r.Host) == s.HostName(end.Host) && causes.Bare(r.User) == causes.Bare(end.User) {
				end = r
			}
		}
	}
	if !causes.Has(end, exploiting...) {
		return end
	}
	for _, r := range s.Records {
		if r.Act == causes.ActProcess && causes.IsWebServer(r) && isShell(r.Image) && s.HostName(r.Host) == s.HostName(end.Host) && r.Time.After(end.Time) && r.Time.Sub(end.Time) < causes.Long {
			end = r
		}
	}
	return end
}

// link shows a step.
func (s *scene) link(t causes.Step) Link {
	return Link{
		Time: t.Time, Host: t.Host, User: t.User, Tie: t.Tie, Detail: t.Detail(), Brief: t.Brief(),
		Statement: casemate.Statement{Text: t.Tell(), Evidence: []string{s.cite(t.Record)}, By: casemate.DecidedByRule},
	}
}

// rootStatement says where it began.
func (s *scene) rootStatement(chain []causes.Step) casemate.Statement {
	first := chain[0]
	text := "The earliest step that the evidence ties to the rest: at " + phrase.Time(first.Time) + ", " + causes.Lower(first.Tell())
	ids := []string{s.cite(first.Record)}
	if first.Act == causes.ActMail && len(chain) > 1 {
		next := chain[1]
		text = "It began with a mail that brought " + phrase.Quote(first.Files[0]) + ", delivered at " + phrase.Time(first.Time) + " and opened: " + causes.Lower(next.Tell())
		for _, t := range chain[1:min(len(chain), 4)] {
			if t.Act == causes.ActProcess && t.Command != "" {
				next = t
				text = "It began with a mail that brought " + phrase.Quote(causes.Base(first.Files[0])) + ", delivered at " + phrase.Time(first.Time) +
					"; at " + phrase.Time(next.Time) + " " + causes.Lower(next.Tell())
				break
			}
		}
		ids = append(ids, s.cite(next.Record))
	}
	return casemate.Statement{Text: text, Evidence: ids, By: casemate.DecidedByRule}
}

// branches traces the other machines of an incident up to the chain.
func (s *scene) branches(mine []*causes.Record, on map[*causes.Record]bool) []Branch {
	byHost := map[string][]*causes.Record{}
	var names []string
	for _, r := range mine {
		if h := s.HostName(r.Host); h != "" && graded(r) {
			if byHost[h] == nil {
				names = append(names, h)
			}
			byHost[h] = append(byHost[h], r)
		}
	}
	for r := range on {
		delete(byHost, s.HostName(r.Host)) // the chain itself goes there
	}
	slices.Sort(names)
	var out []Branch
	for _, h := range names {
		if chain := s.longest(byHost[h]); len(chain) > 1 {
			out = append(out, s.branch(chain, on))
		}
	}
	slices.SortStableFunc(out, func(a, b Branch) int { return a.Chain[0].Time.Compare(b.Chain[0].Time) })
	return out
}

// longest returns the chain to the latest record of a machine that is tied to
// anything.
func (s *scene) longest(list []*causes.Record) []causes.Step {
	for i := len(list) - 1; i >= 0; i-- {
		if chain := s.ChainTo(list[i]); len(chain) > 2 {
			return chain
		}
	}
	return nil
}

// branch cuts a chain where it leaves what has been told.
func (s *scene) branch(chain []causes.Step, on map[*causes.Record]bool) Branch {
	cut := 0
	for i, t := range chain {
		if on[t.Record] {
			cut = i
		}
	}
	b := Branch{Host: causes.Label(chain[len(chain)-1].Host), Joins: on[chain[cut].Record]}
	for _, t := range causes.Fewer(chain[cut:]) {
		on[t.Record] = true
		b.Chain = append(b.Chain, s.link(t))
	}
	return b
}

// gaps names the long silences of a chain and the ties that are only of time.
func (s *scene) gaps(chain []causes.Step) []casemate.Statement {
	var out []casemate.Statement
	for i := 1; i < len(chain); i++ {
		a, b := chain[i-1], chain[i]
		ids := []string{s.cite(a.Record), s.cite(b.Record)}
		switch {
		case !b.Firm:
			out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: ids,
				Text: fmt.Sprintf("The steps of %s and %s are tied by time alone: %s.", phrase.Time(a.Time), phrase.Time(b.Time), b.Tie)})
		case b.Time.Sub(a.Time) > 30*time.Minute:
			out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: ids,
				Text: fmt.Sprintf("From %s to %s the chain goes in one step.", phrase.Time(a.Time), phrase.Time(b.Time))})
		}
	}
	return out
}

// alternatives names what is earlier than the root and not tied to it.
func (s *scene) alternatives(chain []causes.Step, mine []*causes.Record, on map[*causes.Record]bool) []casemate.Statement {
	var out []casemate.Statement
	said := map[string]bool{}
	for _, r := range mine {
		if !r.Time.Before(chain[0].Time) || on[r] || said[r.Name] || len(out) == 4 {
			continue
		}
		said[r.Name] = true
		out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: []string{s.cite(r)},
			Text: fmt.Sprintf("At %s, earlier than the root: %s. It stands outside the chain.", phrase.Time(r.Time), r.Called())})
	}
	return out
}

// takenBefore finds in the rest of the evidence what may have led to a chain that
// begins with somebody's valid credentials.
func (s *scene) takenBefore(chain []causes.Step) []casemate.Statement {
	first := chain[0].Record
	if first.Act != causes.ActCloud && first.Act != causes.ActLogon {
		return nil
	}
	var out []casemate.Statement
	for _, r := range s.Until(first) {
		if r == first || len(out) == 3 || !s.couldGive(r, first) {
			continue
		}
		what := strings.TrimSuffix(causes.Lower(r.Tell()), ".")
		if r.Command != "" && len(r.Command) < 120 {
			what += " (" + phrase.Quote(r.Command) + ")"
		}
		text := fmt.Sprintf("Credentials may have been taken before: at %s, %s. Whether they were used is open.", phrase.Time(r.Time), what)
		if len(out) > 0 && strings.EqualFold(out[len(out)-1].Text, text) {
			continue // another sensor tells of the same
		}
		out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: []string{s.cite(r)}, Text: text})
	}
	return out
}

// couldGive reports whether a theft of credentials could have given those with
// which a chain begins: a cloud's key from a file that is named for it, an
// account from a machine on which it had a session.
func (s *scene) couldGive(theft, first *causes.Record) bool {
	steals := causes.Has(theft, "T1552", "T1555", "T1003")
	if first.Act == causes.ActCloud {
		names := strings.ToLower(theft.Command + " " + theft.File)
		return theft.Host != "" && strings.Contains(names, ".aws/credentials") || steals && (strings.Contains(names, "aws") || causes.Has(theft, "T1552.005"))
	}
	if !steals {
		return false
	}
	for _, r := range s.OnHost(theft, causes.Long) {
		if r.Act == causes.ActLogon && strings.EqualFold(causes.Bare(r.User), causes.Bare(first.User)) {
			return true
		}
	}
	return false
}
