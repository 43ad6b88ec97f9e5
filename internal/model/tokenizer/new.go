package tokenizer

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// What a vocabulary may have. The largest known has a quarter of these.
const (
	// MaxTokens is how many tokens a vocabulary may have.
	MaxTokens = 1 << idBits
	// MaxMerges is how many merges a vocabulary may have.
	MaxMerges = 1 << 22
	// MaxTokenBytes is how long the spelling of a token may be.
	MaxTokenBytes = 4096
	// MaxVocabularyBytes is how long all spellings may be together.
	MaxVocabularyBytes = 64 << 20
	// MaxSpecialBytes is how long the spellings of control and user-defined
	// tokens may be together.
	MaxSpecialBytes = 4 << 20
)

// Each of these is why New refused a Spec.
var (
	// ErrPretokenizer: the pre-tokenizer's name is missing or not known.
	ErrPretokenizer = errors.New("unknown pre-tokenizer")
	// ErrVocabulary: tokens, types, scores, merges or ids do not fit together.
	ErrVocabulary = errors.New("broken vocabulary")
)

// New makes a tokenizer of what a file says. It refuses a Spec whose parts do
// not fit together, one over the limits above, and a pre-tokenizer it does not
// know: a guess would give a model text that it was not trained on. It keeps the
// Spec's Tokens.
//
// A token that the Spec names as BOS, EOS, EOT, Unknown or in EndOfGeneration is
// taken as a control token even where the file gives it another type, so that
// text cannot spell it.
func New(spec Spec) (*Tokenizer, error) {
	t, err := build(spec)
	if err != nil {
		return nil, fmt.Errorf("make tokenizer: %w", err)
	}
	return t, nil
}

func build(spec Spec) (*Tokenizer, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	t := &Tokenizer{spec: spec, types: effectiveTypes(&spec)}
	t.spec.Merges, t.spec.Scores = nil, nil
	if err := t.addSpecials(); err != nil {
		return nil, err
	}
	var err error
	switch spec.Kind {
	case ByteLevel:
		err = t.buildByteLevel(&spec)
	case SentencePiece:
		err = t.buildSentencePiece(&spec)
	default:
		err = fmt.Errorf("%w: unknown kind %q", ErrVocabulary, spec.Kind)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// check compares the lengths of the lists with the limits and each other, and
// every id with the number of tokens.
func (s *Spec) check() error {
	n := len(s.Tokens)
	switch {
	case n == 0:
		return fmt.Errorf("%w: no tokens", ErrVocabulary)
	case n > MaxTokens:
		return fmt.Errorf("%w: %d tokens, at most %d", ErrVocabulary, n, MaxTokens)
	case len(s.Merges) > MaxMerges:
		return fmt.Errorf("%w: %d merges, at most %d", ErrVocabulary, len(s.Merges), MaxMerges)
	case s.Types != nil && len(s.Types) != n:
		return fmt.Errorf("%w: types for %d of %d tokens", ErrVocabulary, len(s.Types), n)
	case s.Kind == SentencePiece && len(s.Scores) != n:
		return fmt.Errorf("%w: scores for %d of %d tokens", ErrVocabulary, len(s.Scores), n)
	case s.Normalizer != "" && s.Normalizer != normalNFC:
		return fmt.Errorf("%w: unknown normalizer %q", ErrVocabulary, shorten(s.Normalizer))
	}
	total := 0
	for id, text := range s.Tokens {
		total += len(text)
		if len(text) > MaxTokenBytes || total > MaxVocabularyBytes {
			return fmt.Errorf("%w: token %d brings %d bytes, at most %d, and %d for all", ErrVocabulary, id, len(text), MaxTokenBytes, MaxVocabularyBytes)
		}
	}
	for id, k := range s.Types {
		if k > Byte {
			return fmt.Errorf("%w: token %d has the unknown type %d", ErrVocabulary, id, k)
		}
	}
	return s.checkIDs()
}

// checkIDs checks the ids that the Spec names.
func (s *Spec) checkIDs() error {
	for _, v := range []struct {
		name string
		id   int
	}{{"BOS", s.BOS}, {"EOS", s.EOS}, {"EOT", s.EOT}, {"unknown", s.Unknown}, {"padding", s.Pad}} {
		if v.id < None || v.id >= len(s.Tokens) {
			return fmt.Errorf("%w: the %s token is %d of %d", ErrVocabulary, v.name, v.id, len(s.Tokens))
		}
	}
	for _, id := range s.EndOfGeneration {
		if id < 0 || id >= len(s.Tokens) {
			return fmt.Errorf("%w: an end-of-generation token is %d of %d", ErrVocabulary, id, len(s.Tokens))
		}
	}
	return nil
}

// effectiveTypes are the types as New takes them.
func effectiveTypes(s *Spec) []TokenType {
	types := make([]TokenType, len(s.Tokens))
	for i := range types {
		types[i] = Normal
	}
	copy(types, s.Types)
	for id, text := range s.Tokens {
		if _, ok := byteToken(text); ok && types[id] == Normal && s.Kind == SentencePiece {
			types[id] = Byte
		}
	}
	for _, id := range append([]int{s.BOS, s.EOS, s.EOT, s.Unknown}, s.EndOfGeneration...) {
		if id >= 0 && types[id] != Unknown {
			types[id] = Control
		}
	}
	return types
}

// addSpecials makes the trees of spellings.
func (t *Tokenizer) addSpecials() error {
	t.special = map[string]int{}
	total := 0
	for id, k := range t.types {
		text := t.spec.Tokens[id]
		if k != Control && k != Unknown && k != UserDefined || text == "" {
			continue
		}
		if total += len(text); total > MaxSpecialBytes {
			return fmt.Errorf("%w: special tokens of more than %d bytes", ErrVocabulary, MaxSpecialBytes)
		}
		if twin, twice := t.special[text]; twice {
			return fmt.Errorf("%w: tokens %d and %d are the same, %q", ErrVocabulary, twin, id, shorten(text))
		}
		t.special[text] = id
		if t.spelling == nil {
			t.spelling = &spellings{}
		}
		open := k == UserDefined && !isMarker(text)
		t.spelling.add(text, id, open)
		if open {
			if t.open == nil {
				t.open = &spellings{}
			}
			t.open.add(text, id, open)
		}
	}
	return nil
}

// plain says whether a token may come from plain text.
func (t *Tokenizer) plain(id int) bool {
	switch t.types[id] {
	case Control, Unknown, UserDefined, Byte:
		return false
	}
	return t.spec.Tokens[id] != ""
}

// store adds the bytes of the next token, and finds it by them if it is plain.
func (t *Tokenizer) store(b []byte, findable bool) error {
	p := t.pieces
	id := len(p.ends)
	p.bytes = append(p.bytes, b...)
	p.ends = append(p.ends, uint32(len(p.bytes)))
	if !findable {
		return nil
	}
	if twin := p.insert(id); twin >= 0 {
		return fmt.Errorf("%w: tokens %d and %d are the same, %q", ErrVocabulary, twin, id, shorten(t.spec.Tokens[id]))
	}
	return nil
}

// room is an empty table for all tokens.
func (t *Tokenizer) room() *pieces {
	total := 0
	for _, text := range t.spec.Tokens {
		total += len(text)
	}
	return newPieces(len(t.spec.Tokens), total)
}

// buildByteLevel fills the tables of byte-pair encoding.
func (t *Tokenizer) buildByteLevel(spec *Spec) error {
	scheme, ok := findScheme(spec.Pre)
	if !ok {
		return fmt.Errorf("%w %q", ErrPretokenizer, shorten(spec.Pre))
	}
	t.pieces = t.room()
	unreadable := map[string]bool{} // plain, but in no letters of the alphabet
	var b []byte
	for id, text := range spec.Tokens {
		ok := false
		if t.plain(id) {
			if b, ok = appendLetters(b[:0], text); !ok {
				unreadable[text] = true
			}
		}
		if !ok {
			b = append(b[:0], text...)
		}
		if err := t.store(b, ok); err != nil {
			return err
		}
	}
	e := &byteLevel{
		scheme: scheme, pieces: t.pieces, ignoreMerges: spec.IgnoreMerges,
		whole: make([]atomic.Uint32, len(spec.Tokens)/16+1),
	}
	for i := range 256 {
		id := t.pieces.findBytes([]byte{byte(i)})
		if id < 0 {
			return fmt.Errorf("%w: no token for the byte %#02x", ErrVocabulary, i)
		}
		e.single[i] = uint32(id)
	}
	t.model = e
	return t.addMerges(e, spec.Merges, unreadable)
}

// addMerges fills the table of pairs. A merge that has to do with a token that
// plain text cannot become is left out; one that names no token is an error.
func (t *Tokenizer) addMerges(e *byteLevel, merges []string, unreadable map[string]bool) error {
	e.pairs = newPairs(len(merges))
	var b []byte
	for rank, merge := range merges {
		left, right, ok := cutMerge(merge)
		if !ok {
			return fmt.Errorf("%w: merge %d is %q, not two tokens", ErrVocabulary, rank, shorten(merge))
		}
		var okLeft, okRight bool
		b, okLeft = appendLetters(b[:0], left)
		half := len(b)
		b, okRight = appendLetters(b, right)
		l, r, into := -1, -1, -1
		if okLeft && okRight {
			l, r, into = t.pieces.findBytes(b[:half]), t.pieces.findBytes(b[half:]), t.pieces.findBytes(b)
		}
		if l >= 0 && r >= 0 && into >= 0 {
			e.pairs.insert(l, r, rank, into)
			continue
		}
		for i, text := range []string{left, right, left + right} {
			if _, special := t.special[text]; []int{l, r, into}[i] < 0 && !special && !unreadable[text] {
				return fmt.Errorf("%w: merge %d is %q, but there is no token %q", ErrVocabulary, rank, shorten(merge), shorten(text))
			}
		}
	}
	e.first = make([]uint32, 1<<16)
	for i := range e.first {
		e.first[i] = e.pairs.rank(e.single[i>>8], e.single[i&0xFF])
	}
	return nil
}

// cutMerge cuts a merge at its space; the left token may begin with one.
func cutMerge(merge string) (left, right string, ok bool) {
	for i := 1; i < len(merge); i++ {
		if merge[i] == ' ' {
			return merge[:i], merge[i+1:], i+1 < len(merge)
		}
	}
	return "", "", false
}

// buildSentencePiece fills the tables of SentencePiece.
func (t *Tokenizer) buildSentencePiece(spec *Spec) error {
	t.pieces = t.room()
	e := &sentencePiece{pieces: t.pieces, scores: spec.Scores}
	e.prefix = prefix{spec.AddSpacePrefix, spec.SpacePrefixOnce, spec.SpacePrefixLean}
	var have [256]bool
	for id, text := range spec.Tokens {
		if s := spec.Scores[id]; s != s {
			return fmt.Errorf("%w: the score of token %d is not a number", ErrVocabulary, id)
		}
		if t.types[id] == Byte {
			b, ok := byteToken(text)
			if !ok || have[b] {
				return fmt.Errorf("%w: token %d is %q, not a new byte like <0x0A>", ErrVocabulary, id, shorten(text))
			}
			e.single[b], have[b] = uint32(id), true
		}
		plain := t.plain(id) || t.types[id] == UserDefined && !isMarker(text)
		if plain {
			e.longest = max(e.longest, len(text))
		}
		if err := t.store([]byte(text), plain); err != nil {
			return err
		}
	}
	for b, ok := range have {
		if !ok {
			return fmt.Errorf("%w: no token for the byte %#02x", ErrVocabulary, b)
		}
	}
	t.model = e
	return nil
}

// byteToken reads "<0x0A>".
func byteToken(text string) (byte, bool) {
	if len(text) != 6 || text[:3] != "<0x" || text[5] != '>' {
		return 0, false
	}
	high, ok1 := hex(text[3])
	low, ok2 := hex(text[4])
	return high<<4 | low, ok1 && ok2
}

func hex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// shorten cuts what an error quotes of a file.
func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
