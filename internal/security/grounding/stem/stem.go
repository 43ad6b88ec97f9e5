// Package stem compares texts by the beginnings of their words, so that "deleting" is
// found in "deleted". It knows English endings and nothing of grammar.
package stem

import (
	"regexp"
	"slices"
	"strings"
)

var words = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}'&+$]*(?:[-_./][\p{L}\p{N}&+$]+)*`)

var empty = setOf(`the a an and or of in on at to for from by with without as is are was were be been being has have had do does did it its this that these those there which who whom whose what when where how why not no never none nothing nobody neither nor only than then them they their he she his her him we our us you your i my me so if but also into onto over under after before during between about against all any some more most other one two any ever still just very could would should may might can will shall not because since due led result caused`)

func setOf(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// Empty reports whether a word, or the stem of one, carries no meaning of its own.
func Empty(w string) bool { return empty[w] }

// Of cuts the commonest endings of a word, for looking it up by its beginning.
func Of(w string) string {
	for _, e := range []string{"ations", "ation", "ings", "ing", "ions", "ion", "ies", "es", "ed", "s", "y", "e"} {
		if len(w)-len(e) >= 4 && strings.HasSuffix(w, e) {
			return w[:len(w)-len(e)]
		}
	}
	return w
}

// All returns the stems of the words of a text in lower case that carry meaning, each
// once.
func All(low string) []string {
	var out []string
	for _, m := range words.FindAllString(low, 200) {
		m = strings.TrimSuffix(m, "'s")
		if len(m) < 3 || empty[m] {
			continue
		}
		if s := Of(m); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Shared counts the stems that begin a word of a text.
func Shared(text string, stems []string) int {
	n := 0
	for _, s := range stems {
		if Begins(text, s) {
			n++
		}
	}
	return n
}

// bases are the verbs of the trade whose past has another beginning.
var bases = map[string]string{"sent": "send", "paid": "pay", "ran": "run", "wrote": "write", "written": "write", "took": "take", "taken": "take", "made": "make", "gave": "give", "given": "give",
	"stole": "steal", "stolen": "steal", "built": "build", "found": "find", "left": "leave", "lost": "lose", "kept": "keep", "caught": "catch", "chose": "choose", "broke": "break", "broken": "break",
	"began": "begin", "begun": "begin", "hid": "hide", "hidden": "hide", "bought": "buy", "brought": "bring", "spoke": "speak", "sought": "seek", "drew": "draw", "spent": "spend", "held": "hold"}

// Alike is Begins that knows irregular verbs as well: "sent" is found in "sends", and
// the other way round.
func Alike(text, s string) bool {
	if Begins(text, s) || verb(text, bases[s]) {
		return true
	}
	for past, base := range bases {
		if (s == base || s == strings.TrimSuffix(base, "e")) && verb(text, past) {
			return true
		}
	}
	return false
}

// verb reports whether a text has a verb, in the present or with a common ending.
func verb(text, base string) bool {
	if base == "" || !Begins(text, strings.TrimSuffix(base, "e")) {
		return false
	}
	for _, w := range words.FindAllString(text, 2000) {
		if rest, ok := strings.CutPrefix(w, strings.TrimSuffix(base, "e")); ok && slices.Contains([]string{"", "e", "s", "es", "ing", "er", "ers", "ning", "ment", "ments"}, rest) {
			return true
		}
	}
	return false
}

// Begins reports whether a word of text begins with s.
func Begins(text, s string) bool {
	for from := 0; s != ""; {
		i := strings.Index(text[from:], s)
		if i < 0 {
			return false
		}
		i += from
		if i == 0 || !letter(s[0]) || !letter(text[i-1]) || text[i-1] == '_' || '0' <= text[i-1] && text[i-1] <= '9' {
			return true
		}
		from = i + 1
	}
	return false
}

func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c >= 0x80
}
