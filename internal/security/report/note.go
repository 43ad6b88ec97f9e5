package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/axis"
)

// What a case note shows of each thing before it counts the rest: one page.
const (
	noteMoments    = 12
	noteSentences  = 6
	noteTechniques = 10
	noteIndicators = 12
	noteReasons    = 8
	noteSteps      = 8
	noteNames      = 8
	noteEvidence   = 3
	noteText       = 240 // characters of one text
	noteDetail     = 120
	noteQuiet      = time.Hour // a pause in the timeline worth asking about
)

// note builds Markdown. Only text, code and fixed wording enter it.
type note struct{ b strings.Builder }

func (n *note) line(parts ...string) {
	for _, p := range parts {
		n.b.WriteString(p)
	}
	n.b.WriteByte('\n')
}

func (n *note) section(name string) {
	n.line()
	n.line("## ", name)
	n.line()
}

// bullet writes one line of a list.
func (n *note) bullet(parts ...string) { n.line(append([]string{"- "}, parts...)...) }

func (n *note) row(cells ...string) { n.line("| ", strings.Join(cells, " | "), " |") }

// mdText cuts and escapes a text for Markdown.
func mdText(s string, most int) string { return Markdown(shorten(s, most)) }

// mdCode cuts a name and sets it in code.
func mdCode(s string, most int) string { return MarkdownCode(shorten(s, most)) }

// mdIDs cites evidence: [`a-…`, `a-…` and 3 more].
func mdIDs(ids ...string) string {
	if len(ids) == 0 {
		return ""
	}
	var out []string
	for _, id := range ids[:min(noteEvidence, len(ids))] {
		out = append(out, mdCode(id, 40))
	}
	s := strings.Join(out, ", ")
	if rest := phrase.More(noteEvidence, len(ids)); rest != "" {
		s += " " + rest
	}
	return ` \[` + s + `\]`
}

// mdNames sets names in code, separated by commas.
func mdNames(names []string, most int) string {
	var out []string
	for _, n := range names[:min(most, len(names))] {
		out = append(out, mdCode(n, 80))
	}
	if rest := phrase.More(most, len(names)); rest != "" {
		out = append(out, rest)
	}
	return strings.Join(out, ", ")
}

// WriteCaseNote writes one incident as a page of Markdown for a ticket. Every
// sentence about what happened cites the evidence it rests on; the sentences
// are templates, so they say no more than the incident does.
func WriteCaseNote(w io.Writer, inc casemate.Incident, t Triage) error {
	n := &note{}
	n.title(&inc, &t)
	n.story(&inc)
	n.scope(&inc)
	n.timeline(&inc)
	n.techniques(&inc)
	n.indicators(&inc)
	n.why(&inc)
	n.next(&inc)
	n.unknown(&inc, &t)
	n.provenance(&t)
	if _, err := io.WriteString(w, n.b.String()); err != nil {
		return fmt.Errorf("write case note: %w", err)
	}
	return nil
}

func (n *note) title(inc *casemate.Incident, t *Triage) {
	title := mdText(inc.Title, noteDetail)
	if strings.TrimSpace(inc.Title) == "" {
		title = "Incident without a title"
	}
	n.line("# ", title)
	n.line()
	n.line("**Verdict:** ", mdText(string(inc.Verdict), 40), " · **Score:** ", inTenths(inc.Score).String(), " of 100 · **Rank:** ",
		phrase.Number(inc.Rank), " of ", phrase.Number(max(t.total(), inc.Rank)), " · **Incident:** ", mdCode(inc.ID, 64))
	n.line()
	n.line("Drafted from rules and counts; no language model took part. The verdict is a proposal: an analyst decides.")
}

// story tells the incident in sentences.
func (n *note) story(inc *casemate.Incident) {
	n.section("What happened")
	sum := phrase.Count(inc.Count, "alert")
	switch {
	case inc.First.IsZero():
		sum += " without a time"
	case inc.Last.After(inc.First):
		sum += " from " + stamp(inc.First) + " to " + stamp(inc.Last) + " (" + length(inc.Last.Sub(inc.First)) + ")"
	default:
		sum += " at " + stamp(inc.First)
	}
	if len(inc.Hosts) > 0 {
		sum += " on " + phrase.Count(len(inc.Hosts), "host")
	}
	var ends []string
	if k := len(inc.Timeline); k > 0 {
		ends = append(ends, inc.Timeline[0].Evidence)
		if last := inc.Timeline[k-1].Evidence; last != ends[0] {
			ends = append(ends, last)
		}
	}
	n.bullet(sum, " form this incident", mdIDs(ends...), ".")
	for _, m := range keyMoments(inc.Timeline, noteSentences) {
		n.bullet(sentence(&m))
	}
	if rest := phrase.More(noteSentences, len(inc.Timeline)); rest != "" {
		n.bullet(rest, " in the timeline.")
	}
}

// sentence says what one moment shows.
func sentence(m *casemate.Moment) string {
	s := "At an unknown time, "
	if !m.First.IsZero() {
		s = stamp(m.First) + ": "
	}
	s += "\"" + mdText(m.Name, noteDetail) + "\" (" + m.Severity.String() + ")"
	if m.Host != "" {
		s += " on " + mdCode(m.Host, 80)
	}
	if m.User != "" {
		s += ", user " + mdCode(m.User, 80)
	}
	if m.Count > 1 {
		s += ", " + phrase.Number(m.Count) + " times"
		if m.Last.After(m.First) && !m.First.IsZero() {
			s += " within " + length(m.Last.Sub(m.First))
		}
	}
	if m.New {
		s += "; not seen on this host before"
	}
	return s + mdIDs(m.Evidence) + "."
}

func (n *note) scope(inc *casemate.Incident) {
	n.section("Scope")
	if len(inc.Hosts) > 0 {
		n.bullet("**Hosts:** ", mdNames(inc.Hosts, noteNames))
	}
	if len(inc.Users) > 0 {
		n.bullet("**Users:** ", mdNames(inc.Users, noteNames))
	}
	for _, a := range inc.Assets[:min(noteNames, len(inc.Assets))] {
		facts := []string{"criticality " + a.Criticality.String()}
		if a.Exposure != "" {
			facts = append(facts, "exposure "+mdText(a.Exposure, 40))
		}
		if a.Owner != "" {
			facts = append(facts, "owner "+mdText(a.Owner, 80))
		}
		n.bullet("**Asset** ", mdCode(a.Host, 80), ": ", strings.Join(facts, ", "))
	}
	if rest := phrase.More(noteNames, len(inc.Assets)); rest != "" {
		n.bullet(rest, " assets")
	}
	for _, r := range inc.Related[:min(noteNames, len(inc.Related))] {
		n.bullet("**Related** incident ", mdCode(r.ID, 64), ", rank ", phrase.Number(r.Rank), ": ", mdText(r.Why, noteText))
	}
	if rest := phrase.More(noteNames, len(inc.Related)); rest != "" {
		n.bullet(rest, " related incidents")
	}
	if len(inc.Hosts)+len(inc.Users) == 0 {
		n.bullet("No record names a host or a user.")
	}
}

func (n *note) timeline(inc *casemate.Incident) {
	n.section("Timeline")
	if len(inc.Timeline) == 0 {
		n.line("No moment is known.")
		return
	}
	n.row("Time", "Severity", "Host", "What was seen", "Alerts", "Evidence")
	n.row("---", "---", "---", "---", "---:", "---")
	for _, m := range keyMoments(inc.Timeline, noteMoments) {
		what := mdText(m.Name, noteDetail)
		if m.Detail != "" {
			what += ": " + mdText(m.Detail, noteDetail)
		}
		n.row(stamp(m.First), m.Severity.String(), mdCode(m.Host, 60), what, phrase.Number(m.Count),
			mdCode(m.Evidence, 40)+" "+mdCode(placeText(m.At, 60), 120))
	}
	if rest := phrase.More(noteMoments, len(inc.Timeline)); rest != "" {
		n.line()
		n.line("Shown are the gravest and newest lines; ", rest, ". All of them: ", "`", explainCommand(inc), "`", ".")
	}
}

func (n *note) techniques(inc *casemate.Incident) {
	if len(inc.Techniques) == 0 {
		return
	}
	n.section("Techniques")
	for _, t := range inc.Techniques[:min(noteTechniques, len(inc.Techniques))] {
		var names []string
		for _, short := range t.Tactics[:min(noteNames, len(t.Tactics))] {
			names = append(names, mdText(tacticName(short), 40))
		}
		tactics := ""
		if len(names) > 0 {
			tactics = " (" + strings.Join(names, ", ") + ")"
		}
		n.bullet(mdCode(t.ID, 20), " ", mdText(t.Name, 80), tactics, ", said by ", mdText(t.Source, 20), mdIDs(t.Evidence...))
	}
	if rest := phrase.More(noteTechniques, len(inc.Techniques)); rest != "" {
		n.bullet(rest)
	}
}

func (n *note) indicators(inc *casemate.Incident) {
	if len(inc.Indicators) == 0 {
		return
	}
	n.section("Indicators (defanged)")
	for _, ind := range inc.Indicators[:min(noteIndicators, len(inc.Indicators))] {
		scope := ""
		if ind.Scope != "" {
			scope = ", " + mdText(string(ind.Scope), 20)
		}
		n.bullet(mdCode(defang(ind), noteText), " ", mdText(string(ind.Type), 20), scope)
	}
	if rest := phrase.More(noteIndicators, len(inc.Indicators)); rest != "" {
		n.bullet(rest)
	}
}

func (n *note) why(inc *casemate.Incident) {
	n.section("Why this verdict")
	all := terms(inc.Reasons)
	for _, t := range all[:min(noteReasons, len(all))] {
		n.bullet("**", t.Points.signed(), "** ", mdText(t.Text, noteText), mdIDs(t.Evidence...))
	}
	if k := len(all) - noteReasons; k > 0 {
		n.bullet("**", (sumOf(all) - all[noteReasons-1].After).signed(), "** from ", phrase.Count(k, "further reason"))
	}
	n.line()
	n.line(sumNote(sumOf(all), inTenths(inc.Score)))
}

func (n *note) next(inc *casemate.Incident) {
	if len(inc.Next) == 0 {
		return
	}
	n.section("Check next")
	for _, s := range inc.Next[:min(noteSteps, len(inc.Next))] {
		extra := ""
		if s.ID != "" {
			extra += " " + mdCode(s.ID, 24)
		}
		if s.Reason != "" {
			extra += " (for " + mdText(s.Reason, noteDetail) + ")"
		}
		n.bullet("[ ] ", mdText(s.Text, noteText), extra)
	}
	if rest := phrase.More(noteSteps, len(inc.Next)); rest != "" {
		n.bullet(rest)
	}
}

// unknown says what the incident does not show, each line from a count.
func (n *note) unknown(inc *casemate.Incident, t *Triage) {
	n.section("What is not known")
	n.bullet("Whether anything succeeded: alerts say what was seen, not what came of it.")
	untimed, quiet, from := 0, time.Duration(0), time.Time{}
	var reach time.Time
	for _, m := range inc.Timeline {
		if m.First.IsZero() {
			untimed++
			continue
		}
		if gap := m.First.Sub(reach); !reach.IsZero() && gap > quiet {
			quiet, from = gap, reach
		}
		reach = axis.Later(reach, axis.Later(m.First, m.Last))
	}
	if quiet >= noteQuiet {
		n.bullet("What happened in the ", length(quiet), " after ", stamp(from), ": no alert falls into it.")
	}
	if untimed > 0 {
		n.bullet("When ", phrase.Count(untimed, "line"), " of the timeline happened: the records carry no time.")
	}
	if hosts := withoutAsset(inc); len(hosts) > 0 {
		n.bullet("How much ", mdNames(hosts, noteNames), " matter", verbEnd(len(hosts)), ": no inventory entry is known for ", pronoun(len(hosts)), ".")
	}
	if len(inc.Users) == 0 {
		n.bullet("Who did it: no alert names an account.")
	}
	if len(inc.Techniques) == 0 {
		n.bullet("Which technique it was: neither sensor nor rule names one.")
	}
	if k := t.faults(); k > 0 {
		n.bullet("What ", phrase.Count(k, "record"), " of the input said that could not be read.")
	}
	if k := t.suppressed(); k > 0 {
		n.bullet("Whether ", phrase.Count(k, "suppressed alert"), " belong", verbEnd(k), " here: your rules set ", pronoun(k), " aside.")
	}
}

// withoutAsset lists the hosts that the inventory says nothing of.
func withoutAsset(inc *casemate.Incident) []string {
	known := map[string]bool{}
	for _, a := range inc.Assets {
		known[strings.ToLower(a.Host)] = true
	}
	var out []string
	for _, h := range inc.Hosts {
		if !known[strings.ToLower(h)] {
			out = append(out, h)
		}
	}
	return out
}

// verbEnd is the ending of a verb after n things.
func verbEnd(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}

func pronoun(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func (n *note) provenance(t *Triage) {
	n.section("Provenance")
	for _, f := range t.Files[:min(noteNames, len(t.Files))] {
		n.bullet(mdCode(placeText(casemate.Location{File: f.Name}, 100), 120), " (", mdText(f.Format, 40), "): ",
			phrase.Count(f.Records, "record"), ", ", phrase.Number(f.Faults), " not usable")
	}
	if rest := phrase.More(noteNames, len(t.Files)); rest != "" {
		n.bullet(rest, " files")
	}
	for _, p := range t.Provenance[:min(noteNames, len(t.Provenance))] {
		n.bullet(mdText(p.Key, 40), ": ", mdCode(p.Value, 120))
	}
	if rest := phrase.More(noteNames, len(t.Provenance)); rest != "" {
		n.bullet(rest)
	}
	if t.RulesLoaded > 0 {
		n.bullet(phrase.Count(t.RulesLoaded, "rule"), " loaded, ", phrase.Number(t.RulesRefused), " refused, ", phrase.Count(t.RuleMatches, "match"))
	}
}
