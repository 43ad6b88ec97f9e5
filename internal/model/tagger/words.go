package tagger

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a stretch of letters and digits, or one other character that is no
// space.
type word struct {
	start, end int
	lower      string
	shape      string // of its characters' kinds, each kind that repeats once
	glued      bool   // nothing stands between it and the word before
	chunk      int    // number of the piece between spaces that it is of
}

// chunk is a piece of a text between spaces.
type chunk struct {
	lower, shape string
	words        int
}

// maxShape bounds a shape, and maxSpelled what is kept of a word's spelling.
const (
	maxShape   = 24
	maxSpelled = 64
)

// split returns the words of a text and the chunks that they are of. Bytes that
// are no characters are words of their own.
func split(text string) ([]word, []chunk) {
	text = text[:min(len(text), MaxText)]
	var words []word
	var chunks []chunk
	chunkStart, at := -1, 0
	closeChunk := func(end int) {
		if chunkStart >= 0 {
			piece := text[chunkStart:end]
			chunks = append(chunks, chunk{lower: spelled(piece), shape: shapeOf(piece), words: len(words)})
			chunkStart = -1
		}
	}
	for at < len(text) && len(words) < MaxWords {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			closeChunk(at)
			at += size
			continue
		}
		end := at + size
		if wordly(r) {
			for end < len(text) {
				r, size := utf8.DecodeRuneInString(text[end:])
				if !wordly(r) {
					break
				}
				end += size
			}
		}
		if chunkStart < 0 {
			chunkStart = at
		}
		words = append(words, word{start: at, end: end, lower: spelled(text[at:end]), shape: shapeOf(text[at:end]),
			glued: len(words) > 0 && words[len(words)-1].end == at, chunk: len(chunks)})
		at = end
	}
	closeChunk(at)
	return words, chunks
}

func wordly(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// spelled returns the beginning of a spelling in lower case.
func spelled(s string) string {
	if len(s) > maxSpelled {
		s = s[:maxSpelled]
	}
	return strings.ToLower(s)
}

// shapeOf returns a spelling's shape: X for capitals, x for other letters, d for
// digits, other characters as they are, a repeated one once.
func shapeOf(s string) string {
	var b strings.Builder
	last := rune(-1)
	for _, r := range s {
		switch {
		case unicode.IsDigit(r):
			r = 'd'
		case unicode.IsUpper(r):
			r = 'X'
		case unicode.IsLetter(r) || unicode.IsMark(r):
			r = 'x'
		}
		if r == last {
			continue
		}
		if b.Len() >= maxShape {
			break
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}
