package grounding

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/fields"
	"github.com/casemate-ai/casemate/internal/security/grounding/moment"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// index is one piece of evidence, made ready for look-ups when it is first needed.
type index struct {
	e     *casemate.Evidence
	book  *book
	clean func(string) string
	tied  func() map[string][]string // see Checker.ties

	once sync.Once
	low  string // everything that it says, folded; see fold
	own  string // its text and name alone, folded

	timesOnce sync.Once
	times     []moment.Moment // in the text, after First and Last
	lengths   []time.Duration // that the text states

	numbersOnce sync.Once
	values      []float64 // numbers of the text, sorted

	quoteOnce sync.Once
	exact     []string // its text as it is and as a prompt shows it, blanks folded

	pairsOnce sync.Once
	pairs     []pair
}

// ready builds the text that names are looked up in: all fields, one a line.
func (x *index) ready() {
	x.once.Do(func() {
		e := x.e
		var b strings.Builder
		b.Grow(len(e.Text) + 512)
		b.WriteString(e.Text)
		b.WriteByte('\n')
		b.WriteString(e.Name)
		x.own = fold(b.String())
		for _, s := range []string{e.Host, e.User, e.Author, e.Record, e.At.File} {
			b.WriteByte('\n')
			b.WriteString(s)
		}
		for _, n := range e.Entities {
			b.WriteByte('\n')
			b.WriteString(n.Value)
		}
		for _, id := range e.Techniques {
			for _, t := range x.book.line(id) {
				b.WriteByte('\n')
				b.WriteString(t)
			}
		}
		if strings.Contains(e.Text, "::") { // IPv6 has many spellings
			for _, ind := range indicator.Extract(nil, "", e.Text) {
				if ind.Type == casemate.IndicatorIPv6 {
					b.WriteByte('\n')
					b.WriteString(ind.Value)
				}
			}
		}
		x.low = fold(indicator.Refang(b.String()))
	})
}

// fold makes texts comparable: lower case, straight quotation marks, blanks as one
// space, and one backslash where JSON has two. Lines stay apart by a line feed.
func fold(s string) string {
	s = strings.ToLower(straight(s))
	var b strings.Builder
	b.Grow(len(s))
	blank := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if c == '\n' || blank == 0 {
				blank = c
			}
			continue
		case c == '\\' && i+1 < len(s) && s[i+1] == '\\' && i > 0 && (word(s[i-1]) || s[i-1] == ':' || s[i-1] == '.' || s[i-1] == '%' || s[i-1] == ')' || s[i-1] == '$'):
			continue
		default:
			if blank != 0 && b.Len() > 0 {
				if blank != '\n' {
					blank = ' '
				}
				b.WriteByte(blank)
			}
			blank = 0
			b.WriteByte(c)
		}
	}
	return b.String()
}

var straighten = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "‚", "'",
	"\u00a0", " ", "\u202f", " ", "\u2009", " ", "‑", "-", "‐", "-", "−", "-")

// straight writes typographic quotation marks, blanks and hyphens as plain ones.
func straight(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return straighten.Replace(s)
		}
	}
	return s
}

// lowASCII is strings.ToLower for ASCII letters alone: offsets stay.
func lowASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// word reports whether a byte belongs to a word: a letter, digit, underscore or
// part of a character beyond ASCII.
func word(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c >= 0x80
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// hasToken reports whether text has s and neither end of it lies inside a longer
// word, number, address or name. Both are folded.
func hasToken(text, s string) bool {
	if s == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], s)
		if i < 0 {
			return false
		}
		i += from
		if edgeBefore(text, i, s) && edgeAfter(text, i+len(s), s) {
			return true
		}
		from = i + 1
	}
}

func edgeBefore(text string, i int, s string) bool {
	if s[0] == '/' && i > 0 && word(text[i-1]) { // "/tmp/x" is not "/var/tmp/x", but may be of a URL
		near := text[max(0, i-200):i]
		return strings.Contains(near[strings.LastIndexAny(near, " \n\"'=,;(")+1:], ".")
	}
	if i == 0 || !word(s[0]) {
		return true
	}
	p := text[i-1]
	if digit(s[0]) && strings.Contains(s, ".") && p == 'v' && (i == 1 || !word(text[i-2])) {
		return true
	}
	if word(p) {
		return false
	}
	if p == '.' && digit(s[0]) && i > 1 && digit(text[i-2]) {
		return false
	}
	// A name with a hyphen or a digit is not the end of a longer one.
	return p != '-' || i < 2 || !word(text[i-2]) || !identifier(s)
}

func edgeAfter(text string, j int, s string) bool {
	if j == len(text) || !word(s[len(s)-1]) {
		return true
	}
	n := text[j]
	if word(n) {
		return false
	}
	if j+1 == len(text) || !word(text[j+1]) {
		return true
	}
	switch n {
	case '.':
		// FS01 is FS01.corp.example, but example.org is not example.org.example.net,
		// and 10.1.1.1 is not 10.1.1.1.5. A version may lack its last parts.
		if strings.Count(s, ".") >= 3 && digit(s[0]) {
			return !digit(text[j+1])
		}
		return !strings.Contains(s, ".") || digit(s[0])
	case '-':
		return !identifier(s)
	}
	return true
}

// identifier reports whether a folded text looks like a name of a machine or
// account rather than a word.
func identifier(s string) bool {
	return strings.ContainsAny(s, "-_0123456789")
}

// short cuts a text for display in a problem.
func short(s string) string {
	const most = 80
	s = strings.TrimSpace(s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// quotable returns the texts that a quotation may be of.
func (x *index) quotable() []string {
	x.quoteOnce.Do(func() {
		texts := []string{x.e.Text, x.e.Name}
		if x.clean != nil {
			texts = append(texts, x.clean(x.e.Text), x.clean(x.e.Name))
		}
		for _, t := range texts {
			t = strings.Join(strings.Fields(straight(t)), " ")
			x.exact = append(x.exact, t, indicator.Refang(t), strings.ReplaceAll(t, `\\`, `\`))
		}
		slices.Sort(x.exact)
		x.exact = slices.Compact(x.exact)
	})
	return x.exact
}

// maxTies bounds how many pieces of evidence are read for which machine has which
// address.
const maxTies = 20000

// ties learns from all evidence which machine has which address: a record whose one
// source, or one destination, is both named and numbered says so, and so does one
// that names its machine and a single address.
func (c *Checker) ties() map[string][]string {
	c.tiesOnce.Do(func() {
		c.tied = map[string][]string{}
		tie := func(a, b string) {
			if l := c.tied[a]; !slices.Contains(l, b) && len(l) < 16 {
				c.tied[a] = append(l, b)
			}
		}
		all := c.all[:min(len(c.all), maxTies)]
		machines := map[string]bool{}
		for _, x := range all {
			machines[shortHost(x.e.Host)] = true
		}
		for _, x := range all {
			for _, role := range []casemate.Role{casemate.RoleSource, casemate.RoleDestination, casemate.RoleNone} {
				hosts, addresses := fields.Ends(x.e, role, machines, shortHost)
				if role == casemate.RoleNone && len(hosts) == 0 && x.e.Host != "" {
					hosts = append(hosts, shortHost(x.e.Host))
				}
				if role == casemate.RoleDestination && len(hosts) == 0 && !strings.Contains(strings.ToLower(x.e.Text), "dns") {
					hosts = fields.Domains(x.e)
				}
				if len(hosts) == 1 && len(addresses) == 1 && hosts[0] != addresses[0] {
					tie(hosts[0], addresses[0])
					tie(addresses[0], hosts[0])
				}
			}
		}
	})
	return c.tied
}

// person reports whether the pool has somebody under another part of the name, or
// under the account that is made of it: any evidence that a person wrote tells which
// names go together.
func (r *reading) person(low string) bool {
	for _, x := range r.c.all[:min(len(r.c.all), maxTies)] {
		parts := strings.Fields(strings.ToLower(x.e.Author))
		if len(parts) < 2 || len(parts) > 4 || !slices.Contains(parts, low) {
			continue
		}
		first, last := parts[0], parts[len(parts)-1]
		for _, s := range append(parts, first[:1]+"."+last, first+"."+last, first[:1]+last) {
			if s != low && len(s) > 2 && r.has(s) {
				return true
			}
		}
	}
	return false
}

// accounts returns the accounts and machines of all evidence, by their short names.
func (c *Checker) accounts() map[string]bool {
	c.knownOnce.Do(func() {
		c.known = map[string]bool{}
		for _, x := range c.all[:min(len(c.all), maxTies)] {
			c.known[shortUser(x.e.User)], c.known[shortHost(x.e.Host)] = true, true
			for _, n := range x.e.Entities[:min(len(x.e.Entities), maxPairs)] {
				if n.Type == casemate.EntityUser {
					c.known[shortUser(n.Value)] = true
				}
			}
		}
	})
	return c.known
}

// tied reports whether the pool has a machine under its address, or an address
// under the name of its machine, as other evidence has it.
func (r *reading) tied(low string) bool {
	return slices.ContainsFunc(r.c.ties()[low], r.has)
}
