package tokenizer

import (
	"bytes"
	"slices"
	"strings"
)

// Tokenizer turns text into ids and back. It does not change and may be used by
// any number of goroutines at once.
type Tokenizer struct {
	spec     Spec
	types    []TokenType // as they are taken, see New
	pieces   *pieces     // each token's bytes, as they are looked for in text
	model    model
	special  map[string]int // control, unknown and user-defined, by spelling
	open     *spellings     // user-defined tokens of plain text; nil if none
	spelling *spellings     // all of special; nil if none
}

// model makes ids of text in which there are no special tokens.
type model interface {
	// encode appends the tokens of text; start says whether all of the text
	// begins there.
	encode(dst []int, text string, start bool) []int
}

// Encode returns the tokens of text, without a token for the beginning or the
// end. Nothing in text becomes a control token or a marker, whatever it spells;
// user-defined tokens that are no markers are found before all else. With
// ByteLevel and no normalizer, decoding gives text again, whatever bytes it has.
func (t *Tokenizer) Encode(text string) []int {
	return t.AppendEncode(make([]int, 0, len(text)/4+1), text)
}

// AppendEncode appends the tokens of text to dst, as Encode does.
func (t *Tokenizer) AppendEncode(dst []int, text string) []int {
	return t.encode(dst, text, t.open, nil)
}

// EncodeSpans returns the tokens of the texts of all spans, one after another,
// as of one text: pieces and merges go across their borders. Where Special is
// set the spellings of control tokens and markers stand for these tokens, if the
// whole spelling is in special text; it may be in several spans that follow each
// other.
func (t *Tokenizer) EncodeSpans(spans []Span) []int {
	var all strings.Builder
	var regions []region
	for _, s := range spans {
		start := all.Len()
		all.WriteString(s.Text)
		switch n := len(regions); {
		case !s.Special || s.Text == "":
		case n > 0 && regions[n-1].end == start:
			regions[n-1].end = all.Len()
		default:
			regions = append(regions, region{start, all.Len()})
		}
	}
	tree := t.open
	if len(regions) > 0 {
		tree = t.spelling
	}
	return t.encode(make([]int, 0, all.Len()/4+1), all.String(), tree, regions)
}

// encode appends the tokens of text, taking those that tree finds as they are.
func (t *Tokenizer) encode(dst []int, text string, tree *spellings, regions []region) []int {
	done := 0
	if tree != nil {
		tree.find(text, regions, func(s spelled) {
			if s.start > done {
				dst = t.plainText(dst, text[done:s.start], done == 0)
			}
			dst = append(dst, s.id)
			done = s.end
		})
	}
	if done < len(text) {
		dst = t.plainText(dst, text[done:], done == 0)
	}
	return dst
}

// plainText appends the tokens of text between special tokens.
func (t *Tokenizer) plainText(dst []int, text string, start bool) []int {
	if t.spec.Normalizer == normalNFC {
		text = composed(text)
	}
	return t.model.encode(dst, text, start)
}

// ID returns the control, unknown or user-defined token that is spelled text.
func (t *Tokenizer) ID(text string) (int, bool) {
	id, ok := t.special[text]
	return id, ok
}

// Size is the number of tokens; ids are below it.
func (t *Tokenizer) Size() int { return len(t.types) }

// Spec returns what the tokenizer was made of, but for merges and scores, which
// are not kept. The lists are not to be changed.
func (t *Tokenizer) Spec() Spec { return t.spec }

// BOS is the id that begins a text, or None.
func (t *Tokenizer) BOS() int { return t.spec.BOS }

// EOS is the id that ends a text, or None.
func (t *Tokenizer) EOS() int { return t.spec.EOS }

// EndOfGeneration says whether a model says no more after id.
func (t *Tokenizer) EndOfGeneration(id int) bool {
	return id >= 0 && (id == t.spec.EOS || id == t.spec.EOT || slices.Contains(t.spec.EndOfGeneration, id))
}

// Type is what token id is for; 0 if there is no such token. A token that the
// Spec names for the beginning or the end of something is Control, whatever type
// its file gives it.
func (t *Tokenizer) Type(id int) TokenType {
	if id < 0 || id >= len(t.types) {
		return 0
	}
	return t.types[id]
}

// IsControl says whether a token never comes from plain text and is never
// shown: types Control and Unknown.
func (t *Tokenizer) IsControl(id int) bool {
	k := t.Type(id)
	return k == Control || k == Unknown
}

// Text is a token as its file spells it, "" if there is none: for control tokens
// what a template writes, for others in GPT-2's letters or with "▁".
func (t *Tokenizer) Text(id int) string {
	if id < 0 || id >= len(t.types) {
		return ""
	}
	return t.spec.Tokens[id]
}

// Bytes returns what a token adds to a text, which may be part of a character.
// It is nil for control tokens and ids that do not exist. The caller must not
// change it.
func (t *Tokenizer) Bytes(id int) []byte {
	if id < 0 || id >= len(t.types) || t.IsControl(id) {
		return nil
	}
	b := t.pieces.of(id)
	switch {
	case t.types[id] == Byte:
		v, _ := byteToken(t.spec.Tokens[id])
		return []byte{v}
	case t.spec.Kind == SentencePiece:
		return bytes.ReplaceAll(b, []byte(spmSpace), []byte{' '})
	}
	return b
}
