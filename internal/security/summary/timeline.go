package summary

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	maxEntries = 160 // of the timeline, from alerts
	maxSaid    = 60  // and from people's words
	minDetail  = 7   // bytes of a detail that says anything: "System" does not
)

// timeline tells what alerts and people say, in the order of time.
func (w *writer) timeline() (entries []Entry, left int) {
	told := map[int]bool{}
	for _, in := range w.told {
		told[in.Rank] = true
	}
	var alerts []Entry
	for i := range w.happened {
		h := &w.happened[i]
		if told[h.rank] || h.severity >= casemate.SeverityHigh {
			alerts = append(alerts, w.entry(h))
		}
	}
	said := w.said()
	alerts, left = gravest(alerts, maxEntries)
	said, more := gravest(said, maxSaid)
	entries = append(alerts, said...)
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	return entries, left + more
}

// gravest keeps the gravest entries, in their order.
func gravest(list []Entry, limit int) (kept []Entry, left int) {
	if len(list) <= limit {
		return list, 0
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[b].Severity, list[a].Severity) })
	order = order[:limit]
	slices.Sort(order)
	for _, i := range order {
		kept = append(kept, list[i])
	}
	return kept, len(list) - limit
}

// entry tells a happening in the sensor's words.
func (w *writer) entry(h *happening) Entry {
	best := h.best()
	grave := slices.MaxFunc(h.moments, func(a, b dossier.Moment) int { return cmp.Compare(a.Severity, b.Severity) })
	text := quote(grave.Name)
	if d := detail(best); len(d) >= minDetail && !strings.Contains(grave.Name, d) {
		text += "; " + quote(d)
	}
	e := Entry{Time: h.first, Source: "alert", Host: h.host, Severity: h.severity, Count: h.count, Incident: h.rank,
		What: rule(ended(phrase.Upper(text)), h.ids[:min(len(h.ids), maxCited)]...)}
	if len(h.users) > 0 {
		e.User = h.users[0]
	}
	if h.last.After(h.first) {
		last := h.last
		e.Until = &last
	}
	return e
}

// said tells what people wrote, piece by piece, where it is more than talk.
func (w *writer) said() []Entry {
	var out []Entry
	for i := 0; i < len(w.d.Words); {
		j, telling := i, false
		for j < len(w.d.Words) && w.d.Words[j].Evidence == w.d.Words[i].Evidence {
			s := w.d.Words[j]
			telling = telling || tells(s)
			j++
		}
		if telling {
			if e, ok := w.quoted(w.d.Words[i:j]); ok {
				out = append(out, e)
			}
		}
		i = j
	}
	return out
}

// tells reports whether a sentence belongs into a timeline.
func tells(s dossier.Sentence) bool {
	if s.Time.IsZero() || s.Quoted || s.Commands {
		return false
	}
	switch s.Topic {
	case dossier.TopicAction, dossier.TopicDecision, dossier.TopicImpact:
		return true
	case dossier.TopicObservation:
		return s.P >= .6
	}
	return false
}

// quoted makes an entry of the telling sentences of a piece, with who wrote them.
func (w *writer) quoted(list []dossier.Sentence) (Entry, bool) {
	e := w.pieces[list[0].Evidence]
	if e == nil {
		return Entry{}, false
	}
	var parts []string
	skipped := false
	for _, s := range list {
		if !tells(s) {
			skipped = true
			continue
		}
		if skipped && len(parts) > 0 {
			parts = append(parts, "…")
		}
		parts, skipped = append(parts, s.Text), false
	}
	who := e.Author
	if who == "" {
		who = "A " + string(e.Kind)
	}
	text := who + ": " + quote(strings.Join(parts, " "))
	entry := Entry{Time: e.First, Source: string(e.Kind), Author: e.Author, What: casemate.Statement{
		Text: text, Evidence: []string{e.ID}, By: casemate.DecidedByAnalyst, Support: casemate.Supported,
	}}
	for _, x := range e.Entities {
		if x.Type == casemate.EntityHost {
			entry.Host = w.host(x.Value)
			break
		}
	}
	return entry, true
}
