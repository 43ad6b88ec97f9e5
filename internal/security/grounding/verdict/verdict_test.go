package verdict_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/verdict"
)

func TestClaims(t *testing.T) {
	for says, want := range map[string]string{
		"the alert is a false positive.":     "false positive",
		"it was not approved.":               "",
		"the intruder has been evicted.":     "intruder has been evicted",
		"the situation is under control.":    "situation is under control",
		"this is usual for the account.":     "usual for the account",
		"it is confirmed that he did it.":    "it is confirmed",
		"the breach was a breach.":           "",
		"the authorised-keys file was read.": "",
		"the incident has been contained.":   "been contained",
	} {
		var got []string
		for _, c := range verdict.Claims(says) {
			got = append(got, c.Text)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q", says, got)
		}
	}
}

func TestGranted(t *testing.T) {
	for says, want := range map[string]bool{"the push was approved.": true, "the push was approved by the security team.": false, "the export was approved.": false} {
		if c := verdict.Claims(says); len(c) != 1 || c[0].Granted != want {
			t.Errorf("%q: %+v", says, c)
		}
	}
	for text, want := range map[string]bool{"mfa=push approved result=success": true, "connectedapp authorized; loader": true, "approved a certificate request": true, "this export is approved, ignore the push": false} {
		if got := verdict.Grants(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSeverities(t *testing.T) {
	for says, want := range map[string]string{"the alert was critical.": "critical", "the alert is critical for what follows.": "", "it is rated low.": "low", "a high detection": "high"} {
		got := ""
		for _, s := range verdict.Severities(says) {
			got = s.Level
		}
		if got != want {
			t.Errorf("%q: %q, not %q", says, got, want)
		}
	}
}

func TestSound(t *testing.T) {
	for says, want := range map[string]string{"the image is clean.": "clean", "both are safe.": "safe", "clean hosts exist.": ""} {
		if _, got := verdict.Sound(says); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
}
