package explain

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// kind is what an input is taken for. Its function fills the explanation in.
type kind struct {
	name  string
	match func(s *session, text string) (why string, ok bool)
	tell  func(s *session, text string, e *Explanation)
}

// asked is a question about one thing.
var asked = regexp.MustCompile(`(?i)^(?:(?:what|who)(?:\s+is|\s+are|'s|\s+does)|explain|is)\s+(?:the\s+|an?\s+)?(.{2,80}?)(?:\s+(?:mean|malicious|bad|safe))?\s*\?*$`)

// single explains one input.
func (s *session) single(text string) Explanation {
	text = strings.TrimSpace(text)
	if m := asked.FindStringSubmatch(cut2(text, 128)); m != nil && s.isAtom(m[1]) {
		text = m[1]
	}
	var e Explanation
	for _, k := range kinds() {
		why, ok := k.match(s, text)
		if !ok {
			continue
		}
		e.Kind = k.name
		if why != "" {
			e.Why = append(e.Why, why)
		}
		k.tell(s, text, &e)
		break
	}
	return e
}

// asides finds the orders to the reader that stand beside what was pasted: lines
// that are nothing else, and comments behind a command. It returns the text with
// blanks in their place, and where they stand. A document is not touched: what
// stands in one of its fields is seen there.
func (s *session) asides(text string) (string, [][2]int) {
	for _, whole := range []func(*session, string) (string, bool){(*session).isHeader, (*session).isDocument} {
		if _, ok := whole(s, strings.TrimSpace(text)); ok {
			return text, nil
		}
	}
	rest := []byte(text)
	var out [][2]int
	start, lines := 0, 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		from, end := start, start+len(strings.TrimRight(line, "\r\n"))
		start += len(line)
		if lines++; lines > MaxParts {
			break
		}
		at := s.addressed(text[from:end])
		if at < 0 {
			continue
		}
		if mark := strings.LastIndex(text[from:from+at+1], " #"); mark > 0 {
			from += len(strings.TrimRight(text[from:from+mark], " #"))
		} else if _, line := s.isLine(text[from:end]); line || element.MatchString(text[from:end]) || s.isAtom(text[from:end]) || end-from == len(strings.TrimSpace(text)) {
			continue
		}
		out = append(out, [2]int{from, end})
		for i := from; i < end; i++ {
			rest[i] = ' '
		}
	}
	if strings.TrimSpace(string(rest)) == "" {
		return text, nil
	}
	return string(rest), out
}

// element is a part of XML.
var element = regexp.MustCompile(`</?[A-Za-z][^<>|]*>`)

// addressed returns where a line begins to give orders to its reader, or -1.
func (s *session) addressed(line string) int {
	for _, p := range s.tab.address {
		if m := p.find(cut2(line, 8192)); m != nil {
			return m[0]
		}
	}
	return -1
}

// kinds lists what is recognised, the most particular first.
func kinds() []kind {
	return []kind{
		{"catalogue id", (*session).isID, (*session).tellID},
		{"hash", (*session).isHash, (*session).tellHash},
		{"JSON Web Token", (*session).isJWT, (*session).tellJWT},
		{"security identifier", (*session).isSID, (*session).tellSID},
		{"network address", (*session).isAddress, (*session).tellAddress},
		{"URL", (*session).isURL, (*session).tellURL},
		{"mail address", (*session).isMail, (*session).tellMail},
		{"event id or code", (*session).isCode, (*session).tellCode},
		{"registry key", (*session).isRegistry, (*session).tellRegistry},
		{"domain name", (*session).isDomain, (*session).tellDomain},
		{"file path", (*session).isPath, (*session).tellPath},
		{"user agent", (*session).isAgent, (*session).tellAgent},
		{"mail header", (*session).isHeader, (*session).tellHeader},
		{"scheduled task (XML)", (*session).isTask, (*session).tellTask},
		{"record", (*session).isRecord, (*session).tellRecord},
		{"form", (*session).isForm, (*session).tellForm},
		{"catalogue name", (*session).isName, (*session).tellName},
		{"command line", (*session).isLine, (*session).tellLine},
		{"text", func(*session, string) (string, bool) { return "", true }, (*session).tellText},
	}
}

// isLine takes every text that begins as a command does.
func (s *session) isLine(text string) (string, bool) {
	for line := range strings.SplitSeq(cut2(text, 16384), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#!") || strings.HasPrefix(line, "REM ") || strings.HasPrefix(line, "//") {
			continue
		}
		if s.isCommand(line) {
			return "it begins as a command does", true
		}
		if decode.Script(line) {
			return "it is written as a script", true
		}
		break
	}
	return "", false
}

func (s *session) tellLine(text string, e *Explanation) {
	a := s.analyse(e)
	a.examine("", text, command)
	e.Kind = a.lineKind(text)
	s.runRules(text, a)
}

// lineKind names what a command line or script is written for.
func (a *analysis) lineKind(text string) string {
	kind := [...]string{"POSIX shell", "PowerShell", "Windows"}[a.shell]
	if strings.Count(text, "\n") >= 2 {
		return kind + " script"
	}
	return kind + " command line"
}

// form finds what a text is written as; end is where its mark ends.
func (s *session) form(text string) (f form, end int) {
	for _, f := range s.tab.forms {
		if at := f.re.find(cut2(text, MaxScan)); at != nil && (f.section != "prefix" || at[1] < len(text)) {
			return f, at[1]
		}
	}
	return form{}, 0
}

func (s *session) isForm(text string) (string, bool) {
	f, _ := s.form(text)
	return "its form", f.name != ""
}

// tellForm explains what stands behind a mark, such as a prompt, as the command
// that it is. What a detection rule looks for was not seen.
func (s *session) tellForm(text string, e *Explanation) {
	f, end := s.form(text)
	e.Kind = f.name
	a := s.analyse(e)
	switch f.section {
	case "atom":
		e.Risk.Level = RiskLookup
		e.Kind, _, _ = strings.Cut(f.name, ":")
		e.Summary = phrase.Upper(article(f.name)) + f.name + "."
		if t, ok := decode.Time(text); ok {
			e.Summary = text + " is the time " + t.Format("2006-01-02 15:04:05 UTC") + "."
		}
	case "rule":
		e.Risk.Level = RiskLookup
		e.Summary = phrase.Upper(article(f.name)) + f.name + ": what stands in it is looked for and was not seen."
		a.address(text, Span{Layer: -1})
		a.indicators(cut2(text, MaxScan), Span{Layer: -1})
	case "prefix":
		a.examine("", text[end:], command)
		s.runRules(text[end:], a)
		e.shift(0, 0, end)
		if f.name == "prompt" {
			e.Kind = a.lineKind("")
		}
	default:
		r := s.role(text)
		if strings.HasPrefix(f.name, "network") {
			r = command
		}
		a.examine("", text, r)
	}
}

// role tells a command line or script from prose.
func (s *session) role(text string) role {
	if _, line := s.isLine(text); line {
		return command
	}
	return prose
}

// article returns "a " or "an ", as a name is spoken: an LDAP filter, a URL.
func article(name string) string {
	vowels := "AEIOaeio"
	if len(name) > 1 && name[1] >= 'A' && name[1] <= 'Z' {
		vowels = "AEFHILMNORSX"
	}
	if name != "" && strings.ContainsRune(vowels, rune(name[0])) {
		return "an "
	}
	return "a "
}

func (s *session) tellText(text string, e *Explanation) {
	a := s.analyse(e)
	a.examine("", text, prose)
	for _, f := range decode.Header(cut2(text, MaxScan)) {
		if table, ok := s.tab.facts["field"][strings.ToLower(strings.ReplaceAll(f[0], " ", ""))]; ok {
			a.code(casemate.Field{Name: f[0], Value: f[1]}, table.means)
		}
	}
	switch {
	case a.command && e.Layers[0].Whole:
		e.Kind = a.lineKind(text)
		e.Why = append(e.Why, "it is one once its disguise is undone")
	case len(e.Commands) > 0:
		e.Why = append(e.Why, "commands were found inside it")
	}
}

// split cuts an input into parts that each stand for themselves: lines that are
// ids, indicators, records or commands of their own. A script, a mail header, a
// JSON document or a folded text is one part.
func (s *session) split(text string) []string {
	if !strings.Contains(strings.TrimSpace(text), "\n") {
		ids := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t,;", r) })
		if slices.ContainsFunc(ids, func(w string) bool { return !idForm.MatchString(w) }) {
			return nil
		}
		return ids
	}
	if f, _ := s.form(text); f.section == "rule" || f.section == "form" {
		return nil
	}
	for _, whole := range []func(*session, string) (string, bool){(*session).isHeader, (*session).isTask, (*session).isDocument} {
		if _, ok := whole(s, text); ok {
			return nil
		}
	}
	var parts []string
	atoms, lines := 0, 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		parts = append(parts, line)
		if lines++; lines <= 64 {
			if s.isAtom(line) {
				atoms++
			}
		}
	}
	// The records of one event of auditd belong together.
	if atoms*5 >= min(lines, 64)*3 && strings.Count(text, " msg=audit(") < lines {
		return parts
	}
	// Lines of commands are one script.
	return nil
}

// isAtom reports whether a line is something by itself, other than a command.
func (s *session) isAtom(line string) bool {
	for _, k := range kinds() {
		if k.name == "command line" || k.name == "text" || k.name == "scheduled task (XML)" || k.name == "mail header" || k.name == "file path" {
			continue
		}
		if _, ok := k.match(s, line); ok {
			return true
		}
	}
	return false
}
