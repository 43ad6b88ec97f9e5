package explain

import (
	"strings"

	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// Visible returns s as one line that is safe on a terminal, with characters that
// do something other than stand there written as \u{202E}.
func Visible(s string) string { return decode.Visible(s, false) }

// markdown makes s one line of Markdown that shows as it reads: no markup, no
// HTML, and no link that a program could follow.
func markdown(s string) string { return escaped(indicator.Defang(Visible(s))) }

// escaped is markdown for texts of ours and of the catalogue, in which dots
// belong to ids.
func escaped(s string) string {
	var b strings.Builder
	for i, r := range s {
		if strings.ContainsRune("\\`*_{}[]()<>#!|~&$@", r) || (r == '-' || r == '+' || r == '.' || r == ':') && i == 0 {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code puts s between as many backticks as it needs, on one line.
func code(s string) string {
	s = Visible(s)
	fence := fence("`", s)
	if s == "" {
		return "``"
	}
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") {
		pad = " "
	}
	return fence + pad + s + pad + fence
}

// fenced puts s into a code block that it cannot leave.
func fenced(s string) string {
	s = decode.Visible(s, true)
	fence := fence("```", s)
	return fence + "text\n" + strings.TrimRight(s, "\n") + "\n" + fence + "\n"
}

// fence returns the shortest run of backticks, from least on, that s does not hold.
func fence(least, s string) string {
	for strings.Contains(s, least) {
		least += "`"
	}
	return least
}

// cell is code inside a table, where a bar would end the cell even in code.
func cell(s string) string { return strings.ReplaceAll(code(s), "|", "¦") }
