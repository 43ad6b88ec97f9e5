package native

// Extent is extent with names that tests see.
type Extent struct{ Start, End int }

// Align is align on strings.
func Align(text string, spelled []string, pieces, composed bool) []Extent {
	var b [][]byte
	for _, s := range spelled {
		b = append(b, []byte(s))
	}
	var out []Extent
	for _, x := range align(text, b, pieces, composed) {
		out = append(out, Extent{x.start, x.end})
	}
	return out
}
