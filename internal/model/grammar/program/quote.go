package program

import "unicode/utf8"

// Quote spells a string as JSON in the one way that this package's users spell
// strings that are held to something: as it is, but for quotes, backslashes and
// control characters.
func Quote(s string) string {
	b := []byte{'"'}
	for _, r := range s {
		b = AppendRune(b, r)
	}
	return string(append(b, '"'))
}

// AppendRune appends one code point in that spelling.
func AppendRune(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	if r >= 0x20 && r != '"' && r != '\\' {
		return utf8.AppendRune(b, r)
	}
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
}
