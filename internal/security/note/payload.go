package note

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// payload writes the note as what a product takes.
func (w *writer) payload() error {
	write := map[string]func() (any, error){FormatTheHive: w.theHive, FormatJira: w.jira, FormatServiceNow: w.serviceNow}[w.in.Format]
	if write == nil {
		return nil
	}
	v, err := write()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it goes to programs, which read < as well
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the %s form: %w", w.in.Format, err)
	}
	w.out.Payload = bytes.TrimSpace(b.Bytes())
	return nil
}

// plain cleans a text for a field that shows it as it is, and cuts it at a number
// of characters.
func plain(text string, most int) string {
	text = report.Terminal(phrase.Line(text))
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most-1]) + "…"
	}
	return text
}

// title is the note's title on one line.
func (w *writer) title(most int) string {
	return plain(w.out.Title, most)
}

// lines writes the note as plain lines: a heading, then its statements, each with
// what it cites. Those that were struck are left out and counted.
func (w *writer) lines() []line {
	var out []line
	o := &w.out
	add := func(list []casemate.Statement) {
		for _, s := range list {
			if s.Support == casemate.Struck {
				continue
			}
			out = append(out, line{text: plain(w.marked(&s), 2000)})
		}
	}
	add(o.Lede)
	add(o.Narrative)
	for _, s := range o.Sections {
		out = append(out, line{heading: true, text: plain(s.Title, 200)})
		if s.Note != "" && o.Kind != KindCustomer {
			out = append(out, line{note: true, text: plain(s.Note, 400)})
		}
		add(s.Statements)
	}
	if o.Kind == KindCustomer {
		return out
	}
	out = append(out, line{heading: true, text: "Evidence"})
	for _, e := range o.Evidence {
		if e.Kind != casemate.EvidenceFinding {
			out = append(out, line{text: plain(standing(&e), 400)})
		}
	}
	return append(out, line{note: true, text: plain(w.drafted(), 400)})
}

// line is a line of a plain note.
type line struct {
	text          string
	heading, note bool
}

// marked is a statement with its marks and citations, as they can be read in
// plain text. What goes to customers has none.
func (w *writer) marked(s *casemate.Statement) string {
	text := s.Text
	if w.in.Kind == KindCustomer {
		return text
	}
	if s.By == casemate.DecidedByModel {
		text += " (by the model)"
	}
	if s.Support == casemate.Unsupported {
		text += " (UNSUPPORTED by its evidence)"
	}
	if len(s.Evidence) > 0 {
		text += " [" + strings.Join(s.Evidence, ", ") + "]"
	}
	return text
}

// standing says what a piece of evidence is and where it stands.
func standing(e *casemate.Evidence) string {
	parts := []string{e.ID + ": " + string(e.Kind)}
	if !e.First.IsZero() {
		parts = append(parts, phrase.Time(e.First))
	}
	for _, s := range []string{e.Host, e.User, e.Author, e.Name, e.At.String()} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// drafted says who drafted the note, and from what.
func (w *writer) drafted() string {
	by := "rules and templates"
	if len(w.out.Narrative) > 0 {
		by += ", and a language model where it says so"
	}
	text := "Drafted by casemate " + w.run.Options().Version + " from " + phrase.Count(w.out.Coverage.Records, "record") + " by " + by + "; an analyst decides."
	if n := w.out.Coverage.FaultCount; n > 0 {
		text += " " + phrase.Count(n, "piece") + " of the input could not be read."
	}
	return text
}

// markdown is the note's page as Markdown.
func (w *writer) markdown() (string, error) {
	var b bytes.Buffer
	if err := page.WriteMarkdown(&b, Page(w.out)); err != nil {
		return "", fmt.Errorf("write note: %w", err)
	}
	return b.String(), nil
}

// millis is a time as TheHive counts it.
func millis(t time.Time) int64 { return t.UnixMilli() }

// start is the first time of the incidents.
func (w *writer) start() (time.Time, bool) {
	if len(w.chosen) == 0 || w.chosen[0].First.IsZero() {
		return time.Time{}, false
	}
	return w.chosen[0].First, true
}

// id is the incident that the note is about, for the product to find again.
func (w *writer) id() string {
	if len(w.chosen) == 0 {
		return "none"
	}
	return w.chosen[0].ID
}
