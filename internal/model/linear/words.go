package linear

import "strings"

const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619

	maxWord = 48 // bytes of a word that are looked at
)

// Salts keep the kinds of features apart.
const (
	saltWord  = 0x3c6ef372
	saltPair  = 0x9e3779b1
	saltFar   = 0x85ebca6b // pairs of stems with only function words between
	saltPiece = 0x2545f491
)

// word is a token of a text.
type word struct {
	start, end int32  // bytes into the text
	hash       uint32 // of the word in lower case
	stem       uint32 // hash
	function   bool   // says nothing by itself
}

// feature spans the words from first to last.
type feature struct {
	hash        uint32
	first, last int32
}

// lower maps the bytes of words to lower case and all others to 0.
var lower = func() (t [256]byte) {
	for i := range 256 {
		switch c := byte(i); {
		case c >= 'A' && c <= 'Z':
			t[i] = c + 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_':
			t[i] = c
		}
	}
	return t
}()

// functions has the hashes of the stems of words that say nothing by themselves.
var functions = func() lookup {
	const words = "a an the of to in on and or is are was were be been has have had can will would may might with for " +
		"by from as at its it this that which then also using used use uses via into such other their they them if not"
	var hashes []uint32
	for w := range strings.FieldsSeq(words) {
		hashes = append(hashes, hashBytes([]byte(w), fnvOffset))
	}
	return newLookup(hashes)
}()

func hashBytes(b []byte, h uint32) uint32 {
	for _, c := range b {
		h = (h ^ uint32(c)) * fnvPrime
	}
	return finish(h)
}

// finish spreads the bits of a hash.
func finish(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

// scanner cuts a text into words and features; its memory is used again.
type scanner struct {
	words    []word
	features []feature
	buf      [maxWord + 2]byte
	read     int // bytes of the text
}

// scan reads up to MaxWords words of text: runs of ASCII letters, digits and
// underscores. All numbers are one word.
func (s *scanner) scan(text string) {
	s.words, s.features = s.words[:0], s.features[:0]
	s.read = len(text)
	last := int32(-1) // the last word that says something
	for i := 0; i < len(text); {
		if lower[text[i]] == 0 {
			i++
			continue
		}
		if len(s.words) == MaxWords {
			s.read = i
			return
		}
		start, n, number := i, 0, true
		for i < len(text) {
			c := lower[text[i]]
			if c == 0 {
				break
			}
			number = number && c <= '9'
			if n < maxWord {
				s.buf[1+n] = c
				n++
			}
			i++
		}
		if number {
			s.buf[1], n = '0', 1
		}
		last = s.add(word{start: int32(start), end: int32(i)}, n, last)
	}
}

// add appends the word in buf[1:1+n] and its features, and returns the last
// word that says something.
func (s *scanner) add(w word, n int, last int32) int32 {
	at := int32(len(s.words))
	w.hash = hashBytes(s.buf[1:1+n], fnvOffset)
	if n >= 5 && len(s.features) < maxFeatures {
		s.pieces(n, at)
	}
	var root [maxWord + 2]byte
	copy(root[:], s.buf[1:1+n])
	w.stem = hashBytes(root[:stem(root[:n])], fnvOffset)
	w.function = functions.find(w.stem) >= 0
	s.words = append(s.words, w)
	s.features = append(s.features, feature{w.stem, at, at}, feature{w.hash ^ saltWord, at, at})
	if at > 0 {
		s.features = append(s.features, feature{finish(s.words[at-1].stem*saltPair ^ w.stem), at - 1, at})
	}
	if w.function {
		return last
	}
	if last >= 0 {
		s.features = append(s.features, feature{finish(s.words[last].stem*saltFar ^ w.stem), last, at})
	}
	return at
}

// pieces appends the runs of four bytes of a word between marks.
func (s *scanner) pieces(n int, at int32) {
	s.buf[0], s.buf[1+n] = '<', '>'
	for i := 0; i+4 <= n+2; i++ {
		s.features = append(s.features, feature{hashBytes(s.buf[i:i+4], saltPiece), at, at})
	}
}
