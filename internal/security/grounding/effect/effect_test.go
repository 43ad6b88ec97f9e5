package effect_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding/effect"
)

func TestOf(t *testing.T) {
	for says, want := range map[string][2]bool{
		"the login was blocked.":                   {false, true},
		"the login succeeded.":                     {true, false},
		"the login was not blocked.":               {true, false},
		"none of the logins succeeded.":            {false, true},
		"no role was granted.":                     {false, true},
		"it was audited rather than blocked.":      {false, false},
		"the mail went through the gateway.":       {false, false},
		"the mail went through.":                   {true, false},
		"the sensor stopped it.":                   {false, true},
		"it was attempted, without success.":       {false, true},
		"the service was started.":                 {false, false},
		"he became root on the server.":            {true, false},
		"he tried to get in and became root there": {false, false},
	} {
		got := effect.Of(says)
		if (got.Pass != "") != want[0] || (got.Stop != "") != want[1] {
			t.Errorf("%q: %+v", says, got)
		}
	}
}

func TestWatching(t *testing.T) {
	for says, want := range map[string]bool{
		"raw disk write; remediation: none, sensor in detect-only mode": true,
		"blocked-uri https://example.org; disposition=report":           true,
		"action: none; the file was quarantined":                        false,
		"action: blocked":                                               false,
	} {
		if got := effect.Watching(says); got != want {
			t.Errorf("%q: %v", says, got)
		}
	}
}
