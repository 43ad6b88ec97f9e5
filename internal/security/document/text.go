package document

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// plainText reads a text without markup.
func plainText(b *builder, text string) string {
	b.flow(splitLines(text))
	return "text"
}

// splitLines cuts a text into its lines, whose ends may be of any system.
func splitLines(text string) []line {
	lines := make([]line, 0, strings.Count(text, "\n")+1)
	gap := false
	number := 0
	for len(text) > 0 {
		number++
		end := strings.IndexAny(text, "\n\r")
		if end < 0 {
			end = len(text)
		}
		l := strings.TrimRight(text[:end], " \t\f\v")
		if strings.HasPrefix(text[end:], "\r\n") {
			end++
		}
		text = text[min(end+1, len(text)):]
		if strings.TrimLeft(l, " \t\f\v") == "" {
			gap = true
			continue
		}
		lines = append(lines, line{text: l, line: number, gap: gap})
		gap = false
	}
	return lines
}

// decode returns data as UTF-8, and says where it had to guess or to replace.
func decode(data []byte) (text, note string) {
	switch {
	case len(data) >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf:
		data = data[3:]
	case len(data) >= 2 && data[0] == 0xff && data[1] == 0xfe:
		return fromUTF16(data[2:], binary.LittleEndian), ""
	case len(data) >= 2 && data[0] == 0xfe && data[1] == 0xff:
		return fromUTF16(data[2:], binary.BigEndian), ""
	default:
		if order := utf16Order(data); order != nil {
			return fromUTF16(data, order), "read as UTF-16 without a byte order mark"
		}
	}
	if utf8.Valid(data) {
		return string(data), ""
	}
	good, bad := 0, 0
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			bad++
		} else {
			good++
		}
		i += size
	}
	if good > bad {
		return strings.ToValidUTF8(string(data), "\ufffd"), fmt.Sprintf("%d bytes that are not UTF-8 were replaced", bad)
	}
	return from1252(data), "read as Windows-1252, because it is not UTF-8"
}

// utf16Order finds UTF-16 without a mark: plain ASCII with a zero beside each.
func utf16Order(data []byte) binary.ByteOrder {
	head := data[:min(len(data), 512)&^1]
	if len(head) < 4 {
		return nil
	}
	even, odd := 0, 0
	for i := 0; i < len(head); i += 2 {
		if head[i] == 0 && head[i+1] != 0 {
			even++
		}
		if head[i+1] == 0 && head[i] != 0 {
			odd++
		}
	}
	pairs := len(head) / 2
	switch {
	case odd*10 >= pairs*8:
		return binary.LittleEndian
	case even*10 >= pairs*8:
		return binary.BigEndian
	}
	return nil
}

func fromUTF16(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

// windows1252 holds the characters that Windows has at 0x80 to 0x9f and Latin-1
// leaves to controls.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func from1252(data []byte) string {
	high := []rune(windows1252)
	var s strings.Builder
	s.Grow(len(data) + len(data)/8)
	for _, c := range data {
		if c >= 0x80 && c < 0xa0 {
			s.WriteRune(high[c-0x80])
		} else {
			s.WriteRune(rune(c))
		}
	}
	return s.String()
}
