package head

import (
	"strings"
	"unicode"
)

// The heads learnt from English alone, and what they say of another language
// rests on words that look alike. A text counts as foreign if it plainly is: by
// its script, or by the small words of another language.
const (
	leastLetters = 8  // to judge a script
	manyWords    = 8  // without a single English one, and with
	manyAccents  = 20 // one letter in so many accented: a language that is not listed
)

// englishWords are small words that the languages of foreignWords do not have.
var englishWords = wordSet("the of to and with for that by from which this are be were not or into it has have used using their")

// foreignWords are small words of German, French, Spanish, Italian, Portuguese
// and Dutch that English does not have.
var foreignWords = wordSet(`
der das und nicht mit von ist eine einen einer eines dem den des zu zur zum für auf sich auch wird wurde wurden werden durch über bei nach oder sie ein im
le les et des est une un du au aux dans pour par qui que avec sont cette pas ses leur
el las una del para como más su lo
il gli di che della dei delle nel è non sono
os da dos não uma com em ao
het een van niet met voor zijn wordt door naar de la en`)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

// Foreign reports whether a text is plainly in another language than English.
func Foreign(text string) bool {
	letters, accents, other := 0, 0, 0
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		if r >= 0x80 {
			accents++
		}
		if r >= 0x80 && !unicode.Is(unicode.Latin, r) {
			other++
		}
	}
	if letters >= leastLetters && 2*other > letters {
		return true
	}
	words, english, listed := 0, 0, 0
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		words++
		if englishWords[w] {
			english++
		} else if foreignWords[w] {
			listed++
		}
	}
	switch {
	case words < leastWords:
		return false
	case listed >= 2 && listed > 2*english && leastWords*listed >= words:
		return true
	}
	return words >= manyWords && english == 0 && accents*manyAccents >= letters
}
