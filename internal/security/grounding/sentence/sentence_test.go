package sentence_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/sentence"
)

func TestNeedsCitation(t *testing.T) {
	for s, want := range map[string]bool{
		"FS01 sent 3.9 GB.":                             true,
		"Excel started PowerShell at 09:12.":            true,
		"Who sent the mail?":                            false,
		"Isolate FS01 and reset the password.":          false,
		"The password should be reset.":                 false,
		"It is not known how the key was copied.":       false,
		"There is no evidence of a second intruder.":    false,
		"Nobody says whether the server was isolated.":  false,
		"Unpublish the template and re-issue the key.":  false,
		"We do not yet know who sent it.":               false,
		"Whether FS01 was reached remains unclear.":     false,
		"The analysts were unable to say who sent it.":  false,
		"No login followed, as far as the log shows.":   false,
		"How it began has not been established.":        false,
		"FS01 was wiped, as far as the log shows.":      true,
		"Have all users reset their passwords.":         false,
		"One cannot tell from the logs how it came in.": false,
		"He did not know the password.":                 true,
		"Shut down at noon, FS01 stayed off.":           true,
		"":                                              false,
	} {
		if got := sentence.NeedsCitation(strings.ToLower(s)); got != want {
			t.Errorf("NeedsCitation(%q) = %v, want %v", s, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("One. \"Two. Three.\" Four [E1].\n- five\n# six")
	f.Fuzz(func(t *testing.T, prose string) {
		n := 0
		for _, s := range sentence.Split(prose) {
			if s != strings.TrimSpace(s) || s == "" {
				t.Fatalf("Split(%q) has %q", prose, s)
			}
			n += len(s)
		}
		if n > len(prose)+1 {
			t.Fatalf("Split(%q) is longer than the prose", prose)
		}
		sentence.Strip(prose)
	})
}
