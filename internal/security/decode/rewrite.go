package decode

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxPasses bounds how often the rewritings are repeated over one text: what
// one uncovers, another may undo. A doubly percent-encoded text needs two.
const maxPasses = 6

// step is one rewriting of a whole text. It returns the text unchanged where
// it finds nothing.
type step struct {
	op   string
	undo func(string) string
}

// steps are tried in this order, outermost disguise first.
var steps = []step{
	{"hidden Unicode tags", untag},
	{"percent encoding", unpercent},
	{"HTML entities", unentity},
	{"\\u escapes", unescapeU},
	{"\\x escapes", unescapeX},
	{"octal escapes", unescapeOctal},
	{"caret removal", uncaret},
	{"cmd variables", cmdVariables},
	{"backtick removal", unbacktick},
	{"shell variables", shellVariables},
	{"shell quoting", unquoteShell},
}

// maxPieces bounds the computed strings that are looked at on their own.
const maxPieces = 8

// rewrite undoes the disguises that are spread over a text, until nothing
// changes, and names what it undid. A computed string may hold quotes that
// confuse the text around it: what it gives on its own, where that is not part
// of the rewritten text, is returned beside it.
func rewrite(text string, limit int) (out string, ops, apart []string) {
	out, ops, pieces := rewriteOnce(text, limit)
	for _, p := range pieces {
		if strings.Contains(out, p) {
			continue
		}
		if alone, _, _ := rewriteOnce(p, limit); !strings.Contains(out, alone) {
			apart = append(apart, alone)
		}
	}
	return out, ops, apart
}

func rewriteOnce(text string, limit int) (_ string, ops, pieces []string) {
	for range maxPasses {
		before := text
		// Split strings are joined first: an escape may stand across the split.
		if out, did, computed := fold(text, limit); out != text {
			text = out
			pieces = append(pieces, computed[:min(len(computed), maxPieces-len(pieces))]...)
			for _, d := range did {
				ops = note(ops, d)
			}
		}
		for _, s := range steps {
			if out := s.undo(text); out != text && len(out) <= limit && out != "" {
				text = out
				ops = note(ops, s.op)
			}
		}
		if text == before {
			break
		}
	}
	return text, ops, pieces
}

// note appends op unless it was the last one noted.
func note(ops []string, op string) []string {
	for i, o := range ops {
		if o == op || strings.HasPrefix(o, op+" (") {
			if len(ops)-1 != i {
				return ops
			}
			ops[i] = op + " (repeated)"
			return ops
		}
	}
	return append(ops, op)
}

// maxGrown bounds a text whose variables are filled in: one that outgrows it
// is left as it is.
const maxGrown = DefaultOutput

// replaceRuns rebuilds text, asking match at every offset where the byte first
// stands for the end and the replacement of what begins there.
func replaceRuns(text string, first byte, match func(i int) (end int, with string, ok bool)) string {
	if strings.IndexByte(text, first) < 0 {
		return text
	}
	var b strings.Builder
	last := 0
	for i := 0; i < len(text); {
		n := strings.IndexByte(text[i:], first)
		if n < 0 {
			break
		}
		i += n
		end, with, ok := match(i)
		if end <= i {
			end = i + 1
		}
		if ok {
			b.WriteString(text[last:i])
			b.WriteString(with)
			last = end
			if b.Len() > maxGrown {
				return text
			}
		}
		i = end
	}
	if last == 0 {
		return text
	}
	b.WriteString(text[last:])
	return b.String()
}

// untag reveals ASCII written in the invisible tag characters U+E0020 to
// U+E007E, which smuggle text past a reader's eyes.
func untag(text string) string {
	return replaceRuns(text, 0xF3, func(i int) (int, string, bool) {
		var b strings.Builder
		end := i
		for end < len(text) {
			r, n := utf8.DecodeRuneInString(text[end:])
			if r < 0xE0000 || r > 0xE007F {
				break
			}
			if r >= 0xE0020 && r < 0xE007F {
				b.WriteByte(byte(r - 0xE0000))
			}
			end += n
		}
		return end, b.String(), b.Len() >= 3
	})
}

// unpercent undoes percent encoding, token by token. A token needs two escapes,
// or one beside something of a URL, and every escaped run must be readable
// UTF-8: so %DATE%, %AD% and "%20s" stay.
func unpercent(text string) string {
	if strings.Count(text, "%") == 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		j := i
		for j < len(text) && isSpace(text[j]) {
			j++
		}
		b.WriteString(text[i:j])
		i = j
		for j < len(text) && !isSpace(text[j]) {
			j++
		}
		b.WriteString(percentToken(text[i:j]))
		i = j
	}
	return b.String()
}

func percentToken(tok string) string {
	n, last := 0, strings.LastIndexByte(tok, '%')
	out := replaceRuns(tok, '%', func(i int) (int, string, bool) {
		var raw []byte
		end := i
		for end+2 < len(tok) && tok[end] == '%' && hexDigit(tok[end+1]) >= 0 && hexDigit(tok[end+2]) >= 0 {
			raw = append(raw, byte(hexDigit(tok[end+1])<<4|hexDigit(tok[end+2])))
			end += 3
		}
		// "%41%" may be a cmd variable; a URL never ends an escape so.
		if !reads(raw) || end == last {
			return end, "", false
		}
		n += len(raw)
		return end, string(raw), true
	})
	if n >= 2 || n == 1 && strings.ContainsAny(tok, "=?&/") {
		return out
	}
	return tok
}

// unentity undoes HTML entities: one numeric entity or two named ones.
func unentity(text string) string {
	numeric := strings.Count(text, "&#")
	named := 0
	for _, e := range []string{"&lt;", "&gt;", "&quot;", "&amp;", "&apos;"} {
		named += strings.Count(text, e)
	}
	if numeric == 0 && named < 2 {
		return text
	}
	out := html.UnescapeString(text)
	if !utf8.ValidString(out) || strings.ContainsRune(out, 0) {
		return text
	}
	return out
}

// unescapeU undoes \u0041, \u{41} and %u0041 escapes.
func unescapeU(text string) string {
	for _, lead := range []string{"\\u", "%u"} {
		if !strings.Contains(text, lead) {
			continue
		}
		text = replaceRuns(text, lead[0], func(i int) (int, string, bool) {
			var units []rune
			end := i
			for strings.HasPrefix(text[end:], lead) {
				r, n := escapedRune(text[end+2:])
				if n == 0 {
					break
				}
				units = append(units, r)
				end += 2 + n
			}
			s := pairSurrogates(units)
			// Two bytes a unit, as unescape() payloads pack shellcode, do not
			// read; they are left to findEscapes.
			return end, s, len(units) > 0 && reads([]byte(s))
		})
	}
	return text
}

// escapedRune reads "0041" or "{41}".
func escapedRune(s string) (rune, int) {
	if strings.HasPrefix(s, "{") {
		end := strings.IndexByte(s[:min(len(s), 9)], '}')
		if end < 2 {
			return 0, 0
		}
		v, err := strconv.ParseUint(s[1:end], 16, 21)
		if err != nil {
			return 0, 0
		}
		return rune(v), end + 1
	}
	if len(s) < 4 {
		return 0, 0
	}
	v := 0
	for k := range 4 {
		d := hexDigit(s[k])
		if d < 0 {
			return 0, 0
		}
		v = v<<4 | d
	}
	return rune(v), 4
}

func pairSurrogates(units []rune) string {
	var b strings.Builder
	for i := 0; i < len(units); i++ {
		r := units[i]
		if r >= 0xD800 && r < 0xDC00 && i+1 < len(units) && units[i+1] >= 0xDC00 && units[i+1] < 0xE000 {
			r = 0x10000 + (r-0xD800)<<10 + (units[i+1] - 0xDC00)
			i++
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unescapeX undoes \x41 escapes that read; binary ones are left to findEscapes.
func unescapeX(text string) string {
	return unescapeBytes(text, func(s string) (byte, int) {
		if len(s) < 4 || s[1]|0x20 != 'x' || hexDigit(s[2]) < 0 || hexDigit(s[3]) < 0 {
			return 0, 0
		}
		return byte(hexDigit(s[2])<<4 | hexDigit(s[3])), 4
	}, 1)
}

// unescapeOctal undoes \101 and \0101 escapes, at least two in a row: a single
// one is as likely a path element or a back-reference.
func unescapeOctal(text string) string {
	return unescapeBytes(text, func(s string) (byte, int) {
		n, v := 1, 0
		if len(s) > 4 && s[1] == '0' {
			n = 2
		}
		from := n
		for n < len(s) && n < from+3 && s[n] >= '0' && s[n] <= '7' {
			v = v<<3 | int(s[n]-'0')
			n++
		}
		if n-from < 2 || v < ' ' || v > 0x7E || n < len(s) && isDigit(s[n]) {
			return 0, 0
		}
		return byte(v), n
	}, 2)
}

// unescapeBytes replaces runs of backslash escapes that read reads.
func unescapeBytes(text string, read func(string) (byte, int), least int) string {
	return replaceRuns(text, '\\', func(i int) (int, string, bool) {
		var raw []byte
		end := i
		for end < len(text) && text[end] == '\\' {
			c, n := read(text[end:])
			if n == 0 {
				break
			}
			raw = append(raw, c)
			end += n
		}
		return end, string(raw), len(raw) >= least && reads(raw)
	})
}

// uncaret drops cmd's escape character where it splits words: at least two
// carets between letters, or one beside a call of cmd. "HEAD^", "[^a-z]" and
// "2^32" stay.
func uncaret(text string) string {
	inside := 0
	for i := 1; i+1 < len(text); i++ {
		if text[i] == '^' && isLetter(text[i-1]) && (isLetter(text[i+1]) || text[i+1] == '^') {
			inside++
		}
	}
	if inside == 0 || inside == 1 && !containsAny(lowerASCII(text), []string{"cmd", "^ers", "^she", "echo"}) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '^' && i+1 < len(text) && text[i+1] != '\n' {
			if text[i+1] == '^' {
				// "^^" is an escaped caret for the next shell down.
				continue
			}
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// unbacktick drops PowerShell's escape character inside words. Markdown's and
// the shell's backticks stand at a word's edge and stay.
func unbacktick(text string) string {
	inside := 0
	for i := 1; i+1 < len(text); i++ {
		if splitsWord(text, i) {
			inside++
		}
	}
	if inside == 0 || inside == 1 && !containsAny(lowerASCII(text), []string{"powershell", "pwsh", "iex", "i`ex", "ie`x", "invoke", "$", "new-o"}) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if !splitsWord(text, i) {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

func splitsWord(text string, i int) bool {
	if text[i] != '`' || i == 0 || i+1 >= len(text) || !isWord(text[i-1]) && text[i-1] != '-' && text[i-1] != '.' {
		return false
	}
	return isWord(text[i+1]) || text[i+1] == '-'
}
