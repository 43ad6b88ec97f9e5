package modeltest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// words become tokens of their own, and so does each beginning of them.
var words = strings.Fields(`
	the of and to in is for with on that not from are was this
	alert attack phishing malware network process file user host login
	CVE CWE T1 severity high low true false null name id
	user assistant system content answer Yes No`)

// signs are pairs that JSON and logs have often.
var signs = []string{`{"`, `"}`, `":`, `",`, `"]`, "[\"", "\n\n", "  ", "    ", "://", "00", "20"}

// markers are the control tokens of the byte-level vocabulary, by their ids'
// order; ids of other tokens are lower.
var markers = []string{
	"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
	"<|eot_id|>", "<|eom_id|>", "<|system|>", "<|user|>", "<|assistant|>", "<|finetune_right_pad_id|>",
}

// thoughts are user-defined tokens after the markers.
var thoughts = []string{"<think>", "</think>"}

// Vocabulary returns the tokenizer that a model of these Options has: 256 bytes,
// some hundreds of merges of common words, and the markers of Llama 3 and of
// reasoning models; or the like for SentencePiece.
func Vocabulary(o Options) tokenizer.Spec {
	if o.SentencePiece {
		return sentencePiece()
	}
	s := byteLevel()
	s.Pre, s.AddBOS, s.IgnoreMerges = "llama-bpe", true, true
	if strings.HasPrefix(o.Architecture, "qwen") {
		s.Pre, s.AddBOS, s.IgnoreMerges = "qwen2", false, false
	}
	return s
}

// byteLetter is the letter that GPT-2's alphabet has for a byte: itself if it is
// visible, and letters from U+0100 on for the 68 others, in their order.
func byteLetter(b int) rune {
	hidden := rune(0)
	for c := range 256 {
		visible := c > ' ' && c < 0x7f || c > 0xa0 && c != 0xad
		switch {
		case c == b && visible:
			return rune(c)
		case c == b:
			return 0x100 + hidden
		case !visible:
			hidden++
		}
	}
	return utf8.RuneError
}

// letters writes a text in GPT-2's alphabet, one string a byte.
func letters(text string) []string {
	var all []string
	for _, b := range []byte(text) {
		all = append(all, string(byteLetter(int(b))))
	}
	return all
}

func byteLevel() tokenizer.Spec {
	s := tokenizer.Spec{Kind: tokenizer.ByteLevel, Unknown: tokenizer.None}
	known := map[string]bool{}
	add := func(token string, t tokenizer.TokenType) {
		s.Tokens, s.Types = append(s.Tokens, token), append(s.Types, t)
		known[token] = true
	}
	for b := range 256 {
		add(string(byteLetter(b)), tokenizer.Normal)
	}
	join := func(text string) {
		parts := letters(text)
		left := parts[0]
		for _, right := range parts[1:] {
			if !known[left+right] {
				s.Merges = append(s.Merges, left+" "+right)
				add(left+right, tokenizer.Normal)
			}
			left += right
		}
	}
	for _, sign := range signs {
		join(sign)
	}
	for _, word := range words {
		join(" " + word)
		join(word)
	}
	first := len(s.Tokens)
	for _, marker := range markers {
		add(marker, tokenizer.Control)
	}
	for _, thought := range thoughts {
		add(thought, tokenizer.UserDefined)
	}
	s.BOS, s.EOS, s.EOT, s.Pad = first, first+1, first+4, first+9
	s.EndOfGeneration = []int{first + 1, first + 4, first + 5}
	return s
}

func sentencePiece() tokenizer.Spec {
	s := tokenizer.Spec{
		Kind: tokenizer.SentencePiece, BOS: 1, EOS: 2, Unknown: 0, EOT: tokenizer.None, Pad: tokenizer.None,
		EndOfGeneration: []int{2}, AddBOS: true, AddSpacePrefix: true,
	}
	known := map[string]bool{}
	add := func(token string, t tokenizer.TokenType, score float32) {
		if !known[token] {
			s.Tokens, s.Types, s.Scores = append(s.Tokens, token), append(s.Types, t), append(s.Scores, score)
			known[token] = true
		}
	}
	add("<unk>", tokenizer.Unknown, 0)
	add("<s>", tokenizer.Control, 0)
	add("</s>", tokenizer.Control, 0)
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), tokenizer.Byte, 0)
	}
	score := float32(0)
	for _, word := range words {
		for _, text := range []string{"▁" + word, word} {
			for i := range text {
				if prefix := text[:i]; utf8.RuneCountInString(prefix) > 1 {
					score--
					add(prefix, tokenizer.Normal, score)
				}
			}
			score--
			add(text, tokenizer.Normal, score)
		}
	}
	add("▁", tokenizer.Normal, -1000)
	for c := '!'; c < 0x7f; c++ {
		add(string(c), tokenizer.Normal, -1000-float32(c))
	}
	return s
}

// tokenizerProperties returns a Spec as GGUF files say it.
func tokenizerProperties(s tokenizer.Spec) []gguf.Property {
	const k = "tokenizer.ggml."
	types := make([]int32, len(s.Types))
	for i, t := range s.Types {
		types[i] = int32(t)
	}
	p := []gguf.Property{{Key: k + "model", Value: "gpt2"}, {Key: k + "pre", Value: s.Pre}}
	if s.Kind == tokenizer.SentencePiece {
		p = []gguf.Property{{Key: k + "model", Value: "llama"}, {Key: k + "scores", Value: s.Scores}}
	}
	p = append(p, gguf.Property{Key: k + "tokens", Value: s.Tokens}, gguf.Property{Key: k + "token_type", Value: types})
	if s.Kind == tokenizer.ByteLevel {
		p = append(p, gguf.Property{Key: k + "merges", Value: s.Merges})
	}
	for _, id := range []struct {
		key   string
		value int
	}{{"bos", s.BOS}, {"eos", s.EOS}, {"eot", s.EOT}, {"unknown", s.Unknown}, {"padding", s.Pad}} {
		if id.value != tokenizer.None {
			p = append(p, gguf.Property{Key: k + id.key + "_token_id", Value: uint32(id.value)})
		}
	}
	p = append(p, gguf.Property{Key: k + "add_bos_token", Value: s.AddBOS}, gguf.Property{Key: k + "add_eos_token", Value: s.AddEOS})
	if s.Kind == tokenizer.SentencePiece {
		p = append(p, gguf.Property{Key: k + "add_space_prefix", Value: s.AddSpacePrefix})
	}
	return p
}
