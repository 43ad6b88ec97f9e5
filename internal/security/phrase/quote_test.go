package phrase_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/phrase"
)

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"net view":      `"net view"`,
		`say "a"`:       "`say \"a\"`",
		"a `b` \"c\"":   "\"a `b` 'c'\"",
		"two\nlines  x": `"two lines x"`,
	} {
		if got := phrase.Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
