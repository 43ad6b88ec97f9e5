package decode

import (
	"regexp"
	"strings"
)

// Shell is the language that a command line is written in.
type Shell uint8

// The shells.
const (
	POSIX Shell = iota
	PowerShell
	Cmd
)

// String names the shell.
func (d Shell) String() string { return [...]string{"POSIX shell", "PowerShell", "cmd"}[d] }

// maxTokens bounds the words of one text.
const maxTokens = 8192

// Token is a word or an operator of a command line, with its place.
type Token struct {
	Start, End int    // byte offsets
	Text       string // a word without its quotes and escapes
	Op         bool
	Quoted     bool // the whole word stands in one pair of quotes
}

// operators of each dialect, longest first.
var operators = [...][]string{
	POSIX:      {"<<<", "&>>", "&&", "||", "|&", ";;", ">>", "<<", ">&", "<&", "&>", "<(", ">(", "$(", "|", "&", ";", ">", "<", "(", ")", "`", "\n"},
	PowerShell: {"&&", "||", ">>", "$(", "@(", "@{", "|", "&", ";", ">", "(", ")", "{", "}", "\n"},
	Cmd:        {"&&", "||", ">>", "|", "&", ">", "<", "(", ")", "\n"},
}

// Tokens splits a command line into words and operators, as far as its shell
// can be followed without running anything. It never fails: an open quote
// ends with its line or the text.
func Tokens(text string, d Shell) []Token {
	var out []Token
	for i := 0; i < len(text) && len(out) < maxTokens; {
		c := text[i]
		if c == ' ' || c == '\t' || c == '\r' {
			i++
			continue
		}
		if c == '#' && d != Cmd && (i == 0 || strings.IndexByte(" \t\n;", text[i-1]) >= 0) {
			for i < len(text) && text[i] != '\n' {
				i++
			}
			continue
		}
		if op := shellOperator(text, i, d); op != "" {
			out = append(out, Token{Start: i, End: i + len(op), Text: op, Op: true})
			i += len(op)
			continue
		}
		t := shellWord(text, i, d)
		out = append(out, t)
		i = t.End
	}
	return out
}

func shellOperator(text string, i int, d Shell) string {
	for _, op := range operators[d] {
		if strings.HasPrefix(text[i:], op) {
			return op
		}
	}
	return ""
}

// shellWord reads one word at i.
func shellWord(text string, i int, d Shell) Token {
	t := Token{Start: i}
	var b strings.Builder
	quotes := 0
	for i < len(text) {
		c := text[i]
		if c == ' ' || c == '\t' || c == '\r' || shellOperator(text, i, d) != "" {
			break
		}
		if c == '\\' && d != POSIX && i+1 < len(text) && text[i+1] == '"' {
			// A quote that was escaped for the shell outside.
			i++
			c = '"'
		}
		switch {
		case c == '$' && d == POSIX && i+1 < len(text) && text[i+1] == '\'':
			i++ // $'…' is a quote as well
			continue
		case c == '"' || c == '\'' && d != Cmd:
			end := quoteEnd(text, i, c, d)
			quotes++
			b.WriteString(unquote(text[i+1:end], c, d))
			if end < len(text) {
				end++
			}
			i = end
			continue
		case c == '\\' && d == POSIX && i+1 < len(text):
			if text[i+1] != '\n' {
				b.WriteByte(text[i+1])
			}
			i += 2
			continue
		case c == '`' && d == PowerShell && i+1 < len(text), c == '^' && d == Cmd && i+1 < len(text):
			b.WriteByte(text[i+1])
			i += 2
			continue
		}
		b.WriteByte(c)
		i++
	}
	if i == t.Start {
		i++
	}
	t.End = min(i, len(text))
	t.Text = b.String()
	first, last := text[t.Start], text[t.End-1]
	t.Quoted = quotes == 1 && t.End-t.Start >= 2 && first == last && (first == '"' || first == '\'')
	return t
}

// quoteEnd returns where the quote at i closes, or the end of the text.
func quoteEnd(text string, i int, q byte, d Shell) int {
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == '\\' && q == '"' && d == POSIX, text[j] == '`' && q == '"' && d == PowerShell:
			j++
		case text[j] == '\\' && d != POSIX && q == '"' && j+1 < len(text) && text[j+1] == '"' && i > 0 && text[i-1] != '\\':
			j++
		case text[j] == q:
			return j
		case text[j] == '\n' && d == Cmd:
			return j
		}
	}
	return len(text)
}

// unquote removes the escapes inside a quoted string that would keep a word
// from being recognised.
func unquote(s string, q byte, d Shell) string {
	if q == '"' && strings.Contains(s, `\"`) {
		s = strings.ReplaceAll(s, `\"`, `"`)
	}
	if q == '"' && d == PowerShell && strings.Contains(s, "`") {
		s = strings.ReplaceAll(s, "`", "")
	}
	return s
}

// verbNoun is how PowerShell's commands are named and written.
var verbNoun = regexp.MustCompile(`(?:^|[\s;|({&"'])[A-Z][a-z]{1,11}-[A-Z][A-Za-z]{2,}\b`)

// verbFirst is one of them at the place of a command, in lower case.
var verbFirst = regexp.MustCompile(`(?:^|[;|({&=\n"'])\s*(?:add|clear|connect|convert\w*|copy|disable|enable|enter|export|foreach|get|import|install|invoke|move|new|out|read|register|remove|rename|resolve|restart|resume|select|send|set|sort|start|stop|test|unregister|where|write)-[a-z]{2,}`)

// powershell begins its command line.
var powershell = regexp.MustCompile(`^\s*["']?(?:[a-z]:\\(?:[^"'|&;<>]*\\)?|%\w+%\\[^"'|&;<> ]*)?(?:powershell|pwsh)(?:\.exe)?(?:["']|\s|$)`)

// GuessShell tells the shell of a command line from its notation.
func GuessShell(text string) Shell {
	lower := strings.ToLower(text[:min(len(text), 8192)])
	score := [3]int{}
	add := func(d Shell, n int, words ...string) {
		for _, w := range words {
			if strings.Contains(lower, w) {
				score[d] += n
			}
		}
	}
	add(PowerShell, 3, "new-object", "invoke-", "write-host", "write-output", "foreach-object", "where-object", "add-type", "import-module", "out-file", "start-process", "$env:", "[char]", "&$", "& $", "-executionpolicy", "[system.", "[convert]", "[text.encoding]", "iex(", "iex (", "$_", "@{", "-erroraction", "]::")
	add(PowerShell, 2, " -f '", " -f \"", "param(", "| iex", "|iex", "| %{", "|%{", "-join", "-replace", ".ps1")
	add(Cmd, 3, "cmd /c", "cmd.exe", "%comspec%", "%temp%", "%appdata%", "%systemroot%", "@echo off", "%windir%", "%userprofile%", "%~")
	add(Cmd, 1, ".exe", ".dll", " /c ", " /f", " /s", " /q", " /add", " /create", " /all", " /domain", " /priv", " /user", ":\\", "hklm\\", "hkcu\\", ".bat", "\\\\")
	add(POSIX, 3, "/bin/", "/dev/", "/etc/", "/tmp/", "/usr/", "$(", "2>&1", "sudo ", "#!/", "bash", "${", "| sh", "|sh", "; then", "; do", "chmod ", "/var/", "~/", "<<<")
	add(POSIX, 1, "curl ", "wget ", "grep ", "awk ", "sed ", "cat ", "&&", " --")
	if verbNoun.MatchString(text[:min(len(text), 8192)]) {
		score[PowerShell] += 3
	}
	if verbFirst.MatchString(lower) {
		score[PowerShell] += 3
	}
	best := POSIX
	for _, d := range []Shell{PowerShell, Cmd} {
		if score[d] > score[best] {
			best = d
		}
	}
	// "powershell …" itself is typed into cmd, a service or Run; what matters
	// is how its own arguments are quoted.
	if powershell.MatchString(lower) {
		return PowerShell
	}
	return best
}

// Sentence reports whether a line reads as prose: words between blanks, with a
// full stop and nothing that commands have.
func Sentence(line string) bool {
	words := strings.Fields(line)
	if len(words) < 4 {
		return false
	}
	odd := 0
	for _, w := range words {
		if strings.ContainsAny(w, `\/|<>=$%&;{}[]@`) || strings.HasPrefix(w, "-") {
			odd++
		}
	}
	return odd*6 < len(words) && (strings.HasSuffix(line, ".") || odd == 0 && len(words) > 6)
}

// ProgramPath reports whether a line begins with the path of a program.
func ProgramPath(line string) bool {
	line = strings.TrimLeft(line, `"'& `)
	lower := strings.ToLower(line)
	if strings.HasPrefix(line, "./") || strings.HasPrefix(lower, "~/") && strings.Contains(line, " ") {
		return true
	}
	path := len(line) > 3 && line[1] == ':' && line[2] == '\\' || strings.HasPrefix(line, `\\`) || strings.HasPrefix(line, `%`)
	for _, ext := range []string{".exe", ".bat", ".cmd", ".ps1", ".vbs", ".com"} {
		if i := strings.Index(lower, ext); i > 0 && (path || !strings.Contains(line[:i], " ")) {
			rest := line[i+len(ext):]
			if rest == "" || rest == `"` || strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, `" `) {
				return strings.Trim(rest, `" `) != "" || !path
			}
		}
	}
	return strings.HasPrefix(line, "/") && strings.Contains(line, " -")
}

// Identifier reports whether s is letters, digits and underscores, no digit first.
func Identifier(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '_' && (s[i] < '0' || s[i] > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}

// ProgramName returns a program's name without folder and .exe, in lower case.
func ProgramName(path string) string {
	path = strings.ToLower(strings.Trim(path, `"'@`))
	if path == "%comspec%" {
		return "cmd"
	}
	if i := strings.LastIndexAny(path, `/\`); i >= 0 {
		path = path[i+1:]
	}
	for _, ext := range []string{".exe", ".com"} {
		path = strings.TrimSuffix(path, ext)
	}
	return path
}

// Script reports whether a line looks like code whose first word is no program.
func Script(line string) bool { return scriptLook.MatchString(line[:min(len(line), 4096)]) }

var scriptLook = regexp.MustCompile(`(?i)^\s*(\(?\s*(\[[a-z.]+(\[\])?\]|new-object|iex\b|&\s*[("'(]|\.\s*\()|function\s+\w|param\s*\(|import\s+\w+(\s*;|$)|eval\(|exec\(|set\s+\w+\s*=\s*createobject|dim\s+\w|sub\s+\w+\(|var\s+\w+\s*=|const\s+\w+\s*=|for\s+\S+\s+in\s|while\s+(true|:)|if\s*[\[(!]|if\s+(not\s+)?exist\s|foreach\s*\(|try\s*\{|for\s+/[flrd]\b|set\s+\w+=|del\s+["%]|\(?\s*["'{][^\n]{0,200}["']\s*-(f|join|split|replace)\b|%\w+:~)|\b(chr|char|string\.fromcharcode)\(\d+\)\s*[&+]|^\$\{?\w|^["'][^"']*["']\[-?\d|^[a-z]+=\S+;`)

// Unassigned takes away the assignments before a command of a Unix shell.
func Unassigned(line string) string { return assignments.ReplaceAllString(line, "") }

var assignments = regexp.MustCompile(`^([A-Za-z_]\w*=("[^"]*"|'[^']*'|[^\s;|&"']*)\s+)+`)
