package lexical

import "unicode/utf8"

// word is a token of a text.
type word struct {
	start, end int32 // bytes into the text
	hash       uint32
	number     bool // nothing but digits: all numbers are one word
}

const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619

	numberHash = 0x8e1b9c35 // of every number
)

// Classes of bytes. Bytes of 128 and more belong to words, so that names in any
// script stay whole.
const (
	classOther = iota
	classLetter
	classDigit
)

// lower maps ASCII letters to lower case; class says what each byte is.
var lower, class = byteTables()

func byteTables() (lower, class [256]byte) {
	for i := range 256 {
		c := byte(i)
		lower[i] = c
		switch {
		case c >= 'A' && c <= 'Z':
			lower[i] = c + 'a' - 'A'
			class[i] = classLetter
		case c >= 'a' && c <= 'z', c == '_', c >= utf8.RuneSelf:
			class[i] = classLetter
		case c >= '0' && c <= '9':
			class[i] = classDigit
		}
	}
	return lower, class
}

// finish spreads the bits of a hash.
func finish(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

// splitWords appends the words of text, in lower case as far as ASCII goes, up
// to MaxWords. A vulnerability's own number, "CVE-2024-1234", is no word: it
// says when, not what.
func splitWords(words []word, text string) []word {
	for i := 0; i < len(text) && len(words) < MaxWords; {
		if class[text[i]] == classOther {
			i++
			continue
		}
		start, h, letters := i, uint32(fnvOffset), false
		for i < len(text) && class[text[i]] != classOther {
			letters = letters || class[text[i]] == classLetter
			h = (h ^ uint32(lower[text[i]])) * fnvPrime
			i++
		}
		if i-start == 3 && i < len(text) && text[i] == '-' {
			if n := numberedID(text[start:]); n > 0 {
				i = start + n
				continue
			}
		}
		if !letters {
			h = numberHash
		}
		words = append(words, word{int32(start), int32(i), finish(h), !letters})
	}
	return words
}

// numberedID returns the length of a CVE id at the start of text, or 0.
func numberedID(text string) int {
	const year = len("CVE-2024-")
	if len(text) < year+4 || lower[text[0]] != 'c' || lower[text[1]] != 'v' || lower[text[2]] != 'e' || text[year-1] != '-' {
		return 0
	}
	n := year
	for n < len(text) && class[text[n]] == classDigit {
		n++
	}
	if digits(text[4:year-1]) && n >= year+4 {
		return n
	}
	return 0
}

func digits(s string) bool {
	for i := range len(s) {
		if class[s[i]] != classDigit {
			return false
		}
	}
	return true
}
