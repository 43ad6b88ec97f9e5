package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// analysis collects what the texts of one input show: the input itself, the
// fields of a record, and every layer that was decoded.
type analysis struct {
	s        *session
	e        *Explanation
	seen     map[string]bool // findings by meaning
	programs map[string]int
	values   map[casemate.Indicator]bool
	roots    map[string]string // the examined texts by field
	command  bool              // some text is a command line
	shell    decode.Shell
	veiled   bool // the text came out of a disguise
}

func (s *session) analyse(e *Explanation) *analysis {
	return &analysis{s: s, e: e, seen: map[string]bool{}, programs: map[string]int{}, values: map[casemate.Indicator]bool{}, roots: map[string]string{}}
}

// role says what a text is taken for.
type role uint8

const (
	prose   role = iota // commands are only looked for inside it
	command             // it is a command line or script
	plain               // it is neither: no commands are looked for
)

// examine analyses a text and all its layers.
func (a *analysis) examine(field, text string, r role) {
	a.roots[field] = text
	layers := decode.Layers(text, a.s.opt.Decode)
	base := len(a.e.Layers)
	rewritten := map[int]bool{}
	for _, l := range layers {
		if l.Parent >= 0 {
			l.Parent += base
		}
		if l.Whole {
			rewritten[l.Parent] = true
		}
		a.e.Layers = append(a.e.Layers, Layer{Layer: l, Field: field})
	}
	a.one(text, Span{Field: field, Layer: -1}, r, !rewritten[-1])
	for i := range layers {
		at := base + i
		l := &a.e.Layers[at]
		if l.Binary != nil {
			a.binary(l, at)
			continue
		}
		inner := prose
		if _, line := a.s.isLine(l.Text); r != plain && (line || l.Whole && r == command) {
			inner = command
		}
		a.disguise(l, r)
		a.one(l.Text, Span{Field: field, Layer: at}, inner, !rewritten[at])
	}
	a.veiled = false
}

// one analyses a single text. list says whether its commands are shown: those
// of a disguised text are shown once, without the disguise.
func (a *analysis) one(text string, at Span, r role, list bool) {
	if len(text) > MaxScan {
		text = cut2(text, MaxScan)
		a.note(fmt.Sprintf("rules were tried on the first %d bytes of %s only", MaxScan, place(at)))
	}
	a.texts(text, at)
	a.address(text, at)
	a.hidden(text, at)
	switch r {
	case command:
		d, calls := a.s.calls(text)
		if !a.command || a.shell == decode.POSIX && at.Layer >= 0 && a.e.Layers[at.Layer].Whole && a.e.Layers[at.Layer].Parent < 0 {
			a.shell = d
		}
		a.command = true
		a.calls(text, at, calls, list)
	case prose:
		a.calls(text, at, a.s.embedded(text), list)
	}
	a.urls(text, at)
	a.misplaced(text, at)
	a.registryKeys(text, at)
	a.tokens(text, at)
	a.indicators(text, at)
}

func place(at Span) string {
	switch {
	case at.Layer >= 0:
		return fmt.Sprintf("layer %d", at.Layer+1)
	case at.Field != "":
		return at.Field
	}
	return "the input"
}

func (a *analysis) note(text string) {
	if !slices.Contains(a.e.Notes, text) {
		a.e.Notes = append(a.e.Notes, text)
	}
}

// find adds a finding unless its meaning is known already.
func (a *analysis) find(f Finding, text string) {
	if a.seen[f.Text] {
		return
	}
	a.seen[f.Text] = true
	// Whoever hides that something is run has a reason to.
	if a.veiled && f.Level == casemate.SeverityMedium && slices.ContainsFunc(f.Techniques, func(t string) bool { return strings.HasPrefix(t, "T1059") }) {
		f.Level = casemate.SeverityHigh
	}
	if f.Quote == "" && f.Span.End <= len(text) && f.Span.Start < f.Span.End {
		f.Quote = phrase.Short(text[f.Span.Start:f.Span.End], maxQuote)
	}
	a.e.Findings = append(a.e.Findings, f)
}

// texts tries the clues that may stand in any text.
func (a *analysis) texts(text string, at Span) {
	lower := strings.ToLower(text)
	for _, c := range a.s.tab.text {
		if a.seen[c.means] || len(c.needs) > 0 && !slices.ContainsFunc(c.needs, func(n string) bool { return strings.Contains(lower, n) }) {
			continue
		}
		if m := c.re.find(text); m != nil {
			span := at
			span.Start, span.End = m[0], m[1]
			a.find(Finding{Level: c.level, Text: c.means, Techniques: c.techniques, Span: span, Source: "behaviour"}, text)
		}
	}
}

const addresses = "addresses the reader or a model; nothing in it was followed, and nothing else here changed because of it"

// address reports text that gives orders to whoever reads it.
func (a *analysis) address(text string, at Span) {
	for _, p := range a.s.tab.address {
		if m := p.find(text); m != nil {
			span := at
			span.Start, span.End = m[0], m[1]
			a.find(Finding{Level: casemate.SeverityMedium, Text: addresses, Span: span, Source: "text"}, text)
			return
		}
	}
}

// hidden reports characters that make a text look other than it is.
func (a *analysis) hidden(text string, at Span) {
	for _, h := range decode.Hidden(text) {
		f := a.s.tab.facts["hidden"][h.Kind]
		span := at
		span.Start, span.End = h.At, h.At+len(string(h.Rune))
		a.find(Finding{Level: casemate.SeverityMedium, Text: f.means, Techniques: f.techniques, Span: span, Quote: fmt.Sprintf("U+%04X", h.Rune), Source: "behaviour"}, text)
	}
}

// disguises are the operations that only a disguise needs.
var disguises = []string{"caret removal", "backtick removal", "string concatenation", "character codes", "format operator", "replace", "reverse", "-join", "-split", "index", "cmd variables", "shell variables", "shell quoting", "hidden Unicode tags", "rot13", "xor", "octal escapes", "substring"}

// disguise reports a layer whose encoding hides a command.
func (a *analysis) disguise(l *Layer, r role) {
	span := Span{Field: l.Field, Layer: l.Parent, Start: l.Start, End: l.End}
	a.veiled = false
	for _, d := range disguises {
		if strings.Contains(l.Op, d) {
			a.find(Finding{
				Level: casemate.SeverityMedium, Text: "disguises its text (" + l.Op + ")", Techniques: []string{"T1027.010"},
				Span: span, Quote: a.quote(l), Source: "behaviour",
			}, "")
			a.veiled = !strings.Contains(d, "variables") // those have honest uses
			return
		}
	}
	if !strings.Contains(l.Op, "base64") && !strings.Contains(l.Op, "hex") && !strings.Contains(l.Op, "bytes") || r == plain {
		return
	}
	lv := casemate.SeverityLow
	if a.s.isCommand(l.Text) {
		lv = casemate.SeverityMedium
	}
	a.find(Finding{
		Level: lv, Text: fmt.Sprintf("holds encoded text (%s)", l.Op), Techniques: []string{"T1027.010"},
		Span: span, Quote: a.quote(l), Source: "behaviour",
	}, "")
}

// quote returns the text that a layer came from.
func (a *analysis) quote(l *Layer) string {
	from := a.roots[l.Field]
	if l.Parent >= 0 {
		from = a.e.Layers[l.Parent].Text
	}
	if l.End > len(from) {
		return ""
	}
	return phrase.Short(from[l.Start:l.End], maxQuote)
}

// binary reports decoded content that is not text.
func (a *analysis) binary(l *Layer, at int) {
	lv, means := casemate.SeverityLow, "holds encoded binary data ("+l.Binary.Kind+")"
	switch kind := l.Binary.Kind; {
	case strings.Contains(kind, "executable") || kind == "shellcode-like" || strings.Contains(kind, "serialized"):
		lv = casemate.SeverityHigh
		means = "carries an encoded program or loader (" + kind + ")"
	case strings.Contains(kind, "image") || strings.Contains(kind, "DER"):
		lv = casemate.SeverityInformational
	}
	if lv > casemate.SeverityInformational {
		a.find(Finding{
			Level: lv, Text: means, Techniques: []string{"T1027.009"}, Source: "behaviour",
			Span: Span{Field: l.Field, Layer: l.Parent, Start: l.Start, End: l.End}, Quote: a.quote(l),
		}, "")
	}
	for _, str := range l.Binary.Strings {
		a.indicators(str, Span{Field: l.Field, Layer: at})
	}
}

// calls adds commands, their programs and what their arguments show.
func (a *analysis) calls(text string, at Span, calls []call, list bool) {
	for i := range calls {
		c := &calls[i]
		hits := a.s.match(text, c)
		for _, h := range hits {
			if h.clue.level <= casemate.SeverityInformational || h.clue.means == "" {
				continue
			}
			span := at
			span.Start, span.End = h.start, h.end
			a.find(Finding{Level: h.clue.level, Text: h.clue.means, Techniques: h.clue.techniques, Span: span, Source: "behaviour"}, text)
		}
		if !list {
			continue
		}
		if len(a.e.Commands) >= maxCommands {
			a.note(fmt.Sprintf("only the first %d commands are listed", maxCommands))
			continue
		}
		span := at
		span.Start, span.End = c.start, c.end
		out := Command{Shell: c.d.String(), Program: c.program.Text, Name: c.name, Redirects: c.redirs, Piped: c.piped, Depth: c.depth, Span: span}
		for _, arg := range c.args {
			out.Args = append(out.Args, arg.Text)
		}
		a.e.Commands = append(a.e.Commands, out)
		a.program(text, c, hits)
	}
}

// program adds what is known of a call's program, once, with the options seen.
func (a *analysis) program(text string, c *call, hits []hit) {
	if len(c.known) == 0 {
		return
	}
	at, known := a.programs[c.name]
	if !known {
		if len(a.e.Programs) >= maxPrograms {
			return
		}
		p := c.known[0]
		at = len(a.e.Programs)
		a.programs[c.name] = at
		a.e.Programs = append(a.e.Programs, Program{Name: c.name, Platforms: p.platforms, What: p.what, Use: p.use})
	}
	p := &a.e.Programs[at]
	for _, h := range hits {
		if h.clue.always || h.clue.means == "" {
			continue
		}
		f := Flag{Text: phrase.Short(strings.TrimSpace(text[h.start:h.end]), 60), Means: h.clue.means, Level: h.clue.level}
		if !slices.ContainsFunc(p.Flags, func(o Flag) bool { return o.Means == f.Means }) {
			p.Flags = append(p.Flags, f)
		}
	}
}

// indicators adds what can be looked for elsewhere.
func (a *analysis) indicators(text string, at Span) {
	for _, ind := range indicator.Extract(nil, at.Field, text) {
		a.indicator(ind, text, at)
	}
}

func (a *analysis) indicator(ind casemate.Indicator, text string, at Span) {
	key := casemate.Indicator{Type: ind.Type, Value: ind.Value}
	if a.values[key] || len(a.e.Indicators) >= maxIndicators {
		return
	}
	a.values[key] = true
	span := at
	if i := strings.Index(strings.ToLower(text), strings.ToLower(ind.Value)); i >= 0 && i+len(ind.Value) <= len(text) {
		span.Start, span.End = i, i+len(ind.Value)
	}
	a.e.Indicators = append(a.e.Indicators, Indicator{
		Type: ind.Type, Value: strings.Clone(ind.Value), Shown: indicator.Defanged(ind), Scope: ind.Scope,
		Note: a.s.indicatorNote(ind), Span: span,
	})
}

// indicatorNote says what the tables know of an indicator.
func (s *session) indicatorNote(ind casemate.Indicator) string {
	switch ind.Type {
	case casemate.IndicatorDomain:
		if f, ok := s.host(ind.Value); ok {
			return f.means
		}
	case casemate.IndicatorMD5, casemate.IndicatorSHA1, casemate.IndicatorSHA256, casemate.IndicatorSHA512:
		return s.tab.facts["hash"][ind.Value].means
	case casemate.IndicatorCVE:
		if k, ok := s.opt.Catalogue.KEV(ind.Value); ok {
			return "known to be exploited: " + k.Vendor + " " + k.Product
		}
	}
	return ""
}

// host looks a name up, then the domains above it.
func (s *session) host(name string) (fact, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for name != "" {
		if f, ok := s.tab.facts["host"][name]; ok {
			return f, true
		}
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			break
		}
		name = rest
	}
	return fact{}, false
}

// isCommand reports whether a text begins as a command or script does.
func (s *session) isCommand(text string) bool {
	text = strings.TrimSpace(text)
	if text == "" {
		return false
	}
	if strings.HasPrefix(text, "#!") || strings.HasPrefix(strings.ToLower(text), "@echo off") {
		return true
	}
	line := text
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	line = cut2(line, 8192)
	first, rest := decode.Unassigned(strings.TrimPrefix(strings.TrimPrefix(line, "$'"), "`")), ""
	first = strings.TrimLeft(first, "&(. '\"")
	if i := strings.IndexAny(first, " ;|&<>'\""); i >= 0 {
		first, rest = first[:i], first[i:]
	}
	name := decode.ProgramName(first)
	known := len(s.lookup(name, decode.POSIX)) > 0
	switch {
	case s.cmdlet(first) || strings.HasPrefix(first, "$") && strings.ContainsAny(line, "=(|."):
		return true
	case !known && s.operators(line):
		return true
	case !known:
		return decode.ProgramPath(line)
	}
	// A known word that is also an English one needs a command's look.
	if s.tab.lists("common", name) && !strings.ContainsAny(rest, "-/|<>=\\$.&;") {
		return rest == "" || len(strings.Fields(rest)) <= 2
	}
	return !decode.Sentence(line)
}

// operators reports whether a line is glued together as commands are.
func (s *session) operators(line string) bool {
	for _, op := range []string{" | ", " && ", "; ", " > ", " >> ", "|", "&"} {
		for part := range strings.SplitSeq(line, op) {
			f := strings.Fields(strings.TrimLeft(part, " (&"))
			if len(f) > 0 && part != line && len(s.lookup(decode.ProgramName(f[0]), decode.POSIX)) > 0 && !s.tab.lists("common", decode.ProgramName(f[0])) && !decode.Sentence(part) {
				return true
			}
		}
	}
	return false
}
