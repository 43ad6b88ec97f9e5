package document

import (
	"context"

	"github.com/casemate-ai/casemate/internal/security/pdf"
)

// pdfText reads the text of a PDF.
func pdfText(ctx context.Context, b *builder, data []byte) (title string, err error) {
	t, err := pdf.Read(ctx, data)
	if err != nil {
		return "", err
	}
	for _, n := range t.Notes {
		b.note(n)
	}
	b.cut = b.cut || t.Incomplete
	lines := make([]line, len(t.Lines))
	for i, l := range t.Lines {
		lines[i] = line{text: l.Text, page: l.Page, gap: l.Gap, heading: l.Heading}
		if title == "" && l.Heading {
			title = l.Text
		}
	}
	if t.Title != "" {
		title = t.Title
	}
	b.flow(lines)
	return title, nil
}
