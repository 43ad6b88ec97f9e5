package triage

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

func TestLexiconNamesTechniquesOfTheCatalogue(t *testing.T) {
	all, err := lexicon()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 70 {
		t.Errorf("%d behaviours, want the whole file", len(all))
	}
	for _, b := range all {
		if tech, note, ok := knowledge.Embedded().Resolve(b.technique); !ok || note != "" {
			t.Errorf("%s: %v %q", b.technique, tech, note)
		}
		if b.weight < 1 || b.weight > 3 {
			t.Errorf("%s %v: weight %v, want 1 to 3", b.technique, b.words, b.weight)
		}
	}
}

func TestBehavioursOf(t *testing.T) {
	for name, want := range map[string]string{
		"ET SCAN Possible Nmap User-Agent Observed":                      "T1595.002 T1046",
		"Wazuh: First time user executed sudo.":                          "T1548.003",
		"Windows audit log was cleared":                                  "T1070.001",
		"AMiner: New service_start parameter combination in Audit logs.": "T1543.002",
		"ClamAV database update":                                         "",
		"Dovecot Authentication Success.":                                "",
		"XMRig process":                                                  "T1496",
	} {
		got := ""
		for _, b := range behavioursOf(name) {
			if got != "" {
				got += " "
			}
			got += b.technique
		}
		if got != want {
			t.Errorf("behavioursOf(%q) = %q, want %q", name, got, want)
		}
	}
}
