package investigate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/causes"
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
	rc.Before = s.takenBefore(in, chain)
	return rc
}

// endOf picks where the chain leads to: the gravest record, or what a web server
// was made to run.
func (s *scene) endOf(mine []*causes.Record) *causes.Record {
	end := s.Gravest(mine)
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
		Time: t.Time, Host: t.Host, User: t.User, Tie: t.Tie, Detail: t.Detail(),
		Statement: casemate.Statement{Text: t.Tell(), Evidence: []string{s.cite(t.Record)}, By: casemate.DecidedByRule},
	}
}

// rootStatement says where it began.
func (s *scene) rootStatement(chain []causes.Step) casemate.Statement {
	first := chain[0]
	text := "The earliest step that the evidence ties to the rest: at " + causes.Stamp(first.Time) + ", " + causes.Lower(first.Tell())
	ids := []string{s.cite(first.Record)}
	if first.Act == causes.ActMail && len(chain) > 1 {
		next := chain[1]
		text = "It began with a mail that brought «" + first.Files[0] + "», delivered at " + causes.Stamp(first.Time) + " and opened: " + causes.Lower(next.Tell())
		for _, t := range chain[1:min(len(chain), 4)] {
			if t.Act == causes.ActProcess && t.Command != "" {
				next = t
				text = "It began with a mail that brought «" + causes.Base(first.Files[0]) + "», delivered at " + causes.Stamp(first.Time) +
					"; at " + causes.Stamp(next.Time) + " " + causes.Lower(next.Tell())
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
		if h := s.HostName(r.Host); h != "" {
			if byHost[h] == nil {
				names = append(names, h)
			}
			byHost[h] = append(byHost[h], r)
		}
	}
	slices.Sort(names)
	var out []Branch
	for _, h := range names {
		end := s.Gravest(byHost[h])
		if on[end] || s.Reach(end) == 0 {
			continue
		}
		chain := s.ChainTo(end)
		cut := 0
		for i, t := range chain {
			if on[t.Record] {
				cut = i
			}
		}
		b := Branch{Host: causes.Label(end.Host), Joins: on[chain[cut].Record]}
		for _, t := range chain[cut:] {
			on[t.Record] = true
			b.Chain = append(b.Chain, s.link(t))
		}
		if len(b.Chain) > 1 {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b Branch) int { return a.Chain[0].Time.Compare(b.Chain[0].Time) })
	return out
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
				Text: fmt.Sprintf("No id ties the steps of %s and %s: only %s does.", causes.Stamp(a.Time), causes.Stamp(b.Time), b.Tie)})
		case b.Time.Sub(a.Time) > 30*time.Minute:
			out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: ids,
				Text: fmt.Sprintf("Between %s and %s the chain shows no step.", causes.Stamp(a.Time), causes.Stamp(b.Time))})
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
			Text: fmt.Sprintf("At %s, earlier than the root: %s. Nothing ties it to the chain.", causes.Stamp(r.Time), r.Called())})
	}
	return out
}

// takenBefore finds in the rest of the evidence what may have led to a chain that
// begins with somebody's valid credentials.
func (s *scene) takenBefore(in *casemate.Incident, chain []causes.Step) []casemate.Statement {
	first := chain[0].Record
	if first.Act != causes.ActCloud && first.Act != causes.ActLogon {
		return nil
	}
	var out []casemate.Statement
	for _, r := range s.Until(first) {
		if r.Incident < 0 && first.Act != causes.ActCloud || r == first || len(out) == 3 || !causes.Has(r, "T1552", "T1555", "T1003") {
			continue
		}
		if first.Act == causes.ActCloud && !strings.Contains(strings.ToLower(r.Command+r.File), "aws") && !causes.Has(r, "T1552.005") {
			continue
		}
		out = append(out, casemate.Statement{By: casemate.DecidedByRule, Evidence: []string{s.cite(r)},
			Text: fmt.Sprintf("Credentials may have been taken before: at %s, %s Nothing shows that they are the ones used.", causes.Stamp(r.Time), causes.Lower(r.Tell()))})
	}
	return out
}
