// Package stem brings the forms of an English word together, for those who look
// for words rather than for strings.
package stem

import "strings"

// Word cuts the endings of an English word in lower case, so that dumping finds
// dump. It
// leaves alone what is no plain word: names with digits or joints, other scripts,
// capitals, words of three letters and less.
//
// Source: Porter 1980, "An algorithm for suffix stripping".
func Word(word string) string {
	if len(word) < 4 {
		return word
	}
	for i := range len(word) {
		if word[i] < 'a' || word[i] > 'z' {
			return word
		}
	}
	w := plurals(word)
	w = pasts(w)
	if n := len(w); n > 1 && w[n-1] == 'y' && hasVowel(w[:n-1]) {
		w = w[:n-1] + "i"
	}
	w = replaceSuffix(w, step2)
	w = replaceSuffix(w, step3)
	w = dropSuffix(w)
	return final(w)
}

// vowel reports whether w[i] is a vowel: y is one after a consonant.
func vowel(w string, i int) bool {
	switch w[i] {
	case 'a', 'e', 'i', 'o', 'u':
		return true
	case 'y':
		return i > 0 && !vowel(w, i-1)
	}
	return false
}

func hasVowel(w string) bool {
	for i := range len(w) {
		if vowel(w, i) {
			return true
		}
	}
	return false
}

// measure counts the groups of vowels followed by consonants.
func measure(w string) int {
	n, was := 0, false
	for i := range len(w) {
		is := vowel(w, i)
		if was && !is {
			n++
		}
		was = is
	}
	return n
}

func doubled(w string) bool {
	n := len(w)
	return n > 1 && w[n-1] == w[n-2] && !vowel(w, n-1)
}

// shortEnd reports whether w ends consonant, vowel, consonant other than w, x, y.
func shortEnd(w string) bool {
	n := len(w)
	return n > 2 && !vowel(w, n-3) && vowel(w, n-2) && !vowel(w, n-1) && w[n-1] != 'w' && w[n-1] != 'x' && w[n-1] != 'y'
}

func plurals(w string) string {
	switch {
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "ies"):
		return w[:len(w)-2]
	case strings.HasSuffix(w, "ss"):
		return w
	}
	return strings.TrimSuffix(w, "s")
}

func pasts(w string) string {
	if strings.HasSuffix(w, "eed") {
		if measure(w[:len(w)-3]) > 0 {
			return w[:len(w)-1]
		}
		return w
	}
	base, ok := strings.CutSuffix(w, "ed")
	if !ok {
		base, ok = strings.CutSuffix(w, "ing")
	}
	if !ok || !hasVowel(base) {
		return w
	}
	switch {
	case strings.HasSuffix(base, "at"), strings.HasSuffix(base, "bl"), strings.HasSuffix(base, "iz"):
		return base + "e"
	case doubled(base) && !strings.HasSuffix(base, "l") && !strings.HasSuffix(base, "s") && !strings.HasSuffix(base, "z"):
		return base[:len(base)-1]
	case measure(base) == 1 && shortEnd(base):
		return base + "e"
	}
	return base
}

// step2 and step3 are the paper's tables. Where one suffix ends another, the
// longer comes first.
var (
	step2 = [][2]string{
		{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"}, {"abli", "able"},
		{"alli", "al"}, {"entli", "ent"}, {"eli", "e"}, {"ousli", "ous"}, {"ization", "ize"}, {"ation", "ate"},
		{"ator", "ate"}, {"alism", "al"}, {"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},
		{"iviti", "ive"}, {"biliti", "ble"},
	}
	step3 = [][2]string{
		{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""},
	}
	step4 = []string{
		"ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "al", "er", "ic", "ou",
	}
)

func replaceSuffix(w string, table [][2]string) string {
	for _, t := range table {
		if base, ok := strings.CutSuffix(w, t[0]); ok {
			if measure(base) > 0 {
				return base + t[1]
			}
			return w
		}
	}
	return w
}

func dropSuffix(w string) string {
	if base, ok := strings.CutSuffix(w, "ion"); ok {
		if measure(base) > 1 && (strings.HasSuffix(base, "s") || strings.HasSuffix(base, "t")) {
			return base
		}
		return w
	}
	for _, suffix := range step4 {
		if base, ok := strings.CutSuffix(w, suffix); ok {
			if measure(base) > 1 {
				return base
			}
			return w
		}
	}
	return w
}

// final drops a last e, and one l of two.
func final(w string) string {
	if base, ok := strings.CutSuffix(w, "e"); ok {
		if m := measure(base); m > 1 || m == 1 && !shortEnd(base) {
			w = base
		}
	}
	if measure(w) > 1 && strings.HasSuffix(w, "ll") {
		w = w[:len(w)-1]
	}
	return w
}
