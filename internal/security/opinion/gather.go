package opinion

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Limits of what one question holds: the gravest moments, told in order of time.
const (
	maxMoments    = 24
	maxTechniques = 16
	minMoments    = 4 // fewer are not worth a question that did not fit
)

// file is the evidence of one incident. Its ids are its own, "E1" and on, so that
// a question about it does not depend on any other incident.
type file struct {
	incident *casemate.Incident
	evidence []casemate.Evidence
	moments  []int // of evidence, those that are moments
	shares   int   // of evidence, the one that says what the parts share; -1 for none
	tactics  int   // of evidence, the one that counts tactics; -1 for none
	spread   int   // of evidence, counts over the whole timeline
	left     int   // moments that are not among the evidence
}

func gather(inc *casemate.Incident) *file { return gatherMost(inc, maxMoments) }

// gatherMost takes at most n moments of the incident.
func gatherMost(inc *casemate.Incident, n int) *file {
	f := &file{incident: inc, shares: -1, tactics: -1}
	f.spread = f.add(casemate.Evidence{Kind: casemate.EvidenceFinding, Name: "counts", Text: counts(inc), First: inc.First, Last: inc.Last})
	for _, r := range inc.Reasons {
		i := f.add(casemate.Evidence{Kind: casemate.EvidenceFinding, Name: r.Kind, Text: r.Text, Record: first(r.Evidence), Techniques: named(inc, r.Text)})
		if r.Kind == "link" {
			f.shares = i
		}
	}
	picked := gravest(inc.Timeline, n)
	f.left = len(inc.Timeline) - len(picked)
	for _, m := range picked {
		f.moments = append(f.moments, f.add(moment(&m)))
	}
	if f.left > 0 {
		f.add(casemate.Evidence{Kind: casemate.EvidenceFinding, Name: "left out", Text: fmt.Sprintf("The timeline has %d more lines, none graver than those given.", f.left)})
	}
	for _, t := range spread(inc.Techniques, maxTechniques) {
		text := fmt.Sprintf("%s %s, said by the %s", t.ID, t.Name, t.Source)
		f.add(casemate.Evidence{Kind: casemate.EvidenceFinding, Name: "technique", Record: t.ID, Text: text, Techniques: []string{t.ID}})
	}
	if stages := stages(inc); len(stages) > 1 && len(inc.Timeline) > 1 {
		text := fmt.Sprintf("techniques belong to %d tactics: %s.", len(stages), strings.Join(stages, ", "))
		f.tactics = f.add(casemate.Evidence{Kind: casemate.EvidenceFinding, Name: "tactics", Text: text})
	}
	return f
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// named returns the techniques of an incident that a text names.
func named(inc *casemate.Incident, text string) []string {
	var out []string
	for _, t := range inc.Techniques {
		if strings.Contains(text, t.ID) {
			out = append(out, t.ID)
		}
	}
	return out
}

func (f *file) add(e casemate.Evidence) int {
	e.ID = fmt.Sprintf("E%d", len(f.evidence)+1)
	f.evidence = append(f.evidence, e)
	return len(f.evidence) - 1
}

func (f *file) id(i int) string { return f.evidence[i].ID }

// moment makes evidence of a line of the timeline.
func moment(m *casemate.Moment) casemate.Evidence {
	text := m.Name
	if m.Detail != "" && m.Detail != m.Name {
		text += ": " + m.Detail
	}
	e := casemate.Evidence{
		Kind: casemate.EvidenceAlert, Record: m.Evidence, At: m.At, First: m.First, Last: m.Last, Count: m.Count,
		Host: m.Host, User: m.User, Severity: m.Severity, Name: m.Name, Text: text, Techniques: m.Techniques,
	}
	if m.Host != "" {
		e.Entities = append(e.Entities, casemate.Entity{Type: casemate.EntityHost, Value: strings.ToLower(m.Host)})
	}
	if m.User != "" {
		e.Entities = append(e.Entities, casemate.Entity{Type: casemate.EntityUser, Value: m.User})
	}
	return e
}

// gravest returns the n gravest moments in order of time, of equals the earlier.
func gravest(timeline []casemate.Moment, n int) []casemate.Moment {
	if len(timeline) <= n {
		return timeline
	}
	order := make([]int, len(timeline))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(timeline[b].Severity) - int(timeline[a].Severity) })
	order = order[:n]
	slices.Sort(order)
	out := make([]casemate.Moment, n)
	for i, at := range order {
		out[i] = timeline[at]
	}
	return out
}

// counts says in numbers what the incident is made of.
func counts(inc *casemate.Incident) string {
	text := fmt.Sprintf("%s in %s of the timeline", phrase.Count(inc.Count, "alert"), phrase.Count(len(inc.Timeline), "line"))
	if len(inc.Hosts) > 0 {
		text += fmt.Sprintf(", %s (%s)", phrase.Count(len(inc.Hosts), "host"), phrase.First(inc.Hosts, maxListed))
	}
	if len(inc.Users) > 0 {
		text += fmt.Sprintf(", %s (%s)", phrase.Count(len(inc.Users), "account"), phrase.First(inc.Users, maxListed))
	}
	if gap, ok := longestGap(inc.Timeline); ok {
		text += "; the longest silence between two of its lines is " + silence(gap)
	}
	return text + "."
}

// maxListed is how many names a sentence lists.
const maxListed = 6

// longestGap returns the longest time in which nothing of the timeline happened.
func longestGap(timeline []casemate.Moment) (time.Duration, bool) {
	var longest time.Duration
	var last time.Time
	timed := 0
	sorted := slices.Clone(timeline)
	slices.SortStableFunc(sorted, func(a, b casemate.Moment) int { return a.First.Compare(b.First) })
	for _, m := range sorted {
		if m.First.IsZero() {
			continue
		}
		if timed++; timed > 1 && m.First.Sub(last) > longest {
			longest = m.First.Sub(last)
		}
		if m.Last.After(last) {
			last = m.Last
		}
		if m.First.After(last) {
			last = m.First
		}
	}
	return longest, timed > 1
}

func silence(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return phrase.Count(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return phrase.Count(int(d/time.Minute), "minute")
	}
	return phrase.Count(int(d/time.Hour), "hour")
}

// together tells by rules why the alerts are one incident.
func (f *file) together() []casemate.Statement {
	inc := f.incident
	var out []casemate.Statement
	say := func(text string, evidence ...string) {
		out = append(out, casemate.Statement{Text: text, Evidence: evidence, By: casemate.DecidedByRule})
	}
	counted := f.id(f.spread)
	say(f.place(), counted)
	if f.shares >= 0 {
		for _, s := range sharedThings(f.evidence[f.shares].Text) {
			say(s, f.id(f.shares))
		}
	}
	if gap, ok := longestGap(inc.Timeline); ok && gap < 30*time.Minute {
		say(fmt.Sprintf("They follow each other closely: the longest silence between two lines of the timeline is %s.", silence(gap)), counted)
	} else if ok {
		say(fmt.Sprintf("The longest silence between two lines of its timeline is %s.", silence(gap)), counted)
	}
	if f.tactics >= 0 {
		say("Their "+f.evidence[f.tactics].Text, f.id(f.tactics))
	}
	return out
}

// place says of what and where the alerts are.
func (f *file) place() string {
	inc := f.incident
	alike := !slices.ContainsFunc(inc.Timeline, func(m casemate.Moment) bool { return m.Name != inc.Timeline[0].Name })
	switch {
	case inc.Count == 1:
		return "It is a single alert."
	case len(inc.Timeline) == 1:
		return fmt.Sprintf("It is one kind of alert, %d times.", inc.Count)
	case alike && len(inc.Hosts) > 1:
		return fmt.Sprintf("Its %d alerts have the same name, on %d hosts: %s.", inc.Count, len(inc.Hosts), phrase.First(inc.Hosts, maxListed))
	case len(inc.Hosts) == 1:
		return fmt.Sprintf("All of its %d alerts are of one host, %s.", inc.Count, inc.Hosts[0])
	case len(inc.Hosts) > 1:
		return fmt.Sprintf("Its %d alerts are of %d hosts: %s.", inc.Count, len(inc.Hosts), phrase.First(inc.Hosts, maxListed))
	case len(inc.Users) == 1:
		return fmt.Sprintf("All of its %d alerts are of one account, %s.", inc.Count, inc.Users[0])
	case alike:
		return fmt.Sprintf("Its %d alerts have the same name.", inc.Count)
	}
	return fmt.Sprintf("It has %d alerts.", inc.Count)
}

// spread returns at most n techniques, those first whose tactic no other before
// them has, in the order given.
func spread(list []casemate.Technique, n int) []casemate.Technique {
	if len(list) <= n {
		return list
	}
	var order []int
	seen := map[string]int{}
	turn := make([]int, len(list))
	for i, t := range list {
		order = append(order, i)
		if len(t.Tactics) > 0 {
			turn[i] = seen[t.Tactics[0]]
			seen[t.Tactics[0]]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return turn[a] - turn[b] })
	order = order[:n]
	slices.Sort(order)
	out := make([]casemate.Technique, n)
	for i, at := range order {
		out[i] = list[at]
	}
	return out
}

// sharedThings makes a sentence of each kind of thing that the parts of an
// incident share, out of triage's reason "Its parts share account a, address b."
func sharedThings(text string) []string {
	body, ok := strings.CutPrefix(strings.TrimSuffix(text, "."), "Its parts share ")
	if !ok {
		return []string{text}
	}
	rest := ""
	if i := strings.LastIndex(body, " and "); i >= 0 && strings.HasSuffix(body, " more") {
		body, rest = body[:i], body[i+len(" and "):]
	}
	var order []string
	byKind := map[string][]string{}
	for _, thing := range strings.Split(body, ", ") {
		if strings.HasPrefix(thing, "the same host") {
			order, byKind[""] = append(order, ""), []string{thing}
			continue
		}
		kind, value, ok := strings.Cut(thing, " ")
		if !ok {
			kind, value = "thing", thing
		}
		if byKind[kind] == nil {
			order = append(order, kind)
		}
		byKind[kind] = append(byKind[kind], value)
	}
	var out []string
	for _, kind := range order {
		out = append(out, sharedSentence(kind, byKind[kind]))
	}
	if rest != "" {
		out = append(out, fmt.Sprintf("They share %s things.", rest))
	}
	return out
}

func sharedSentence(kind string, values []string) string {
	joined := strings.Join(values, ", ")
	switch kind {
	case "":
		return "Parts of it happened on the same host within hours."
	case "connection":
		for i, v := range values {
			values[i] = strings.Replace(v, " ", " and ", 1)
		}
		return fmt.Sprintf("Connections tie its hosts: %s.", strings.Join(values, "; "))
	case "process":
		if len(values) == 1 {
			return fmt.Sprintf("Parts of it descend from one process, %s.", joined)
		}
		return fmt.Sprintf("Parts of it descend from the same processes: %s.", joined)
	}
	if len(values) > 1 {
		if strings.HasSuffix(kind, "s") || strings.HasSuffix(kind, "h") {
			kind += "e"
		}
		return fmt.Sprintf("Parts of it share the %ss %s.", kind, joined)
	}
	return fmt.Sprintf("Parts of it share the %s %s.", kind, joined)
}

// stages names the tactics of the incident's techniques in kill-chain order.
func stages(inc *casemate.Incident) []string {
	c := knowledge.Embedded()
	var shorts []string
	for _, t := range spread(inc.Techniques, maxTechniques) {
		if len(t.Tactics) > 0 && !slices.Contains(shorts, t.Tactics[0]) {
			shorts = append(shorts, t.Tactics[0])
		}
	}
	slices.SortStableFunc(shorts, func(a, b string) int { return c.TacticOrder(a) - c.TacticOrder(b) })
	var out []string
	for _, s := range shorts {
		if t, ok := c.Tactic(s); ok {
			out = append(out, t.Name)
		}
	}
	return out
}
