package tokenizer

import "unicode/utf8"

// class is what the pre-tokenizers distinguish of a character: Unicode's
// general categories L, N and M, white space, and all else.
type class byte

const (
	other  class = iota // punctuation, symbols, control, unassigned, broken UTF-8
	letter              // \p{L}
	number              // \p{N}
	mark                // \p{M}
	space               // \s, which is Unicode's White_Space
	wide                // the first byte of anything beyond ASCII, in byteClasses only
)

// The variation selectors of plane 14 are marks, and the only characters after
// the table's end that are not other.
const (
	firstSelector = 0xE0100
	lastSelector  = 0xE01EF
)

// classBlock is how many code points share an entry of classIndex.
const classBlock = 128

// runeClass says the class of a code point, by Unicode 15.1.
func runeClass(r rune) class {
	block := int(r) / classBlock
	if block >= len(classIndex) {
		if r >= firstSelector && r <= lastSelector {
			return mark
		}
		return other
	}
	pair := classBlocks[int(classIndex[block])*(classBlock/2)+int(r)%classBlock/2]
	return class(pair>>(4*(r&1))) & 15
}

// classAt says the class of the character that begins at text[i] and how many
// bytes it takes. A byte that begins no character is a character of its own,
// and so are the three bytes of a lone surrogate: both are other, as the
// replacement character is, and unlike it they keep their bytes.
func classAt(text string, i int) (class, int) {
	if c := class(byteClasses[text[i]]); c != wide {
		return c, 1
	}
	r, size := utf8.DecodeRuneInString(text[i:])
	if r != utf8.RuneError || size > 1 {
		return runeClass(r), size
	}
	if text[i] == 0xED && i+2 < len(text) && text[i+1]&0xE0 == 0xA0 && text[i+2]&0xC0 == 0x80 {
		return other, 3
	}
	return other, 1
}

// skip returns the index of the first character at or after i that is not of
// class c.
func skip(text string, i int, c class) int {
	for i < len(text) {
		got, size := classAt(text, i)
		if got != c {
			break
		}
		i += size
	}
	return i
}
