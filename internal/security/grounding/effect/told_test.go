package effect_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/effect"
)

func TestUnprotected(t *testing.T) {
	texts := []string{"trojan found in a.exe, action: quarantine failed"}
	for says, want := range map[string]string{
		"the file was quarantined.":                "was quarantined",
		"the antivirus removed the file.":          "antivirus removed",
		"the antivirus failed to remove the file.": "",
		"it was not removed.":                      "",
		"the trojan was found.":                    "",
	} {
		if got := effect.Unprotected(says, texts); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
	if got := effect.Unprotected("the file was quarantined.", []string{"action: quarantine"}); got != "" {
		t.Errorf("%q although the record says so", got)
	}
}

func TestUnremoved(t *testing.T) {
	texts := []string{"remediation failed"}
	for says, want := range map[string]bool{"it could not be removed.": true, "it was not cleaned.": true, "it was not executed.": false, "it was removed.": false} {
		if got := effect.Unremoved(says, texts); got != want {
			t.Errorf("%q: %v", says, got)
		}
	}
}

func TestReversed(t *testing.T) {
	texts := []string{"value 2 -> 9", "old=1.4 new=1.5", "port 3 to 4"}
	for says, want := range map[string]string{
		"it was raised from 2 to 9.":       "",
		"it was lowered from 9 to 2.":      "from 9 to 2",
		"it went from 1.5 to 1.4.":         "from 1.5 to 1.4",
		"it went from 1.4 to version 1.5.": "",
		"it went from 7 to 8.":             "",
	} {
		if got := effect.Reversed(says, texts); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
}

func TestSupposes(t *testing.T) {
	for says, want := range map[string]bool{"had the limit not been there, it might have risen.": true, "had he known.": false, "it was not there.": false} {
		if got := effect.Supposes(says); got != want {
			t.Errorf("%q: %v", says, got)
		}
	}
}

func TestAdmits(t *testing.T) {
	for says, want := range map[string]string{"the vendor admits that it was them.": "the vendor admits", "the vendor was there.": ""} {
		if got := effect.Admits(says); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
}
