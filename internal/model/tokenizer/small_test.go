package tokenizer_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// gpt2Letters are the letters of the bytes, made as GPT-2's own program does:
// the bytes that print, then the others from U+0100 on.
func gpt2Letters() [256]string {
	var letters [256]string
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if b < 0x21 || b > 0x7E && b < 0xA1 || b == 0xAD {
			r, next = next, next+1
		}
		letters[b] = string(r)
	}
	return letters
}

// inLetters writes text in GPT-2's letters.
func inLetters(text string) string {
	letters := gpt2Letters()
	var b strings.Builder
	for i := range len(text) {
		b.WriteString(letters[text[i]])
	}
	return b.String()
}

// corpus is what the small vocabularies are learnt from.
const corpus = sentences + ` it's we've they'll I'd you're I'm don't 'tis 1234 567 2026-03-14 10.0.0.1 ` +
	`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa abababababababab      ....... ---- é naïve 日本語 日本 привет привет 😀😀 ` + "\n\n\n \r\n\t\t\t"

// smallSpec is a vocabulary of 256 bytes, n merges learnt from corpus, and special
// tokens. It is not the best of its size, only one with real merges.
func smallSpec(pre string, n int) tokenizer.Spec {
	letters := gpt2Letters()
	spec := tokenizer.Spec{Kind: tokenizer.ByteLevel, Pre: pre, EOT: tokenizer.None, Unknown: tokenizer.None, Pad: tokenizer.None}
	for _, l := range letters {
		spec.Tokens = append(spec.Tokens, l)
	}
	words := [][]string{}
	for _, piece := range tokenizer.Split("gpt-2", corpus) {
		var w []string
		for i := range len(piece) {
			w = append(w, letters[piece[i]])
		}
		words = append(words, w)
	}
	for range n {
		left, right := commonPair(words)
		if left == "" {
			break
		}
		spec.Merges = append(spec.Merges, left+" "+right)
		if !slices.Contains(spec.Tokens, left+right) {
			spec.Tokens = append(spec.Tokens, left+right)
		}
		for i := range words {
			words[i] = joinPair(words[i], left, right)
		}
	}
	spec.Types = make([]tokenizer.TokenType, len(spec.Tokens))
	for i := range spec.Types {
		spec.Types[i] = tokenizer.Normal
	}
	add := func(text string, kind tokenizer.TokenType) int {
		spec.Tokens = append(spec.Tokens, text)
		spec.Types = append(spec.Types, kind)
		return len(spec.Tokens) - 1
	}
	spec.BOS = add("<|begin_of_text|>", tokenizer.Control)
	spec.EOS = add("<|end_of_text|>", tokenizer.Control)
	add("<|end", tokenizer.Control)
	add("<think>", tokenizer.UserDefined)
	add("    ", tokenizer.UserDefined)
	add("zebra", tokenizer.UserDefined)
	add("[PAD1]", tokenizer.Unused)
	spec.EndOfGeneration = []int{spec.EOS}
	return spec
}

// commonPair is the pair that occurs most, the first in order of equals.
func commonPair(words [][]string) (left, right string) {
	count := map[[2]string]int{}
	for _, w := range words {
		for i := 1; i < len(w); i++ {
			count[[2]string{w[i-1], w[i]}]++
		}
	}
	var best [2]string
	most := 0
	for p, n := range count {
		if n > most || n == most && (p[0] < best[0] || p[0] == best[0] && p[1] < best[1]) {
			best, most = p, n
		}
	}
	return best[0], best[1]
}

// joinPair joins each left and right that are neighbours, from the left.
func joinPair(w []string, left, right string) []string {
	var out []string
	for i := 0; i < len(w); i++ {
		if i+1 < len(w) && w[i] == left && w[i+1] == right {
			out = append(out, left+right)
			i++
			continue
		}
		out = append(out, w[i])
	}
	return out
}

// small is the tokenizer of smallSpec.
func small(t testing.TB, pre string) *tokenizer.Tokenizer {
	t.Helper()
	return build(t, smallSpec(pre, 300))
}

// spmSpec is a SentencePiece vocabulary with many equal scores.
func spmSpec() tokenizer.Spec {
	spec := tokenizer.Spec{
		Kind: tokenizer.SentencePiece, BOS: 1, EOS: 2, EOT: tokenizer.None, Unknown: 0, Pad: tokenizer.None,
		EndOfGeneration: []int{2}, AddSpacePrefix: true,
	}
	add := func(text string, score float32, kind tokenizer.TokenType) {
		if !slices.Contains(spec.Tokens, text) {
			spec.Tokens = append(spec.Tokens, text)
			spec.Scores = append(spec.Scores, score)
			spec.Types = append(spec.Types, kind)
		}
	}
	add("<unk>", 0, tokenizer.Unknown)
	add("<s>", 0, tokenizer.Control)
	add("</s>", 0, tokenizer.Control)
	const digits = "0123456789ABCDEF"
	for b := range 256 {
		add("<0x"+digits[b>>4:b>>4+1]+digits[b&15:b&15+1]+">", 0, tokenizer.Byte)
	}
	r := rand.New(rand.NewPCG(7, 8))
	text := []rune(strings.ReplaceAll(corpus, " ", "▁") + "</s><s>")
	for range 1500 {
		n := 2 + r.IntN(4)
		at := r.IntN(len(text) - n)
		add(string(text[at:at+n]), float32(-r.IntN(40)), tokenizer.Normal)
	}
	for i := range text {
		if text[i] != 'q' && text[i] != 'é' {
			add(string(text[i]), -50, tokenizer.Normal)
		}
	}
	add("[INST]", 0, tokenizer.Control)
	add("zebra", 0, tokenizer.UserDefined)
	add("aa", -3, tokenizer.Normal)
	add("aaaa", -3, tokenizer.Normal)
	return spec
}
