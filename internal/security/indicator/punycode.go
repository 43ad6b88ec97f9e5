package indicator

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The parameters of Punycode for host names.
//
// Source: RFC 3492 section 5.
const (
	punyBase        = 36
	punyMin         = 1
	punyMax         = 26
	punySkew        = 38
	punyDamp        = 700
	punyInitialBias = 72
	punyInitialN    = 128
)

// maxLabel is the longest label of a host name, in bytes (RFC 1035).
const maxLabel = 63

// punyThreshold returns t(k) of RFC 3492 section 6.
func punyThreshold(k, bias int) int {
	return min(max(k-bias, punyMin), punyMax)
}

// punyAdapt is the bias adaptation of RFC 3492 section 6.1.
func punyAdapt(delta, points int, first bool) int {
	if first {
		delta /= punyDamp
	} else {
		delta /= 2
	}
	delta += delta / points
	k := 0
	for delta > (punyBase-punyMin)*punyMax/2 {
		delta /= punyBase - punyMin
		k += punyBase
	}
	return k + (punyBase-punyMin+1)*delta/(delta+punySkew)
}

// punyDecode returns the label behind "xn--" in Unicode. It accepts only
// labels of at most maxLabel bytes, so the insertions it makes are bounded.
func punyDecode(s string) (string, bool) {
	if s == "" || len(s) > maxLabel {
		return "", false
	}
	var out []rune
	if b := strings.LastIndexByte(s, '-'); b >= 0 {
		out = append(out, []rune(s[:b])...)
		s = s[b+1:]
	}
	n, i, bias := punyInitialN, 0, punyInitialBias
	for pos := 0; pos < len(s); {
		before, w := i, 1
		for k := punyBase; ; k += punyBase {
			if pos == len(s) {
				return "", false
			}
			digit := punyDigit(s[pos])
			pos++
			if digit < 0 || digit > (math.MaxInt32-i)/w {
				return "", false
			}
			i += digit * w
			t := punyThreshold(k, bias)
			if digit < t {
				break
			}
			if w > math.MaxInt32/(punyBase-t) {
				return "", false
			}
			w *= punyBase - t
		}
		points := len(out) + 1
		bias = punyAdapt(i-before, points, before == 0)
		n += i / points
		i %= points
		if n > unicode.MaxRune || 0xD800 <= n && n <= 0xDFFF {
			return "", false
		}
		out = append(out, 0)
		copy(out[i+1:], out[i:])
		out[i] = rune(n)
		i++
	}
	return string(out), true
}

// punyDigit returns the value of a digit of Punycode, or -1.
func punyDigit(c byte) int {
	switch {
	case 'a' <= c && c <= 'z':
		return int(c - 'a')
	case '0' <= c && c <= '9':
		return int(c-'0') + 26
	}
	return -1
}

// punyEncode returns the Punycode of a label that is in lower case and not all
// ASCII. Labels over maxLabel characters fail, which bounds its cost.
func punyEncode(label string) (string, bool) {
	if utf8.RuneCountInString(label) > maxLabel || !utf8.ValidString(label) {
		return "", false
	}
	runes := []rune(label)
	out := make([]byte, 0, maxLabel)
	for _, r := range runes {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
		}
	}
	basic := len(out)
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias := rune(punyInitialN), 0, punyInitialBias
	for done := basic; done < len(runes); n++ {
		next := rune(math.MaxInt32)
		for _, r := range runes {
			if r >= n && r < next {
				next = r
			}
		}
		// At most 63 characters of 21 bits each: this cannot overflow.
		delta += int(next-n) * (done + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			out = punyInteger(out, delta, bias)
			bias = punyAdapt(delta, done+1, done == basic)
			delta = 0
			done++
		}
		delta++
	}
	return string(out), true
}

// punyInteger appends a delta as a variable-length integer.
func punyInteger(out []byte, q, bias int) []byte {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	for k := punyBase; ; k += punyBase {
		t := punyThreshold(k, bias)
		if q < t {
			return append(out, digits[q])
		}
		out = append(out, digits[t+(q-t)%(punyBase-t)])
		q = (q - t) / (punyBase - t)
	}
}

// punyLabel says whether a label that begins with "xn--" is one that an encoder
// writes: it decodes to characters that a name may have, one of them not ASCII, and
// encodes to the same label again.
func punyLabel(label string) bool {
	s, ok := punyDecode(label[len("xn--"):])
	if !ok {
		return false
	}
	for _, r := range s {
		// Symbols are in: names of emoji exist, though IDNA2008 forbids them.
		if r >= utf8.RuneSelf && !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S, unicode.Join_Control) && r != '·' && r != '・' {
			return false
		}
	}
	again, ok := punyEncode(s)
	return ok && !isASCII(s) && again == label[len("xn--"):]
}

// isASCII says whether every byte of s is below 0x80.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
