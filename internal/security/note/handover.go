package note

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// inShift reports whether a span of time reaches into the shift. Without a shift
// everything does.
func (w *writer) inShift(first, last time.Time) bool {
	if w.since.IsZero() && w.until.IsZero() {
		return true
	}
	if first.IsZero() && last.IsZero() {
		return false
	}
	if last.IsZero() {
		last = first
	}
	return (w.until.IsZero() || first.Before(w.until)) && (w.since.IsZero() || !last.Before(w.since))
}

// handover is for the next shift: what is open, what changed, what is pending,
// what to watch.
func (w *writer) handover(ctx context.Context) error {
	w.out.Title = phrase.Count(len(w.chosen), "open incident")
	w.out.Lede = []casemate.Statement{w.found("triage", w.state())}
	w.incidents()
	if err := w.narrate(ctx, "handover"); err != nil {
		return err
	}
	var open []casemate.Statement
	for n := range w.chosen {
		if i := &w.chosen[n]; i.Verdict == casemate.VerdictMalicious || i.Verdict == casemate.VerdictSuspicious {
			open = append(open, w.about(i))
		}
	}
	w.section("The gravest of them", "The others stand in the table.", open)
	story, note := w.story(func(m *dossier.Moment) bool { return w.inShift(m.First, m.Last) }, maxStory)
	if len(story) == 0 {
		story = []casemate.Statement{w.found("count", "No alert of an open incident falls into the shift.")}
	}
	w.section("What changed", join(w.shift(), note), story)
	written := func(s *dossier.Sentence) bool { return w.inShift(s.Time, s.Time) }
	done, note := upTo(w.words(func(s *dossier.Sentence) bool { return written(s) && w.byStaff(s) }, dossier.TopicAction, dossier.TopicDecision), maxWords, "sentences")
	w.section("Done in the shift", join("In the words of those who did it.", note), done)
	asked, note := upTo(w.pending(), maxWords, "sentences")
	w.section("Pending", join("In the words of those who work on it.", note), asked)
	w.tasks(maxTasks)
	w.section("Steps by technique", "What the catalogue recommends for the techniques shown.", w.toDo())
	w.section("Watch out for", "", w.watch())
	return nil
}

// shift says which time is told.
func (w *writer) shift() string {
	switch {
	case w.since.IsZero() && w.until.IsZero():
		return "No shift was given: the whole material."
	case w.until.IsZero():
		return "Since " + phrase.Time(w.since) + " UTC."
	case w.since.IsZero():
		return "Until " + phrase.Time(w.until) + " UTC."
	}
	return "From " + phrase.Time(w.since) + " to " + phrase.Time(w.until) + " UTC."
}

// state counts the incidents.
func (w *writer) state() string {
	changed, grave := 0, 0
	for _, i := range w.chosen {
		if w.inShift(i.First, i.Last) {
			changed++
		}
		if i.Verdict == casemate.VerdictMalicious {
			grave++
		}
	}
	text := fmt.Sprintf("%s open, %d of them likely malicious", phrase.Count(len(w.chosen), "incident"), grave)
	if !w.since.IsZero() || !w.until.IsZero() {
		text += fmt.Sprintf("; %d with alerts in the shift", changed)
	}
	if rest := w.dossier.Triage.Total - len(w.chosen); rest > 0 && w.in.Incident == "" {
		text += fmt.Sprintf("; %d more that the rules find likely benign are not told", rest)
	}
	return text + "."
}

const still = 2 * time.Hour // before the end of the material or the shift

// watch says what may go on or come back.
func (w *writer) watch() []casemate.Statement {
	var out []casemate.Statement
	end := w.dossier.Last
	if !w.until.IsZero() {
		end = w.until
	}
	for n := range w.chosen {
		i := &w.chosen[n]
		last := i.Last
		if !w.until.IsZero() && last.After(w.until) {
			last = w.until
		}
		if i.Verdict != casemate.VerdictBenign && !last.IsZero() && end.Sub(last) <= still {
			out = append(out, w.found("activity", fmt.Sprintf("Incident %s was active until %s, within two hours of the end.", i.ID, phrase.Time(last))))
		}
		if i.Verdict != casemate.VerdictMalicious && i.Verdict != casemate.VerdictSuspicious {
			continue
		}
		if outside := w.foreign(i.Indicators, 6); len(outside) > 0 {
			out = append(out, w.found("indicators", fmt.Sprintf("Look for further traffic with what incident %s names outside: %s.", i.ID, phrase.First(outside, 6))))
		}
		var grave []string
		for _, a := range i.Assets {
			if a.Criticality >= casemate.SeverityHigh {
				grave = append(grave, fmt.Sprintf("%s (%s)", a.Host, a.Criticality))
			}
		}
		if len(grave) > 0 {
			out = append(out, w.found("assets", fmt.Sprintf("Incident %s is on hosts that the inventory calls high or critical: %s.", i.ID, phrase.First(grave, 8))))
		}
	}
	for _, s := range w.dossier.Triage.Suppressed {
		if s.Alerts > 0 {
			out = append(out, w.found("suppression", fmt.Sprintf("The suppression %s hides %s: %s.", s.Rule, phrase.Count(s.Alerts, "alert"), oneLine(s.Note, 200))))
		}
	}
	if n := w.dossier.Coverage.FaultCount; n > 0 {
		out = append(out, w.found("faults", fmt.Sprintf("%s of the input could not be read.", phrase.Count(n, "piece"))))
	}
	return out
}

// foreign returns the addresses and names outside among indicators, without those
// that turn out to be ours.
func (w *writer) foreign(list []casemate.Indicator, n int) []string {
	var out []string
	for _, i := range list {
		outside := i.Scope == casemate.ScopePublic || i.Scope == casemate.ScopeDocumentation
		network := i.Type == casemate.IndicatorIPv4 || i.Type == casemate.IndicatorIPv6 || i.Type == casemate.IndicatorDomain
		if outside && network && len(out) < n && !slices.Contains(out, i.Value) && len(w.internal.find(i.Value)) == 0 {
			out = append(out, i.Value)
		}
	}
	return out
}
