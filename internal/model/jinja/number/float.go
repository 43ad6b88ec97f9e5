package number

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// Repr is Python's repr of a float: the shortest digits that read back the
// same, in plain form for exponents from -4 to 15.
func Repr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// General is C's %g without the sign: so many digits, in plain form for
// exponents from -4 to below their number, without zeros at the end.
func General(f float64, digits int) string {
	e := strings.TrimPrefix(strconv.FormatFloat(f, 'e', digits-1, 64), "-")
	at := strings.IndexByte(e, 'e')
	exp, _ := strconv.Atoi(e[at+1:])
	trim := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	if exp < -4 || exp >= digits {
		return trim(e[:at]) + e[at:]
	}
	return trim(strings.TrimPrefix(strconv.FormatFloat(f, 'f', digits-1-exp, 64), "-"))
}

// ParseFloat reads a text as Python's float does.
func ParseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, unicode.IsSpace)
	if len(s) > 400 || strings.ContainsAny(s, "xXpP") {
		return 0, false // Go reads hexadecimal floats, Python does not
	}
	clean := strings.ReplaceAll(s, "_", "")
	if len(clean) != len(s) && !goodUnderscores(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(clean, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

// goodUnderscores reports whether each underscore stands between two digits.
func goodUnderscores(s string) bool {
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || !decimal(s[i-1]) || !decimal(s[i+1])) {
			return false
		}
	}
	return true
}

// FromFloat cuts the fraction; ok is false where the result does not fit.
func FromFloat(f float64) (int64, bool) {
	if f-f != 0 || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// ParseInt reads a text as Python's int does; ok is false where it is none.
func ParseInt(s string, base int64) (n int64, ok bool, err error) {
	s = strings.TrimFunc(s, unicode.IsSpace)
	if len(s) > 400 || base != 0 && (base < 2 || base > 36) {
		return 0, false, nil
	}
	sign, digits := "", s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, digits = s[:1], s[1:]
	}
	for prefix, b := range map[string]int64{"0x": 16, "0o": 8, "0b": 2} {
		if base == b && len(digits) > 2 && strings.EqualFold(digits[:2], prefix) {
			digits = strings.TrimPrefix(digits[2:], "_")
		}
	}
	if base != 0 {
		if !goodUnderscores(digits) {
			return 0, false, nil
		}
		digits = strings.ReplaceAll(digits, "_", "")
	}
	if digits == "" || digits[0] == '-' || digits[0] == '+' {
		return 0, false, nil
	}
	z, ok := new(big.Int).SetString(sign+digits, int(base))
	if !ok {
		return 0, false, nil
	}
	if !z.IsInt64() {
		return 0, false, ErrOverflow
	}
	return z.Int64(), true, nil
}

// Round rounds the exact value of f as Python's round does.
func Round(f float64, precision int64) float64 {
	switch {
	case f-f != 0:
		return f
	case precision < 0:
		scale := math.Pow(10, float64(-precision))
		return float64(math.RoundToEven(f/scale) * scale)
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
	if err != nil {
		return f // FormatFloat writes what ParseFloat reads
	}
	return r
}

func decimal(c byte) bool { return c >= '0' && c <= '9' }
