package voice_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/voice"
)

func TestDirection(t *testing.T) {
	for says, want := range map[string]int{
		"<a> connected to <b>.":                     1,
		"<a> was contacted by <b>.":                 -1,
		"<a> is a child process of <b>.":            -1,
		"from <a> to <b>.":                          1,
		"<a> and <b> are machines.":                 0,
		"<a> sent a reply back to <b>.":             0,
		"<a> was quiet after it had started <b>.":   0,
		"the logon on <a> from <b> was successful.": -1,
	} {
		lead, rest, _ := strings.Cut(says, "<a>")
		mid, tail, ok := strings.Cut(rest, "<b>")
		if !ok {
			t.Fatalf("%q has no two names", says)
		}
		if got := voice.Direction(lead, mid, tail, true); got != want {
			t.Errorf("%q: %d, not %d", says, got, want)
		}
	}
}
