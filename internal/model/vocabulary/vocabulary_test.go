package vocabulary_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/model/vocabulary"
)

func learn(t *testing.T, tokens int, texts ...string) tokenizer.Spec {
	t.Helper()
	var c vocabulary.Counter
	for _, text := range texts {
		c.Add(text)
	}
	s, err := c.Learn(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMerges has merges worked by hand: "ab" is there five times, then a space
// before it four times, then "c" behind these three twice; all else is there once.
func TestMerges(t *testing.T) {
	s := learn(t, 512, "abc abc abc abd ab")
	if diff := cmp.Diff([]string{"a b", "Ġ ab", "Ġab c"}, s.Merges); diff != "" {
		t.Error(diff)
	}
}

// TestTokenizer wants text to survive, frequent words to be one token, control
// tokens not to be made of text, and the same words to give the same tokenizer.
func TestTokenizer(t *testing.T) {
	text := strings.Repeat("The quick alert on host-17 was closed at 12:34:56 by the analyst. ", 50) + "\n\n\tünïcode ☃ <|eot_id|>"
	s := learn(t, 600, text)
	tok, err := tokenizer.New(s)
	if err != nil {
		t.Fatal(err)
	}
	ids := tok.Encode(text)
	if got := string(tok.Decode(ids)); got != text {
		t.Errorf("decoded %q", got)
	}
	if one := tok.Encode(" analyst"); len(one) != 1 {
		t.Errorf("a frequent word is %d tokens", len(one))
	}
	for _, id := range ids {
		if tok.IsControl(id) {
			t.Errorf("text became the control token %q", tok.Text(id))
		}
	}
	if diff := cmp.Diff(s, learn(t, 600, text)); diff != "" {
		t.Errorf("learnt again: %s", diff)
	}
}

// TestUsed wants every token but bytes to come from some text: words lie within
// the tokenizer's pieces.
func TestUsed(t *testing.T) {
	var text strings.Builder
	for i := range 400 {
		fmt.Fprintf(&text, "evt%d src=10.0.%d.7 user 'bob' said: don't! 20%02d\r\n   ok  \n", i, i%9, i%30)
	}
	s := learn(t, 700, text.String())
	tok, err := tokenizer.New(s)
	if err != nil {
		t.Fatal(err)
	}
	used := map[int]bool{}
	for _, id := range tok.Encode(text.String()) {
		used[id] = true
	}
	unused := 0
	for id := 256; id < len(s.Tokens)-6; id++ {
		if !used[id] {
			unused++
		}
	}
	// A token may be a part of a longer one wherever it stands.
	if all := len(s.Tokens) - 262; unused > all/2 {
		t.Errorf("%d of %d merged tokens are never used", unused, all)
	}
}

func TestRefused(t *testing.T) {
	var c vocabulary.Counter
	if _, err := c.Learn(1000); err == nil {
		t.Error("no error over no text")
	}
	c.Add("text")
	for _, n := range []int{0, vocabulary.MinTokens - 1, vocabulary.MaxTokens + 1} {
		if _, err := c.Learn(n); err == nil {
			t.Errorf("no error over %d tokens", n)
		}
	}
}

func FuzzLearn(f *testing.F) {
	f.Add("the the the alert")
	f.Add("\xff\xfe \x00\x00")
	f.Fuzz(func(t *testing.T, text string) {
		var c vocabulary.Counter
		c.Add(text)
		s, err := c.Learn(512)
		if err != nil {
			return
		}
		tok, err := tokenizer.New(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(tok.Decode(tok.Encode(text))); got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
