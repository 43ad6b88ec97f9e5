// Package tokenizer turns text into the ids of a model's vocabulary and back:
// byte-level byte-pair encoding with the pre-tokenizers that model files name,
// and SentencePiece. It knows no file format: a Spec holds what files say.
package tokenizer

// Kind is the algorithm of a tokenizer.
type Kind string

// The kinds.
const (
	// ByteLevel is byte-pair encoding over bytes, each written as one printable
	// letter as GPT-2 does; GGUF calls it "gpt2".
	ByteLevel Kind = "bpe"
	// SentencePiece merges characters by the scores of their tokens and falls
	// back to bytes; GGUF calls it "llama".
	SentencePiece Kind = "spm"
)

// TokenType is what a token is for, by its number in GGUF files.
type TokenType uint8

// The token types.
const (
	Normal      TokenType = 1
	Unknown     TokenType = 2
	Control     TokenType = 3 // never made from plain text, never shown
	UserDefined TokenType = 4 // found in any text before all else, shown
	Unused      TokenType = 5
	Byte        TokenType = 6 // "<0x41>" of SentencePiece
)

// None is the id of a special token that a model does not have.
const None = -1

// Spec is all that a model file says of its tokenizer.
type Spec struct {
	Kind Kind
	// Pre names the pre-tokenizer in GGUF's terms: "llama-bpe", "gpt-2",
	// "qwen2", …; "" for SentencePiece.
	Pre string
	// Tokens is each id's text as the file writes it: in GPT-2's alphabet of
	// bytes for ByteLevel (but control and user-defined tokens as they are), with
	// "▁" for a space for SentencePiece.
	Tokens []string
	Types  []TokenType // of each id; nil means all are Normal
	Scores []float32   // of each id, SentencePiece only
	Merges []string    // "left right", the most urgent first; ByteLevel only

	BOS, EOS, EOT, Unknown, Pad int // ids, or None
	// EndOfGeneration is every id after which a model says no more.
	EndOfGeneration []int
	AddBOS, AddEOS  bool
	// AddSpacePrefix puts a space before the text, as SentencePiece models want.
	AddSpacePrefix bool
	// SpacePrefixOnce has that space only at the very start, and not after each
	// special token as well. GGUF files do not say it.
	SpacePrefixOnce bool
	// SpacePrefixLean has that space only where text does not begin with a space
	// or "▁" of its own. GGUF files do not say it.
	SpacePrefixLean bool
	// Normalizer is what is done to plain text before it is cut: "nfc" composes
	// it to Unicode's form C, as Qwen's tokenizers do; "" leaves it as it is.
	// GGUF files do not say it.
	Normalizer string
	// IgnoreMerges takes a piece that is a token as it is before merging, as
	// Llama 3's tokenizer does.
	IgnoreMerges bool
}

// Span is a part of a text. Only where Special is set do the spellings of
// special tokens stand for these tokens; elsewhere they are plain text.
type Span struct {
	Text    string
	Special bool
}
