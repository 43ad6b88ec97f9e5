package indicator_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// TestPunycode checks the encoder through Extract with the samples of RFC 3492
// section 7.1 that are lower case and of a script whose words are spaced, and
// with names in use.
func TestPunycode(t *testing.T) {
	for label, want := range map[string]string{
		"ليهمابتكلموشعربي؟":                        "", // a question mark is no letter
		"почемужеонинеговорятпорусски":             "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l",
		"porquénopuedensimplementehablarenespañol": "xn--porqunopuedensimplementehablarenespaol-fmd56a",
		"münchen": "xn--mnchen-3ya",
		"bücher":  "xn--bcher-kva",
		"faß":     "xn--fa-hia",
	} {
		got := indicator.Extract(nil, "", label+".com")
		switch {
		case want == "" && len(got) != 0:
			t.Errorf("Extract(%q) = %v, want nothing", label+".com", got)
		case want != "" && (len(got) != 1 || got[0].Value != want+".com"):
			t.Errorf("Extract(%q) = %v, want %s.com", label+".com", got, want)
		}
		if want == "" {
			continue
		}
		// The decoder accepts what the encoder wrote.
		if again := indicator.Extract(nil, "", want+".com"); len(again) != 1 {
			t.Errorf("Extract(%q) = %v, want the name", want+".com", again)
		}
	}
	for _, bad := range []string{"xn--.com", "xn--abc.com", "xn--a.com", "xn--mnchen-3yA0.com", "xn---.com", "xn--\x80.com"} {
		for _, ind := range indicator.Extract(nil, "", bad) {
			if ind.Value == bad {
				t.Errorf("Extract(%q) accepts the name", bad)
			}
		}
	}
}
