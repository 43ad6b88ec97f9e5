package inspect

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// shownBytes bounds what is shown of a text.
const shownBytes = 160

// mark is a stretch of a row's text that must not be shown, and what it is.
type mark struct {
	start, end int
	what       string
}

// show returns the beginning of a row's text as it may be printed: secrets and
// personal data named and not shown, on one line, nothing that a terminal obeys.
func (i *inspector) show(row int) string {
	return printable(redacted(i.t.Rows[row].Text, i.marks[row], 4*shownBytes), shownBytes)
}

// redacted names marked stretches in the place of them, until so many bytes are
// written.
func redacted(text string, marks []mark, most int) string {
	marks = slices.Clone(marks)
	slices.SortFunc(marks, func(a, b mark) int { return a.start - b.start })
	var b strings.Builder
	at := 0
	for _, m := range marks {
		if m.start > at {
			b.WriteString(text[at:m.start])
		}
		if m.end > at {
			fmt.Fprintf(&b, "[%s]", m.what)
			at = m.end
		}
		if b.Len() > most {
			return b.String()
		}
	}
	b.WriteString(text[at:min(len(text), at+max(most-b.Len(), 0))])
	return b.String()
}

// Redact returns a text with its secrets and personal data named in the place of
// them, for a report that others read.
func Redact(text string) string {
	d, err := finder()
	if err != nil {
		return "[left out]" // what cannot be looked through is not shown
	}
	var marks []mark
	sightings(d, nil, text, func(what string, _, start, end int) { marks = append(marks, mark{start, end, what}) })
	return redacted(text, marks, len(text))
}

// printable puts a text on one line of at most n bytes, without what a terminal
// obeys or what turns the direction of writing.
func printable(s string, n int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) {
			space = b.Len() > 0
			continue
		}
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
			r = '·'
		}
		if b.Len() >= n {
			return b.String() + "…"
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// labelOf names what a row teaches.
func labelOf(t *dataset.Table, r *dataset.Row) string {
	switch {
	case t.Kind == dataset.KindRegression:
		return fmt.Sprintf("%g", r.Value)
	case len(r.Labels) == 0:
		return "no label"
	}
	const most = 4
	out := strings.Join(r.Labels[:min(len(r.Labels), most)], ", ")
	if len(r.Labels) > most {
		out += fmt.Sprintf(" and %d more", len(r.Labels)-most)
	}
	return printable(out, 100)
}

// pair shows two rows side by side.
func (i *inspector) pair(a, b int) string {
	x, y := &i.t.Rows[a], &i.t.Rows[b]
	return fmt.Sprintf("row %d [%s] and row %d [%s]: %s", x.Number, labelOf(i.t, x), y.Number, labelOf(i.t, y), i.show(a))
}

// one shows a row.
func (i *inspector) one(a int) string {
	return fmt.Sprintf("row %d: %s", i.t.Rows[a].Number, i.show(a))
}

// some shows the first rows of several.
func (i *inspector) some(rows []int) []string {
	var out []string
	for _, n := range rows[:min(len(rows), maxShown)] {
		out = append(out, i.one(n))
	}
	return out
}

// count writes a number of things: "1 row", "2,048 rows".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(n) + " " + noun
}

// number writes n with a comma between thousands.
func number(n int) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// percent writes a share.
func percent(share float64) string {
	if share > 0 && share < 0.0005 {
		return "under 0.1 %"
	}
	if share > 0 && share < 0.0995 {
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
