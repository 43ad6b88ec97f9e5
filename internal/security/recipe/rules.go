package recipe

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/label"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// ruleKinds are what a rule can do.
var ruleKinds = []string{"count", "incidents", "indicators", "level", "mail", "sentences", "signs", "techniques", "timeline"}

var countable = []string{"author", "day", "file", "host", "hour", "kind", "name", "severity", "user"}

var topics = []string{"observation", "action", "hypothesis", "question", "decision", "impact", "task", "other"}

var indicatorTypes = []string{"ipv4", "ipv6", "domain", "url", "mail", "md5", "sha1", "sha256", "sha512", "cve"}

const defaultMost = 50

// rule checks a rule.
func (l *loader) rule(i int, r *Rule) {
	place := fmt.Sprintf("$.rules[%d]", i)
	if i >= maxRules {
		l.fault(place, "more than %d rules", maxRules)
		return
	}
	l.name(place+".name", r.Name, "rule")
	if r.Most < 0 || r.Most > 1000 {
		l.fault(place+".most", "most %d: 1 to 1000", r.Most)
	}
	l.rank(place, r.Rank)
	in := func(field string, values, allowed []string) {
		for j, v := range values {
			if !slices.Contains(allowed, v) {
				l.fault(fmt.Sprintf("%s.%s[%d]", place, field, j), "%q: there are %s", v, strings.Join(allowed, ", "))
			}
		}
	}
	from := l.recipe.Evidence.From
	switch r.Do {
	case "count":
		if !slices.Contains(countable, r.By) {
			l.fault(place+".by", "count by %q: there are %s", r.By, strings.Join(countable, ", "))
		}
	case "indicators":
		in("types", r.Types, indicatorTypes)
	case "sentences":
		in("topics", r.Topics, topics)
		if from != "" && from != "incident" {
			l.fault(place+".do", "sentences are told apart in evidence from an incident only")
		}
	case "incidents":
		if from != "" && from != "incident" {
			l.fault(place+".do", "incidents are ranked in evidence from an incident only")
		}
	case "mail":
		if from != "mail" {
			l.fault(place+".do", "mail looks at evidence from mail")
		}
	case "signs":
		l.signs(place, r)
	case "level":
		l.level(place, r)
	case "techniques", "timeline":
	default:
		l.fault(place+".do", "do %q: there are %s", r.Do, strings.Join(ruleKinds, ", "))
	}
}

// rank checks that evidence is narrowed down to an incident only where there are
// incidents.
func (l *loader) rank(place string, rank int) {
	if from := l.recipe.Evidence.From; rank < 0 || rank > 1000 || rank > 0 && from != "" && from != "incident" {
		l.fault(place+".rank", "rank %d: the incident of a rank, in evidence from an incident", rank)
	}
}

// of returns the material of one incident, or all of it.
func (m *material) of(rank int) *material {
	if rank == 0 || m.dossier == nil {
		return m
	}
	about := map[string]bool{}
	for _, mo := range m.dossier.Moments {
		if mo.Rank == rank {
			about[mo.ID] = true
		}
	}
	one := *m
	one.evidence = nil
	for _, e := range m.evidence {
		if about[e.ID] {
			one.evidence = append(one.evidence, e)
		}
	}
	return &one
}

func (l *loader) signs(place string, r *Rule) {
	if len(r.Signs) == 0 || len(r.Signs) > maxSigns {
		l.fault(place+".signs", "%d signs: 1 to %d", len(r.Signs), maxSigns)
		return
	}
	for j := range r.Signs {
		s, place := &r.Signs[j], fmt.Sprintf("%s.signs[%d]", place, j)
		switch {
		case s.Name == "" || len(s.Name) > 100:
			l.fault(place, "a sign needs a name, of at most 100 bytes")
		case (len(s.Any) == 0) == (s.Regex == ""):
			l.fault(place, "sign %q has words under any, or a regex, and not both", s.Name)
		case !slices.Contains([]string{"", "text", "name", "author", "host", "user"}, s.Field):
			l.fault(place+".field", "field %q: there are text, name, author, host and user", s.Field)
		case s.Says == "" || len(s.Says) > 400:
			l.fault(place, "sign %q does not say what it means: add says, one sentence of at most 400 bytes", s.Name)
		}
		expression := s.Regex
		if expression == "" {
			var quoted []string
			for _, w := range s.Any {
				quoted = append(quoted, strings.ReplaceAll(regexp.QuoteMeta(w), " ", `\s+`))
			}
			expression = `(?i)(?:^|[^\pL\pN])(` + strings.Join(quoted, "|") + `)(?:$|[^\pL\pN])`
		}
		if len(s.Regex) > maxPattern {
			l.fault(place+".regex", "is longer than %d bytes", maxPattern)
			continue
		}
		var err error
		if s.match, err = regexp.Compile(expression); err != nil {
			l.fault(place+".regex", "%v", err)
		}
	}
}

func (l *loader) level(place string, r *Rule) {
	for j, name := range r.From {
		if !slices.ContainsFunc(l.recipe.Rules, func(o Rule) bool { return o.Name == name && (o.Do == "signs" || o.Do == "mail") }) || l.names[name] == "" {
			l.fault(fmt.Sprintf("%s.from[%d]", place, j), "no earlier rule %q of signs or mail gives points", name)
		}
	}
	if len(r.From) == 0 || len(r.Levels) == 0 {
		l.fault(place, "rule %q needs from (rules that give points) and levels", r.Name)
	}
	for j, v := range r.Levels {
		if !validName.MatchString(v.Name) {
			l.fault(fmt.Sprintf("%s.levels[%d]", place, j), "level %q: lower-case letters, digits, - and _", v.Name)
		}
		if j > 0 && v.From <= r.Levels[j-1].From {
			l.fault(fmt.Sprintf("%s.levels[%d]", place, j), "levels go from the least grave to the gravest, and their points rise")
		}
	}
}

// apply runs a rule over the material. done holds what earlier rules found.
func (r *Rule) apply(m *material, c *knowledge.Catalogue, done map[string]any) any {
	most := cmp.Or(r.Most, defaultMost)
	m = m.of(r.Rank)
	switch r.Do {
	case "count":
		return countBy(m, r.By, most)
	case "indicators":
		return indicators(m, r.Types, most, c)
	case "techniques":
		return techniques(m, most, c)
	case "incidents":
		return incidents(m, most)
	case "sentences":
		return sentences(m, r.Topics, most)
	case "timeline":
		return timeline(m, most)
	case "mail":
		return mailSigns(m, most)
	case "signs":
		return signsOf(m, r.Signs, most)
	}
	return r.weigh(done)
}

// Listed is a list that was cut to so many values, and says how many it leaves
// out.
type Listed[T any] struct {
	Items []T `json:"items"`
	More  int `json:"more"`
	Total int `json:"total"`
}

func listed[T any](all []T, most int) Listed[T] {
	if all == nil {
		all = []T{}
	}
	n := min(len(all), most)
	return Listed[T]{Items: all[:n], More: len(all) - n, Total: len(all)}
}

// Counted is a value and how many records have it.
type Counted struct {
	Value    string   `json:"value"`
	Count    int      `json:"count"`
	First    string   `json:"first,omitempty"`
	Last     string   `json:"last,omitempty"`
	Evidence []string `json:"evidence"`
}

// tally counts values, and gives them with the commonest first.
func tally(values map[string]*found) []Counted {
	var out []Counted
	for v, f := range values {
		c := Counted{Value: v, Count: f.count, Evidence: f.evidence}
		if !f.first.IsZero() {
			c.First, c.Last = phrase.Time(f.first), phrase.Time(f.last)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Counted) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return out
}

func note(values map[string]*found, value string, e *casemate.Evidence) {
	if value == "" {
		return
	}
	f := values[value]
	if f == nil {
		f = &found{}
		values[value] = f
	}
	f.add(e)
}

// shortHost is the name of a machine without its domain, so that all spellings of
// it count together.
func shortHost(host string) string { return label.Host(host) }

func countBy(m *material, by string, most int) Listed[Counted] {
	values := map[string]*found{}
	for i := range m.evidence {
		e := &m.evidence[i]
		value := ""
		switch by {
		case "author":
			value = e.Author
		case "file":
			value = e.At.File
		case "host":
			value = shortHost(e.Host)
		case "kind":
			value = string(e.Kind)
		case "name":
			value = e.Name
		case "severity":
			value = e.Severity.String()
		case "user":
			value = e.User
		case "day", "hour":
			if !e.First.IsZero() {
				layout := "2006-01-02"
				if by == "hour" {
					layout = "2006-01-02 15:00"
				}
				value = e.First.UTC().Format(layout)
			}
		}
		note(values, value, e)
	}
	return listed(tally(values), most)
}

// FoundIndicator is an indicator and what is known of it.
type FoundIndicator struct {
	Type     string   `json:"type"`
	Value    string   `json:"value"`
	Defanged string   `json:"defanged"`
	Scope    string   `json:"scope,omitempty"`
	Count    int      `json:"count"`
	First    string   `json:"first,omitempty"`
	Last     string   `json:"last,omitempty"`
	Known    string   `json:"known,omitempty"` // what the catalogue says
	Evidence []string `json:"evidence"`
}

func indicators(m *material, types []string, most int, c *knowledge.Catalogue) Listed[FoundIndicator] {
	values, what := map[string]*found{}, map[string]casemate.Indicator{}
	var buffer []casemate.Indicator
	for i := range m.evidence {
		e := &m.evidence[i]
		seen := map[string]bool{}
		buffer = indicator.Extract(buffer[:0], "", e.Text)
		for _, t := range e.Entities {
			buffer = indicator.Extract(buffer, "", t.Value)
		}
		for _, in := range buffer {
			key := string(in.Type) + "\x00" + in.Value
			if seen[key] || m.own(in) || len(types) > 0 && !slices.Contains(types, string(in.Type)) {
				continue
			}
			seen[key] = true
			what[key] = in
			note(values, key, e)
		}
	}
	var out []FoundIndicator
	for _, t := range tally(values) {
		in := what[t.Value]
		f := FoundIndicator{Type: string(in.Type), Value: in.Value, Defanged: indicator.Defanged(in), Scope: string(in.Scope), Count: t.Count, First: t.First, Last: t.Last, Evidence: t.Evidence}
		if k, ok := c.KEV(in.Value); in.Type == casemate.IndicatorCVE && ok {
			f.Known = "known exploited since " + k.Added.Format("2006-01-02")
		}
		out = append(out, f)
	}
	// What leads outside is what a defender can block or look for.
	slices.SortStableFunc(out, func(a, b FoundIndicator) int { return cmp.Compare(inside(a.Scope), inside(b.Scope)) })
	return listed(out, most)
}

// own says whether an indicator is a name of the network's own machines, which
// nobody blocks or hunts for.
func (m *material) own(in casemate.Indicator) bool {
	for _, l := range m.mails {
		if l.Receives(in.Value) {
			return true
		}
	}
	return m.dossier != nil && in.Type == casemate.IndicatorDomain && m.dossier.Own(in.Value)
}

func inside(scope string) int {
	if scope == "" || scope == string(casemate.ScopePublic) || scope == string(casemate.ScopeDocumentation) {
		return 0
	}
	return 1
}

// FoundTechnique is an ATT&CK technique that evidence is tagged with, or names.
type FoundTechnique struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Tactics  []string `json:"tactics,omitempty"`
	Count    int      `json:"count"`
	Evidence []string `json:"evidence"`
}

var techniqueID = regexp.MustCompile(`\bT1\d{3}(?:\.\d{3})?\b`)

func techniques(m *material, most int, c *knowledge.Catalogue) Listed[FoundTechnique] {
	values := map[string]*found{}
	for i := range m.evidence {
		e := &m.evidence[i]
		ids := map[string]bool{}
		for _, id := range append(slices.Clone(e.Techniques), techniqueID.FindAllString(e.Text, 20)...) {
			if t, _, ok := c.Resolve(id); ok {
				ids[t.ID] = true
			}
		}
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			note(values, id, e)
		}
	}
	var out []FoundTechnique
	for _, v := range tally(values) {
		t, _ := c.Technique(v.Value)
		out = append(out, FoundTechnique{ID: t.ID, Name: t.Name, Tactics: t.Tactics, Count: v.Count, Evidence: v.Evidence})
	}
	return listed(out, most)
}

// FoundIncident is a ranked incident of the material.
type FoundIncident struct {
	Rank       int      `json:"rank"`
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Verdict    string   `json:"verdict"`
	Score      float64  `json:"score"`
	Severity   string   `json:"severity"`
	Alerts     int      `json:"alerts"`
	First      string   `json:"first,omitempty"`
	Last       string   `json:"last,omitempty"`
	Hosts      []string `json:"hosts,omitempty"`
	Users      []string `json:"users,omitempty"`
	Techniques []string `json:"techniques,omitempty"`
	Next       []string `json:"next,omitempty"`
	Evidence   []string `json:"evidence"`
}

func incidents(m *material, most int) Listed[FoundIncident] {
	if m.dossier == nil {
		return listed[FoundIncident](nil, most)
	}
	cited := map[string][]string{}
	for _, mo := range m.dossier.Moments {
		if list := cited[mo.Incident]; mo.ID != "" && len(list) < maxCited && !slices.Contains(list, mo.ID) {
			cited[mo.Incident] = append(list, mo.ID)
		}
	}
	var out []FoundIncident
	for _, in := range m.dossier.Triage.Incidents {
		f := FoundIncident{
			Rank: in.Rank, ID: in.ID, Title: in.Title, Verdict: string(in.Verdict), Score: math.Round(10*in.Score) / 10, Severity: in.Severity.String(),
			Alerts: in.Count, Hosts: in.Hosts, Users: in.Users, Evidence: cited[in.ID],
		}
		if f.Evidence == nil {
			f.Evidence = []string{}
		}
		if !in.First.IsZero() {
			f.First, f.Last = phrase.Time(in.First), phrase.Time(in.Last)
		}
		for _, t := range in.Techniques {
			f.Techniques = append(f.Techniques, strings.TrimSpace(t.ID+" "+t.Name))
		}
		for _, n := range in.Next {
			f.Next = append(f.Next, n.Text)
		}
		out = append(out, f)
	}
	return listed(out, most)
}

// sentences quotes what people wrote. What speaks to its reader, and what they
// only pass on, is nobody's finding and stays out.
func sentences(m *material, wanted []string, most int) Listed[*casemate.Statement] {
	var out []*casemate.Statement
	if m.dossier != nil {
		for _, s := range m.dossier.Words {
			if s.Quoted || s.Commands || len(wanted) > 0 && !slices.Contains(wanted, string(s.Topic)) {
				continue
			}
			out = append(out, &casemate.Statement{Text: quoted(s), Evidence: []string{s.Evidence}, By: casemate.DecidedByAnalyst})
		}
	}
	return listed(out, most)
}

// quoted writes a sentence as its author's words.
func quoted(s dossier.Sentence) string {
	if s.Author == "" {
		return phrase.Quote(s.Text)
	}
	return s.Author + ": " + phrase.Quote(s.Text)
}

// Happening is a line of the timeline.
type Happening struct {
	Time     string   `json:"time"`
	Host     string   `json:"host,omitempty"`
	User     string   `json:"user,omitempty"`
	Text     string   `json:"text"`
	Severity string   `json:"severity"`
	Count    int      `json:"count,omitempty"`
	Evidence []string `json:"evidence"`
}

// varied puts first, of pieces in an order, those that show a technique which none
// before them shows, so that one alert of many consoles does not fill a list.
func varied(list []*casemate.Evidence) []*casemate.Evidence {
	seen := map[string]bool{}
	var first, rest []*casemate.Evidence
	for _, e := range list {
		isNew := false
		for _, id := range e.Techniques {
			isNew = isNew || !seen[id]
			seen[id] = true
		}
		if isNew {
			first = append(first, e)
		} else {
			rest = append(rest, e)
		}
	}
	return append(first, rest...)
}

// host is how people read a host, which consoles write in different ways.
func (m *material) host(name string) string {
	if m.dossier != nil && name != "" {
		if e := m.dossier.Entity(casemate.EntityHost, name); e != nil {
			return e.Label
		}
	}
	return name
}

// timeline tells the gravest pieces of evidence in the order of time, one of each
// technique first.
func timeline(m *material, most int) Listed[Happening] {
	var dated []*casemate.Evidence
	for i := range m.evidence {
		if !m.evidence[i].First.IsZero() {
			dated = append(dated, &m.evidence[i])
		}
	}
	all := len(dated)
	slices.SortStableFunc(dated, func(a, b *casemate.Evidence) int { return cmp.Compare(b.Severity, a.Severity) })
	dated = varied(dated)[:min(all, most)]
	slices.SortStableFunc(dated, func(a, b *casemate.Evidence) int { return a.First.Compare(b.First) })
	var out []Happening
	for _, e := range dated {
		text := e.Name
		if text == "" || e.Kind == casemate.EvidenceMail {
			text = e.Text
		}
		out = append(out, Happening{Time: phrase.Time(e.First), Host: m.host(e.Host), User: e.User, Text: oneLine(text), Severity: e.Severity.String(), Count: e.Count, Evidence: []string{e.ID}})
	}
	l := listed(out, most)
	l.More, l.Total = all-len(l.Items), all
	return l
}

const maxLine = 300

// oneLine brings a text on one line and says where it was cut.
func oneLine(text string) string {
	return phrase.Short(phrase.Line(text), maxLine)
}
