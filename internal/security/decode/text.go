package decode

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// census counts what a decoded text is made of.
type census struct {
	runes, letters, digits, spaces, foreign, distinct int
	printable                                         bool
}

// count takes the census of b. Line breaks and tabs are printable; every other
// control character, private-use rune and invalid byte is not.
func count(b []byte) census {
	c := census{printable: true}
	var seen [128]bool
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		i += n
		c.runes++
		switch {
		case r == utf8.RuneError && n == 1:
			c.printable = false
			return c
		case r < 128 && !seen[r]:
			seen[r] = true
			c.distinct++
		}
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z':
			c.letters++
		case '0' <= r && r <= '9':
			c.digits++
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			c.spaces++
		case r < ' ' || r == 0x7F:
			c.printable = false
			return c
		case r >= 128:
			c.foreign++
			c.distinct++
			if !unicode.IsPrint(r) && !unicode.Is(unicode.Cf, r) {
				c.printable = false
				return c
			}
			if unicode.IsLetter(r) {
				c.letters++
			}
		}
	}
	return c
}

// reads reports whether b is text at all: valid UTF-8 without control
// characters. It is enough where the notation itself names the encoding.
func reads(b []byte) bool {
	return len(b) > 0 && count(b).printable
}

// probable reports whether b could hardly be printable by chance. It is asked
// where only the shape of the input suggests an encoding. Each random byte is
// printable ASCII with chance 0.38, so eight bytes pass with chance 1/2,200 and
// sixteen with 1/5,000,000; the shares of letters and of foreign runes, and the
// count of distinct characters, remove what is left of runs and numbers. Long
// texts need no letters, since their length alone rules chance out.
func probable(b []byte) bool {
	c := count(b)
	if !c.printable || c.runes < 6 || c.foreign*10 > c.runes {
		return false
	}
	if opens(b) {
		return true
	}
	if c.runes >= 24 {
		return c.distinct >= 7
	}
	return c.distinct >= 4 && c.letters*10 >= c.runes*4 && (c.letters+c.digits+c.spaces)*2 >= c.runes
}

// openings begin the texts that are mostly encoded whole: their punctuation
// would fail the share of letters.
var openings = []string{`{"`, `[{`, "<?xml", "<?php", "<script", "<!DOC", "http://", "https://", "#!/"}

func opens(b []byte) bool {
	for _, o := range openings {
		if len(b) >= 8 && strings.HasPrefix(string(b[:8]), o) {
			return true
		}
	}
	return false
}

// fromUTF16 decodes UTF-16 with or without a byte order mark. Without one, the
// zero high bytes of Latin text must show: at least nine tenths of one half. A
// mark is only two bytes, so Latin letters are wanted behind it as well.
func fromUTF16(b []byte) (out []byte, op string) {
	if len(b) < 4 {
		return nil, ""
	}
	b = b[:len(b)&^1]
	big := false
	switch {
	case b[0] == 0xFF && b[1] == 0xFE:
		b = b[2:]
	case b[0] == 0xFE && b[1] == 0xFF:
		b, big = b[2:], true
	default:
		var even, odd int
		for i := 0; i+1 < len(b); i += 2 {
			if b[i] == 0 {
				even++
			}
			if b[i+1] == 0 {
				odd++
			}
		}
		pairs := len(b) / 2
		switch {
		case odd*10 >= pairs*9 && even*10 <= pairs:
		case even*10 >= pairs*9 && odd*10 <= pairs:
			big = true
		default:
			return nil, ""
		}
	}
	u := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		if big {
			u = append(u, uint16(b[i])<<8|uint16(b[i+1]))
		} else {
			u = append(u, uint16(b[i+1])<<8|uint16(b[i]))
		}
	}
	for len(u) > 0 && u[len(u)-1] == 0 {
		u = u[:len(u)-1]
	}
	out = []byte(string(utf16.Decode(u)))
	if c := count(out); !c.printable || c.runes < 3 || c.letters+c.digits < 2 || c.foreign*2 > c.runes {
		return nil, ""
	}
	if big {
		return out, "utf-16be"
	}
	return out, "utf-16le"
}

// entropy is Shannon's, in bits a byte.
func entropy(b []byte) float64 {
	if len(b) == 0 {
		return 0
	}
	var n [256]int
	for _, c := range b {
		n[c]++
	}
	var h float64
	for _, k := range n {
		if k > 0 {
			p := float64(k) / float64(len(b))
			h -= p * math.Log2(p)
		}
	}
	return h
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }
func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// hexDigit returns the value of a hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// fromWide returns the text of s if s is UTF-16, with a byte order mark or with
// the zero bytes that Latin text has in it.
func fromWide(s string) (string, bool) {
	if len(s) < 4 || strings.IndexByte(s[:min(len(s), 64)], 0) < 0 && s[0] < 0xFE {
		return "", false
	}
	out, op := fromUTF16([]byte(s))
	return string(out), op != ""
}

// Input makes text of what a person pastes or a file holds: at most limit bytes
// of it, UTF-16 read as such, since Windows tools write it, and bytes that are no
// UTF-8 replaced. It says what it did.
func Input(input string, limit int) (string, []string) {
	var notes []string
	if len(input) > limit {
		input = input[:limit]
		for len(input) > 0 && !utf8.RuneStart(input[len(input)-1]) {
			input = input[:len(input)-1]
		}
		notes = append(notes, fmt.Sprintf("only the first %d bytes were looked at", limit))
	}
	if wide, ok := fromWide(input); ok {
		input = wide
		notes = append(notes, "the input was UTF-16")
	}
	input = strings.TrimPrefix(input, "\uFEFF")
	if !utf8.ValidString(input) {
		input = strings.ToValidUTF8(input, "\uFFFD")
		notes = append(notes, "bytes that are no UTF-8 were replaced")
	}
	return strings.TrimRight(input, "\r\n"), notes
}
