package tokenizer_test

import (
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// hostile are texts that make some tokenizers take quadratic time, n bytes each.
func hostile(n int) map[string]string {
	letters := make([]byte, n)
	r := rand.New(rand.NewPCG(9, 10))
	for i := range letters {
		letters[i] = "etaoinshrdlu"[r.IntN(12)]
	}
	return map[string]string{
		"one letter":     strings.Repeat("a", n),
		"two letters":    strings.Repeat("ab", n/2),
		"spaces":         strings.Repeat(" ", n),
		"no spaces":      string(letters),
		"line breaks":    strings.Repeat("\r\n", n/2),
		"blank lines":    strings.Repeat("   \n", n/4),
		"apostrophes":    strings.Repeat("'", n),
		"broken UTF-8":   strings.Repeat("\xff", n),
		"marks":          strings.Repeat("\u0301", n/2),
		"marker begun":   strings.Repeat("<|end", n/5),
		"spaces, letter": strings.Repeat(strings.Repeat(" ", 50)+"x", n/51),
	}
}

// TestHostileTextTakesLinearWork counts the pairs looked at while one piece is
// merged: at most three a byte, whatever the text.
func TestHostileTextTakesLinearWork(t *testing.T) {
	for _, tok := range []*tokenizer.Tokenizer{small(t, "llama-bpe"), build(t, spmSpec())} {
		for name, text := range hostile(1 << 15) {
			ids, steps := tokenizer.MergeSteps(tok, text)
			if back := strings.ReplaceAll(string(tok.Decode(ids)), "▁", " "); len(back) < len(text)-1 {
				t.Errorf("%s, %s: %d bytes came back of %d", tok.Spec().Kind, name, len(back), len(text))
			}
			if steps > 3*len(text) {
				t.Errorf("%s, %s: %d steps for %d bytes", tok.Spec().Kind, name, steps, len(text))
			}
		}
	}
}

// TestHostileTextComesBack encodes a megabyte of each: an encoder that were
// quadratic anywhere would not be done in the time that a test has.
func TestHostileTextComesBack(t *testing.T) {
	toks := []*tokenizer.Tokenizer{small(t, "llama-bpe"), small(t, "starcoder")}
	for name, text := range hostile(1 << 20) {
		for _, tok := range toks {
			ids := tok.EncodeSpans([]tokenizer.Span{{Text: text}})
			if string(tok.Decode(ids)) != text {
				t.Errorf("%s, %s: does not come back", tok.Spec().Pre, name)
			}
		}
	}
}

// TestHostileMarksAreComposed composes many marks, which x/text's own form would
// put joiners between.
func TestHostileMarksAreComposed(t *testing.T) {
	text := "e" + strings.Repeat("\u0301\u0327", 1<<15)
	got := tokenizer.Composed(text)
	if want := "\u0229\u0327\u0327"; !strings.HasPrefix(got, want) || strings.Contains(got, "\u034f") {
		t.Errorf("composed to %.20q, want it to begin with %q and without joiners", got, want)
	}
}

// TestHostileVocabulary has tokens and merges that nest as deep as they can: one
// piece of n letters takes n merges and no more.
func TestHostileVocabulary(t *testing.T) {
	spec := smallSpec("gpt-2", 0)
	spec.Merges = nil
	for n := 1; n < tokenizer.MaxTokenBytes; n++ {
		run := strings.Repeat("a", n)
		spec.Merges = append(spec.Merges, run+" a")
		if n > 1 {
			spec.Tokens = append(spec.Tokens, run)
		}
	}
	spec.Tokens = append(spec.Tokens, strings.Repeat("a", tokenizer.MaxTokenBytes))
	spec.Types, spec.EndOfGeneration = nil, nil
	tok := build(t, spec)
	const size = 1 << 14
	ids, steps := tokenizer.MergeSteps(tok, strings.Repeat("a", size))
	if len(tok.Decode(ids)) != size || steps > 3*size {
		t.Errorf("%d tokens, %d steps of log %d", len(ids), steps, bits.Len(uint(steps)))
	}
}
