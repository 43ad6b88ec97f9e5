package tokenizer_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestLlama3Vectors compares with the reference's ids, token for token, and back.
func TestLlama3Vectors(t *testing.T) {
	tok := llama3(t)
	all := vectors(t)
	if len(all) < 70 {
		t.Fatalf("%d vectors, want them all", len(all))
	}
	for _, v := range all {
		got := tok.Encode(v.Text)
		if diff := cmp.Diff(v.IDs, got); diff != "" {
			t.Errorf("Encode(%q) differs: %s", v.Text, diff)
		}
		if back := string(tok.Decode(got)); back != v.Text {
			t.Errorf("Decode(Encode(%q)) = %q", v.Text, back)
		}
	}
}

// TestLlama3Specials finds markers in special text alone.
func TestLlama3Specials(t *testing.T) {
	tok := llama3(t)
	text := "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
	plain := tok.Encode(text)
	if slices.ContainsFunc(plain, tok.IsControl) {
		t.Errorf("plain text became %v", plain)
	}
	want := append([]int{128006}, tok.Encode("user")...)
	want = append(append(want, 128007), tok.Encode("\n\nhi")...)
	want = append(want, 128009)
	if diff := cmp.Diff(want, tok.EncodeSpans([]tokenizer.Span{{Text: text, Special: true}})); diff != "" {
		t.Errorf("special text differs: %s", diff)
	}
	if tok.BOS() != 128000 || !tok.EndOfGeneration(128009) || tok.EndOfGeneration(128006) {
		t.Errorf("BOS %d, ends %v", tok.BOS(), tok.Spec().EndOfGeneration)
	}
}

// TestRoundTrip gives back any bytes, with every pre-tokenizer there is.
func TestRoundTrip(t *testing.T) {
	var toks []*tokenizer.Tokenizer
	for _, pre := range tokenizer.Names() {
		toks = append(toks, small(t, pre))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := someText(t)
		tok := rapid.SampledFrom(toks).Draw(t, "tokenizer")
		ids := tok.Encode(text)
		if back := string(tok.Decode(ids)); back != text {
			t.Fatalf("%s: Decode(Encode(%q)) = %q", tok.Spec().Pre, text, back)
		}
		checkDecoder(t, tok, ids, text)
		for _, id := range ids {
			if tok.IsControl(id) || tok.Text(id) == "<think>" {
				t.Fatalf("%q became the special token %q", text, tok.Text(id))
			}
		}
	})
}

// checkDecoder writes ids one by one: together they are text, and nothing that
// comes out ends within a character of it.
func checkDecoder(t *rapid.T, tok *tokenizer.Tokenizer, ids []int, text string) {
	d := tok.NewDecoder()
	got := ""
	for _, id := range ids {
		got += string(d.Write(id))
		rest := text[len(got):]
		if rest != "" && utf8.ValidString(text) && !utf8.RuneStart(rest[0]) {
			t.Fatalf("after %q comes %q: cut within a character", got, rest)
		}
	}
	if got += string(d.Flush()); got != text {
		t.Fatalf("the decoder gives %q for %q", got, text)
	}
	if rest := d.Flush(); len(rest) != 0 {
		t.Fatalf("a second Flush gives %q", rest)
	}
}

// TestDecoderHoldsBack writes a character in pieces.
func TestDecoderHoldsBack(t *testing.T) {
	tok := build(t, smallSpec("gpt-2", 0))
	d := tok.NewDecoder()
	id := func(b byte) int { return tok.Encode(string([]byte{b}))[0] }
	for _, step := range []struct {
		b    byte
		want string
	}{
		{0xF0, ""}, {0x9F, ""}, {0x98, ""}, {0x80, "😀"},
		{0xE6, ""}, {'a', "\xe6a"}, // never completed: the bytes come as they are
		{0xFF, "\xff"}, {0x80, "\x80"}, {0xC3, ""}, {0xA9, "é"}, {0xE6, ""}, {0x97, ""},
	} {
		if got := string(d.Write(id(step.b))); got != step.want {
			t.Errorf("byte %#x gives %q, want %q", step.b, got, step.want)
		}
	}
	if got := string(d.Flush()); got != "\xe6\x97" {
		t.Errorf("Flush gives %q", got)
	}
	if got := d.Write(tok.BOS()); len(got) != 0 {
		t.Errorf("a control token gives %q", got)
	}
}

// TestSpans says where special spellings are found.
func TestSpans(t *testing.T) {
	tok := small(t, "llama-bpe")
	bos, _ := tok.ID("<|begin_of_text|>")
	end, _ := tok.ID("<|end_of_text|>")
	short, _ := tok.ID("<|end")
	think, _ := tok.ID("<think>")
	horse, _ := tok.ID("zebra")
	special := func(s string) tokenizer.Span { return tokenizer.Span{Text: s, Special: true} }
	plain := func(s string) tokenizer.Span { return tokenizer.Span{Text: s} }
	for _, c := range []struct {
		name  string
		spans []tokenizer.Span
		want  []any // ids, or text encoded as plain text
	}{
		{"in special text", []tokenizer.Span{special("<|begin_of_text|>a <think>")}, []any{bos, "a ", think}},
		{"in plain text", []tokenizer.Span{plain("<|begin_of_text|>a <think>")}, []any{"<|begin_of_text|>a <think>"}},
		{"over two special spans", []tokenizer.Span{special("<thi"), special("nk>")}, []any{think}},
		{"over an empty plain span", []tokenizer.Span{special("<thi"), plain(""), special("nk>")}, []any{think}},
		{"begun in data", []tokenizer.Span{plain("<thi"), special("nk>")}, []any{"<think>"}},
		{"ended in data", []tokenizer.Span{special("<thi"), plain("nk>")}, []any{"<think>"}},
		{"around data", []tokenizer.Span{special("<thi"), plain("n"), special("k>")}, []any{"<think>"}},
		{"the longest", []tokenizer.Span{special("<|end_of_text|><|end_")}, []any{end, short, "_"}},
		{"the longest that fits", []tokenizer.Span{special("<|end"), plain("_of_text|>")}, []any{short, "_of_text|>"}},
		{"words in any text", []tokenizer.Span{plain("a zeb"), special("ra b")}, []any{"a ", horse, " b"}},
		{"words over borders", []tokenizer.Span{special("the ana"), plain("lyst opened\n"), special("\n")}, []any{"the analyst opened\n\n"}},
		{"nothing", nil, nil},
	} {
		want := []int{}
		for _, w := range c.want {
			switch w := w.(type) {
			case int:
				want = append(want, w)
			case string:
				want = append(want, tok.Encode(w)...)
			}
		}
		if diff := cmp.Diff(want, tok.EncodeSpans(c.spans)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestSpansAreOneText cuts a text anywhere: as long as no special text is in it,
// nothing changes, and where all is special, the cuts do not matter either.
func TestSpansAreOneText(t *testing.T) {
	tok := small(t, "qwen2")
	rapid.Check(t, func(t *rapid.T) {
		text := someText(t)
		special := rapid.Bool().Draw(t, "special")
		var spans []tokenizer.Span
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			spans = append(spans, tokenizer.Span{Text: rest[:n], Special: special})
			rest = rest[n:]
		}
		want := tok.EncodeSpans([]tokenizer.Span{{Text: text, Special: special}})
		if !special {
			want = tok.Encode(text)
		}
		if diff := cmp.Diff(want, tok.EncodeSpans(spans)); diff != "" {
			t.Fatalf("%q in spans differs: %s", text, diff)
		}
	})
}

// TestNamedIDsAreControl keeps text from spelling a token that the Spec names,
// whatever type the file gives it.
func TestNamedIDsAreControl(t *testing.T) {
	spec := smallSpec("gpt-2", 300)
	spec.EndOfGeneration = append(spec.EndOfGeneration, slices.Index(spec.Tokens, "zebra"))
	tok := build(t, spec)
	if ids := tok.Encode("a zebra"); slices.ContainsFunc(ids, tok.EndOfGeneration) {
		t.Errorf("text became %v, which ends generation", ids)
	}
	if id, ok := tok.ID("zebra"); !ok || !tok.IsControl(id) || tok.Bytes(id) != nil {
		t.Errorf("ID(zebra) = %d, %v; bytes %q", id, ok, tok.Bytes(id))
	}
}

// TestMergesCannotSpellSpecials has merges that would make a control token.
func TestMergesCannotSpellSpecials(t *testing.T) {
	spec := smallSpec("gpt-2", 0)
	spec.Tokens = append(spec.Tokens, "ab", "abc")
	spec.Types = append(spec.Types, tokenizer.Normal, tokenizer.Control)
	spec.Merges = []string{"a b", "ab c"}
	spec.IgnoreMerges = true
	tok := build(t, spec)
	ab := slices.Index(spec.Tokens, "ab")
	if diff := cmp.Diff([]int{ab, 'c'}, tok.Encode("abc")); diff != "" {
		t.Errorf("abc: %s", diff)
	}
	spm := spmSpec()
	for i, text := range spm.Tokens {
		if text == "</" || text == "s>" || text == "</s" {
			spm.Types[i] = tokenizer.Normal
		}
	}
	if ids := build(t, spm).Encode("</s> <s>"); slices.Contains(ids, 1) || slices.Contains(ids, 2) {
		t.Errorf("SentencePiece: plain text became %v", ids)
	}
}

// TestMergeTwice lists a merge again at the end: its first rank stands.
func TestMergeTwice(t *testing.T) {
	spec := smallSpec("gpt-2", 300)
	once := build(t, spec)
	spec.Merges = append(slices.Clone(spec.Merges), spec.Merges[0], spec.Merges[5])
	if diff := cmp.Diff(once.Encode(corpus), build(t, spec).Encode(corpus)); diff != "" {
		t.Errorf("another encoding: %s", diff)
	}
}

// TestSentencePieceText is prefixes, byte fall-back and decoding.
func TestSentencePieceText(t *testing.T) {
	tok := build(t, spmSpec())
	for _, text := range []string{"The analyst", " the", "q", "é\x00ÿ", "a  b", "日本\xff", "\n", ""} {
		if back := string(tok.Decode(tok.Encode(text))); back != text {
			t.Errorf("Decode(Encode(%q)) = %q", text, back)
		}
	}
	byteQ := 0
	for i, text := range tok.Spec().Tokens {
		if text == "<0x71>" {
			byteQ = i
		}
	}
	if ids := tok.Encode("q"); ids[len(ids)-1] != byteQ {
		t.Errorf("q became %v, want it to end with byte %d", ids, byteQ)
	}
	d := tok.NewDecoder()
	first := tok.Encode("The")
	got := ""
	for _, id := range first {
		got += string(d.Write(id))
	}
	if got != " The" {
		t.Errorf("the decoder leaves the space out: %q", got)
	}
}

// TestSpacePrefix is when SentencePiece puts a space first.
func TestSpacePrefix(t *testing.T) {
	type row struct {
		wanted, once, lean bool
		text               string
		want               string
	}
	for _, r := range []row{
		{true, false, false, "a[INST]b[INST] c", "▁a|▁b|▁▁c"},
		{true, true, false, "a[INST]b[INST] c", "▁a|b|▁c"},
		{true, true, false, "[INST]b", "|b"},
		{true, false, true, " a[INST]b[INST] c", "▁a|▁b|▁c"},
		{true, false, true, "▁a", "▁a"},
		{false, false, false, "a[INST]b", "a|b"},
	} {
		spec := spmSpec()
		spec.AddSpacePrefix, spec.SpacePrefixOnce, spec.SpacePrefixLean = r.wanted, r.once, r.lean
		tok := build(t, spec)
		inst, _ := tok.ID("[INST]")
		got := ""
		for _, id := range tok.EncodeSpans([]tokenizer.Span{{Text: r.text, Special: true}}) {
			if id == inst {
				got += "|"
				continue
			}
			got += tok.Text(id)
		}
		if got != r.want {
			t.Errorf("%+v: %q", r, got)
		}
	}
}

// TestNormalizer composes plain text and leaves spellings alone.
func TestNormalizer(t *testing.T) {
	spec := smallSpec("qwen2", 300)
	spec.Normalizer = "nfc"
	tok := build(t, spec)
	if diff := cmp.Diff(tok.Encode("caf\u00e9"), tok.Encode("cafe\u0301")); diff != "" {
		t.Errorf("not composed: %s", diff)
	}
	if got := string(tok.Decode(tok.Encode("a\u0301\xff\u0327"))); got != "\u00e1\xff\u0327" {
		t.Errorf("broken UTF-8 comes back as %q", got)
	}
}

// TestBytes is what tokens add to a text.
func TestBytes(t *testing.T) {
	spec := smallSpec("gpt-2", 10)
	spec.Tokens = append(spec.Tokens, "", "raw token")
	spec.Types = append(spec.Types, tokenizer.Normal, tokenizer.Normal)
	tok := build(t, spec)
	n := tok.Size()
	if n != len(spec.Tokens) {
		t.Errorf("Size() = %d, want %d", n, len(spec.Tokens))
	}
	for id, want := range map[int]string{
		'a': "a", ' ': " ", 0xAD: "\xad", 0x80: "\x80", n - 2: "", n - 1: "raw token",
		slices.Index(spec.Tokens, "zebra"): "zebra", slices.Index(spec.Tokens, "[PAD1]"): "[PAD1]",
	} {
		if got := tok.Bytes(id); got == nil || string(got) != want {
			t.Errorf("Bytes(%d) = %q (nil: %v), want %q", id, got, got == nil, want)
		}
	}
	for _, id := range []int{tok.BOS(), -1, n, math.MaxInt} {
		if got := tok.Bytes(id); got != nil {
			t.Errorf("Bytes(%d) = %q, want nil", id, got)
		}
	}
	if got := tok.Text(tok.BOS()); got != "<|begin_of_text|>" || tok.Text(n) != "" || tok.Type(n) != 0 {
		t.Errorf("Text(BOS) = %q", got)
	}
	if _, ok := tok.ID("a"); ok {
		t.Error("ID finds a normal token")
	}
	if s := tok.Spec(); s.Merges != nil || s.BOS != spec.BOS || len(s.Tokens) != n {
		t.Error("Spec() is not what it was made of, without merges")
	}
}

// TestNames are the pre-tokenizers that GGUF files name.
func TestNames(t *testing.T) {
	names := tokenizer.Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("not sorted, or a name stands twice: %v", names)
	}
	for _, name := range names {
		c, ok := tokenizer.Lookup(name)
		llama := slices.Contains([]string{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"}, name)
		if !ok || c.IgnoreMerges != llama || c.AddBOS != llama {
			t.Errorf("Lookup(%q) = %+v, %v", name, c, ok)
		}
	}
	for _, name := range []string{"", "default", "tekken", "Llama-bpe", "qwen2 "} {
		if _, ok := tokenizer.Lookup(name); ok {
			t.Errorf("Lookup(%q) knows it", name)
		}
		if _, err := tokenizer.New(smallSpec(name, 0)); !errors.Is(err, tokenizer.ErrPretokenizer) {
			t.Errorf("New with %q: %v, want ErrPretokenizer", name, err)
		}
	}
}

// TestRefused is every Spec that does not fit together.
func TestRefused(t *testing.T) {
	type edit = func(*tokenizer.Spec)
	for name, edit := range map[string]edit{
		"no tokens":             func(s *tokenizer.Spec) { s.Tokens = nil },
		"too many tokens":       func(s *tokenizer.Spec) { s.Tokens = make([]string, tokenizer.MaxTokens+1); s.Types = nil },
		"too many merges":       func(s *tokenizer.Spec) { s.Merges = make([]string, tokenizer.MaxMerges+1) },
		"a long token":          func(s *tokenizer.Spec) { s.Tokens[300] = strings.Repeat("a", tokenizer.MaxTokenBytes+1) },
		"short type list":       func(s *tokenizer.Spec) { s.Types = s.Types[:5] },
		"long type list":        func(s *tokenizer.Spec) { s.Types = append(s.Types, 1) },
		"unknown type":          func(s *tokenizer.Spec) { s.Types[3] = 7 },
		"unknown kind":          func(s *tokenizer.Spec) { s.Kind = "wpm" },
		"unknown normalizer":    func(s *tokenizer.Spec) { s.Normalizer = "nfkc" },
		"BOS too large":         func(s *tokenizer.Spec) { s.BOS = len(s.Tokens) },
		"EOS negative":          func(s *tokenizer.Spec) { s.EOS = -2 },
		"padding too large":     func(s *tokenizer.Spec) { s.Pad = math.MaxInt },
		"an end too large":      func(s *tokenizer.Spec) { s.EndOfGeneration = []int{len(s.Tokens)} },
		"an end that is none":   func(s *tokenizer.Spec) { s.EndOfGeneration = []int{tokenizer.None} },
		"left is absent":        func(s *tokenizer.Spec) { s.Merges[0] = "absentleft a" },
		"right is absent":       func(s *tokenizer.Spec) { s.Merges[0] = "a absentright" },
		"result is absent":      func(s *tokenizer.Spec) { s.Merges[0] = "é \u0101" },
		"a merge of one":        func(s *tokenizer.Spec) { s.Merges[1] = "a" },
		"a merge of nothing":    func(s *tokenizer.Spec) { s.Merges[1] = "" },
		"a merge with no right": func(s *tokenizer.Spec) { s.Merges[1] = "a " },
		"a merge of three":      func(s *tokenizer.Spec) { s.Merges[1] = "a b c" },
		"a byte is missing":     func(s *tokenizer.Spec) { s.Tokens[200] = "instead" },
		"two normal tokens":     func(s *tokenizer.Spec) { s.Tokens[300] = s.Tokens[301] },
		"two special tokens":    func(s *tokenizer.Spec) { s.Tokens[s.BOS] = s.Tokens[s.EOS] },
		"special too long": func(s *tokenizer.Spec) {
			for i := range tokenizer.MaxSpecialBytes/tokenizer.MaxTokenBytes + 1 {
				s.Tokens = append(s.Tokens, strings.Repeat("x", tokenizer.MaxTokenBytes-2)+string(rune('A'+i%64))+string(rune('A'+i/64)))
				s.Types = append(s.Types, tokenizer.Control)
			}
		},
		"all too long": func(s *tokenizer.Spec) {
			long := strings.Repeat("x", tokenizer.MaxTokenBytes)
			for range tokenizer.MaxVocabularyBytes/tokenizer.MaxTokenBytes + 1 {
				s.Tokens = append(s.Tokens, long)
			}
			s.Types = nil
		},
	} {
		spec := smallSpec("gpt-2", 100)
		edit(&spec)
		if _, err := tokenizer.New(spec); !errors.Is(err, tokenizer.ErrVocabulary) {
			t.Errorf("%s: %v, want ErrVocabulary", name, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
	for name, edit := range map[string]edit{
		"no scores":         func(s *tokenizer.Spec) { s.Scores = nil },
		"short scores":      func(s *tokenizer.Spec) { s.Scores = s.Scores[:7] },
		"a score of NaN":    func(s *tokenizer.Spec) { s.Scores[9] = float32(math.NaN()) },
		"a byte is missing": func(s *tokenizer.Spec) { s.Tokens[40], s.Types[40] = "instead", tokenizer.Normal },
		"a byte twice":      func(s *tokenizer.Spec) { s.Tokens[40] = s.Tokens[41] },
		"no such byte":      func(s *tokenizer.Spec) { s.Tokens[40] = "<0xG0>" },
		"two tokens":        func(s *tokenizer.Spec) { s.Tokens[300] = s.Tokens[301] },
	} {
		spec := spmSpec()
		edit(&spec)
		if _, err := tokenizer.New(spec); !errors.Is(err, tokenizer.ErrVocabulary) {
			t.Errorf("SentencePiece, %s: %v, want ErrVocabulary", name, err)
		}
	}
}
