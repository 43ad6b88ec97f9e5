package tagger

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// hash is FNV-1a of 64 bits, with its bits mixed at the end. A model keeps the
// hashes of features and not their spellings.
type hash uint64

const (
	fnvStart hash = 14695981039346656037
	fnvPrime hash = 1099511628211
)

func (h hash) add(s string) hash {
	for i := range len(s) {
		h = (h ^ hash(s[i])) * fnvPrime
	}
	return (h ^ 0xff) * fnvPrime // "ab","c" is not "a","bc"
}

func (h hash) done() uint64 {
	x := uint64(h)
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	return bits.RotateLeft64(x, 29) ^ x
}

// Names of kinds of features.
const (
	always     = "1"
	wordIs     = "w"
	shapeIs    = "s"
	beginsWith = "p"
	endsWith   = "e"
	twoWords   = "ww"
	chunkIs    = "c"
	chunkShape = "cs"
	chunkEnds  = "ce"
	placeIs    = "at"
)

// maxAffix is how many characters an affix has at most.
const maxAffix = 4

// features appends the hashes of what is said of word i.
func features(dst []uint64, words []word, chunks []chunk, i int) []uint64 {
	add := func(kind, place string, parts ...string) {
		h := fnvStart.add(kind).add(place)
		for _, p := range parts {
			h = h.add(p)
		}
		dst = append(dst, h.done())
	}
	at := func(k int) word {
		if k < 0 || k >= len(words) {
			return word{lower: "\x00", shape: "\x00"} // beyond the text
		}
		return words[k]
	}
	add(always, "")
	for d, place := range map5 {
		w := at(i + d - 2)
		add(wordIs, place, w.lower)
		if d >= 1 && d <= 3 {
			add(shapeIs, place, w.shape)
		}
	}
	w := at(i)
	affixes(w.lower, func(kind, affix string) { add(kind, "0", affix) })
	add(twoWords, "-1", at(i-1).lower, w.lower)
	add(twoWords, "+1", w.lower, at(i+1).lower)
	add(twoWords, "s", at(i-1).lower, w.shape)
	add(shapeIs, "3", at(i-1).shape, w.shape, at(i+1).shape)
	c := chunks[w.chunk]
	add(chunkIs, "", c.lower)
	add(chunkShape, "", c.shape)
	if dot := strings.LastIndexByte(c.lower, '.'); dot >= 0 {
		add(chunkEnds, "", c.lower[dot:])
	}
	place := "middle"
	if w.chunk == 0 || words[i].start == 0 || at(i-1).chunk != w.chunk {
		place = "first"
	}
	if i+1 >= len(words) || words[i+1].chunk != w.chunk {
		place += " last"
	}
	add(placeIs, "", place)
	add(placeIs, "shape", place, c.shape)
	return dst
}

// map5 are the places of a window of five words.
var map5 = [5]string{"-2", "-1", "0", "+1", "+2"}

// affixes gives beginnings and ends of a spelling, of one to maxAffix characters.
func affixes(s string, give func(kind, affix string)) {
	end, start := 0, len(s)
	for n := 1; n <= maxAffix && end < len(s); n++ {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
		_, size = utf8.DecodeLastRuneInString(s[:start])
		start -= size
		give(beginsWith, s[:end])
		give(endsWith, s[start:])
	}
}
