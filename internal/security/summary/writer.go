package summary

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

const (
	maxTold    = 3  // incidents that are told by phase
	maxFurther = 8  // others, one sentence each
	maxCited   = 16 // ids behind one sentence
)

// entityKey names an entity as a record does.
type entityKey struct {
	kind casemate.EntityType
	name string
}

// writer writes one summary.
type writer struct {
	d        *dossier.Dossier
	cat      *knowledge.Catalogue
	pieces   map[string]*casemate.Evidence
	shown    map[entityKey]string // how people read a host or account: see label
	told     []casemate.Incident
	happened []happening
	findings []casemate.Evidence
	days     bool                // the material has more than one day
	acted    map[string][]string // what people say they acted on, and the evidence
	read     map[string]bool     // evidence that a model read
	readings []casemate.CoveredPart
	whole    []casemate.Evidence // see all

	slotNames []string // of Output.Executive
}

func newWriter(d *dossier.Dossier) *writer {
	w := &writer{d: d, cat: knowledge.Embedded(), pieces: map[string]*casemate.Evidence{}, read: map[string]bool{}, shown: map[entityKey]string{}}
	for i := range d.Evidence {
		w.pieces[d.Evidence[i].ID] = &d.Evidence[i]
	}
	for _, in := range d.Chosen {
		if in.Verdict == casemate.VerdictMalicious && len(w.told) < maxTold {
			w.told = append(w.told, in)
		}
	}
	if len(w.told) == 0 && len(d.Chosen) > 0 {
		w.told = d.Chosen[:1]
	}
	first, last := w.period()
	w.days = !first.Truncate(24 * time.Hour).Equal(last.Truncate(24 * time.Hour))
	w.happened = w.happenings()
	w.acted = w.actedOn()
	return w
}

// period is that of the incidents that are told, else of the material.
func (w *writer) period() (first, last time.Time) {
	for _, in := range w.told {
		if first.IsZero() || in.First.Before(first) {
			first = in.First
		}
		if in.Last.After(last) {
			last = in.Last
		}
	}
	if first.IsZero() {
		return w.d.First, w.d.Last
	}
	return first, last
}

// label is how a host or account is shown.
func (w *writer) label(t casemate.EntityType, name string) string {
	key := entityKey{t, name}
	label, known := w.shown[key]
	if !known {
		label = name
		if e := w.d.Entity(t, name); e != nil {
			label = e.Label
		}
		w.shown[key] = label
	}
	return label
}

func (w *writer) host(name string) string { return w.label(casemate.EntityHost, name) }

// user is an account as it is shown; accounts of the machine itself are "".
func (w *writer) user(name string) string {
	switch strings.ToLower(name) {
	case "", "-", "system", `nt authority\system`, `nt authority\local service`, `nt authority\network service`:
		return ""
	}
	if strings.HasSuffix(name, "$") {
		return ""
	}
	return w.label(casemate.EntityUser, name)
}

// find makes evidence of something that we counted or looked up.
func (w *writer) find(name, text string, techniques []string, first, last time.Time) string {
	id := "F" + strconv.Itoa(len(w.findings)+1)
	w.findings = append(w.findings, casemate.Evidence{ID: id, Kind: casemate.EvidenceFinding, Name: name, Text: text, Techniques: techniques, First: first, Last: last})
	return id
}

// write makes everything that rules make.
func (w *writer) write() Output {
	out := Output{Executive: []casemate.Statement{}, Tactical: []Phase{}, Timeline: []Entry{}, Questions: []Question{}, Indicators: []Indicator{}}
	out.Tactical = append(out.Tactical, w.phases()...)
	out.Further = w.further()
	out.Timeline, out.TimelineLeftOut = w.timeline()
	out.Tasks = w.tasks()
	indicators, left := w.indicators()
	out.Indicators, out.IndicatorsLeftOut = append(out.Indicators, indicators...), left
	open, answered := w.asked()
	out.Questions = append(append(out.Questions, open...), w.gaps(&out)...)
	out.Answered = answered
	out.Instructions = w.instructions()
	w.head(&out)
	out.Executive = append(out.Executive, w.executive(&out)...)
	return out
}

// head sets title, verdict and period.
func (w *writer) head(out *Output) {
	first, last := w.period()
	if len(w.told) > 0 {
		top := w.told[0]
		out.Title, out.Verdict, out.Severity = w.retitle(top), top.Verdict, top.Severity
		first, last = top.First, top.Last
	} else {
		out.Title = "What people wrote about an incident"
		if len(w.d.Words) == 0 {
			out.Title = "Nothing was flagged"
		}
	}
	if !first.IsZero() {
		out.First, out.Last = &first, &last
	}
}

// retitle is an incident's title with hosts as people read them.
func (w *writer) retitle(in casemate.Incident) string {
	title := in.Title
	for _, h := range in.Hosts {
		title = strings.ReplaceAll(title, h, w.host(h))
	}
	return strings.TrimSuffix(strings.ReplaceAll(title, ". on ", " on "), ".")
}

// further tells in one sentence each what the other incidents are.
func (w *writer) further() []casemate.Statement {
	var out []casemate.Statement
	told := map[string]bool{}
	for _, in := range w.told {
		told[in.ID] = true
	}
	rest := 0
	for _, in := range w.d.Chosen {
		if told[in.ID] {
			continue
		}
		if len(out) >= maxFurther {
			rest++
			continue
		}
		id := w.incidentFinding(in)
		out = append(out, rule(fmt.Sprintf("%s, incident %d %s: %s.", w.span(in.First, in.Last), in.Rank, rated(in.Verdict), w.retitle(in)), id))
	}
	if rest > 0 {
		id := w.find("incidents", fmt.Sprintf("%d more incidents are rated suspicious or need review.", rest), nil, time.Time{}, time.Time{})
		out = append(out, rule(fmt.Sprintf("%d more incidents are rated suspicious or need review.", rest), id))
	}
	return out
}

// rated puts a verdict into a sentence.
func rated(v casemate.Verdict) string {
	if v == casemate.VerdictReview {
		return "needs review"
	}
	return "is rated " + string(v)
}

// incidentFinding makes evidence of what triage says of an incident.
func (w *writer) incidentFinding(in casemate.Incident) string {
	name := "incident " + strconv.Itoa(in.Rank)
	for _, f := range w.findings {
		if f.Name == name {
			return f.ID
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "Incident %d: %s. Rated %s, score %.0f of 100, gravest severity %s; %s.", in.Rank, w.retitle(in), in.Verdict, in.Score, in.Severity, plural(in.Count, "alert"))
	if len(in.Hosts) > 0 {
		hosts := make([]string, len(in.Hosts))
		for i, h := range in.Hosts {
			hosts[i] = w.host(h)
		}
		fmt.Fprintf(&text, " %s: %s.", phrase.Upper(plural(len(hosts), "machine")), enumerate(hosts))
	}
	if users := w.users(in.Users); len(users) > 0 {
		fmt.Fprintf(&text, " %s: %s.", phrase.Upper(plural(len(users), "account")), enumerate(users))
	}
	for _, a := range in.Assets {
		fmt.Fprintf(&text, " The inventory rates %s as %s", w.host(a.Host), a.Criticality)
		if a.Owner != "" {
			fmt.Fprintf(&text, " (%s)", a.Owner)
		}
		text.WriteString(".")
	}
	var ids []string
	for _, t := range in.Techniques {
		ids = append(ids, t.ID)
	}
	return w.find(name, text.String(), ids, in.First, in.Last)
}

// users are the accounts of people and services, as they are shown.
func (w *writer) users(names []string) []string {
	var out roll
	for _, n := range names {
		out.add(w.user(n))
	}
	return out.list
}

// verify holds all statements against the evidence.
func (w *writer) verify(run *pipeline.Run, out *Output) {
	all := w.all()
	out.Executive = run.Verify(out.Executive, all)
	out.People = run.Verify(out.People, all)
	out.Further = run.Verify(out.Further, all)
	out.Tasks = run.Verify(out.Tasks, all)
	out.Instructions = run.Verify(out.Instructions, all)
	for i := range out.Tactical {
		out.Tactical[i].Statements = run.Verify(out.Tactical[i].Statements, all)
	}
	verify := func(n int, at func(int) *casemate.Statement) {
		list := make([]casemate.Statement, n)
		for i := range list {
			list[i] = *at(i)
		}
		for i, s := range run.Verify(list, all) {
			*at(i) = s
		}
	}
	verify(len(out.Timeline), func(i int) *casemate.Statement { return &out.Timeline[i].What })
	verify(len(out.Questions), func(i int) *casemate.Statement { return &out.Questions[i].What })
	verify(len(out.Answered), func(i int) *casemate.Statement { return &out.Answered[i].What })
}

// all is the evidence with what we found, once all is found.
func (w *writer) all() []casemate.Evidence {
	if len(w.whole) != len(w.d.Evidence)+len(w.findings) {
		w.whole = append(slices.Clone(w.d.Evidence), w.findings...)
	}
	return w.whole
}

// cited returns the evidence that the output names, in its order, and findings
// behind it.
func (w *writer) cited(out *Output) []casemate.Evidence {
	want := map[string]bool{}
	mark := func(list ...casemate.Statement) {
		for _, s := range list {
			for _, id := range s.Evidence {
				want[id] = true
			}
		}
	}
	mark(out.Executive...)
	mark(out.Further...)
	mark(out.People...)
	mark(out.Tasks...)
	mark(out.Instructions...)
	for _, p := range out.Tactical {
		mark(p.Statements...)
	}
	for _, e := range out.Timeline {
		mark(e.What)
	}
	for _, q := range append(slices.Clone(out.Questions), out.Answered...) {
		mark(q.What, casemate.Statement{Evidence: q.Answer})
	}
	for _, i := range out.Indicators {
		mark(casemate.Statement{Evidence: i.Evidence})
	}
	list := []casemate.Evidence{}
	for _, e := range w.all() {
		if want[e.ID] {
			list = append(list, e)
		}
	}
	return list
}

// byGravity orders ids of evidence, the gravest first.
func (w *writer) byGravity(ids []string) []string {
	ids = slices.Clone(ids)
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(w.severity(b), w.severity(a)) })
	return ids
}

func (w *writer) severity(id string) casemate.Severity {
	if e := w.pieces[id]; e != nil {
		return e.Severity
	}
	return casemate.SeverityUnknown
}
