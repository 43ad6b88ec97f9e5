package inspect

import (
	"math/big"
	"regexp"
	"strings"
)

// What personal data is called.
const (
	personMail  = "mail address"
	personPhone = "phone number"
	personIBAN  = "IBAN"
	personCard  = "card number"
	personID    = "national id"
)

// The patterns of personal data. Those of numbers are checked by their check digits
// where they have some, so that hashes, ids and addresses do not count. Addresses
// of machines are not personal data here.
var (
	mailPattern  = regexp.MustCompile(`[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}\b`)
	phonePattern = regexp.MustCompile(`\+[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}\b|\(\d{3}\) ?\d{3}-\d{4}\b`)
	ibanPattern  = regexp.MustCompile(`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b`)
	cardPattern  = regexp.MustCompile(`\b(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|3[47]\d{2}|6011|65\d{2})(?:[ -]?\d{4}){2}(?:[ -]?\d{3,4})\b`)
	ssnPattern   = regexp.MustCompile(`\b\d{3}-\d{2}-\d{4}\b`)
	nirPattern   = regexp.MustCompile(`\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|20) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b`)
	dniPattern   = regexp.MustCompile(`\b(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z]\b`)
	fiscalCode   = regexp.MustCompile(`\b[A-Z]{6}\d{2}[A-EHLMPR-T](?:0[1-9]|[1-6]\d|7[01])[A-Z]\d{3}[A-Z]\b`)
	ninoPattern  = regexp.MustCompile(`\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b`)
)

// personal calls found for each stretch of text that is personal data.
func personal(text string, found func(what string, start, end int)) {
	each := func(what string, p *regexp.Regexp, valid func(string) bool) {
		for _, at := range p.FindAllStringIndex(text, 100) {
			if (valid == nil || valid(text[at[0]:at[1]])) && (what != personPhone || alone(text, at[0], at[1])) {
				found(what, at[0], at[1])
			}
		}
	}
	if strings.Contains(text, "@") {
		each(personMail, mailPattern, nil)
	}
	if digits(text) < 6 {
		return
	}
	each(personPhone, phonePattern, func(s string) bool { n := digits(s); return n >= 9 && n <= 15 })
	each(personIBAN, ibanPattern, validIBAN)
	each(personCard, cardPattern, validCard)
	each(personID, ssnPattern, validSSN)
	each(personID, nirPattern, validNIR)
	each(personID, dniPattern, validDNI)
	each(personID, fiscalCode, validFiscalCode)
	if strings.Contains(strings.ToLower(text), "insurance") {
		each(personID, ninoPattern, nil) // it has no check digit
	}
}

// alone reports whether a number is no part of a version or an expression, such as
// "1.0+14.04.20140416-0": a space, a quote or a bracket stands before it, and no word
// goes on behind.
func alone(text string, start, end int) bool {
	if start > 0 && strings.IndexByte(" \t\n(:=\"'<[,;/", text[start-1]) < 0 {
		return false
	}
	rest := text[end:]
	return rest == "" || !(rest[0] == '-' || rest[0] == '_' || rest[0] == '+' || rest[0] == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9')
}

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// bare leaves out spaces and dashes.
func bare(s string) string { return strings.NewReplacer(" ", "", "-", "").Replace(s) }

// validIBAN holds to ISO 13616: the rest by 97 is 1.
func validIBAN(s string) bool {
	s = bare(s)
	if len(s) < 15 || len(s) > 34 {
		return false
	}
	return mod97(s[4:]+s[:4]) == 1
}

// mod97 reads letters as 10 to 35.
func mod97(s string) int {
	rest := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return -1
		}
	}
	return rest
}

// validCard holds to Luhn's check, ISO/IEC 7812-1.
func validCard(s string) bool {
	s = bare(s)
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(s) >= 15 && sum%10 == 0
}

// validSSN leaves out what the Social Security Administration never gives.
func validSSN(s string) bool {
	area, group, serial := s[:3], s[4:6], s[7:]
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}

// validNIR checks the key of a French number: 97 less the rest by 97.
func validNIR(s string) bool {
	s = bare(s)
	s = strings.NewReplacer("2A", "19", "2B", "18").Replace(s)
	if len(s) != 15 {
		return false
	}
	n, ok := new(big.Int).SetString(s[:13], 10)
	key, okKey := new(big.Int).SetString(s[13:], 10)
	return ok && okKey && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 97-key.Int64()
}

// validDNI checks the letter of a Spanish number.
func validDNI(s string) bool {
	s = bare(s)
	n := 0
	for i := range len(s) - 1 {
		c := s[i]
		if i == 0 && c >= 'X' {
			c = '0' + c - 'X'
		}
		n = n*10 + int(c-'0')
	}
	return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] == s[len(s)-1]
}

// validFiscalCode checks the last letter of an Italian code, by the decree of 23
// December 1976.
func validFiscalCode(s string) bool {
	odd := [36]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		c := int(s[i])
		digit := c < 'A'
		switch {
		case i%2 == 0 && digit:
			sum += odd[c-'0']
		case i%2 == 0:
			sum += odd[10+c-'A']
		case digit:
			sum += c - '0'
		default:
			sum += c - 'A'
		}
	}
	return byte('A'+sum%26) == s[15]
}
