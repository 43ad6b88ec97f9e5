package modelfile

import (
	"math"
	"reflect"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// The keys of a tokenizer.
const (
	keyTokenizer  = "tokenizer.ggml.model"
	keyPre        = "tokenizer.ggml.pre"
	keyTokens     = "tokenizer.ggml.tokens"
	keyTokenTypes = "tokenizer.ggml.token_type"
	keyScores     = "tokenizer.ggml.scores"
	keyMerges     = "tokenizer.ggml.merges"
	keyAddBOS     = "tokenizer.ggml.add_bos_token"
	keyAddEOS     = "tokenizer.ggml.add_eos_token"
	keyAddSpace   = "tokenizer.ggml.add_space_prefix"
)

// tokenizer reads the tokenizer. Its lists are the file's own.
func (d *metadata) tokenizer() tokenizer.Spec {
	none := tokenizer.None
	s := tokenizer.Spec{BOS: none, EOS: none, EOT: none, Unknown: none, Pad: none}
	d.required(keyTokenizer)
	switch model := d.text(keyTokenizer, ""); model {
	case "gpt2":
		d.byteLevel(&s)
	case "llama":
		d.sentencePiece(&s)
	default:
		d.fail(keyTokenizer, "%.40q is not supported; gpt2 (byte-level) and llama (SentencePiece) are", model)
	}
	if d.err != nil {
		return s
	}
	d.specials(&s)
	completeSpecial(&s)
	return s
}

// vocabularyOf reads what both kinds have.
func (d *metadata) vocabularyOf(s *tokenizer.Spec) {
	s.Tokens = d.texts(keyTokens)
	if n := len(s.Tokens); n == 0 || n > tokenizer.MaxTokens {
		d.fail(keyTokens, "%d tokens, not 1 to %d", n, tokenizer.MaxTokens)
	}
	s.Types = d.types(len(s.Tokens))
}

// types reads what each token is for; nil if the file does not say it.
func (d *metadata) types(tokens int) []tokenizer.TokenType {
	v, ok := d.file.Value(keyTokenTypes)
	if !ok {
		return nil
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice || list.Len() != tokens {
		d.fail(keyTokenTypes, "a %T that is no list of %d types, one for each token", v, tokens)
		return nil
	}
	types := make([]tokenizer.TokenType, tokens)
	for i := range types {
		n, ok := whole(list.Index(i).Interface())
		if !ok || n < 0 || n > int64(tokenizer.Byte) {
			d.fail(keyTokenTypes, "token %d is of type %v, not 0 to %d", i, list.Index(i), tokenizer.Byte)
			return nil
		}
		types[i] = tokenizer.TokenType(n)
	}
	return types
}

func (d *metadata) byteLevel(s *tokenizer.Spec) {
	s.Kind = tokenizer.ByteLevel
	d.vocabularyOf(s)
	d.required(keyMerges)
	s.Merges = d.texts(keyMerges)
	d.required(keyPre)
	s.Pre = d.text(keyPre, "")
	convention, known := tokenizer.Lookup(s.Pre)
	if !known {
		d.fail(keyPre, "the pre-tokenizer %.40q is not known: text would be cut into other tokens than the model was trained with", s.Pre)
	}
	s.IgnoreMerges = convention.IgnoreMerges
	s.AddBOS = d.truth(keyAddBOS, convention.AddBOS)
	s.AddEOS = d.truth(keyAddEOS, false)
}

func (d *metadata) sentencePiece(s *tokenizer.Spec) {
	s.Kind = tokenizer.SentencePiece
	d.vocabularyOf(s)
	d.required(keyScores)
	s.Scores = d.scores(len(s.Tokens))
	s.AddBOS = d.truth(keyAddBOS, true)
	s.AddEOS = d.truth(keyAddEOS, false)
	s.AddSpacePrefix = d.truth(keyAddSpace, true)
	// The ids that SentencePiece gives unless it is told otherwise.
	for id, to := range []*int{&s.Unknown, &s.BOS, &s.EOS} {
		if id < len(s.Types) && (s.Types[id] == tokenizer.Control || s.Types[id] == tokenizer.Unknown) {
			*to = id
		}
	}
}

// scores reads each token's score.
func (d *metadata) scores(tokens int) []float32 {
	v, _ := d.file.Value(keyScores)
	scores, ok := v.([]float32)
	if !ok || len(scores) != tokens {
		d.fail(keyScores, "a %T that is no list of %d numbers, one for each token", v, tokens)
		return nil
	}
	for i, x := range scores {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			d.fail(keyScores, "the score of token %d is %v", i, x)
			return nil
		}
	}
	return scores
}

// specials reads the ids of special tokens.
func (d *metadata) specials(s *tokenizer.Spec) {
	eom := tokenizer.None
	for _, special := range []struct {
		key string
		to  *int
	}{
		{"bos", &s.BOS}, {"eos", &s.EOS}, {"eot", &s.EOT}, {"eom", &eom},
		{"unknown", &s.Unknown}, {"padding", &s.Pad},
	} {
		key := "tokenizer.ggml." + special.key + "_token_id"
		if v, ok := d.file.Value(key); ok && !isNone(v) {
			*special.to = d.integer(key, 0, len(s.Tokens)-1)
		}
	}
	if eom != tokenizer.None {
		s.EndOfGeneration = append(s.EndOfGeneration, eom)
	}
}

// isNone says whether a file's id stands for no token, as some write it.
func isNone(v any) bool {
	return v == uint32(math.MaxUint32) || v == int32(-1) || v == int64(-1)
}
