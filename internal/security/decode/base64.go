package decode

import (
	"encoding/base64"
	"strings"
)

const (
	minShape   = 15  // characters of base64 that shape alone may show
	minNamed   = 4   // where the notation names it
	minHinted  = 12  // where the text calls a decoder somewhere
	minBlob    = 24  // for a recognised file type
	contextLen = 64  // bytes around a piece that are searched for its context
	maxRuns    = 512 // pieces of one text that are tried
)

// findBase64 finds base64 in both alphabets, padded or not, folded over lines.
//
// A piece is accepted when its notation names it ("-enc X", atob("X"),
// "echo X | base64 -d", "data:…;base64,X"), or when it has at least minShape
// characters of both cases and decodes to probable text, UTF-16 text, a
// compressed stream or a known file type. Hashes, GUIDs, numbers, paths and
// words fail that: hexadecimal alone is never tried, and the rest decodes to
// control characters or high bytes.
func findBase64(text string, h hints, limit int) []found {
	var out []found
	tried := 0
	for i := 0; i < len(text) && tried < maxRuns; {
		if !isBase64(text[i]) {
			i++
			continue
		}
		end := runEnd(text, i)
		if folded := foldEnd(text, i, end); folded > end {
			tried++
			if f, ok := tryBase64(text, i, folded, h, limit); ok {
				out = append(out, f)
				i = folded
				continue
			}
		}
		if end-i >= minNamed {
			tried++
			out = append(out, runBase64(text, i, end, h, limit)...)
		}
		i = end
	}
	return out
}

func isBase64(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '+' || c == '/' || c == '-' || c == '_'
}

// runEnd returns the end of the run of base64 characters at i, with padding.
func runEnd(text string, i int) int {
	for i < len(text) && isBase64(text[i]) {
		i++
	}
	for pad := 0; pad < 2 && i < len(text) && text[i] == '='; pad++ {
		i++
	}
	return i
}

// foldEnd returns where base64 that is folded over lines, as MIME, PEM and
// wrapped terminals do, ends: lines of at least 32 characters, then a last one.
func foldEnd(text string, start, end int) int {
	width := end - start
	if width < 32 {
		return end
	}
	for end < len(text) {
		next := end
		for next < len(text) && isSpace(text[next]) && next-end < 16 {
			next++
		}
		if next == end || !strings.ContainsAny(text[end:next], "\r\n") {
			break
		}
		stop := runEnd(text, next)
		if stop == next || stop-next > width {
			break
		}
		end = stop
		if stop-next < width {
			break
		}
	}
	return end
}

// runBase64 tries a run as a whole, then its parts between the characters that
// also separate words, directories and flags.
func runBase64(text string, start, end int, h hints, limit int) []found {
	if f, ok := tryBase64(text, start, end, h, limit); ok {
		return []found{f}
	}
	var out []found
	from := start
	for i := start; i <= end; i++ {
		if i < end && text[i] != '/' && text[i] != '-' && text[i] != '_' {
			continue
		}
		if i-from >= minShape && (from > start || i < end) {
			if f, ok := tryBase64(text, from, i, h, limit); ok {
				out = append(out, f)
			}
		}
		from = i + 1
	}
	return out
}

// tryBase64 decodes text[start:end] and judges the result.
func tryBase64(text string, start, end int, h hints, limit int) (found, bool) {
	piece := text[start:end]
	why, named := base64Context(text, h.lower, start, end)
	least := minShape
	switch {
	case named:
		least = minNamed
	case h.base64:
		least, why = minHinted, "a base64 decoder in the text"
	}
	if len(piece) < least || !named && !mixed(piece) {
		return found{}, false
	}
	data, ok := unbase64(piece, named || len(piece) >= 64)
	if !ok {
		return found{}, false
	}
	f, ok := settle(data, []string{"base64"}, why, h, named || h.base64 && len(piece) >= 64, limit)
	if !ok || f.binary != "" && len(piece) < minBlob {
		return found{}, false
	}
	// "-e WORD" is an option of many programs; only what PowerShell itself
	// would accept, UTF-16 text, counts.
	if strings.HasPrefix(why, "-e") && !strings.Contains(strings.Join(f.ops, " "), "utf-16") && !probable(f.data) {
		return found{}, false
	}
	f.start, f.end = start, end
	return f, true
}

// mixed reports whether s has both cases and is not hexadecimal: what any
// encoded text of minShape characters has, and most words and ids lack.
func mixed(s string) bool {
	var lower, upper, other bool
	for i := 0; i < len(s); i++ {
		c := s[i]
		lower = lower || 'a' <= c && c <= 'z'
		upper = upper || 'A' <= c && c <= 'Z'
		other = other || hexDigit(c) < 0 && c != '='
	}
	return lower && upper && other
}

// unbase64 decodes either alphabet and drops white space. A cut paste, whose
// last group is not whole, is decoded as far as it goes where loose is set.
func unbase64(s string, loose bool) ([]byte, bool) {
	b := make([]byte, 0, len(s))
	var std, url bool
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isSpace(c) || c == '=':
			continue
		case c == '+' || c == '/':
			std = true
		case c == '-':
			url, c = true, '+'
		case c == '_':
			url, c = true, '/'
		}
		b = append(b, c)
	}
	if std && url {
		return nil, false
	}
	if len(b)%4 == 1 {
		if !loose {
			return nil, false
		}
		b = b[:len(b)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(b)))
	n, err := base64.RawStdEncoding.Decode(out, b)
	return out[:n], err == nil
}

// callers are the calls that directly precede a base64 argument, lower case.
var callers = []struct{ before, why string }{
	{"frombase64string(", "FromBase64String"},
	{"atob(", "atob"},
	{"b64decode(", "b64decode"},
	{"base64_decode(", "base64_decode"},
	{"decode64(", "decode64"},
	{"decodebase64(", "a base64 decoder call"},
	{"base64.decode(", "a base64 decoder call"},
	{"buffer.from(", "Buffer.from"},
	{";base64,", "a data: URL"},
	{"authorization: basic ", "HTTP Basic credentials"},
	{"base64 -d <<<", "base64 -d"},
	{"base64 --decode <<<", "base64 -d"},
	{"begin certificate-----", "a PEM block"},
}

// base64Context looks just before and just after a piece for what names it.
func base64Context(text, lower string, start, end int) (string, bool) {
	before := lower[max(0, start-contextLen):start]
	trimmed := strings.TrimRight(before, " \t\r\n'\"`@b")
	for _, c := range callers {
		if strings.HasSuffix(strings.TrimRight(before, " \t\r\n'\"`"), strings.TrimRight(c.before, " ")) || strings.HasSuffix(trimmed, c.before) {
			return c.why, true
		}
	}
	if flag := encodedFlag(before); flag != "" {
		return flag, true
	}
	after := lower[end:min(end+contextLen, len(lower))]
	pipe := strings.TrimLeft(after, " \t'\"")
	if strings.HasPrefix(pipe, "|") {
		pipe = strings.TrimLeft(pipe[1:], " \t")
		for _, w := range []string{"base64 -d", "base64 --d", "base64 -id", "/usr/bin/base64 -d", "openssl base64 -d", "openssl enc -base64 -d", "openssl enc -d -base64"} {
			if strings.HasPrefix(pipe, w) {
				return "base64 -d", true
			}
		}
	}
	return "its shape", false
}

// encodedFlag returns the PowerShell option at the end of before that is an
// abbreviation of -EncodedCommand, as PowerShell accepts them.
func encodedFlag(before string) string {
	s := strings.TrimRight(before, " \t'\"")
	if len(s) == len(before) && !strings.HasSuffix(s, ":") {
		return ""
	}
	s = strings.TrimSuffix(s, ":")
	n := len(s)
	for n > 0 && isLetter(s[n-1]) {
		n--
	}
	name := s[n:]
	// An en dash or a slash serves PowerShell as a hyphen.
	dash := strings.HasSuffix(s[:n], "-") || strings.HasSuffix(s[:n], "/") || strings.HasSuffix(s[:n], "–") || strings.HasSuffix(s[:n], "—")
	if !dash || name == "" || name != "ec" && !strings.HasPrefix("encodedcommand", name) {
		return ""
	}
	return "-" + name
}
