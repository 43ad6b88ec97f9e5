package knowledge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

func TestDataComponents(t *testing.T) {
	got := knowledge.Embedded().DataComponents("T1003.001")
	if len(got) == 0 {
		t.Fatal("DataComponents(T1003.001) is empty")
	}
	// ATT&CK's one analytic for it names access to the process first: Sysmon event 10.
	want := knowledge.DataComponent{
		ID: "DC0035", Name: "Process Access", Platforms: []string{"Windows"},
		Sources: []knowledge.LogSource{{Name: "WinEventLog:Sysmon", Channel: "EventCode=10"}},
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("DataComponents(T1003.001)[0] (-want +got):\n%s", diff)
	}
	if s := got[0].Sources[0].String(); s != "WinEventLog:Sysmon EventCode=10" {
		t.Errorf("LogSource.String() = %q", s)
	}
}

// TestChannelsAreIdentifiers keeps prose out: the catalogue carries facts alone.
func TestChannelsAreIdentifiers(t *testing.T) {
	c := knowledge.Embedded()
	for _, x := range c.Techniques() {
		for _, d := range c.DataComponents(x.ID) {
			for _, s := range d.Sources {
				for _, part := range strings.Split(s.Channel, ", ") {
					if strings.ContainsAny(part, " \"'()") {
						t.Errorf("%s %s: channel %q is not an identifier", x.ID, d.ID, s.Channel)
					}
				}
			}
		}
	}
}

func TestWeakness(t *testing.T) {
	c := knowledge.Embedded()
	tests := []struct {
		id   string
		want knowledge.Weakness
	}{
		{"CWE-79", knowledge.Weakness{
			ID: "CWE-79", Name: "Improper Neutralization of Input During Web Page Generation ('Cross-site Scripting')",
			Abstraction: "Base", Status: "Stable", Usage: "Allowed", Parents: []string{"CWE-74"},
		}},
		{"cwe-787", knowledge.Weakness{
			ID: "CWE-787", Name: "Out-of-bounds Write",
			Abstraction: "Base", Status: "Draft", Usage: "Allowed", Parents: []string{"CWE-119"},
		}},
		{"664", knowledge.Weakness{
			ID: "CWE-664", Name: "Improper Control of a Resource Through its Lifetime",
			Abstraction: "Pillar", Status: "Draft", Usage: "Discouraged",
		}},
	}
	for _, tt := range tests {
		got, ok := c.Weakness(tt.id)
		if !ok {
			t.Fatalf("Weakness(%q) is not there", tt.id)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Weakness(%q) (-want +got):\n%s", tt.id, diff)
		}
	}
}

// TestWeaknessTree walks from every weakness to a pillar, or to one that CWE has retired.
func TestWeaknessTree(t *testing.T) {
	c := knowledge.Embedded()
	pillars := 0
	for _, w := range c.Weaknesses() {
		if w.Abstraction == "Pillar" && w.Status != "Deprecated" {
			pillars++
		}
		at := w
		for depth := 0; len(at.Parents) > 0; depth++ {
			next, ok := c.Weakness(at.Parents[0])
			if !ok || depth > 20 {
				t.Fatalf("%s: parent %s is not there, or the tree has a loop", w.ID, at.Parents[0])
			}
			at = next
		}
		if at.Abstraction != "Pillar" && at.Status != "Deprecated" {
			t.Errorf("%s: its tree ends at %s (%s)", w.ID, at.ID, at.Abstraction)
		}
	}
	if pillars != 10 {
		t.Errorf("%d pillars, want the 10 of the research view", pillars)
	}
}

func TestKEV(t *testing.T) {
	c := knowledge.Embedded()
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	tests := []knowledge.Exploited{
		{CVE: "CVE-2021-44228", Vendor: "Apache", Product: "Log4j2", Added: day("2021-12-10"), Due: day("2021-12-24"), Ransomware: true},
		{CVE: "CVE-2017-0144", Vendor: "Microsoft", Product: "SMBv1", Added: day("2022-02-10"), Due: day("2022-08-10"), Ransomware: true},
		{CVE: "CVE-2025-48384", Vendor: "Git", Product: "Git", Added: day("2025-08-25"), Due: day("2025-09-15")},
	}
	for _, want := range tests {
		got, ok := c.KEV(strings.ToLower(want.CVE))
		if !ok {
			t.Fatalf("KEV(%s) is not there", want.CVE)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("KEV(%s) (-want +got):\n%s", want.CVE, diff)
		}
	}
	if got := len(c.KnownExploited()); got != 1404 {
		t.Errorf("KnownExploited() has %d entries, want 1404", got)
	}
	if _, ok := c.KEV("CVE-1999-0001"); ok {
		t.Error("KEV(CVE-1999-0001) is there, and should not be")
	}
}

func TestActors(t *testing.T) {
	c := knowledge.Embedded()
	for _, name := range []string{"G0016", "g0016", "APT29", "cozy  bear", "Midnight Blizzard"} {
		if got, ok := c.Group(name); !ok || got.ID != "G0016" || got.Name != "APT29" {
			t.Errorf("Group(%q) = %s %s, %v, want G0016", name, got.ID, got.Name, ok)
		}
	}
	for _, name := range []string{"S0002", "mimikatz"} {
		if got, ok := c.Software(name); !ok || got.ID != "S0002" || !got.Tool {
			t.Errorf("Software(%q) = %+v, %v, want the tool S0002", name, got, ok)
		}
	}
	g, _ := c.Group("G0016")
	for _, id := range g.Techniques {
		if _, ok := c.Technique(id); !ok {
			t.Errorf("G0016 uses %q, which is not there", id)
		}
	}
	old, ok := c.Group("G0057") // APT34 became a name of OilRig
	if !ok || old.Status != knowledge.Revoked || old.Successor != "G0049" {
		t.Errorf("Group(G0057) = %+v, %v, want it revoked for G0049", old, ok)
	}
	if got, _ := c.Group("APT34"); got.ID != "G0049" {
		t.Errorf("Group(APT34) = %s, want G0049: a current group's alias comes before a revoked name", got.ID)
	}
}

func TestCountermeasures(t *testing.T) {
	c := knowledge.Embedded()
	tests := []struct{ technique, defence, relation, artifact string }{
		// The ontology states both ends of each link for the same artifact.
		{"T1071.004", "D3-DNSTA", "analyzes", "Outbound Internet DNS Lookup Traffic"},
		{"T1053.005", "D3-SJA", "analyzes", "Job Schedule"},
		{"T1078", "D3-AL", "disables", "User Account"},
		{"T1110.001", "D3-SPP", "strengthens", "Password"},
		{"T1566.001", "D3-ER", "deletes", "Email"},
	}
	for _, tt := range tests {
		got := c.Countermeasures(tt.technique, 5)
		if !slices.ContainsFunc(got, func(m knowledge.Countermeasure) bool {
			return m.ID == tt.defence && m.Relation == tt.relation && m.Artifact == tt.artifact
		}) {
			t.Errorf("Countermeasures(%s, 5) = %v, want %s that %s %s", tt.technique, got, tt.defence, tt.relation, tt.artifact)
		}
	}
	if got := c.Countermeasures("T1078", 2); len(got) != 2 {
		t.Errorf("Countermeasures(T1078, 2) has %d, want 2", len(got))
	}
	for _, n := range []int{0, -1} {
		if got := c.Countermeasures("T1078", n); got != nil {
			t.Errorf("Countermeasures(T1078, %d) = %v, want none", n, got)
		}
	}
	tactics := []string{"Model", "Harden", "Detect", "Isolate", "Deceive", "Evict", "Restore"}
	for _, d := range c.Defences() {
		if !slices.Contains(tactics, d.Tactic) {
			t.Errorf("%s has tactic %q", d.ID, d.Tactic)
		}
	}
}
