package synth

import (
	"fmt"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

const (
	// spare is how many tokens at a vocabulary's end are control tokens.
	spare = 256
	// padding is which of them fills up batches.
	padding = 5
)

// markers are the first control tokens, those that chat templates of this
// family write.
var markers = []string{"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}

// vocabulary returns a tokenizer of so many tokens: the 256 bytes, strings of
// letters and digits that no one chose, in a fixed order, and control tokens.
// Text becomes about a third as many tokens as it has letters.
func vocabulary(n int) tokenizer.Spec {
	v := &maker{want: n - spare}
	v.bytes()
	v.strings()
	first := len(v.spec.Tokens)
	for i := range spare {
		name := fmt.Sprintf("<|spare_%d|>", i)
		if i < len(markers) {
			name = markers[i]
		}
		v.spec.Tokens, v.spec.Types = append(v.spec.Tokens, name), append(v.spec.Types, tokenizer.Control)
	}
	s := v.spec
	s.Kind, s.Pre, s.AddBOS, s.IgnoreMerges = tokenizer.ByteLevel, "llama-bpe", true, true
	s.BOS, s.EOS, s.EOT, s.Unknown, s.Pad = first, first+1, first+4, tokenizer.None, first+padding
	return s
}

// maker makes tokens until it has as many as are wanted.
type maker struct {
	spec tokenizer.Spec
	want int
}

// bytes adds one token for each byte, by the letter that GPT-2's alphabet has for
// it: itself if it is visible, and letters from U+0100 on for the others.
func (v *maker) bytes() {
	hidden := rune(0x100)
	for b := range rune(256) {
		letter := b
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			letter = hidden
			hidden++
		}
		v.add(string(letter))
	}
}

func (v *maker) add(token string) {
	v.spec.Tokens, v.spec.Types = append(v.spec.Tokens, token), append(v.spec.Types, tokenizer.Normal)
}

// join adds the token that two others make together.
func (v *maker) join(left, right string) {
	if len(v.spec.Tokens) < v.want {
		v.spec.Merges = append(v.spec.Merges, left+" "+right)
		v.add(left + right)
	}
}

// strings adds tokens of two letters or digits, then of three and of four. The
// parts of each are tokens, and no string is made in two ways.
func (v *maker) strings() {
	const letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	const space = "Ġ" // a space's letter in GPT-2's alphabet
	var pairs, triples []string
	for _, a := range letters {
		v.join(space, string(a))
		for _, b := range letters {
			v.join(string(a), string(b))
			pairs = append(pairs, string(a)+string(b))
		}
	}
	for _, a := range digits {
		for _, b := range digits {
			v.join(string(a), string(b))
		}
	}
	for _, p := range pairs {
		for _, c := range letters {
			v.join(p, string(c))
			triples = append(triples, p+string(c))
		}
	}
	for _, t := range triples {
		first, size := utf8.DecodeRuneInString(t)
		v.join(space+string(first), t[size:])
	}
	for _, p := range pairs {
		for _, q := range pairs {
			v.join(p, q)
		}
	}
}
