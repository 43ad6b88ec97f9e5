package tokenizer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The slow tokenizer: each alternative of the pattern by itself, on decoded
// characters, and merges by looking at every pair every time. It shares nothing
// with the package but the Spec.

// char is a character as the patterns see it: broken bytes are U+FFFD.
type char struct {
	r     rune
	bytes string
}

func chars(text string) []char {
	var all []char
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 && len(text) > 2 && text[0] == 0xED && text[1] >= 0xA0 && text[1] < 0xC0 && text[2] >= 0x80 && text[2] < 0xC0 {
			size = 3 // a surrogate by itself
		}
		all = append(all, char{r, text[:size]})
		text = text[size:]
	}
	return all
}

func isL(r rune) bool { return unicode.Is(unicode.L, r) || r >= 0x2EBF0 && r <= 0x2EE5D }
func isN(r rune) bool { return unicode.Is(unicode.N, r) }
func isM(r rune) bool { return unicode.Is(unicode.M, r) }
func isS(r rune) bool { return unicode.Is(unicode.White_Space, r) }
func isBreak(r rune) bool {
	return r == '\r' || r == '\n'
}

// many is how many characters at the start of c satisfy ok, at most limit.
func many(c []char, limit int, ok func(rune) bool) int {
	n := 0
	for n < len(c) && n < limit && ok(c[n].r) {
		n++
	}
	return n
}

const unlimited = 1 << 40

// alternative is how many characters at the start of c one alternative matches.
type alternative func(c []char) int

// contractionAlt is 's|'t|'re|'ve|'m|'ll|'d.
func contractionAlt(anyCase bool) alternative {
	return func(c []char) int {
		for _, want := range []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
			if len(c) < len(want) {
				continue
			}
			got := ""
			for _, v := range c[:len(want)] {
				got += v.bytes
			}
			if got == want || anyCase && len(got) == len(want) && strings.ToLower(got) == want {
				return len(want)
			}
		}
		return 0
	}
}

// spacedAlt is " ?" and then one or more, then any number of line breaks.
func spacedAlt(ok func(rune) bool, breaks bool) alternative {
	return func(c []char) int {
		lead := many(c, 1, func(r rune) bool { return r == ' ' })
		n := many(c[lead:], unlimited, ok)
		if n == 0 {
			return 0
		}
		n += lead
		if breaks {
			n += many(c[n:], unlimited, isBreak)
		}
		return n
	}
}

// trailingAlt is \s+(?!\S): as many white spaces as can be with none of another
// kind after them.
func trailingAlt(c []char) int {
	for n := many(c, unlimited, isS); n > 0; n-- {
		if n == len(c) || isS(c[n].r) {
			return n
		}
	}
	return 0
}

// breakAlt is \s*[\r\n]+: white space up to the last line break in it.
func breakAlt(c []char) int {
	for n := many(c, unlimited, isS); n > 0; n-- {
		if isBreak(c[n-1].r) {
			return n
		}
	}
	return 0
}

func blankAlt(c []char) int { return many(c, unlimited, isS) }

// leadAlt is [^\r\n\p{L}\p{N}]?\p{L}+.
func leadAlt(isL func(rune) bool) alternative {
	return func(c []char) int {
		lead := many(c, 1, func(r rune) bool { return !isBreak(r) && !isL(r) && !isN(r) })
		if n := many(c[lead:], unlimited, isL); n > 0 {
			return lead + n
		}
		return 0
	}
}

func numberAlt(limit int) alternative {
	return func(c []char) int { return many(c, limit, isN) }
}

// patterns are the alternatives of each pre-tokenizer by one of its names.
func patterns() map[string][]alternative {
	neither := func(r rune) bool { return !isS(r) && !isL(r) && !isN(r) }
	llama := func(digits int) []alternative {
		return []alternative{contractionAlt(true), leadAlt(isL), numberAlt(digits), spacedAlt(neither, true), breakAlt, trailingAlt, blankAlt}
	}
	lm := func(r rune) bool { return isL(r) || isM(r) }
	return map[string][]alternative{
		"llama-bpe": llama(3),
		"smaug-bpe": llama(3),
		"qwen2":     llama(1),
		"qwen35": {
			contractionAlt(true), leadAlt(lm), numberAlt(1),
			spacedAlt(func(r rune) bool { return neither(r) && !isM(r) }, true), breakAlt, trailingAlt, blankAlt,
		},
		"gpt-2": {contractionAlt(false), spacedAlt(isL, false), spacedAlt(isN, false), spacedAlt(neither, false), trailingAlt, blankAlt},
	}
}

// slowSplit cuts text by a pattern's alternatives, the first that matches.
func slowSplit(pre, text string) []string {
	c := chars(text)
	if pre == "starcoder" { // digits are cut out first, the rest is cut between them
		var all []string
		for len(c) > 0 {
			n := many(c, unlimited, func(r rune) bool { return !isN(r) })
			all = append(all, cutBy(patterns()["gpt-2"], c[:n])...)
			if n < len(c) {
				all = append(all, c[n].bytes)
				n++
			}
			c = c[n:]
		}
		return all
	}
	return cutBy(patterns()[pre], c)
}

func cutBy(alternatives []alternative, c []char) []string {
	var all []string
	for len(c) > 0 {
		n := 0
		for _, a := range alternatives {
			if n = a(c); n > 0 {
				break
			}
		}
		piece := ""
		for _, v := range c[:max(n, 1)] {
			piece += v.bytes
		}
		all = append(all, piece)
		c = c[max(n, 1):]
	}
	return all
}

// slowEncode is Encode of text without user-defined tokens.
func slowEncode(spec tokenizer.Spec, text string) []int {
	ids := map[string]int{}
	for i, t := range spec.Tokens {
		if spec.Types[i] == tokenizer.Normal {
			ids[t] = i
		}
	}
	ranks := map[string]int{}
	for i, m := range spec.Merges {
		ranks[m] = i
	}
	out := []int{}
	for _, piece := range slowSplit(spec.Pre, text) {
		if id, ok := ids[inLetters(piece)]; ok && spec.IgnoreMerges {
			out = append(out, id)
			continue
		}
		var parts []string
		for i := range len(piece) {
			parts = append(parts, inLetters(piece[i:i+1]))
		}
		for {
			best, at := len(spec.Merges), -1
			for i := 1; i < len(parts); i++ {
				if rank, ok := ranks[parts[i-1]+" "+parts[i]]; ok && rank < best {
					best, at = rank, i
				}
			}
			if at < 0 {
				break
			}
			parts[at-1] += parts[at]
			parts = append(parts[:at], parts[at+1:]...)
		}
		for _, p := range parts {
			out = append(out, ids[p])
		}
	}
	return out
}

// slowSPM is SentencePiece by looking at every pair every time.
func slowSPM(spec tokenizer.Spec, text string) []int {
	ids, bytes := map[string]int{}, [256]int{}
	for i, t := range spec.Tokens {
		switch spec.Types[i] {
		case tokenizer.Normal, tokenizer.UserDefined:
			ids[t] = i
		case tokenizer.Byte:
			var b int
			fmt.Sscanf(t, "<0x%X>", &b)
			bytes[b] = i
		}
	}
	var parts []string
	for text = strings.ReplaceAll(" "+text, " ", "▁"); len(text) > 0; {
		n := 1
		for _, first := range []byte{0xC0, 0xE0, 0xF0} {
			if text[0] >= first {
				n++
			}
		}
		n = min(n, len(text))
		parts = append(parts, text[:n])
		text = text[n:]
	}
	for {
		best, at := float32(0), -1
		for i := 1; i < len(parts); i++ {
			if id, ok := ids[parts[i-1]+parts[i]]; ok && (at < 0 || spec.Scores[id] > best) {
				best, at = spec.Scores[id], i
			}
		}
		if at < 0 {
			break
		}
		parts[at-1] += parts[at]
		parts = append(parts[:at], parts[at+1:]...)
	}
	out := []int{}
	for _, p := range parts {
		if id, ok := ids[p]; ok {
			out = append(out, id)
			continue
		}
		for i := range len(p) {
			out = append(out, bytes[p[i]])
		}
	}
	return out
}

// someText draws text of many kinds: words of the corpus, white space of all
// kinds, any code points, runs, broken UTF-8, spellings of special tokens.
func someText(t *rapid.T) string {
	part := rapid.OneOf(
		rapid.SampledFrom(strings.Fields(corpus)),
		rapid.SampledFrom(strings.Split(" |  |\n|\r\n|\t|\u00a0|\u3000|\u0085|\u2028| \n |'s|'LL|'rE|'ſ|'K|'|12345|٣|Ⅷ|é|\u0301|𝔘|\U0002EBF0|\U0002EE5E|aaaaaaaaa|\xff|\xed\xa0\x80|\xe6\x97|zebra|<think>|<|end|    |[PAD1]|日本|\x00|\u200d", "|")),
		rapid.StringN(0, 6, -1),
		rapid.Map(rapid.Rune(), func(r rune) string { return string(r) }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 4), func(b []byte) string { return string(b) }),
	)
	return strings.Join(rapid.SliceOfN(part, 0, 24).Draw(t, "text"), "")
}

// TestSplitIsThePattern compares each pre-tokenizer with its pattern's
// alternatives.
func TestSplitIsThePattern(t *testing.T) {
	for _, pre := range []string{"llama-bpe", "smaug-bpe", "qwen2", "qwen35", "gpt-2", "starcoder"} {
		t.Run(pre, rapid.MakeCheck(func(t *rapid.T) {
			text := someText(t)
			if diff := cmp.Diff(slowSplit(pre, text), tokenizer.Split(pre, text)); diff != "" {
				t.Fatalf("%q is cut otherwise: %s", text, diff)
			}
		}))
	}
}

// TestEncodeIsTheSlowOne compares whole encodings, with and without
// IgnoreMerges, of short and long pieces.
func TestEncodeIsTheSlowOne(t *testing.T) {
	for _, pre := range []string{"llama-bpe", "gpt-2", "starcoder"} {
		for _, ignore := range []bool{false, true} {
			spec := smallSpec(pre, 300)
			spec.IgnoreMerges = ignore
			for i, k := range spec.Types {
				if k == tokenizer.UserDefined || k == tokenizer.Unused {
					spec.Types[i] = tokenizer.Control
				}
			}
			// A token that no merges make: whole only where merges are ignored.
			spec.Tokens = append(spec.Tokens, "Ġzqz")
			spec.Types = append(spec.Types, tokenizer.Normal)
			tok := build(t, spec)
			t.Run(fmt.Sprintf("%s/%v", pre, ignore), rapid.MakeCheck(func(t *rapid.T) {
				text := someText(t)
				if rapid.Bool().Draw(t, "long") {
					text += strings.ReplaceAll(text, " ", "") + strings.Repeat("ab", rapid.IntRange(0, 60).Draw(t, "repeat")) + " zqz zqzz"
				}
				got := tok.Encode(text)
				if diff := cmp.Diff(slowEncode(spec, text), got); diff != "" {
					t.Fatalf("Encode(%q) differs: %s", text, diff)
				}
				if ids, _ := tokenizer.MergeSteps(tok, text+"x"); string(tok.Decode(ids)) != text+"x" {
					t.Fatalf("merging %q as one piece gives %q", text+"x", tok.Decode(ids))
				}
			}))
		}
	}
}

// TestLongPieceIsTheShortOne merges the same pieces by search and by queue.
func TestLongPieceIsTheShortOne(t *testing.T) {
	tok := small(t, "gpt-2")
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.StringMatching(`[a-eé]{2,30}`).Draw(t, "piece")
		ids, _ := tokenizer.MergeSteps(tok, piece)
		if diff := cmp.Diff(tok.Encode(piece), ids); diff != "" {
			t.Fatalf("%q merges otherwise by the queue: %s", piece, diff)
		}
	})
}

// TestVeryLongPieceIsTheSlowOne merges hundreds of letters without a space, whose
// pairs come in no order.
func TestVeryLongPieceIsTheSlowOne(t *testing.T) {
	spec := smallSpec("gpt-2", 300)
	for i, k := range spec.Types {
		if k == tokenizer.UserDefined {
			spec.Types[i] = tokenizer.Control
		}
	}
	tok := build(t, spec)
	words := strings.FieldsFunc(sentences, func(r rune) bool { return !isL(r) })
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 50, 100).Draw(t, "words"), "")
		if diff := cmp.Diff(slowEncode(spec, text), tok.Encode(text)); diff != "" {
			t.Fatalf("Encode(%q) differs: %s", text, diff)
		}
	})
}

// TestQueueIsSorted pushes and pops in any order: what comes out is the smallest
// of what is in.
func TestQueueIsSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.Uint64Range(0, 50), 0, 20).Draw(t, "first")
		q := tokenizer.NewQueue(in...)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "pop") > 0 {
				v := rapid.Uint64Range(0, 50).Draw(t, "v")
				q.Push(v)
				in = append(in, v)
				continue
			}
			slices.Sort(in)
			got, ok := q.Pop()
			if ok != (len(in) > 0) || ok && got != in[0] {
				t.Fatalf("Pop() = %d, %v with %v in the queue", got, ok, in)
			}
			in = in[min(1, len(in)):]
		}
	})
}

// TestSentencePieceIsTheSlowOne compares SentencePiece, ties and all.
func TestSentencePieceIsTheSlowOne(t *testing.T) {
	spec := spmSpec()
	tok := build(t, spec)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(someText(t), "zebra", "horse")
		want := slowSPM(spec, text)
		if text == "" {
			want = []int{}
		}
		if diff := cmp.Diff(want, tok.Encode(text)); diff != "" {
			t.Fatalf("Encode(%q) differs: %s", text, diff)
		}
	})
}
