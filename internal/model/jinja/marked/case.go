package marked

import "unicode"

// HasCase reports whether s has letters of the one case and none of the other.
func HasCase(s string, lower bool) bool {
	found := false
	for _, r := range s {
		up := unicode.IsUpper(r) || unicode.IsTitle(r)
		if low := unicode.IsLower(r); low && !lower || up && lower {
			return false
		} else if low || up {
			found = true
		}
	}
	return found
}

// Recased is what becomes of a character; inside says that it does not begin a
// word, or for capitalize the text.
func Recased(r rune, how string, inside bool) string {
	upper := how == "upper" || how == "swapcase" && unicode.IsLower(r)
	first := (how == "title" || how == "capitalize") && !inside
	switch {
	case first && r == 'ß':
		return "Ss"
	case first:
		return string(unicode.ToTitle(r))
	case upper && r == 'ß':
		return "SS"
	case upper:
		return string(unicode.ToUpper(r))
	case how == "casefold" && r == 'ß':
		return "ss"
	case r == 'İ':
		return "i̇"
	}
	return string(unicode.ToLower(r))
}
