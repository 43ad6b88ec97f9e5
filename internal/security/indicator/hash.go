package indicator

import (
	"math/bits"
	"strings"

	"github.com/casemate-ai/casemate"
)

// The lengths of hashes in hexadecimal digits.
const (
	md5Digits    = 32
	sha1Digits   = 40
	sha256Digits = 64
	sha512Digits = 128
)

// minDistinct is how many different digits a hash must have. Random digits miss
// it about once in 10^11 for the shortest hash; padding, zeros and patterns do
// not reach it.
const minDistinct = 6

// hashes adds the hashes in the run text[a:b]. A stretch of letters and digits
// that has exactly the length of a hash, and hexadecimal digits alone, is one.
func (s *scanner) hashes(a, b int) {
	for i := a; i < b; {
		mask, start := uint8(0), i
		for i < b && class[s.text[i]]&(isDigit|isHex|isAlpha) != 0 {
			mask |= class[s.text[i]]
			i++
		}
		if mask == isDigit|isHex {
			s.hash(start, i)
		}
		i++
	}
}

// hash adds text[a:b], hexadecimal digits, if it is the hash of a file.
func (s *scanner) hash(a, b int) {
	if slash(s.at(a-1)) && slash(s.at(b)) && b > s.urlEdge {
		return // a directory, such as those of the native images of .NET
	}
	var kind casemate.IndicatorType
	switch b - a {
	case md5Digits:
		// Ids of traces and the like come as such digits between hyphens.
		if s.at(a-1) == '-' || s.at(b) == '-' || s.credential(a, b) {
			return
		}
		kind = casemate.IndicatorMD5
	case sha1Digits:
		kind = casemate.IndicatorSHA1
	case sha256Digits:
		kind = casemate.IndicatorSHA256
	case sha512Digits:
		kind = casemate.IndicatorSHA512
	default:
		return
	}
	word := strings.ToLower(s.text[a:b])
	var digits uint16
	for i := range len(word) {
		digits |= 1 << unhex(word[i])
	}
	if bits.OnesCount16(digits) < minDistinct || tokenWord(s.field) || tokenWord(s.keyBefore(a)) {
		return
	}
	s.add(kind, word, "")
}

// credential says whether text[a:b] is one half of a pair of password hashes of
// Windows, LM:NT, or one of the two that stand for an empty password.
func (s *scanner) credential(a, b int) bool {
	for _, empty := range [...]string{"aad3b435b51404eeaad3b435b51404ee", "31d6cfe0d16ae931b73c59d7e0c089c0"} {
		if strings.EqualFold(s.text[a:b], empty) {
			return true
		}
	}
	return s.at(b) == ':' && s.hexRun(b+1) == md5Digits ||
		s.at(a-1) == ':' && a > md5Digits && s.hexRun(a-1-md5Digits) == md5Digits
}

// hexRun returns how many hexadecimal digits stand from text[a] on, up to one
// more than the longest password hash has.
func (s *scanner) hexRun(a int) int {
	i := a
	for i < len(s.text) && i <= a+md5Digits && class[s.text[i]]&(isDigit|isHex) != 0 {
		i++
	}
	return i - a
}

// keyBefore returns the word that labels text[a], as in "IMPHASH=" or
// `"sha1": "`.
func (s *scanner) keyBefore(a int) string {
	end := a
	for end > 0 && end > a-4 && strings.IndexByte(" \t:=\"'{(", s.text[end-1]) >= 0 {
		end--
	}
	if end == a {
		return ""
	}
	i := end
	for i > 0 && i > end-32 && class[s.text[i-1]]&(isDigit|isHex|isAlpha|isJoin) != 0 {
		i--
	}
	return s.text[i:end]
}

// slash says whether c separates the parts of a path.
func slash(c byte) bool { return c == '/' || c == '\\' }

// maxToken is how much of a field's name tokenWord looks at, from its end.
const maxToken = 32

// tokenWord says whether a word, in any case, labels something that has the
// form of a hash but is not the hash of a file.
func tokenWord(word string) bool {
	word = word[max(0, len(word)-maxToken):]
	var low [maxToken]byte
	for i := range len(word) {
		low[i] = word[i]
		if 'A' <= word[i] && word[i] <= 'Z' {
			low[i] |= 0x20
		}
	}
	w := string(low[:len(word)])
	switch {
	case w == "" || w == "md5" || w == "sha1" || w == "sha256" || w == "hashes":
		return false
	case w == "id", strings.HasSuffix(w, "_id"), strings.HasSuffix(w, ".id"), strings.HasSuffix(w, "-id"):
		return true
	}
	return containsAny(w, "imphash", "ja3", "ja4", "jarm", "hassh", "pehash", "richhash", "vhash", "telfhash",
		"guid", "uuid", "trace", "span", "sess", "token", "csrf", "nonce", "cookie", "etag", "commit", "secret", "ntlm")
}

// cves adds the CVE ids in the run text[a:b], also those that tags write with
// underscores.
func (s *scanner) cves(a, b int) {
	for i := a; i+minPlain <= b; i++ {
		if s.text[i]|0x20 != 'c' || s.text[i+1]|0x20 != 'v' || s.text[i+2]|0x20 != 'e' ||
			i > a && class[s.text[i-1]]&(isDigit|isHex|isAlpha) != 0 ||
			class[s.text[i+3]] != isJoin || class[s.text[i+8]] != isJoin {
			continue
		}
		end := i + 9
		for end < b && class[s.text[end]]&isDigit != 0 {
			end++
		}
		if end < b && class[s.text[end]]&(isHex|isAlpha) != 0 {
			continue
		}
		if year, serial := s.text[i+4:i+8], s.text[i+9:end]; cveParts(year, serial) {
			id := s.text[i:end]
			if canonical := "CVE-" + year + "-" + serial; id != canonical {
				id = canonical
			}
			s.add(casemate.IndicatorCVE, id, "")
		}
		i = end - 1
	}
}

// cveParts checks the year and the serial number of a CVE id: four digits from
// 1999 on, and four to nineteen digits, padded with zeros only up to four.
func cveParts(year, serial string) bool {
	for i := range len(year) {
		if class[year[i]]&isDigit == 0 {
			return false
		}
	}
	if year != "1999" && !strings.HasPrefix(year, "20") {
		return false
	}
	return len(serial) >= 4 && len(serial) <= 19 && (len(serial) == 4 || serial[0] != '0')
}
