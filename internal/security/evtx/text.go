package evtx

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUTF16 appends little-endian UTF-16 as UTF-8. Trailing NULs are dropped:
// a string is stored with or without its terminator. A lone surrogate becomes
// U+FFFD and so does half a unit at the end.
func appendUTF16(dst, b []byte) []byte {
	for len(b) >= 2 && b[len(b)-1] == 0 && b[len(b)-2] == 0 && len(b)%2 == 0 {
		b = b[:len(b)-2]
	}
	// Nearly all text is ASCII, four units to a word.
	const notASCII = 0xff80ff80ff80ff80
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		if w&notASCII != 0 {
			break
		}
		dst = append(dst, byte(w), byte(w>>16), byte(w>>32), byte(w>>48))
		b = b[8:]
	}
	for len(b) >= 2 {
		u := rune(binary.LittleEndian.Uint16(b))
		b = b[2:]
		if u < utf8.RuneSelf {
			dst = append(dst, byte(u))
			continue
		}
		if utf16.IsSurrogate(u) {
			second := rune(0)
			if len(b) >= 2 {
				second = rune(binary.LittleEndian.Uint16(b))
			}
			if u = utf16.DecodeRune(u, second); u != utf8.RuneError {
				b = b[2:]
			}
		}
		dst = utf8.AppendRune(dst, u)
	}
	if len(b) > 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
	}
	return dst
}

// windows1252 holds the code points of the bytes 0x80 to 0x9f, where the code
// page differs from Latin-1. The five unused bytes map to the C1 controls, as
// Windows maps them.
var windows1252 = [32]rune{
	0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
}

// appendANSI appends text of the machine's code page, which the file does not
// name. Valid UTF-8 is taken as it stands; everything else is read as
// Windows-1252, the most common one. Trailing NULs are dropped.
func appendANSI(dst, b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	if utf8.Valid(b) {
		return append(dst, b...)
	}
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			dst = utf8.AppendRune(dst, windows1252[c-0x80])
		} else {
			dst = utf8.AppendRune(dst, rune(c))
		}
	}
	return dst
}

const hexLower, hexUpper = "0123456789abcdef", "0123456789ABCDEF"

// appendBinary appends bytes as upper-case hexadecimal digits, as Windows does.
func appendBinary(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexUpper[c>>4], hexUpper[c&15])
	}
	return dst
}

// guidOrder is the order in which the bytes of a stored GUID are written.
var guidOrder = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

// appendGUID appends 16 bytes as {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}.
func appendGUID(dst, b []byte) []byte {
	dst = append(dst, '{')
	for i, j := range guidOrder {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexLower[b[j]>>4], hexLower[b[j]&15])
	}
	return append(dst, '}')
}

// sidSize returns the size of the SID that begins b, or 0 if none does.
func sidSize(b []byte) int {
	if len(b) < 8 || len(b) < 8+4*int(b[1]) {
		return 0
	}
	return 8 + 4*int(b[1])
}

// appendSID appends a SID of sidSize(b) bytes in its usual notation: the
// identifier authority is decimal unless it needs more than 32 bits.
func appendSID(dst, b []byte) []byte {
	dst = append(dst, "S-"...)
	dst = strconv.AppendUint(dst, uint64(b[0]), 10)
	dst = append(dst, '-')
	authority := uint64(binary.BigEndian.Uint16(b[2:]))<<32 | uint64(binary.BigEndian.Uint32(b[4:]))
	if authority > math.MaxUint32 {
		dst = append(dst, "0x"...)
		for shift := 44; shift >= 0; shift -= 4 {
			dst = append(dst, hexUpper[authority>>shift&15])
		}
	} else {
		dst = strconv.AppendUint(dst, authority, 10)
	}
	for i := range int(b[1]) {
		dst = append(dst, '-')
		dst = strconv.AppendUint(dst, uint64(binary.LittleEndian.Uint32(b[8+4*i:])), 10)
	}
	return dst
}

// filetime returns the time of a FILETIME: units of 100 ns since 1601, UTC.
// Every value fits a time.Time; the last one lies in the year 60056.
func filetime(v uint64) time.Time {
	const unitsPerSecond, secondsTo1970 = 10_000_000, 11_644_473_600
	return time.Unix(int64(v/unitsPerSecond)-secondsTo1970, int64(v%unitsPerSecond)*100).UTC()
}

// appendFiletime appends a FILETIME with its full precision of seven decimals.
func appendFiletime(dst []byte, v uint64) []byte {
	t := filetime(v)
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDate(dst, year, int(month), day, hour, minute, second)
	dst = append(dst, '.')
	dst = appendPadded(dst, t.Nanosecond()/100, 7)
	return append(dst, 'Z')
}

// appendSystemtime appends the 16 bytes of a SYSTEMTIME, with milliseconds. Its
// parts are written as stored: the type can hold a 31st of February.
func appendSystemtime(dst, b []byte) []byte {
	part := func(i int) int { return int(binary.LittleEndian.Uint16(b[2*i:])) }
	// Part 2 is the day of the week, which the date repeats.
	dst = appendDate(dst, part(0), part(1), part(3), part(4), part(5), part(6))
	dst = append(dst, '.')
	dst = appendPadded(dst, part(7), 3)
	return append(dst, 'Z')
}

func appendDate(dst []byte, year, month, day, hour, minute, second int) []byte {
	dst = appendPadded(dst, year, 4)
	dst = append(dst, '-')
	dst = appendPadded(dst, month, 2)
	dst = append(dst, '-')
	dst = appendPadded(dst, day, 2)
	dst = append(dst, 'T')
	dst = appendPadded(dst, hour, 2)
	dst = append(dst, ':')
	dst = appendPadded(dst, minute, 2)
	dst = append(dst, ':')
	return appendPadded(dst, second, 2)
}

// appendPadded appends a number that is not negative, with zeros in front.
func appendPadded(dst []byte, v, width int) []byte {
	for limit := 10; width > 1; width-- {
		if v < limit {
			for w := width; w > 1; w-- {
				dst = append(dst, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(v), 10)
}
