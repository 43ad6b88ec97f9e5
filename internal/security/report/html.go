package report

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/axis"
)

//go:embed page.html.tmpl page.css
var pageFiles embed.FS

// The page is written incident by incident, the gravest in full and the others
// leaner, and so that it stays under pageBytes whatever the input holds: there
// is always room left for a line on every incident that follows.
const (
	maxPageIncidents = 300
	openIncidents    = 3
	openFiles        = 10
	fullIncidents    = 12
	fullBytes        = 1 << 20    // of the page, from which no incident is in full
	pageBytes        = 2500 << 10 // without what follows the incidents
	bareBytes        = 4 << 10    // no less than an incident takes with the limits of bare
	pageLines        = 40         // input files, faults, suppressed rules, lines of provenance
)

// limits says how much of an incident the page shows. Texts are cut by
// characters, each of which takes a bounded number of bytes.
type limits struct {
	moments, reasons, names, techniques, indicators, steps, evidence, files, runs int
	title, text                                                                   int
	lean                                                                          bool // nothing but what the fields above allow
}

var (
	full   = limits{moments: 80, reasons: 20, names: 16, techniques: 24, indicators: 40, steps: 16, evidence: 6, files: 12, runs: 30, title: 200, text: 480}
	normal = limits{moments: 10, reasons: 8, names: 6, techniques: 8, indicators: 8, steps: 5, evidence: 2, files: 4, runs: 10, title: 120, text: 160}
	lean   = limits{reasons: 3, names: 2, techniques: 3, indicators: 2, title: 60, text: 60, lean: true}
	bare   = limits{names: 1, title: 60, lean: true}
)

// pages parses the template once, when the first page is written.
var pages = sync.OnceValues(func() (*template.Template, error) {
	css, err := pageFiles.ReadFile("page.css")
	if err != nil {
		return nil, fmt.Errorf("read style of page: %w", err)
	}
	t := template.New("page").Funcs(template.FuncMap{
		"number": phrase.Number[int],
		// The style is a file of this package, never input.
		"style": func() template.CSS { return template.CSS(css) },
	})
	return t.ParseFS(pageFiles, "page.html.tmpl")
})

// head is all of the page above its incidents.
type head struct {
	Headline string
	Lede     *summary
	Coverage string
	Verdicts []verdictShare
	Figures  []figure
	Chart    chart
	Matrix   []column
	Unseen   []string
	Empty    string

	Asked         bool // a model's opinions are there
	Disagreements []disagreement
	MoreDisagree  string
	Unread        []string
}

// verdictShare is a verdict's part of the incidents, in percent.
type verdictShare struct{ Name, Class, Count, X, W string }

type figure struct{ Name, Value, Note string }

// foot is all of the page below its incidents.
type foot struct {
	Rest, Read   string
	Asked        bool // a model's opinions are there
	Files        []fileRow
	FilesN       string
	FilesOpen    bool
	MoreFiles    string
	FaultCount   string
	Faults       []string
	MoreFaults   string
	RulesRefused string
	Suppressed   []SuppressedLine
	SuppressedN  string
	MoreSupp     string
	Provenance   []KeyValue
	MoreProv     string
}

type fileRow struct{ Name, Format, Records, Faults string }

// WriteHTML writes the report as one page that needs nothing else: no script,
// no request, no font. It says so to the browser in its content security policy.
func WriteHTML(w io.Writer, t Triage) error {
	tmpl, err := pages()
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	t = t.shown()
	incidents := t.Incidents[:min(maxPageIncidents, len(t.Incidents))]
	anchors := newAnchors(incidents)
	var page, one bytes.Buffer
	if err := tmpl.ExecuteTemplate(&page, "head", newHead(&t, incidents, anchors)); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	for i := range incidents {
		room := pageBytes - page.Len() - (len(incidents)-1-i)*bareBytes
		for _, lim := range []limits{full, normal, lean, bare} {
			if lim == full && (i >= fullIncidents || page.Len() > fullBytes) {
				continue
			}
			one.Reset()
			if err := tmpl.ExecuteTemplate(&one, "incident", newIncident(&incidents[i], t.opinion(&incidents[i]), anchors, i, lim)); err != nil {
				return fmt.Errorf("write incident %d of page: %w", i+1, err)
			}
			if one.Len() <= room {
				break
			}
		}
		page.Write(one.Bytes())
	}
	if err := tmpl.ExecuteTemplate(&page, "foot", newFoot(&t, len(incidents))); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if _, err := w.Write(page.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// cutNote is about how long the words are that say what a cut left out: a
// text that is longer by no more than that stays whole.
const cutNote = 24

// shorten cleans s and cuts it to n characters, saying how many it leaves out.
func shorten(s string, n int) string {
	s = Terminal(s)
	if len(s) <= n+cutNote {
		return s
	}
	cut, seen := len(s), 0
	for i := range s {
		if seen == n {
			cut = i
		}
		if seen++; seen > n+cutNote {
			return s[:cut] + "… (" + phrase.Number(utf8.RuneCountInString(s[cut:])) + " more characters)"
		}
	}
	return s
}

// newAnchors gives every incident an id in the page: its own where that is a
// plain word that no other has, so that a link outlives the page, else its place.
func newAnchors(incidents []casemate.Incident) []string {
	used := map[string]bool{}
	out := make([]string, len(incidents))
	for i := range incidents {
		id := incidents[i].ID
		if isPlainID(id) && !used[id] {
			used[id] = true
			out[i] = "inc-" + id
		} else {
			out[i] = fmt.Sprintf("place.%d", i+1) // a dot, which no id may hold
		}
	}
	return out
}

func newHead(t *Triage, incidents []casemate.Incident, anchors []string) head {
	h := head{
		Headline: headline(t), Coverage: coverage(t), Verdicts: shares(t),
		Chart: newChart(incidents, anchors),
	}
	h.Asked, h.Unread = len(t.Opinions) > 0, t.unread()
	h.Disagreements, h.MoreDisagree = t.disagreementsView(anchors)
	if len(incidents) > 0 {
		s := newSummary(&incidents[0], anchors[0], full)
		h.Lede = &s
	} else {
		h.Empty = emptyText(t)
	}
	for _, c := range newMatrix(t.tactics(), incidents, anchors) {
		if len(c.Cells) == 0 {
			h.Unseen = append(h.Unseen, c.Name)
		}
		h.Matrix = append(h.Matrix, c)
	}
	if len(h.Unseen) == len(h.Matrix) {
		h.Matrix = nil
	}
	h.Figures = []figure{
		{"Alerts", phrase.Number(t.Alerts), "flagged by a sensor or rule"},
		{"Events", phrase.Number(t.Events), "telemetry without a judgement"},
		{"Repeats", phrase.Number(t.Repeats), "same name, host, user and hour"},
		{"Rule matches", phrase.Number(t.RuleMatches), "of " + phrase.Count(t.RulesLoaded, "rule")},
		{"Not usable", phrase.Number(t.faults()), "records that could not be read"},
		{"Suppressed", phrase.Number(t.suppressed()), "alerts set aside by your rules"},
	}
	return h
}

// shares lays the verdicts side by side in proportion to their incidents.
func shares(t *Triage) []verdictShare {
	var out []verdictShare
	x, total := 0.0, float64(max(len(t.Incidents), 1))
	for i, n := range t.verdictCounts() {
		v := verdicts()[i]
		w := 100 * float64(n) / total
		out = append(out, verdictShare{string(v), verdictClass(v), phrase.Number(n), axis.Percent(x), axis.Percent(w)})
		x += w
	}
	return out
}

func newFoot(t *Triage, shown int) foot {
	f := foot{
		Rest:       phrase.More(shown, t.total()),
		Read:       readLine(t),
		MoreFiles:  phrase.More(pageLines, len(t.Files)),
		MoreFaults: phrase.More(min(pageLines, len(t.Faults)), t.faults()),
		MoreSupp:   phrase.More(pageLines, len(t.Suppressed)),
		MoreProv:   phrase.More(pageLines, len(t.Provenance)),
	}
	if n := t.faults(); n > 0 {
		f.FaultCount = phrase.Count(n, "record")
	}
	if t.RulesRefused > 0 {
		f.RulesRefused = phrase.Count(t.RulesRefused, "rule")
	}
	if n := t.suppressed(); n > 0 {
		f.SuppressedN = phrase.Count(n, "alert")
	}
	f.Asked = len(t.Opinions) > 0
	f.FilesN, f.FilesOpen = phrase.Number(len(t.Files)), len(t.Files) <= openFiles
	// Where not all find room, those that could not be read whole come first.
	files := slices.Clone(t.Files)
	if len(files) > pageLines {
		slices.SortStableFunc(files, func(a, b FileLine) int { return cmp.Compare(b.Faults, a.Faults) })
	}
	for _, l := range files[:min(pageLines, len(files))] {
		f.Files = append(f.Files, fileRow{shorten(l.Name, 120), shorten(l.Format, 40), phrase.Number(l.Records), phrase.Number(l.Faults)})
	}
	for _, l := range t.Faults[:min(pageLines, len(t.Faults))] {
		f.Faults = append(f.Faults, shorten(l.String(), 200))
	}
	for _, l := range t.Suppressed[:min(pageLines, len(t.Suppressed))] {
		f.Suppressed = append(f.Suppressed, SuppressedLine{shorten(l.Rule, 120), l.Alerts, shorten(l.Note, 160)})
	}
	for _, l := range t.Provenance[:min(pageLines, len(t.Provenance))] {
		f.Provenance = append(f.Provenance, KeyValue{shorten(l.Key, 60), shorten(l.Value, 160)})
	}
	return f
}

func verdictClass(v casemate.Verdict) string {
	switch v {
	case casemate.VerdictMalicious:
		return "v-malicious"
	case casemate.VerdictSuspicious:
		return "v-suspicious"
	case casemate.VerdictReview:
		return "v-review"
	}
	return "v-benign"
}

// severityClass is "s0" to "s5"; a severity that does not exist is unknown.
func severityClass(s casemate.Severity) string {
	if s > casemate.SeverityCritical {
		s = casemate.SeverityUnknown
	}
	return "s" + string(rune('0'+s))
}

// machine writes a time for the datetime attribute of HTML.
func machine(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// joinShort cleans, cuts and joins at most n names and counts the rest.
func joinShort(list []string, n, length int) string {
	out := make([]string, 0, n+1)
	for _, s := range list[:min(n, len(list))] {
		out = append(out, shorten(s, length))
	}
	if rest := phrase.More(n, len(list)); rest != "" {
		out = append(out, rest)
	}
	return strings.Join(out, ", ")
}
