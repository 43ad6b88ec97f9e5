// Package naming knows how names are written otherwise: countries by their code,
// acronyms beside what they stand for, digests by their beginning, two words as one;
// and which names are ordinary words, too.
package naming

import (
	"regexp"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// countries are the codes of ISO 3166 by the English names of countries in lower case.
var countries = sync.OnceValue(func() map[string]string {
	m := map[string]string{"russia": "RU", "czech republic": "CZ", "turkey": "TR", "united states": "US", "usa": "US", "britain": "GB", "great britain": "GB", "south korea": "KR", "netherlands": "NL", "hong kong": "HK", "burma": "MM"}
	names := display.English.Regions()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			if r, err := language.ParseRegion(code); err == nil && r.IsCountry() {
				if name := strings.ToLower(names.Name(r)); len(name) > 3 && r.Canonicalize() == r {
					m[name] = code
				}
			}
		}
	}
	return m
})

// Country returns the code of a country, "" for what is none.
func Country(low string) string { return countries()[low] }

var coded = regexp.MustCompile(`(?:(?i:country|geo|location|region|nation|(?:src|dst|source|client)cc)[\w.-]*["']?\s*[:=]\s*["']?|\(|, ?|; ?|/)([A-Z]{2})(?:["')\],;\s]|$)`)

// Coded reports whether a text has a code of a country where such a code stands: in
// parentheses, or as the value of a field that is called so.
func Coded(text, code string) bool {
	for from := 0; from < len(text); {
		m := coded.FindStringSubmatchIndex(text[from:])
		if m == nil {
			return false
		}
		if text[from+m[2]:from+m[3]] == code {
			return true
		}
		from += m[3]
	}
	return false
}

// Expansion is an acronym beside the words that it stands for.
type Expansion struct {
	Acronym  string // in lower case
	From, To int    // of both together
}

var expanded = regexp.MustCompile(`((?:[\p{L}][\p{L}\d]*[ -](?:(?:of|the|and|to|for|in) )?){2,7})\((\p{Lu}[\p{Lu}\d]{1,7})\)`)

// Expansions finds "Outlook Web Access (OWA)" in a text.
func Expansions(text string) []Expansion {
	var out []Expansion
	for _, m := range expanded.FindAllStringSubmatchIndex(text, 8) {
		acronym := strings.ToLower(text[m[4]:m[5]])
		if from, ok := spells(strings.ToLower(text[m[2]:m[3]]), acronym); ok {
			out = append(out, Expansion{acronym, m[2] + from, m[1]})
		}
	}
	return out
}

var wordOf = regexp.MustCompile(`[\p{L}\d]+`)

// spells reports whether the last words of a text begin with the letters of an
// acronym, small words apart, and where the first of them stands.
func spells(words, acronym string) (from int, ok bool) {
	ws := wordOf.FindAllStringIndex(words, -1)
	k := len(acronym) - 1
	for i := len(ws) - 1; i >= 0; i-- {
		w := words[ws[i][0]:ws[i][1]]
		if w[0] != acronym[k] {
			switch w {
			case "of", "the", "and", "to", "for", "in":
				continue
			}
			return 0, false
		}
		if k--; k < 0 {
			return ws[i][0], true
		}
	}
	return 0, false
}

var partial = regexp.MustCompile(`\b(?:begin(?:s|ning)?|start(?:s|ing)?|prefix(?:ed)?|beginning) (?:with |is |of |in )?(?:the )?["'` + "`" + `]?(?:(?:sha-?(?:1|256|512)|md5):)?$`)

var hex = regexp.MustCompile(`^(?:(?:sha-?(?:1|256|512)|md5):)?([0-9a-f]{4,64})$`)

// Beginning returns a part of a digest if the words before it say that the digest
// begins with it.
func Beginning(before, token string) (part string, ok bool) {
	m := hex.FindStringSubmatch(token)
	if m == nil || !partial.MatchString(before) {
		return "", false
	}
	return m[1], true
}

var means = regexp.MustCompile(`\b(?:with|using|via|by means of|in|called) (\p{Lu}\p{Ll}{3,})[.,;]?(?:$| (?:and|to|before|after)\b)`)

// Means returns a name of one word that a sentence gives for what something was done
// with, and where it stands.
func Means(text string) (name string, from int) {
	m := means.FindStringSubmatchIndex(text)
	if m == nil {
		return "", 0
	}
	return text[m[2]:m[3]], m[2]
}
