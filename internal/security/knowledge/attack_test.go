package knowledge_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// TestPublishedCounts compares with the numbers that MITRE gives for ATT&CK 18.
func TestPublishedCounts(t *testing.T) {
	c := knowledge.Embedded()
	type count struct{ techniques, subs, tactics int }
	want := map[knowledge.Domain]count{
		knowledge.Enterprise: {216, 475, 14},
		knowledge.Mobile:     {77, 47, 12},
		knowledge.ICS:        {83, 0, 12},
	}
	got := map[knowledge.Domain]count{}
	for domain := range want {
		n := count{}
		for _, tactic := range c.Tactics(domain) {
			if tactic.Status == knowledge.Current {
				n.tactics++
			}
		}
		for _, technique := range c.Techniques() {
			switch {
			case technique.Domain != domain || technique.Status != knowledge.Current:
			case technique.Parent != "":
				n.subs++
			default:
				n.techniques++
			}
		}
		got[domain] = n
	}
	for domain, w := range want {
		if got[domain] != w {
			t.Errorf("%s has %+v, want %+v", domain, got[domain], w)
		}
	}
}

func TestTechnique(t *testing.T) {
	c := knowledge.Embedded()
	want := knowledge.Technique{
		ID: "T1003.001", Name: "LSASS Memory", Parent: "T1003", Domain: knowledge.Enterprise,
		Tactics: []string{"credential-access"}, Platforms: []string{"Windows"},
	}
	for _, id := range []string{"T1003.001", "t1003.001"} {
		got, ok := c.Technique(id)
		if !ok {
			t.Fatalf("Technique(%q) is not there", id)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Technique(%q) (-want +got):\n%s", id, diff)
		}
	}
	// Valid Accounts serves four tactics, which must come in kill-chain order.
	got, _ := c.Technique("T1078")
	chain := []string{"initial-access", "persistence", "privilege-escalation", "defense-evasion"}
	if diff := cmp.Diff(chain, got.Tactics); diff != "" {
		t.Errorf("Technique(T1078).Tactics (-want +got):\n%s", diff)
	}
}

func TestResolve(t *testing.T) {
	c := knowledge.Embedded()
	tests := []struct{ id, want, note string }{
		{"T1059.001", "T1059.001", ""},
		{"T1086", "T1059.001", "ATT&CK has revoked T1086 (PowerShell); T1059.001 (PowerShell) replaces it"},
		// T1150 was folded into T1547.011, which was revoked for T1647 in its turn.
		{"t1150", "T1647", "ATT&CK has revoked T1150 (Plist Modification); T1647 (Plist File Modification) replaces it"},
		{"T1026", "T1026", "T1026 (Multiband Communication) is deprecated in ATT&CK and has no successor"},
	}
	for _, tt := range tests {
		got, note, ok := c.Resolve(tt.id)
		if !ok || got.ID != tt.want || note != tt.note {
			t.Errorf("Resolve(%q) = %s, %q, %v, want %s, %q", tt.id, got.ID, note, ok, tt.want, tt.note)
		}
	}
}

func TestEveryTechniqueHangsTogether(t *testing.T) {
	c := knowledge.Embedded()
	for _, x := range c.Techniques() {
		if got, ok := c.Technique(strings.ToLower(x.ID)); !ok || got.ID != x.ID {
			t.Errorf("Technique(%q) = %q, %v", strings.ToLower(x.ID), got.ID, ok)
		}
		resolved, note, ok := c.Resolve(x.ID)
		if !ok || resolved.Status == knowledge.Revoked && resolved.Successor != "" {
			t.Errorf("Resolve(%s) = %s (%s), want a technique that stands", x.ID, resolved.ID, resolved.Status)
		}
		if (note == "") != (x.Status == knowledge.Current) {
			t.Errorf("Resolve(%s) of a %s technique has note %q", x.ID, x.Status, note)
		}
		if x.Status != knowledge.Current {
			continue
		}
		if len(x.Tactics) == 0 {
			t.Fatalf("%s has no tactics", x.ID)
		}
		for i, short := range x.Tactics {
			if c.TacticOrder(short) == 0 || i > 0 && c.TacticOrder(x.Tactics[i-1]) > c.TacticOrder(short) {
				t.Errorf("%s has tactics %v, not in kill-chain order", x.ID, x.Tactics)
			}
		}
		if parent, ok := c.Technique(x.Parent); x.Parent != "" && (!ok || parent.Domain != x.Domain || parent.Parent != "") {
			t.Errorf("%s has parent %q (%v)", x.ID, x.Parent, ok)
		}
		// What happens before access leaves few traces: ATT&CK names none for some of it.
		before := x.Tactics[0] == "reconnaissance" || x.Tactics[0] == "resource-development"
		if len(c.DataComponents(x.ID)) == 0 && x.Domain == knowledge.Enterprise && !before {
			t.Errorf("%s has no data components", x.ID)
		}
	}
}

func TestTactics(t *testing.T) {
	var got []string
	for _, tactic := range knowledge.Embedded().Tactics(knowledge.Enterprise) {
		got = append(got, tactic.ID+" "+tactic.Short+" "+tactic.Name)
	}
	want := []string{
		"TA0043 reconnaissance Reconnaissance",
		"TA0042 resource-development Resource Development",
		"TA0001 initial-access Initial Access",
		"TA0002 execution Execution",
		"TA0003 persistence Persistence",
		"TA0004 privilege-escalation Privilege Escalation",
		"TA0005 defense-evasion Defense Evasion",
		"TA0006 credential-access Credential Access",
		"TA0007 discovery Discovery",
		"TA0008 lateral-movement Lateral Movement",
		"TA0009 collection Collection",
		"TA0011 command-and-control Command and Control",
		"TA0010 exfiltration Exfiltration",
		"TA0040 impact Impact",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Tactics(enterprise) (-want +got):\n%s", diff)
	}
}

func TestTactic(t *testing.T) {
	c := knowledge.Embedded()
	for _, name := range []string{"credential-access", "Credential Access", "credential_access", "TA0006", "ta0006"} {
		got, ok := c.Tactic(name)
		if !ok || got.ID != "TA0006" || got.Domain != knowledge.Enterprise {
			t.Errorf("Tactic(%q) = %+v, %v, want TA0006", name, got, ok)
		}
	}
	if got := c.TacticOrder("no-such-tactic"); got != 0 {
		t.Errorf("TacticOrder(no-such-tactic) = %d, want 0", got)
	}
	if a, b := c.TacticOrder("defense-evasion"), c.TacticOrder("evasion"); a != b {
		t.Errorf("TacticOrder: defense-evasion is %d and evasion of ICS is %d, want the same", a, b)
	}
}

func TestByName(t *testing.T) {
	tests := []struct {
		name string
		want []string
	}{
		{"lsass memory", []string{"T1003.001"}},
		{"OS Credential Dumping:  LSASS Memory", []string{"T1003.001"}},
		{"PowerShell", []string{"T1059.001", "T1086"}},
		{"DNS", []string{"T1071.004", "T1590.002"}},
		{"", nil},
		{strings.Repeat("x", 1<<16), nil},
	}
	for _, tt := range tests {
		var got []string
		for _, x := range knowledge.Embedded().ByName(tt.name) {
			got = append(got, x.ID)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ByName(%.40q) (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestMitigations(t *testing.T) {
	got := map[string]string{}
	for _, m := range knowledge.Embedded().Mitigations("T1003.001") {
		got[m.ID] = m.Name
	}
	want := map[string]string{ // attack.mitre.org/techniques/T1003/001
		"M1040": "Behavior Prevention on Endpoint", "M1043": "Credential Access Protection",
		"M1028": "Operating System Configuration", "M1027": "Password Policies",
		"M1026": "Privileged Account Management", "M1025": "Privileged Process Integrity", "M1017": "User Training",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Mitigations(T1003.001) (-want +got):\n%s", diff)
	}
	c := knowledge.Embedded()
	if diff := cmp.Diff(c.Mitigations("T1059.001"), c.Mitigations("T1086")); diff != "" {
		t.Errorf("Mitigations of a revoked technique differ from its successor's:\n%s", diff)
	}
}

func TestAnyTextIsSafe(t *testing.T) {
	c := knowledge.Embedded()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		if x, ok := c.Technique(id); ok && !strings.EqualFold(x.ID, id) {
			t.Errorf("Technique(%q) = %q", id, x.ID)
		}
		if x, ok := c.Weakness(id); ok && !strings.EqualFold(x.ID, id) && x.ID != "CWE-"+id {
			t.Errorf("Weakness(%q) = %q", id, x.ID)
		}
		c.ByName(id)
		c.Chain([]string{id, "impact"})
	})
}
