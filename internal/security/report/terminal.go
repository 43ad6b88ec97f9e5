package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// What a terminal report shows of each thing before it counts the rest.
const (
	defaultTop    = 20
	defaultDetail = 3
	topReasons    = 4
	topMoments    = 5
	topIndicators = 6
	topSteps      = 4
	topFaults     = 5
	topSuppressed = 8
	topNames      = 6
	topRelated    = 3
)

// The layout of the ranked table and of the blocks below it.
const (
	barCells     = 6
	leadColumns  = 57  // of a table row, before the hosts
	hostColumns  = 16  // where the title stands on the same line
	wideTable    = 112 // columns from which it does
	titleIndent  = 5
	blockIndent  = 3
	valueColumn  = 15 // where the values of a block begin
	momentColumn = valueColumn + 11
)

// WriteTerminal writes what an analyst reads first: how many alerts became how
// many incidents, the ranked incidents, the gravest in short, and what could
// not be read or was set aside.
func WriteTerminal(w io.Writer, t Triage, opt TerminalOptions) error {
	t = t.shown()
	s := newScreen(opt)
	s.header(&t)
	s.disagree(&t)
	if len(t.Incidents) == 0 {
		s.line()
		s.wrapped("", 0, plain, emptyText(&t))
	} else {
		top := opt.Top
		if top <= 0 {
			top = defaultTop
		}
		s.table(&t, min(top, len(t.Incidents)))
		detail := opt.Detail
		if detail == 0 {
			detail = defaultDetail
		}
		tactics := t.tactics()
		for i := range min(max(detail, 0), len(t.Incidents)) {
			s.block(&t.Incidents[i], t.opinion(&t.Incidents[i]), tactics)
		}
	}
	s.leftOut(&t)
	s.hints(&t)
	if _, err := w.Write(s.Bytes()); err != nil {
		return fmt.Errorf("write terminal report: %w", err)
	}
	return nil
}

func (s *screen) header(t *Triage) {
	s.line(s.paint(bold, headline(t)))
	var parts []string
	var widths []int
	for i, n := range t.verdictCounts() {
		text := phrase.Number(n) + " " + string(verdicts()[i])
		parts = append(parts, s.paint(verdictStyle(verdicts()[i]), text))
		widths = append(widths, len(text))
	}
	if t.total() > len(t.Incidents) {
		text := "of the first " + phrase.Number(len(t.Incidents))
		parts, widths = append(parts, text), append(widths, len(text))
	}
	if len(t.Incidents) > 0 {
		s.flow(parts, widths, " · ")
	}
	for _, l := range []string{coverage(t), readLine(t)} {
		s.wrapped("", 0, dim, l)
	}
}

// headline is what came of the alerts in one line.
func headline(t *Triage) string {
	if t.total() == 0 {
		return phrase.Count(t.Alerts, "alert") + ", no incident"
	}
	return phrase.Count(t.Alerts, "alert") + " became " + phrase.Count(t.total(), "incident")
}

// coverage says which span of time the input covers.
func coverage(t *Triage) string {
	if t.First.IsZero() && t.Last.IsZero() {
		return "Covers no known time: no record carries one."
	}
	span := ""
	if !t.First.IsZero() && t.Last.After(t.First) {
		span = " (" + length(t.Last.Sub(t.First)) + ")"
	}
	return "Covers " + period(t.First, t.Last) + span + "."
}

// readLine says what was read and what the rules made of it.
func readLine(t *Triage) string {
	l := "Read " + phrase.Count(len(t.Files), "file") + ": " + phrase.Count(t.Alerts, "alert")
	if t.Repeats > 0 {
		l += " (" + phrase.Number(t.Repeats) + " of them repeats)"
	}
	l += " and " + phrase.Count(t.Events, "event")
	if t.RulesLoaded > 0 {
		l += "; " + phrase.Count(t.RulesLoaded, "rule") + " gave " + phrase.Count(t.RuleMatches, "match")
	}
	if t.Took > 0 {
		l += "; took " + length(t.Took)
	}
	return l + "."
}

// emptyText says plainly that there is nothing to rank, and what that means.
func emptyText(t *Triage) string {
	switch {
	case t.total() > 0 || t.Alerts > 0:
		return "No incident is left to show."
	case t.Events > 0 && t.RulesLoaded == 0:
		return "No record is an alert, and no rules were loaded to find any among the events. It does not follow that nothing happened."
	}
	return "No record is an alert and no rule matched. It does not follow that nothing happened."
}

func (s *screen) table(t *Triage, top int) {
	wide := s.width >= wideTable
	head := "  #  " + columns.Pad("Score", 12) + columns.Pad("Verdict", 12) + columns.Pad("First seen", 19) + " Alerts  Hosts"
	if wide {
		head = columns.Pad(head, leadColumns+hostColumns+2) + "Title"
	}
	s.line()
	s.line(s.paint(dim, head))
	for i := range top {
		inc := &t.Incidents[i]
		st := verdictStyle(inc.Verdict)
		// A rank or count wider than its column takes from the last one.
		over := max(len(phrase.Number(inc.Rank))-3, 0) + max(len(phrase.Number(inc.Count))-7, 0)
		lead := columns.PadLeft(phrase.Number(inc.Rank), 3) + "  " +
			columns.PadLeft(phrase.Number(whole(inc.Score)), 3) + " " + s.paint(st, bar(whole(inc.Score), 100, barCells)) + "  " +
			s.paint(st, columns.Pad(shortVerdict(inc.Verdict), 10)) + verdictMark(t.opinion(inc)) +
			columns.Pad(minute(inc.First), 17) + "  " + columns.PadLeft(phrase.Number(inc.Count), 7) + "  "
		if wide {
			title := TerminalFit(inc.Title, s.width-leadColumns-hostColumns-2-over)
			s.line(lead, columns.Pad(names(inc.Hosts, hostColumns), hostColumns), "  ", s.paint(bold, title))
			continue
		}
		s.line(lead, names(inc.Hosts, s.width-leadColumns-over))
		s.line(strings.Repeat(" ", titleIndent), s.paint(bold, TerminalFit(inc.Title, s.width-titleIndent)))
	}
	if rest := phrase.More(top, t.total()); rest != "" {
		s.line(s.paint(dim, strings.Repeat(" ", titleIndent)+rest))
	}
}

// shortVerdict is a verdict in one word, for a narrow column.
func shortVerdict(v casemate.Verdict) string {
	switch v {
	case casemate.VerdictMalicious:
		return "malicious"
	case casemate.VerdictReview:
		return "review"
	case casemate.VerdictBenign:
		return "benign"
	}
	return TerminalFit(string(v), 10)
}

func minute(t time.Time) string {
	if t.IsZero() {
		return noTime
	}
	return t.UTC().Format(minuteLayout)
}

// block tells one incident in short.
func (s *screen) block(inc *casemate.Incident, o *Opinion, tactics []Tactic) {
	s.title(inc)
	s.opinion(o)
	s.reasons(inc)
	s.strip(inc, tactics)
	s.timeline("Timeline", inc, topMoments)
	s.indicators("Indicators", inc, topIndicators)
	s.steps("Check next", inc, topSteps)
}

// title opens a block with a rule as wide as the screen.
func (s *screen) title(inc *casemate.Incident) {
	rank := "#" + phrase.Number(inc.Rank)
	title := TerminalFit(inc.Title, s.width-len(rank)-6)
	rule := strings.Repeat("─", max(s.width-columns.Of(title)-len(rank)-4, 0))
	s.line()
	s.line(s.paint(verdictStyle(inc.Verdict), rank), "  ", s.paint(bold, title), "  ", s.paint(dim, rule))
	when := period(inc.First, inc.Last)
	if d := inc.Last.Sub(inc.First); d > 0 && !inc.First.IsZero() {
		when += " (" + length(d) + ")"
	}
	facts := []string{"score " + inTenths(inc.Score).String() + " of 100", TerminalFit(string(inc.Verdict), 20), phrase.Count(inc.Count, "alert"), when}
	facts = slices.DeleteFunc(facts, func(f string) bool { return f == "" })
	s.wrapped("   ", blockIndent, plain, strings.Join(facts, " · "))
	s.pair("Incident", plain, TerminalFit(inc.ID, s.width-valueColumn))
	s.pair("Hosts", plain, listed(inc.Hosts, topNames))
	s.pair("Users", plain, listed(inc.Users, topNames))
	s.related(inc)
}

// related names the incidents that evidence ties to this one.
func (s *screen) related(inc *casemate.Incident) {
	label := "Related"
	for _, r := range inc.Related[:min(topRelated, len(inc.Related))] {
		s.pair(label, plain, "#"+phrase.Number(r.Rank)+" "+TerminalFit(r.ID, 40)+": "+TerminalFit(r.Why, 2*s.width))
		label = ""
	}
	if rest := phrase.More(topRelated, len(inc.Related)); rest != "" {
		s.line(s.label(""), s.paint(dim, rest))
	}
}

// pair writes a label and its value, or nothing where there is no value.
func (s *screen) pair(label string, st style, value string) {
	if value == "" {
		return
	}
	s.wrapped(s.label(label), valueColumn, st, value)
}

func (s *screen) label(text string) string {
	return strings.Repeat(" ", blockIndent) + s.paint(dim, columns.Pad(text, valueColumn-blockIndent))
}

// listed joins at most n names and counts the rest.
func listed(list []string, n int) string {
	var out []string
	for _, name := range list[:min(n, len(list))] {
		out = append(out, TerminalFit(name, 48))
	}
	if rest := phrase.More(n, len(list)); rest != "" {
		out = append(out, rest)
	}
	return strings.Join(out, ", ")
}

// splitLinks parts the reasons that have points from those that only say what
// holds the incident's parts together.
func splitLinks(reasons []casemate.Reason) (scored []casemate.Reason, links []string) {
	for _, r := range reasons {
		if r.Kind == "link" && r.Points == 0 {
			links = append(links, r.Text)
			continue
		}
		scored = append(scored, r)
	}
	return scored, links
}

func (s *screen) reasons(inc *casemate.Incident) {
	scored, links := splitLinks(inc.Reasons)
	all := terms(scored)
	for i, t := range all[:min(topReasons, len(all))] {
		label := ""
		if i == 0 {
			label = "Why"
		}
		lead := s.label(label) + s.paint(bold, columns.PadLeft(t.Points.signed(), 6)) + "  "
		s.wrapped(lead, valueColumn+8, plain, TerminalFit(t.Text, 3*s.width))
	}
	if n := len(all) - topReasons; n > 0 {
		rest := sumOf(all) - all[topReasons-1].After
		s.line(s.label(""), columns.PadLeft(rest.signed(), 6), "  ", "from "+phrase.Count(n, "further reason"))
	}
	for _, text := range links {
		s.wrapped(s.label("Held by"), valueColumn, plain, TerminalFit(text, 3*s.width))
	}
}

// strip draws the kill chain, a dot for each tactic, and names those reached.
func (s *screen) strip(inc *casemate.Incident, tactics []Tactic) {
	var dots strings.Builder
	var seen []string
	for i, hit := range reached(tactics, inc) {
		if !hit {
			dots.WriteString("·")
			continue
		}
		dots.WriteString("●")
		seen = append(seen, TerminalFit(tactics[i].Name, 30))
	}
	if len(seen) == 0 {
		s.pair("Kill chain", dim, "no technique is known")
		return
	}
	s.wrapped(s.label("Kill chain")+dots.String()+"  ", valueColumn+len(tactics)+2, plain, strings.Join(seen, " > "))
}

// timeline writes the key moments of an incident, each with its evidence. The
// label stands before the first.
func (s *screen) timeline(label string, inc *casemate.Incident, n int) {
	short := sameDay(inc.First, inc.Last)
	for _, m := range keyMoments(inc.Timeline, n) {
		s.moment(label, &m, short)
		label = ""
	}
	if rest := phrase.More(n, len(inc.Timeline)); rest != "" {
		s.line(s.label(""), s.paint(dim, rest))
	}
}

// moment writes one line of a timeline and, below it, what was seen and where.
func (s *screen) moment(label string, m *casemate.Moment, short bool) {
	when := stamp(m.First)
	if short && !m.First.IsZero() {
		when = m.First.UTC().Format(clockLayout)
	}
	indent := valueColumn + len(when) + 2
	var notes []string
	if m.Count > 1 {
		notes = append(notes, phrase.Number(m.Count)+" times")
	}
	if m.New {
		notes = append(notes, "new on this host")
	}
	what := TerminalFit(m.Name, s.width)
	if len(notes) > 0 {
		what += " (" + strings.Join(notes, ", ") + ")"
	}
	severity := s.paint(severityStyle(m.Severity), columns.Pad(m.Severity.String(), 8)) + "  "
	if m.Severity == casemate.SeverityInformational {
		severity = s.paint(dim, "info      ")
	}
	where := TerminalFit(m.Host, 24)
	if where != "" {
		what = where + "  " + what
	}
	s.wrapped(s.label(label)+when+"  "+severity, indent+10, plain, what)
	if m.Detail != "" {
		s.line(strings.Repeat(" ", indent), TerminalFit(m.Detail, s.width-indent))
	}
	s.line(strings.Repeat(" ", indent), s.paint(dim, evidence(m.Evidence, m.At, s.width-indent)))
}

// evidence writes an evidence id and where it stands, in width columns. The
// id and the line number stay whole: a file name is cut in their favour.
func evidence(id string, at casemate.Location, width int) string {
	file := at
	file.File = ""
	place := file.String()
	id = TerminalFit(id, 24)
	name := Terminal(at.File)
	if room := width - columns.Of(id) - 2 - len(place); columns.Of(name) > room {
		name = tail(name, room)
	}
	return columns.Fit(strings.TrimSpace(id+"  "+name+place), width)
}

// tail cuts clean text to its last columns, where a path says the most.
func tail(s string, width int) string {
	if width <= 0 {
		return ""
	}
	r := []rune(s)
	used, i := 1, len(r)
	for i > 0 && used+columns.Of(string(r[i-1])) <= width {
		i--
		used += columns.Of(string(r[i]))
	}
	return "…" + string(r[i:])
}

func (s *screen) indicators(label string, inc *casemate.Incident, n int) {
	for _, ind := range inc.Indicators[:min(n, len(inc.Indicators))] {
		note := string(ind.Type)
		if ind.Scope != "" && ind.Scope != casemate.ScopePublic {
			note += ", " + string(ind.Scope)
		}
		note = "  " + TerminalFit(note, 24)
		value := TerminalFit(defang(ind), s.width-valueColumn-columns.Of(note))
		s.line(s.label(label), value, s.paint(dim, note))
		label = ""
	}
	if rest := phrase.More(n, len(inc.Indicators)); rest != "" {
		s.line(s.label(""), s.paint(dim, rest))
	}
}

func (s *screen) steps(label string, inc *casemate.Incident, n int) {
	for _, step := range inc.Next[:min(n, len(inc.Next))] {
		s.wrapped(s.label(label)+"- ", valueColumn+2, plain, stepText(step, 3*s.width))
		label = ""
	}
	if rest := phrase.More(n, len(inc.Next)); rest != "" {
		s.line(s.label(""), s.paint(dim, "  "+rest))
	}
}

// stepText is a next step with its catalogue id and reason, as clean text.
func stepText(step casemate.NextStep, width int) string {
	text := TerminalFit(step.Text, width)
	if step.ID != "" {
		text += " [" + TerminalFit(step.ID, 24) + "]"
	}
	if step.Reason != "" {
		text += " (" + TerminalFit(step.Reason, width) + ")"
	}
	return text
}

// leftOut says plainly what the incidents do not rest on.
func (s *screen) leftOut(t *Triage) {
	if n := t.faults(); n > 0 {
		s.line()
		s.wrapped("", 0, yellow, "Incomplete: "+phrase.Count(n, "record")+" could not be used. What they said is not in this report.")
		for _, f := range t.Faults[:min(topFaults, len(t.Faults))] {
			s.wrapped("   ", blockIndent, plain, TerminalFit(f.String(), 2*(s.width-blockIndent)))
		}
		if rest := phrase.More(min(topFaults, len(t.Faults)), n); rest != "" {
			s.line("   ", s.paint(dim, rest))
		}
	}
	if t.RulesRefused > 0 {
		s.line()
		s.wrapped("", 0, yellow, phrase.Count(t.RulesRefused, "rule")+" could not be loaded and did not run.")
	}
	if n := t.suppressed(); n > 0 {
		s.line()
		s.wrapped("", 0, plain, "Suppressed: "+phrase.Count(n, "alert")+" set aside by "+phrase.Count(len(t.Suppressed), "rule")+" of yours, in no incident.")
		for _, l := range t.Suppressed[:min(topSuppressed, len(t.Suppressed))] {
			text := TerminalFit(l.Rule, s.width)
			if l.Note != "" {
				text += ": " + TerminalFit(l.Note, 4*s.width)
			}
			s.wrapped("   "+columns.PadLeft(phrase.Number(l.Alerts), 7)+"  ", blockIndent+9, plain, text)
		}
		if rest := phrase.More(topSuppressed, len(t.Suppressed)); rest != "" {
			s.line("   ", s.paint(dim, rest))
		}
	}
}

// hints names the commands that show more.
func (s *screen) hints(t *Triage) {
	if len(t.Incidents) == 0 {
		return
	}
	s.line()
	s.line(s.paint(dim, "How a score came about:   "), explainCommand(&t.Incidents[0]))
	s.line(s.paint(dim, "The whole report, a page: "), "casemate triage … --html report.html")
}

// explainCommand is the command that accounts for an incident's score. It will
// be copied into a shell, so an id that a shell could read as more is not in it.
func explainCommand(inc *casemate.Incident) string {
	id := "ID"
	if isPlainID(inc.ID) {
		id = inc.ID
	}
	return "casemate triage … --explain " + id
}

// isPlainID reports whether id is letters, digits and dashes, and short.
func isPlainID(id string) bool {
	const maxID = 24
	for i := range len(id) {
		if !isAlphanumeric(id[i]) && id[i] != '-' {
			return false
		}
	}
	return id != "" && len(id) <= maxID && id[0] != '-'
}
