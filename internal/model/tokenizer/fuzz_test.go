package tokenizer_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/google/go-cmp/cmp"
)

// FuzzEncode gives any bytes to each kind of pre-tokenizer: they come back, hold
// no special token, and are cut as the pattern says.
func FuzzEncode(f *testing.F) {
	pres := []string{"llama-bpe", "qwen2", "qwen35", "gpt-2", "starcoder"}
	var toks []*tokenizer.Tokenizer
	for _, pre := range pres {
		toks = append(toks, small(f, pre))
	}
	spm := build(f, spmSpec())
	for _, s := range []string{"", "don't I'LL", "<|begin_of_text|><think>", "a  \r\n\r\n b", "\xed\xa0\x80\xff", "١٢٣٤٥", "zebra    x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, tok := range toks {
			ids := tok.Encode(text)
			if back := string(tok.Decode(ids)); back != text {
				t.Errorf("%s: Decode(Encode(%q)) = %q", pres[i], text, back)
			}
			if slices.ContainsFunc(ids, tok.IsControl) {
				t.Errorf("%s: %q became control tokens: %v", pres[i], text, ids)
			}
			if diff := cmp.Diff(slowSplit(pres[i], text), tokenizer.Split(pres[i], text)); diff != "" {
				t.Errorf("%s: %q is cut otherwise: %s", pres[i], text, diff)
			}
		}
		if ids := spm.Encode(text); slices.ContainsFunc(ids, spm.IsControl) {
			t.Errorf("SentencePiece: %q became control tokens: %v", text, ids)
		}
	})
}

// FuzzNew makes a Spec of any bytes on top of a sound one. Whatever New takes
// must encode and decode without a panic, and byte-level text must come back.
func FuzzNew(f *testing.F) {
	f.Add("ab\nabc\n<x>", "a b\nab c", []byte{1, 1, 3}, int8(2), "abc <x>")
	f.Add("▁a\n\n  \n[PAD]", "", []byte{1, 4, 4, 5}, int8(-1), "a  b")
	f.Add("x", "x y z", []byte{7}, int8(127), "")
	f.Fuzz(func(t *testing.T, tokens, merges string, types []byte, eos int8, text string) {
		for _, spec := range []tokenizer.Spec{smallSpec("qwen2", 0), spmSpec()} {
			spec.Tokens = append(spec.Tokens, strings.Split(tokens, "\n")...)
			for i := len(spec.Types); i < len(spec.Tokens); i++ {
				kind := tokenizer.Normal
				if len(types) > 0 {
					kind = tokenizer.TokenType(types[i%len(types)])
				}
				spec.Types = append(spec.Types, kind)
			}
			for i := len(spec.Scores); i < len(spec.Tokens) && spec.Scores != nil; i++ {
				spec.Scores = append(spec.Scores, math.Float32frombits(uint32(i)*uint32(eos)<<20))
			}
			if merges != "" {
				spec.Merges = strings.Split(merges, "\n")
			}
			spec.EOS = int(eos)
			spec.IgnoreMerges = len(text)%2 == 0
			tok, err := tokenizer.New(spec)
			if err != nil {
				continue
			}
			ids := tok.Encode(text)
			if back := string(tok.Decode(ids)); spec.Kind == tokenizer.ByteLevel && back != text {
				t.Errorf("Decode(Encode(%q)) = %q", text, back)
			}
			all := tok.EncodeSpans([]tokenizer.Span{{Text: text, Special: true}, {Text: text}, {Text: tokens, Special: true}})
			for _, id := range all {
				if id < 0 || id >= tok.Size() {
					t.Fatalf("id %d of %d", id, tok.Size())
				}
			}
			tok.Decode(all)
		}
	})
}
