package tokenizer

import "unicode/utf8"

// GPT-2 writes each byte of a token as one printable letter: those of Latin-1
// that print as themselves, the other 68 as U+0100 and on, in order: 0 to 0x20,
// 0x7F to 0xA0, and the soft hyphen, 0xAD.

// letterByte returns the byte that a letter stands for.
func letterByte(r rune) (byte, bool) {
	switch {
	case r >= '!' && r <= '~', r >= 0xA1 && r <= 0xAC, r >= 0xAE && r <= 0xFF:
		return byte(r), true
	case r >= 0x100 && r < 0x100+'!':
		return byte(r - 0x100), true
	case r >= 0x100+'!' && r < 0x143:
		return byte(r - 0x100 - '!' + 0x7F), true
	case r == 0x143:
		return 0xAD, true
	}
	return 0, false
}

// appendLetters appends the bytes that text stands for. It returns false, and
// dst as it was, if text has anything but letters of the alphabet.
func appendLetters(dst []byte, text string) ([]byte, bool) {
	start := len(dst)
	for i := 0; i < len(text); {
		if c := text[i]; c >= '!' && c <= '~' {
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		b, ok := letterByte(r)
		if !ok {
			return dst[:start], false
		}
		dst = append(dst, b)
		i += size
	}
	return dst, true
}
