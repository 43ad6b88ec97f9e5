package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/mapping"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// mapJSON runs the map command and returns its documents.
func mapJSON(t *testing.T, args ...string) []*mapping.Result {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"map", "--json", "--data", filepath.Join(t.TempDir(), "none")}, args...)
	if code := run(context.Background(), args, strings.NewReader(""), &out, &errs); code != exitFine {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	var d workflow.MapOutput
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d.Documents
}

// found writes the techniques of a document with their probabilities.
func found(r *mapping.Result) []string {
	var out []string
	for _, f := range r.Techniques {
		out = append(out, fmt.Sprintf("%s %.6f", f.ID, f.P))
	}
	slices.Sort(out)
	return out
}

// paragraphs is a report whose form does not matter.
var paragraphs = []string{
	"The operators sent a spearphishing attachment (T1566.001) to two clerks. When they opened it, the macro launched PowerShell with an encoded command, i.e. a download cradle.",
	"The loader then created a scheduled task named Harbour Update (see Fig. 2) that ran it at each logon. Credentials were dumped from LSASS memory with a signed tool, which is OS credential dumping.",
	"They moved on over the remote desktop protocol (T1021.001) and cleared the Windows event logs on each of the servers that they left.",
}

// asPDF sets paragraphs in lines of Helvetica on one page, words divided where
// a line is full.
func asPDF(paragraphs []string) string {
	var s strings.Builder
	s.WriteString("%PDF-1.4\n1 0 obj<</Type/Page/Contents 2 0 R/Resources<</Font<</F<</BaseFont/Helvetica>>>>>>>>endobj\n2 0 obj<<>>stream\nBT /F 11 Tf 72 760 Td 13 TL\n")
	for _, p := range paragraphs {
		line := ""
		for word := range strings.FieldsSeq(p) {
			if len(line)+len(word) > 78 {
				s.WriteString(pdfLine(line))
				line = ""
			}
			line += word + " "
		}
		s.WriteString(pdfLine(line) + "T*\n")
	}
	return s.String() + "ET\nendstream endobj\n%%EOF\n"
}

func pdfLine(s string) string {
	return "(" + strings.NewReplacer("(", `\(`, ")", `\)`).Replace(strings.TrimSpace(s)) + ") Tj T*\n"
}

// TestMapOfEveryForm shows that a report in text, Markdown, HTML and PDF shows
// the same techniques with the same probabilities.
func TestMapOfEveryForm(t *testing.T) {
	var page strings.Builder
	page.WriteString("<html><head><title>x</title><script>PowerShell</script></head><body><nav>Home</nav><main>")
	for _, p := range paragraphs {
		page.WriteString("<p>" + html.EscapeString(p) + "</p>\n")
	}
	page.WriteString("</main><footer>T1486</footer></body></html>")
	forms := map[string]string{
		"text":     strings.Join(paragraphs, "\n\n"),
		"markdown": "# Notes\n\n" + strings.ReplaceAll(strings.Join(paragraphs, "\n\n"), "PowerShell", "**PowerShell**"),
		"html":     page.String(),
		"pdf":      asPDF(paragraphs),
	}
	dir := t.TempDir()
	var want []string
	for _, kind := range []string{"text", "markdown", "html", "pdf"} {
		name := filepath.Join(dir, kind)
		if err := os.WriteFile(name, []byte(forms[kind]), 0o644); err != nil {
			t.Fatal(err)
		}
		r := mapJSON(t, name)[0]
		if r.Kind != kind {
			t.Errorf("%s was read as %s", kind, r.Kind)
		}
		got := found(r)
		if want == nil {
			want = got
		}
		if len(got) < 3 || !slices.Equal(got, want) {
			t.Errorf("%s shows\n%q, text shows\n%q", kind, got, want)
		}
	}
}

// TestMapExample shows that the example's plainest statements are found.
func TestMapExample(t *testing.T) {
	r := mapJSON(t, filepath.Join("..", "..", "examples", "report.md"))[0]
	if r.Kind != "markdown" || !strings.HasPrefix(r.Title, "Grey Heron") || r.Read < 40 {
		t.Errorf("%s %q, %d sentences", r.Kind, r.Title, r.Read)
	}
	for _, s := range r.Sentences {
		for _, h := range s.Techniques {
			for _, sp := range h.Spans {
				if sp.Start < 0 || sp.End > len(s.Text) || sp.Start >= sp.End || s.Text[sp.Start:sp.End] != sp.Text {
					t.Errorf("sentence %d: the span %+v is not of %q", s.Number, sp, s.Text)
				}
			}
		}
	}
}

// TestMapAlerts maps the example's alerts and wants what their sensors name.
func TestMapAlerts(t *testing.T) {
	for file, want := range map[string]string{"wazuh-alerts.json": "T1059.001", "defender-alerts.json": "T1003.001"} {
		r := mapJSON(t, filepath.Join("..", "..", "examples", "intrusion", file))[0]
		if r.Kind != "alert" || !slices.ContainsFunc(r.Techniques, func(f mapping.Found) bool { return f.ID == want && slices.Contains(f.By, "tag") }) {
			t.Errorf("%s: %s shows %q, want %s by its tag", file, r.Kind, found(r), want)
		}
	}
}
