package label_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/label"
)

func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "FIN-WS-014": "fin-ws-014", "Fin-WS-014.corp.tarnholm.example": "fin-ws-014", "dc01.": "dc01", ".dc01.x": "dc01", ".": "",
		"3rdfloor.example": "3rdfloor", "fs01.corp.example:445": "fs01",
		"192.0.2.7": "192.0.2.7", "192.0.2.7:443": "192.0.2.7:443", "192.0.2": "192.0.2", "192.0.2.0/24": "192.0.2.0/24",
		"2001:DB8::7": "2001:db8::7", "::ffff:192.0.2.7": "::ffff:192.0.2.7", "[::ffff:192.0.2.7]:22": "[::ffff:192.0.2.7]:22",
	} {
		if got := label.Host(in); got != want {
			t.Errorf("Host(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAccount(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "Kim": "kim", `CORP\Kim`: "kim", `a\b\kim`: "kim", "kim@corp.example": "kim", "@corp": "@corp", `NT AUTHORITY\SYSTEM`: "system", "srv01$": "srv01$",
	} {
		if got := label.Account(in); got != want {
			t.Errorf("Account(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestSettled: what has its spelling keeps it.
func TestSettled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[A-Za-z0-9.:\\@/\[\]_-]{0,20}`).Draw(t, "name")
		if once := label.Host(s); label.Host(once) != once {
			t.Errorf("Host(%q) = %q, then %q", s, once, label.Host(once))
		}
	})
}
