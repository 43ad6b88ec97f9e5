package tokenizer_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// combining are starters and marks that compose, reorder and block each other.
var combining = strings.Split("a|e|o|A|q|\u0301|\u0300|\u0305|\u0315|\u0327|\u0323|\u0308|\u0345|\u05b0|\u0f71|\u0f72|\u1100|\u1161|\u11a8|\uac00|\u1e69|\u0344|\u0958|\u212b|\ufb1d|\u2126|\U0001d15e|\U000110a5|x|\n|\xff|\u3099|か", "|")

// TestComposedSlowly compares the annex's steps with x/text, where it puts no
// joiners: few marks in a row.
func TestComposedSlowly(t *testing.T) {
	part := rapid.OneOf(rapid.SampledFrom(combining), rapid.Map(rapid.Rune(), func(r rune) string { return string(r) }))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(part, 0, 9).Draw(t, "text"), "")
		want := norm.NFC.String(text)
		if got := tokenizer.ComposedSlowly(text); got != want {
			t.Fatalf("composing %+q slowly gives %+q, want %+q", text, got, want)
		}
		if got := tokenizer.Composed(text); got != want {
			t.Fatalf("composing %+q gives %+q, want %+q", text, got, want)
		}
	})
}

// TestComposedBlocked has marks in the way of one another.
func TestComposedBlocked(t *testing.T) {
	for _, text := range []string{
		"a\u0305\u0301", "a\u0323\u0301", "a\u0301\u0323", "a\u0315\u0301", "e\u0301\u0327x\u0301",
		"\u1100\u0301\u1161", "\u0b47\u0300\u0b3e", "a\xff\u0301", "\u0301", "\u1ea5\u0323",
	} {
		if got, want := tokenizer.ComposedSlowly(text), norm.NFC.String(text); got != want {
			t.Errorf("composing %+q slowly gives %+q, want %+q", text, got, want)
		}
	}
}

// TestComposedManyMarks goes over the length at which x/text puts joiners in.
func TestComposedManyMarks(t *testing.T) {
	for n := 1; n < 70; n++ {
		text := "x" + strings.Repeat("\u0323", n) + "\u0301e\u0301"
		want := strings.Replace(text, "e\u0301", "é", 1)
		if got := tokenizer.Composed(text); got != want {
			t.Fatalf("%d marks: %+q, want %+q", n, got, want)
		}
	}
}
