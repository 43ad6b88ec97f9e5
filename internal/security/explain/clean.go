package explain

import (
	"strings"

	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// Visible returns s as one line that is safe on a terminal, with characters that
// do something other than stand there written as \u{202E}.
func Visible(s string) string { return decode.Visible(s, false) }

// markdown makes s one line of Markdown that shows as it reads: no markup, no
// HTML, and no link that a program could follow.
func markdown(s string) string { return report.Markdown(indicator.Defang(Visible(s))) }

// code is s as inline code, where it can be that.
func code(s string) string { return report.MarkdownCode(Visible(s)) }

// fenced puts s into a code block that it cannot leave.
func fenced(s string) string {
	s = decode.Visible(s, true)
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + "text\n" + strings.TrimRight(s, "\n") + "\n" + fence + "\n"
}
