package decode

import (
	"strings"
)

const (
	minHexShape = 16 // plain hexadecimal digits that shape alone may show
	minHexNamed = 8
	minDigits   = 28 // where no letter shows that it is hexadecimal at all
	minPairs    = 8  // separated pairs: "41 42 43", "41-42-43"
	minEscapes  = 4  // \x41 and 0x41 name themselves
	minNumbers  = 6  // decimal lists where a word names them
	minBareList = 12
)

// findHex finds plain hexadecimal ("77686f616d69…", 0x7768…), pairs with
// separators ("77 68 6f", "77-68-6F", "77:68", "hex:77,68") and %u escapes.
//
// Plain digits decode to text with chance 0.38 a byte at most, so that sixteen
// digits of a hash pass one time in thousands and thirty-two never; digits that
// are part of a GUID or a longer word are not tried, and numbers without a
// letter need a decoder in the text.
func findHex(text string, h hints, limit int) []found {
	var out []found
	tried := 0
	for i := 0; i < len(text) && tried < maxRuns; {
		if hexDigit(text[i]) < 0 {
			i++
			continue
		}
		if i > 0 && hexGlue(text, i) {
			for i < len(text) && isWord(text[i]) {
				i++
			}
			continue
		}
		if end, data := hexPairs(text, i); len(data) >= minPairs {
			tried++
			if partOfList(text, i, end, h) {
				i = end
				continue
			}
			if f, ok := settle(data, []string{"hex"}, "hex pairs", h, h.hex || len(h.keys) > 0, limit); ok {
				f.start, f.end = i, end
				out = append(out, f)
			}
			i = end
			continue
		}
		end := i
		prefixed := strings.HasPrefix(h.lower[i:], "0x")
		if prefixed {
			end += 2
		}
		from := end
		letters := false
		for end < len(text) && hexDigit(text[end]) >= 0 {
			letters = letters || !isDigit(text[end])
			end++
		}
		if f, ok := plainHex(text, i, from, end, letters, prefixed, h, limit); ok {
			tried++
			out = append(out, f)
		}
		for end < len(text) && isWord(text[end]) {
			end++
		}
		i = max(end, i+1)
	}
	return out
}

// hexGlue reports whether the digit at i continues a word, a GUID or a path
// element rather than beginning a string of its own.
func hexGlue(text string, i int) bool {
	p := text[i-1]
	return isWord(p) || p == '-' && i > 1 && isWord(text[i-2])
}

// plainHex judges the digits text[from:end]; start counts the 0x in.
func plainHex(text string, start, from, end int, letters, prefixed bool, h hints, limit int) (found, bool) {
	n := end - from
	least := minHexShape
	if h.hex || prefixed {
		least = minHexNamed
	}
	if n < least || n%2 != 0 || !letters && !h.hex && n < minDigits {
		return found{}, false
	}
	if end < len(text) && (isWord(text[end]) || text[end] == '-' && end+1 < len(text) && isWord(text[end+1])) {
		return found{}, false
	}
	data := make([]byte, 0, n/2)
	for i := from; i+1 < end; i += 2 {
		data = append(data, byte(hexDigit(text[i])<<4|hexDigit(text[i+1])))
	}
	why := "its shape"
	if h.hex {
		why = "a hex decoder in the text"
	} else if prefixed {
		why = "0x notation"
	}
	f, ok := settle(data, []string{"hex"}, why, h, false, limit)
	if !ok && h.hex && n >= 128 {
		f, ok = settle(data, []string{"hex"}, why, h, true, limit)
	}
	f.start, f.end = start, end
	return f, ok
}

// hexPairs reads two-digit numbers with one separator throughout.
func hexPairs(text string, i int) (end int, data []byte) {
	var sep byte
	end = i
	for i+1 < len(text) && hexDigit(text[i]) >= 0 && hexDigit(text[i+1]) >= 0 {
		if i+2 < len(text) && isWord(text[i+2]) {
			break
		}
		data = append(data, byte(hexDigit(text[i])<<4|hexDigit(text[i+1])))
		end = i + 2
		if end >= len(text) {
			break
		}
		if c := text[end]; c != ' ' && c != '-' && c != ':' && c != ',' || sep != 0 && c != sep {
			break
		} else {
			sep = c
		}
		i = end + 1
		// A registry export continues its lines with a backslash.
		for i < len(text) && (text[i] == '\\' || isSpace(text[i])) && sep == ',' {
			i++
		}
	}
	return end, data
}

// partOfList reports whether the pairs text[i:end] are rather decimal numbers:
// a list of which only some have two digits, or one with commas and no letter.
func partOfList(text string, i, end int, h hints) bool {
	sep := text[i+2]
	if i > 1 && text[i-1] == sep && isDigit(text[i-2]) || end+1 < len(text) && text[end] == sep && isDigit(text[end+1]) {
		return true
	}
	if sep != ',' || h.hex || strings.HasSuffix(h.lower[:i], "hex:") {
		return false
	}
	return !strings.ContainsAny(h.lower[i:end], "abcdef")
}

// findEscapes finds runs of \x41 and %u4142 escapes that are binary; those that
// are text were rewritten before. A run may go on over the string literals of
// several source lines.
func findEscapes(text string, h hints, limit int) []found {
	var out []found
	tried := 0
	for i := 0; i+3 < len(text) && tried < maxRuns; {
		end, data := escapeRun(text, i)
		if len(data) == 0 {
			i++
			continue
		}
		if len(data) >= minEscapes {
			tried++
			if f, ok := settle(data, []string{"\\x escapes"}, "escaped bytes", h, len(data) >= minData, limit); ok {
				f.start, f.end = i, end
				out = append(out, f)
			}
		}
		i = end
	}
	return out
}

// escapeRun reads \x41 or %u4142 escapes; the latter hold two bytes, low first.
func escapeRun(text string, i int) (end int, data []byte) {
	end = i
	for i+3 < len(text) {
		switch {
		case text[i] == '\\' && text[i+1] == 'x' && hexDigit(text[i+2]) >= 0 && hexDigit(text[i+3]) >= 0:
			data = append(data, byte(hexDigit(text[i+2])<<4|hexDigit(text[i+3])))
			i += 4
		case text[i] == '%' && text[i+1] == 'u' && i+5 < len(text):
			r, n := escapedRune(text[i+2:])
			if n != 4 {
				return end, data
			}
			data = append(data, byte(r), byte(r>>8))
			i += 6
		default:
			return end, data
		}
		end = i
		// "…" + "…", "…" \ and b"…" go on with the same bytes.
		if len(data) > 0 && i < len(text) && (text[i] == '"' || text[i] == '\'') {
			for i < len(text) && i-end < 32 && (isSpace(text[i]) || strings.IndexByte(`"'+\;.b`, text[i]) >= 0) {
				if text[i] == '\\' && i+1 < len(text) && text[i+1] == 'x' {
					break
				}
				i++
			}
		}
	}
	return end, data
}

// findArrays finds lists of byte values: 0x4d,0x5a,… and 73,69,88,… . Hex
// literals name themselves; decimal ones need a word that makes characters or
// bytes of them, or to be long and read as text, since versions, ports and
// coordinates are lists of numbers too.
func findArrays(text string, h hints, limit int) []found {
	var out []found
	named := len(h.keys) > 0 || containsAny(h.lower, []string{"[char", "[byte", "char(", "chr(", "fromcharcode", "byte[]", "bytes(", "bytearray", "charcode"})
	tried := 0
	for i := 0; i < len(text) && tried < maxRuns; {
		if !isDigit(text[i]) {
			i++
			continue
		}
		if i > 0 && (isWord(text[i-1]) || text[i-1] == '.' || text[i-1] == '\\') {
			for i < len(text) && isWord(text[i]) {
				i++
			}
			continue
		}
		end, data, hex := numbers(text, i)
		if end == i {
			i++
			continue
		}
		ok := hex && len(data) >= minEscapes || named && len(data) >= minNumbers || len(data) >= minBareList
		if ok {
			tried++
			op, why := "decimal bytes", "a list of character codes"
			if hex {
				op, why = "hex bytes", "a list of hex bytes"
			}
			f, ok := settle(data, []string{op}, why, h, (hex || named) && len(data) >= minData, limit)
			if !ok && hex {
				if ok = reads(data); ok {
					f = found{data: data, ops: []string{op}, why: why}
				}
			}
			if ok && (hex || named || f.binary == "") {
				f.start, f.end = i, end
				out = append(out, f)
			}
		}
		i = end
	}
	return out
}

// numbers reads byte values separated by commas, semicolons or blanks.
func numbers(text string, i int) (end int, data []byte, hex bool) {
	end = i
	for i < len(text) && isDigit(text[i]) {
		n, ok := leadingInt(text[i:min(i+12, len(text))])
		if !ok || n > 255 {
			break
		}
		width := 0
		isHex := text[i] == '0' && i+1 < len(text) && text[i+1]|0x20 == 'x'
		if isHex {
			width = 2
		}
		for i+width < len(text) && (isHex && hexDigit(text[i+width]) >= 0 || isDigit(text[i+width])) {
			width++
		}
		if len(data) > 0 && isHex != hex || i+width < len(text) && (isWord(text[i+width]) || text[i+width] == '.') {
			break
		}
		hex = isHex
		data = append(data, byte(n))
		i += width
		end = i
		sep := i
		for i < len(text) && (text[i] == ',' || text[i] == ';' || isSpace(text[i]) || text[i] == '_' && i+1 < len(text) && isSpace(text[i+1])) && i-sep < 40 {
			i++
		}
		if i == sep {
			break
		}
	}
	return end, data, hex
}
