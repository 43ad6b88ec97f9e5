package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalNFC is Spec.Normalizer's name of form C.
const normalNFC = "nfc"

// manyMarks is how many combining characters may follow each other before
// x/text's form C puts a joiner between them, as the stream-safe text format
// asks; tokenizers know no such joiner.
const manyMarks = 30

// composed returns text in Unicode's form C. What is no UTF-8 stays as it is.
func composed(text string) string {
	switch {
	case norm.NFC.IsNormalString(text):
		return text
	case !hasManyMarks(text):
		return norm.NFC.String(text)
	}
	return composeSlowly(text)
}

// hasManyMarks says whether x/text could put a joiner into text.
func hasManyMarks(text string) bool {
	run := 0
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			run = 0
			i++
			continue
		}
		p := norm.NFD.PropertiesString(text[i:])
		// A decomposition has at most three combining characters.
		if p.CCC() != 0 || p.TrailCCC() != 0 {
			run += 3
		} else {
			run = 0
		}
		if run > manyMarks {
			return true
		}
		i += max(p.Size(), 1)
	}
	return false
}

// composeSlowly is form C by the steps of Unicode's annex 15: decompose, put
// combining characters in order, compose.
func composeSlowly(text string) string {
	marks := decompose(text)
	for i := 0; i < len(marks); {
		end := i + 1
		for marks[i].order != 0 && end < len(marks) && marks[end].order != 0 {
			end++
		}
		slices.SortStableFunc(marks[i:end], func(a, b ordered) int { return int(a.order) - int(b.order) })
		i = end
	}
	var out []byte
	for _, m := range compose(marks) {
		if m.broken {
			out = append(out, byte(m.char))
			continue
		}
		out = utf8.AppendRune(out, m.char)
	}
	return string(out)
}

// ordered is a character and its canonical combining class, 0 for one that does
// not combine; or, if broken, a byte that begins no character.
type ordered struct {
	char   rune
	order  uint8
	broken bool
}

// decompose is the full canonical decomposition.
func decompose(text string) []ordered {
	var out []ordered
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			out = append(out, ordered{rune(text[i]), 0, true})
			i++
			continue
		}
		for _, d := range norm.NFD.String(text[i : i+size]) {
			order := norm.NFD.PropertiesString(string(d)).CCC()
			out = append(out, ordered{d, order, false})
		}
		i += size
	}
	return out
}

// compose joins each character to the last one before it that does not combine,
// if the two have a composition and nothing between them is in the way. It uses
// the memory of in.
func compose(in []ordered) []ordered {
	out := in[:0]
	base := -1 // the index of that last one
	for _, c := range in {
		near := base == len(out)-1
		if base >= 0 && !c.broken && (near || out[len(out)-1].order != 0 && out[len(out)-1].order < c.order) {
			if joined, ok := pair(out[base].char, c.char); ok {
				out[base].char = joined
				continue
			}
		}
		out = append(out, c)
		if c.order == 0 {
			base = len(out) - 1
			if c.broken {
				base = -1
			}
		}
	}
	return out
}

// pair returns the composition of two characters.
func pair(a, b rune) (rune, bool) {
	joined := norm.NFC.String(string(a) + string(b))
	r, size := utf8.DecodeRuneInString(joined)
	return r, size == len(joined)
}
