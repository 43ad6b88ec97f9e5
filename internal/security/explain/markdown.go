package explain

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// WriteMarkdown writes e as Markdown for a case note. What came from the input
// stands in code or with its markup escaped: nothing in it becomes a link, an
// image, HTML or the end of a code block.
func WriteMarkdown(w io.Writer, e Explanation) error {
	var b bytes.Buffer
	writeNote(&b, &e, 2)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

// writeNote writes e under a heading of a level.
func writeNote(b *bytes.Buffer, e *Explanation, level int) {
	head := strings.Repeat("#", min(level, 6))
	fmt.Fprintf(b, "%s %s\n\n%s\n\n**Risk:** %s\n", head, phrase.Upper(markdown(e.Kind)), markdown(e.Summary), e.Risk.Level)
	for _, r := range e.Risk.Reasons {
		fmt.Fprintf(b, "- %s\n", markdown(r))
	}
	sub := func(name string) { fmt.Fprintf(b, "\n%s# %s\n\n", head[:min(len(head), 5)], name) }
	if len(e.Facts) > 0 {
		sub("What it says")
		b.WriteString("| | | |\n|---|---|---|\n")
		for _, f := range e.Facts {
			fmt.Fprintf(b, "| %s | %s | %s |\n", markdown(f.Name), code(f.Value), strings.ReplaceAll(markdown(f.Note), "\n", " "))
		}
	}
	if len(e.Layers) > 0 {
		sub("Hidden inside")
		for i := range e.Layers {
			l := &e.Layers[i]
			from := Span{Field: l.Field, Layer: l.Parent, Start: l.Start, End: l.End}
			fmt.Fprintf(b, "%d. %s, from %s (%s)\n\n", i+1, markdown(l.Op), markdown(from.String()), markdown(l.Why))
			if l.Binary != nil {
				fmt.Fprintf(b, "%s, %d bytes, SHA-256 `%s`\n\n", markdown(l.Binary.Kind), l.Binary.Size, l.Binary.SHA256)
				continue
			}
			b.WriteString(fenced(phrase.Short(l.Text, 4000)) + "\n")
		}
	}
	if len(e.Findings) > 0 {
		sub("What it shows")
		for i := range e.Findings {
			f := &e.Findings[i]
			fmt.Fprintf(b, "- **%s**: %s", f.Level, markdown(f.Text))
			if t := e.named(f.Techniques); t != "" {
				b.WriteString(" (" + report.Markdown(t) + ")")
			}
			if f.Quote != "" {
				fmt.Fprintf(b, ", %s: %s", markdown(f.Span.String()), code(f.Quote))
			}
			b.WriteByte('\n')
		}
	}
	notePrograms(b, e, sub)
	for i := range e.Parts {
		fmt.Fprintf(b, "\n%s# %d. %s\n\n", head[:min(len(head), 5)], i+1, code(e.Parts[i].Input))
		writeNote(b, &e.Parts[i], level+2)
	}
	noteLists(b, e, sub)
}

func notePrograms(b *bytes.Buffer, e *Explanation, sub func(string)) {
	if len(e.Programs) == 0 {
		return
	}
	sub("Programs")
	for i := range e.Programs {
		g := &e.Programs[i]
		fmt.Fprintf(b, "- %s: %s", code(g.Name), markdown(g.What))
		if g.Use != "" {
			b.WriteString("; attackers use it for " + markdown(g.Use))
		}
		b.WriteByte('\n')
		for _, f := range g.Flags {
			fmt.Fprintf(b, "  - %s %s\n", code(f.Text), markdown(f.Means))
		}
	}
}

func noteLists(b *bytes.Buffer, e *Explanation, sub func(string)) {
	if len(e.Techniques) > 0 {
		sub("ATT&CK techniques")
		for _, t := range e.Techniques {
			fmt.Fprintf(b, "- %s %s (%s)\n", t.ID, report.Markdown(t.Name), report.Markdown(strings.Join(t.Tactics, ", ")))
		}
	}
	if len(e.Indicators) > 0 {
		sub("Indicators")
		for _, n := range e.Indicators {
			fmt.Fprintf(b, "- %s %s", n.Type, code(n.Shown))
			if n.Scope != "" && n.Scope != casemate.ScopePublic {
				fmt.Fprintf(b, " (%s)", n.Scope)
			}
			if n.Note != "" {
				b.WriteString(": " + markdown(n.Note))
			}
			b.WriteByte('\n')
		}
	}
	if len(e.Next) > 0 {
		sub("Look at next")
		for _, n := range e.Next {
			fmt.Fprintf(b, "- [ ] %s", markdown(n.Text))
			if n.Reason != "" {
				b.WriteString(": " + report.Markdown(n.Reason))
			}
			b.WriteByte('\n')
		}
	}
	if len(e.Notes) > 0 {
		sub("Notes")
		for _, n := range e.Notes {
			fmt.Fprintf(b, "- %s\n", markdown(n))
		}
	}
}
