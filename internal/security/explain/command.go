package explain

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
)

const (
	maxDepth    = 6  // commands inside arguments
	maxEmbedded = 64 // words of prose that are tried as commands
)

// call is one program of a text with its arguments, in offsets of that text.
type call struct {
	d       decode.Shell
	name    string // base name, lower case
	program decode.Token
	args    []decode.Token
	redirs  []string
	piped   bool
	depth   int
	start   int
	end     int // of the command
	stmtEnd int // of its pipeline
	known   []*program
}

// calls reads the commands of text, and tells the shell. A first program that
// only Windows has tells more than the notation does, unless PowerShell's own
// commands stand beside it.
func (s *session) calls(text string) (decode.Shell, []call) {
	d := decode.GuessShell(text)
	out := s.nested(text, 0, d, 0)
	i := slices.IndexFunc(out, func(c call) bool { return len(c.known) > 0 })
	if i < 0 || d == decode.Cmd || d == decode.PowerShell && (out[i].start > 1 || strings.Contains(text, "\n")) || !slices.Equal(out[i].known[0].platforms, []string{"windows"}) ||
		slices.ContainsFunc(out, func(c call) bool {
			return c.depth == 0 && (s.cmdlet(c.name) || len(c.known) > 0 && strings.HasPrefix(c.known[0].what, "PowerShell"))
		}) {
		return d, out
	}
	return decode.Cmd, s.nested(text, 0, decode.Cmd, 0)
}

// nested reads the commands of text, which begins at base in the text whose
// offsets count.
func (s *session) nested(text string, base int, d decode.Shell, depth int) []call {
	if depth > maxDepth {
		return nil
	}
	var out []call
	toks := decode.Tokens(text, d)
	stmt := 0 // first call of the current pipeline
	closeStmt := func(end int) {
		for i := stmt; i < len(out); i++ {
			if out[i].stmtEnd == 0 {
				out[i].stmtEnd = base + end
			}
		}
		stmt = len(out)
	}
	piped := false
	for i := 0; i < len(toks); {
		t := toks[i]
		if t.Op && !redirect(t.Text) {
			if t.Text == "|" || t.Text == "|&" {
				piped = true
			} else {
				closeStmt(t.Start)
				piped = false
			}
			i++
			continue
		}
		j := i
		var words []decode.Token
		var redirs []string
		for j < len(toks) {
			if toks[j].Op && redirect(toks[j].Text) {
				if j+1 < len(toks) && !toks[j+1].Op {
					redirs = append(redirs, toks[j].Text+" "+toks[j+1].Text)
					j++
				}
			} else if toks[j].Op {
				break
			} else {
				words = append(words, toks[j])
			}
			j++
		}
		end := toks[j-1].End
		if c, ok := s.call(words, d); ok {
			c.redirs, c.piped, c.depth = redirs, piped, depth
			c.start, c.end = base+c.program.Start, base+end
			inner := s.inside(text, &c, base, end, depth)
			shift(&c, base)
			out = append(out, c)
			out = append(out, inner...)
		}
		i = j
	}
	closeStmt(len(text))
	return out
}

// shift moves a call's tokens into the offsets that count.
func shift(c *call, base int) {
	c.program.Start += base
	c.program.End += base
	c.args = slices.Clone(c.args)
	for i := range c.args {
		c.args[i].Start += base
		c.args[i].End += base
	}
}

func redirect(op string) bool {
	return strings.ContainsAny(op, "<>") && !strings.Contains(op, "(")
}

// programLook is how a program that nobody knows is written: no variable, number
// or method.
var programLook = regexp.MustCompile(`(?i)^[a-z%~"'][\w.%~:\\/ ()+-]*[a-z0-9"'%]$|^\.{0,2}[\\/][\w.@]`)

// call makes a call of words: it skips assignments and call operators.
func (s *session) call(words []decode.Token, d decode.Shell) (call, bool) {
	for len(words) > 0 {
		w := words[0].Text
		name, _, assigns := strings.Cut(w, "=")
		switch {
		case d == decode.POSIX && assigns && decode.Identifier(name) && !words[0].Quoted:
			words = words[1:]
		case len(w) == 1 && strings.Contains(".@!{}?:=", w) || s.tab.lists("keyword", w):
			words = words[1:]
		case d == decode.PowerShell && strings.HasPrefix(w, "$") && len(words) > 2 && words[1].Text == "=":
			words = words[2:]
		default:
			c := call{d: d, program: words[0], args: words[1:], name: decode.ProgramName(w)}
			c.known = s.lookup(c.name, d)
			return c, len(c.known) > 0 || programLook.MatchString(w)
		}
	}
	return call{}, false
}

// lookup returns the entries for a program, those of the dialect's platform
// alone if there are any. "python3.11" is found as python3 and then as python;
// APT29 is no apt.
func (s *session) lookup(name string, d decode.Shell) []*program {
	list := s.tab.programs[name]
	_, versioned := s.tab.within("versioned", name)
	for n := name; versioned && len(list) == 0 && n != "" && (n[len(n)-1] >= '0' && n[len(n)-1] <= '9' || n[len(n)-1] == '.'); {
		n = n[:len(n)-1]
		list = s.tab.programs[n]
	}
	if len(list) < 2 {
		return list
	}
	want := "windows"
	if d == decode.POSIX {
		want = "linux"
	}
	fit := slices.DeleteFunc(slices.Clone(list), func(p *program) bool { return !slices.Contains(p.platforms, want) })
	if len(fit) == 0 {
		return list
	}
	return fit
}

// inside reads the commands in the arguments of c: quoted scripts, and the
// program that a wrapper starts.
func (s *session) inside(text string, c *call, base, end, depth int) []call {
	if s.tab.lists("interpreter", c.name) {
		return nil
	}
	wraps := s.tab.lists("wrapper", c.name)
	flag := ""
	for i, a := range c.args {
		lower := strings.ToLower(a.Text)
		switch {
		case a.Quoted && strings.ContainsAny(a.Text, " ;|&(") && s.commandLike(a.Text, scriptFlag(c.name, flag)):
			body := text[a.Start+1 : a.End-1]
			return s.nested(body, base+a.Start+1, s.innerDialect(c, body), depth+1)
		case wraps && !a.Quoted && (c.name == "cmd" && (lower == "/c" || lower == "/k" || lower == "/r") || (c.name == "powershell" || c.name == "pwsh") && isCommandFlag(lower)) && i+1 < len(c.args):
			next := c.args[i+1]
			if next.Quoted && i+2 == len(c.args) {
				flag = lower
				continue
			}
			return s.nested(text[next.Start:end], base+next.Start, s.innerDialect(c, text[next.Start:end]), depth+1)
		case wraps && (c.name != "find" || strings.HasPrefix(flag, "-exec") || flag == "-ok") && s.starts(a, c):
			return s.nested(text[a.Start:end], base+a.Start, c.d, depth+1)
		}
		flag = lower
	}
	return nil
}

func isCommandFlag(flag string) bool {
	flag = strings.TrimLeft(flag, "-/–—")
	return flag != "" && len(flag) <= len("command") && strings.HasPrefix("command", flag)
}

// scriptFlag reports whether the option before an argument says that it is a
// script.
func scriptFlag(name, flag string) bool {
	switch flag {
	case "-c", "/c", "-command", "-exec", "/tr", "-e", "/k", "create":
		return name != "grep" && name != "git" && name != "tar"
	}
	return strings.HasPrefix(strings.ToLower(flag), "binpath") || name == "eval" || name == "ssh" && flag != ""
}

// innerDialect is the shell of a script inside an argument.
func (s *session) innerDialect(c *call, body string) decode.Shell {
	switch c.name {
	case "powershell", "pwsh":
		return decode.PowerShell
	case "cmd":
		return decode.Cmd
	case "bash", "sh", "zsh", "dash", "ksh", "su", "ash":
		return decode.POSIX
	case "ssh", "docker", "kubectl", "sudo", "find", "xargs":
		return decode.POSIX
	}
	return decode.GuessShell(body)
}

// starts reports whether an argument of a wrapper is the program it starts.
func (s *session) starts(a decode.Token, c *call) bool {
	if a.Quoted && strings.Contains(a.Text, " ") || strings.HasPrefix(a.Text, "-") || strings.LastIndexByte(a.Text, '/') == 0 {
		return false
	}
	name := decode.ProgramName(a.Text)
	known := s.lookup(name, c.d)
	return len(known) > 0 && (c.d != decode.POSIX || len(known[0].platforms) > 1 || known[0].platforms[0] != "windows") && (strings.ContainsAny(a.Text, `./\`) || len(name) > 1)
}

// commandLike reports whether a text begins as a command does. Where an option
// says that it is a script, a word that could be a program is enough.
func (s *session) commandLike(text string, said bool) bool {
	first := strings.TrimLeft(text, " \t\r\n(&.@!\"'\\")
	if i := strings.IndexAny(first, " \t\r\n;|&(\"'"); i >= 0 {
		first = first[:i]
	}
	if first == "" {
		return strings.HasPrefix(strings.TrimSpace(text), "(")
	}
	if strings.HasPrefix(first, "$") || strings.HasPrefix(first, "[") {
		return true
	}
	if len(s.lookup(decode.ProgramName(first), decode.POSIX)) > 0 || s.cmdlet(first) {
		return true
	}
	return said && strings.ContainsAny(text, " ;|&")
}

// cmdlet reports whether a word is written as Verb-Noun.
func (s *session) cmdlet(w string) bool {
	verb, noun, ok := strings.Cut(strings.ToLower(w), "-")
	return ok && noun != "" && decode.Identifier(noun) && s.tab.lists("verb", verb)
}

// embedded looks for commands inside prose and log lines: known programs whose
// arguments show something. What shows nothing is not worth a line.
func (s *session) embedded(text string) []call {
	var out []call
	tried, last := 0, 0
	for _, t := range decode.Tokens(text, decode.Cmd) {
		if t.Op || t.Start < last || tried >= maxEmbedded {
			continue
		}
		name := decode.ProgramName(strings.Trim(t.Text, `,:;()[]{}'"=`))
		if _, after, ok := strings.Cut(name, "="); ok {
			name = after
		}
		if len(name) < 2 || len(s.tab.programs[name]) == 0 {
			continue
		}
		tried++
		need := casemate.SeverityMedium
		if s.tab.lists("common", name) { // a word of prose, too
			need = casemate.SeverityHigh
		}
		start := t.Start + max(0, strings.Index(strings.ToLower(text[t.Start:t.End]), name))
		// A path before the name belongs to it.
		line := text[start:]
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		line = cut2(line, 4096)
		for _, c := range s.nested(line, start, decode.GuessShell(line), 1) {
			if worst(s.match(text, &c)) >= need {
				out = append(out, c)
				last = c.end
			}
		}
	}
	return out
}

func cut2(s string, n int) string { return s[:min(len(s), n)] }

// hit is a clue that a call shows, and where.
type hit struct {
	clue       *clue
	start, end int
}

func worst(hits []hit) casemate.Severity {
	w := casemate.SeverityUnknown
	for _, h := range hits {
		w = max(w, h.clue.level)
	}
	return w
}

// match tries the clues of a call's program. text is the text of its offsets.
func (s *session) match(text string, c *call) []hit {
	var out []hit
	for _, p := range c.known {
		for _, k := range p.clues {
			if h, ok := c.try(text, k); ok {
				out = append(out, h)
			}
		}
	}
	// That a program runs says nothing beside what its options say.
	said := worst(slices.DeleteFunc(slices.Clone(out), func(h hit) bool { return h.clue.always }))
	if said > casemate.SeverityInformational {
		out = slices.DeleteFunc(out, func(h hit) bool { return h.clue.always && h.clue.level <= said })
	}
	return out
}

func (c *call) try(text string, k *clue) (hit, bool) {
	switch {
	case k.always:
		return hit{k, c.program.Start, c.program.End}, true
	case k.re != nil:
		end := c.end
		if strings.Contains(k.re.src, `\|\s`) {
			end = max(end, c.stmtEnd)
		}
		at := k.re.find(cut2(text[c.start:end], MaxScan))
		if at == nil {
			return hit{}, false
		}
		for at[0] < at[1]-1 && text[c.start+at[0]] == ' ' {
			at[0]++
		}
		return hit{k, c.start + at[0], c.start + at[1]}, true
	}
	for _, not := range k.absent {
		if slices.ContainsFunc(c.args, func(a decode.Token) bool { return not.find(a.Text) != nil }) {
			return hit{}, false
		}
	}
	start, end, next := -1, 0, 0
	for _, a := range c.args {
		if next < len(k.words) && k.words[next].find(a.Text) != nil {
			if start < 0 {
				start = a.Start
			}
			end = a.End
			next++
		}
	}
	return hit{k, start, end}, start >= 0 && next == len(k.words)
}
