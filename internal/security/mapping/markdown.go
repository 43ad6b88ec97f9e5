package mapping

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/report"
)

// WriteMarkdown writes what documents show for a ticket or a wiki: the
// techniques of each, then the sentences with the words that show them in bold.
// Nothing in a sentence becomes a link, an image or HTML. all writes the unsure
// techniques as well.
func WriteMarkdown(w io.Writer, results []*Result, all bool) error {
	var b bytes.Buffer
	for i, r := range results {
		if i > 0 {
			b.WriteString("\n---\n\n")
		}
		markdownResult(&b, r, all)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write Markdown: %w", err)
	}
	return nil
}

func markdownResult(b *bytes.Buffer, r *Result, all bool) {
	fmt.Fprintf(b, "# Techniques in %s\n\n", report.Markdown(cutText(firstOf(r.Title, r.Path), 200)))
	fmt.Fprintf(b, "%s (%s), %s read: %s, %s.\n", report.MarkdownCode(r.Path), report.Markdown(r.Kind), plural(r.Read, "sentence", "sentences"),
		plural(len(r.Techniques), "technique", "techniques"), plural(len(r.Unsure), "more is unsure", "more are unsure"))
	markdownTable(b, "Found", r.Techniques)
	if all {
		markdownTable(b, "Unsure: for a person to look at", r.Unsure)
	}
	states := documentStates(r)
	shown := false
	for i := range r.Sentences {
		s := &r.Sentences[i]
		hits := shownHits(s, states, all)
		if len(hits) == 0 {
			continue
		}
		if !shown {
			b.WriteString("\n## Sentences\n")
			shown = true
		}
		fmt.Fprintf(b, "\n**%d** (%s): %s\n\n", s.Number, s.place(), markedMarkdown(s, hits))
		for _, h := range hits {
			fmt.Fprintf(b, "- [%s](%s) %s, %.2f (%s)", h.ID, techniqueURL(h.ID), report.Markdown(h.Name), h.P, report.Markdown(strings.Join(h.By, ", ")))
			if h.Was != "" {
				fmt.Fprintf(b, ", given as %s", report.Markdown(h.Was))
			}
			b.WriteByte('\n')
		}
	}
	if len(r.Notes) > 0 {
		b.WriteString("\n## Notes\n\n")
		for _, n := range r.Notes {
			fmt.Fprintf(b, "- %s\n", report.Markdown(n))
		}
	}
	fmt.Fprintf(b, "\nCatalogue: %s. Classifier: %s. A probability is an estimate, not a proof: a person confirms.\n", report.Markdown(firstOf(r.Catalogue, "none")), report.Markdown(firstOf(r.Head, "none")))
}

func markdownTable(b *bytes.Buffer, title string, found []Found) {
	if len(found) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| Technique | Name | Tactics | p | Sentences |\n|---|---|---|---|---|\n", title)
	for _, f := range found {
		fmt.Fprintf(b, "| [%s](%s) | %s | %s | %.2f | %s |\n", f.ID, techniqueURL(f.ID), report.Markdown(f.Name), report.Markdown(strings.Join(f.Tactics, ", ")), f.P, numbers(f.Sentences, 12))
	}
}

// shownHits returns the techniques of a sentence that the document shows, or
// all of them.
func shownHits(s *Sentence, states map[string]documentState, all bool) []*Hit {
	var out []*Hit
	for i := range s.Techniques {
		if all || states[s.Techniques[i].ID].name == "found" {
			out = append(out, &s.Techniques[i])
		}
	}
	return out
}

// markedMarkdown returns a sentence with the words that show its techniques in bold.
func markedMarkdown(s *Sentence, hits []*Hit) string {
	var out strings.Builder
	for _, p := range markedParts(s, hits) {
		text := p.text
		if p.marked {
			if text = strings.TrimSpace(text); text != "" {
				out.WriteString("**" + report.Markdown(text) + "**")
			}
			continue
		}
		lead := len(text) - len(strings.TrimLeft(text, " "))
		tail := len(text) - len(strings.TrimRight(text, " "))
		if lead > 0 && out.Len() > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(report.Markdown(strings.TrimSpace(text)))
		if tail > 0 && lead < len(text) {
			out.WriteByte(' ')
		}
	}
	return out.String()
}

// part is a piece of a sentence, marked where it shows a technique.
type part struct {
	text   string
	marked bool
}

// markedParts cuts a sentence at the bounds of the spans of its techniques.
func markedParts(s *Sentence, hits []*Hit) []part {
	marked := make([]bool, len(s.Text)+1)
	for _, h := range hits {
		for _, sp := range h.Spans {
			for i := max(sp.Start, 0); i < min(sp.End, len(s.Text)); i++ {
				marked[i] = true
			}
		}
	}
	var out []part
	for start := 0; start < len(s.Text); {
		end := start + 1
		for end < len(s.Text) && marked[end] == marked[start] {
			end++
		}
		out = append(out, part{s.Text[start:end], marked[start]})
		start = end
	}
	return out
}

// numbers writes a list of sentence numbers, at most so many.
func numbers(list []int, most int) string {
	var s []string
	for _, n := range list[:min(len(list), most)] {
		s = append(s, fmt.Sprint(n))
	}
	if more := len(list) - most; more > 0 {
		s = append(s, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(s, ", ")
}
