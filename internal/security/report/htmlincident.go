package report

import (
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/axis"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// summary is the line of an incident that shows while it is closed.
type summary struct {
	Anchor, ID, Title       string
	Rank                    string
	Score, ScoreWhole       string
	Verdict, Class          string
	When, Length            string
	Hosts, Users, AlertsNum string
}

// incidentView is an incident as the page shows it.
type incidentView struct {
	summary
	Open, Lean     bool
	Explain        string
	Opinion        *opinionView
	Reasons        []reasonRow
	MoreReasons    string
	SumNote        string
	Timeline       []momentRow
	MoreTimeline   string
	Assets         []assetRow
	MoreAssets     string
	Techniques     []techniqueRow
	MoreTechniques string
	Indicators     []indicatorRow
	MoreIndicators string
	Steps          []stepRow
	MoreSteps      string
	Related        []relatedRow
	MoreRelated    string
	Places         []filePlaces
	MorePlaces     string
}

type reasonRow struct {
	Points, Sum, Kind, Text string
	X, W, Class             string
	Evidence                []string
	MoreEvidence            string
}

type momentRow struct {
	When, Machine, Until string
	Class, Severity      string
	Host, User           string
	Name, Detail         string
	Count                string
	New                  bool
	Techniques           string
	Evidence, Place      string
	FullPlace            string // where Place leaves folders out
}

type assetRow struct{ Host, Criticality, Class, Exposure, Owner string }

type techniqueRow struct{ ID, Name, Tactics, Source string }

type indicatorRow struct{ Value, Type, Scope string }

type stepRow struct{ Text, ID, Reason string }

type relatedRow struct{ Rank, Anchor, Why string }

func newSummary(inc *casemate.Incident, anchor string, lim limits) summary {
	s := summary{
		Anchor: anchor, ID: shorten(inc.ID, 40), Title: shorten(inc.Title, lim.title),
		Rank: phrase.Number(inc.Rank), Score: inTenths(inc.Score).String(), ScoreWhole: phrase.Number(whole(inc.Score)),
		Verdict: shorten(string(inc.Verdict), 30), Class: verdictClass(inc.Verdict),
		When: period(inc.First, inc.Last), AlertsNum: phrase.Count(inc.Count, "alert"),
		Hosts: joinShort(inc.Hosts, min(3, lim.names), 40), Users: joinShort(inc.Users, lim.names, 40),
	}
	if d := inc.Last.Sub(inc.First); d > 0 && !inc.First.IsZero() {
		s.Length = length(d)
	}
	if s.Title == "" {
		s.Title = "Incident without a title"
	}
	return s
}

func newIncident(inc *casemate.Incident, o *Opinion, anchors []string, place int, lim limits) incidentView {
	v := incidentView{
		summary: newSummary(inc, anchors[place], lim),
		Open:    place < openIncidents, Lean: lim.lean, Explain: explainCommand(inc),
	}
	if lim != bare {
		v.Opinion = newOpinion(o, lim)
	}
	v.Reasons, v.SumNote = waterfall(inc, lim)
	v.MoreReasons = phrase.More(lim.reasons, len(inc.Reasons))
	if !lim.lean {
		for _, m := range keyMoments(inc.Timeline, lim.moments) {
			v.Timeline = append(v.Timeline, newMoment(&m, lim))
		}
		v.Assets, v.MoreAssets = assets(inc, lim)
		v.Places, v.MorePlaces = places(inc, lim)
		for _, s := range inc.Next[:min(lim.steps, len(inc.Next))] {
			v.Steps = append(v.Steps, stepRow{shorten(s.Text, lim.text), shorten(s.ID, 24), shorten(s.Reason, lim.text)})
		}
		v.MoreSteps = phrase.More(lim.steps, len(inc.Next))
		v.relate(inc, anchors, lim)
	}
	v.MoreTimeline = phrase.More(lim.moments, len(inc.Timeline))
	for _, t := range inc.Techniques[:min(lim.techniques, len(inc.Techniques))] {
		v.Techniques = append(v.Techniques, techniqueRow{
			shorten(t.ID, 20), shorten(t.Name, 60), joinShort(tacticNames(t.Tactics), 3, 30), shorten(t.Source, 20),
		})
	}
	v.MoreTechniques = phrase.More(lim.techniques, len(inc.Techniques))
	for _, ind := range inc.Indicators[:min(lim.indicators, len(inc.Indicators))] {
		v.Indicators = append(v.Indicators, indicatorRow{shorten(defang(ind), lim.text), shorten(string(ind.Type), 12), shorten(string(ind.Scope), 20)})
	}
	v.MoreIndicators = phrase.More(lim.indicators, len(inc.Indicators))
	return v
}

// relate lists the related incidents, as links where the page holds them.
func (v *incidentView) relate(inc *casemate.Incident, anchors []string, lim limits) {
	for _, r := range inc.Related[:min(lim.names, len(inc.Related))] {
		row := relatedRow{Rank: phrase.Number(r.Rank), Why: shorten(r.Why, lim.text)}
		for _, a := range anchors {
			if a == "inc-"+r.ID {
				row.Anchor = a
			}
		}
		v.Related = append(v.Related, row)
	}
	v.MoreRelated = phrase.More(lim.names, len(inc.Related))
}

// waterfall places each reason's bar between the sums before and after it.
func waterfall(inc *casemate.Incident, lim limits) ([]reasonRow, string) {
	all := terms(inc.Reasons)
	low, high := tenths(0), tenths(1000)
	for _, t := range all {
		low, high = min(low, t.After), max(high, t.After)
	}
	at := func(x tenths) float64 { return 100 * float64(x-low) / float64(high-low) }
	var out []reasonRow
	known := locate(inc)
	for _, t := range all[:min(lim.reasons, len(all))] {
		row := reasonRow{
			Points: t.Points.signed(), Sum: t.After.String(), Kind: shorten(t.Kind, 16), Text: shorten(t.Text, lim.text),
			X: axis.Percent(min(at(t.Before), at(t.After))), W: axis.Percent(max(at(t.Before), at(t.After)) - min(at(t.Before), at(t.After))),
		}
		if t.Points < 0 {
			row.Class = "less"
		}
		for _, id := range t.Evidence[:min(lim.evidence, len(t.Evidence))] {
			text := shorten(id, 24)
			if l, ok := known[id]; ok && l != (casemate.Location{}) {
				text += " " + placeText(nearPlace(l), 60)
			}
			row.Evidence = append(row.Evidence, text)
		}
		row.MoreEvidence = phrase.More(lim.evidence, len(t.Evidence))
		out = append(out, row)
	}
	return out, sumNote(sumOf(all), inTenths(inc.Score))
}

// nearPlace keeps the last two parts of a path, which tell files of one name
// apart well enough where room is short.
func nearPlace(l casemate.Location) casemate.Location {
	isEnd := func(r rune) bool { return r == '/' || r == '\\' || r == '!' }
	if i := strings.LastIndexFunc(l.File, isEnd); i > 0 {
		if j := strings.LastIndexFunc(l.File[:i], isEnd); j >= 0 {
			l.File = l.File[j+1:]
		}
	}
	return l
}

// placeText is a location with the name of its file cut to its last n characters.
func placeText(l casemate.Location, n int) string {
	name := tail(Terminal(l.File), n)
	if full := Terminal(l.File); columns.Of(full) <= n {
		name = full
	}
	l.File = ""
	return name + l.String()
}

func newMoment(m *casemate.Moment, lim limits) momentRow {
	row := momentRow{
		When: stamp(m.First), Machine: machine(m.First), Class: severityClass(m.Severity), Severity: m.Severity.String(),
		Host: shorten(m.Host, 60), User: shorten(m.User, 60), Name: shorten(m.Name, lim.text), Detail: shorten(m.Detail, lim.text),
		New: m.New, Techniques: joinShort(m.Techniques, 4, 16), Evidence: shorten(m.Evidence, 24), Place: placeText(nearPlace(m.At), 60),
	}
	if full := placeText(m.At, 200); full != row.Place {
		row.FullPlace = full
	}
	if m.Count > 1 {
		row.Count = phrase.Number(m.Count)
		if m.Last.After(m.First) && !m.First.IsZero() {
			row.Until = "until " + m.Last.UTC().Format(clockLayout)
			if !sameDay(m.First, m.Last) {
				row.Until = "until " + stamp(m.Last)
			}
		}
	}
	return row
}

// assets lists the hosts of an incident with what the inventory says of them.
func assets(inc *casemate.Incident, lim limits) ([]assetRow, string) {
	var out []assetRow
	for _, h := range inc.Hosts[:min(lim.names, len(inc.Hosts))] {
		row := assetRow{Host: shorten(h, 60)}
		for _, a := range inc.Assets {
			if strings.EqualFold(a.Host, h) {
				row.Criticality, row.Class = a.Criticality.String(), severityClass(a.Criticality)
				row.Exposure, row.Owner = shorten(a.Exposure, 30), shorten(a.Owner, 60)
				break
			}
		}
		out = append(out, row)
	}
	return out, phrase.More(lim.names, len(inc.Hosts))
}

// places lists where the alerts of an incident stand, file by file.
func places(inc *casemate.Incident, lim limits) ([]filePlaces, string) {
	files := byFile(inc.Alerts, lim.runs)
	more := phrase.More(lim.files, len(files))
	files = files[:min(lim.files, len(files))]
	for i := range files {
		files[i].Name = shorten(files[i].Name, 120)
	}
	return files, more
}

func tacticNames(short []string) []string {
	out := make([]string, len(short))
	for i, s := range short {
		out[i] = tacticName(s)
	}
	return out
}
