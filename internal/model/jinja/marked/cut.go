package marked

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// SepCuts returns the parts of s between separators, with at most most cuts if
// that is not negative.
func SepCuts(s, sep string, most int64, fromRight bool) [][2]int {
	var out [][2]int
	if !fromRight {
		from := 0
		for ; most != 0; most-- {
			i := strings.Index(s[from:], sep)
			if i < 0 {
				break
			}
			out = append(out, [2]int{from, from + i})
			from += i + len(sep)
		}
		return append(out, [2]int{from, len(s)})
	}
	to := len(s)
	for ; most != 0; most-- {
		i := strings.LastIndex(s[:to], sep)
		if i < 0 {
			break
		}
		out = append(out, [2]int{i + len(sep), to})
		to = i
	}
	out = append(out, [2]int{0, to})
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// FieldCuts returns the parts of s between white space. After most cuts, if that
// is not negative, the rest is one part.
func FieldCuts(s string, most int64, fromRight bool) [][2]int {
	var fields [][2]int
	from := -1
	for i, r := range s {
		if IsSpace(r) {
			if from >= 0 {
				fields = append(fields, [2]int{from, i})
			}
			from = -1
		} else if from < 0 {
			from = i
		}
	}
	if from >= 0 {
		fields = append(fields, [2]int{from, len(s)})
	}
	n := int64(len(fields))
	if most < 0 || n <= most {
		return fields
	}
	if fromRight {
		return append([][2]int{{0, fields[n-most-1][1]}}, fields[n-most:]...)
	}
	return append(fields[:most:most], [2]int{fields[most][0], len(s)})
}

// LineCuts returns, of each line of s, where it begins, where it ends, and where
// its line break ends.
func LineCuts(s string) [][3]int {
	var out [][3]int
	from := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		end := i
		i += size
		if !strings.ContainsRune("\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029", r) {
			continue
		}
		if r == '\r' && i < len(s) && s[i] == '\n' {
			i++
		}
		out = append(out, [3]int{from, end, i})
		from = i
	}
	if from < len(s) {
		out = append(out, [3]int{from, len(s), len(s)})
	}
	return out
}

// IsSpace reports what Python's str.isspace calls white space.
func IsSpace(r rune) bool {
	return r >= 0x1c && r <= 0x1f || unicode.IsSpace(r)
}

// IsWord reports what may stand in a name.
func IsWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || r > 127 && unicode.Is(unicode.M, r)
}
