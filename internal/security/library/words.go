package library

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/stem"
)

// maxWord is the longest word that is indexed: a SHA-256 in hexadecimal.
// Longer ones are encoded data, which nobody types.
const maxWord = 64

// shortNumber is the longest number that is left out where it is only a part of
// a longer word: the 001 of T1059.001.
const shortNumber = 3

// Words cuts text into the words of the index, in order: lower case and
// stemmed. A name with dots, hyphens or underscores in it (T1059.001,
// CVE-2021-44228, lsass.exe, invoke_expression) is a word as it stands,
// followed by its parts; an option keeps its hyphen (-enc) and is followed by
// its bare name.
func Words(text string) []string {
	var out []string
	eachWord(text, func(w string) { out = append(out, w) })
	return out
}

// eachWord calls do with every word of text.
func eachWord(text string, do func(string)) {
	c := cutter{text: text, do: do}
	for c.at < len(text) {
		c.run()
	}
}

// cutter walks over a text.
type cutter struct {
	text string
	at   int
	do   func(string)
}

// The classes of character.
const (
	other = iota
	letter
	joint     // holds a name together if letters stand on both sides
	ideograph // of a script that puts no spaces between words: a word by itself
)

// class returns the class and the size of the character at i.
func (c *cutter) class(i int) (class, size int) {
	if i >= len(c.text) {
		return other, 0
	}
	b := c.text[i]
	switch {
	case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9':
		return letter, 1
	case b == '.' || b == '-' || b == '_':
		return joint, 1
	case b < utf8.RuneSelf:
		return other, 1
	}
	r, size := utf8.DecodeRuneInString(c.text[i:])
	switch {
	case r >= firstIdeograph && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
		return ideograph, size
	case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
		return letter, size
	}
	return other, size
}

const firstIdeograph = 0x0e00 // the first character of Thai, which comes before the others

// run takes one name with its joints, one ideograph, or skips one character.
func (c *cutter) run() {
	start := c.at
	class, size := c.class(start)
	if class != letter {
		c.at += size
		switch {
		case class == ideograph:
			c.emit(c.text[start:c.at])
		case c.text[start] == '-' && c.opensOption(start):
			c.option(start)
		}
		return
	}
	joints := 0
	for {
		for class == letter {
			c.at += size
			class, size = c.class(c.at)
		}
		if after, _ := c.class(c.at + 1); class != joint || after != letter {
			break
		}
		joints++
		c.at++
		class, size = c.class(c.at)
	}
	c.emit(c.text[start:c.at])
	if joints > 0 {
		c.parts(c.text[start:c.at])
	}
	c.skipGenitive()
}

// skipGenitive passes over the 's of a name.
func (c *cutter) skipGenitive() {
	for _, mark := range [...]string{"'s", "’s"} {
		if strings.HasPrefix(c.text[c.at:], mark) {
			if after, _ := c.class(c.at + len(mark)); after != letter {
				c.at += len(mark)
			}
			return
		}
	}
}

// opensOption reports whether the hyphen at i begins an option: nothing but a
// space, a quote or another hyphen stands before it, and a letter after it.
func (c *cutter) opensOption(i int) bool {
	if i > 0 && !strings.ContainsRune(" \t\r\n\"'`(-,|", rune(c.text[i-1])) {
		return false
	}
	after, _ := c.class(i + 1)
	return after == letter && c.text[i+1] > '9'
}

// option emits the option that begins with the hyphen at start; run goes on
// with its name.
func (c *cutter) option(start int) {
	end := start + 1
	for class, size := c.class(end); class == letter || class == joint; class, size = c.class(end) {
		end += size
	}
	c.emit(strings.TrimRight(c.text[start:end], ".-_"))
}

// parts emits the parts of a joined name.
func (c *cutter) parts(word string) {
	for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
		if len(part) > shortNumber || strings.Trim(part, "0123456789") != "" {
			c.emit(part)
		}
	}
}

// emit passes one word on.
func (c *cutter) emit(word string) {
	if word != "" && len(word) <= maxWord {
		c.do(stem.Word(strings.ToLower(strings.ToValidUTF8(word, ""))))
	}
}
