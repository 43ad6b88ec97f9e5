package knowledge_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

func TestEmbeddedIsWhole(t *testing.T) {
	c := knowledge.Embedded()
	if err := c.Verify(); err != nil {
		t.Fatal(err)
	}
	if len(c.Digest()) != 64 {
		t.Errorf("Digest() = %q, want 64 hexadecimal digits", c.Digest())
	}
	info, err := os.Stat("facts.bin")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 600<<10 {
		t.Errorf("facts.bin has %d bytes, want 600 KiB at most", info.Size())
	}
}

func TestVersions(t *testing.T) {
	want := map[string]struct {
		version string
		count   int
	}{
		"attack-enterprise": {"18.1", 835},
		"attack-mobile":     {"18.1", 190},
		"attack-ics":        {"18.1", 95},
		"cwe":               {"4.19.1", 969},
		"kev":               {"2025.08.25", 1404},
		"d3fend":            {"", 249},
	}
	got := knowledge.Embedded().Versions()
	if len(got) != len(want) {
		t.Fatalf("Versions() has %d data sets, want %d", len(got), len(want))
	}
	for _, d := range got {
		w, ok := want[d.Key]
		if !ok || d.Version != w.version || d.Count != w.count || len(d.Source) != 64 || d.Name == "" {
			t.Errorf("Versions(): %+v, want version %q and count %d", d, w.version, w.count)
		}
	}
}

func TestConcurrentFirstUse(t *testing.T) {
	data, err := os.ReadFile("facts.bin")
	if err != nil {
		t.Fatal(err)
	}
	c, err := knowledge.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			exercise(c)
			if _, ok := c.Technique("T1059"); !ok {
				t.Error("Technique(T1059) is not there")
			}
		})
	}
	wg.Wait()
}

// exercise calls every lookup.
func exercise(c *knowledge.Catalogue) {
	for _, id := range append([]string{"", "T1059.001", "t1086", "S0002", "CVE-2021-44228", strings.Repeat("T", 100)}, hostile...) {
		c.Technique(id)
		c.Resolve(id)
		c.ByName(id)
		c.Tactic(id)
		c.Mitigations(id)
		c.DataComponents(id)
		c.Countermeasures(id, 5)
		c.Group(id)
		c.Software(id)
		c.Weakness(id)
		c.KEV(id)
		c.Defence(id)
		c.NextSteps([]string{id, id}, 9)
	}
	for _, t := range c.Techniques() {
		c.NextSteps([]string{t.ID}, 3)
	}
	c.Chain([]string{"impact", "execution", ""})
	c.Tactics(knowledge.ICS)
	c.Weaknesses()
	c.KnownExploited()
	c.Defences()
	c.Versions()
}

// hostile are ids that no catalogue has.
var hostile = []string{
	"T", "T1059.", "T1059.0010", "T99999", "T1059\x00", " T1059", "T1059 ", "../T1059", "Ｔ1059", "ｔ1059",
	"T1059.001.001", "\xff\xfe", "CWE-", "CWE-079", "CWE-CWE-79", "-1", "CVE-", "%54", "K\u212a", strings.Repeat("9", 1<<16),
}

func TestHostileIDs(t *testing.T) {
	c := knowledge.Embedded()
	for _, id := range hostile {
		if got, ok := c.Technique(id); ok {
			t.Errorf("Technique(%.20q) = %v, want none", id, got.ID)
		}
		if got, note, ok := c.Resolve(id); ok || note != "" {
			t.Errorf("Resolve(%.20q) = %v, %q, want none", id, got.ID, note)
		}
		if got, ok := c.Weakness(id); ok {
			t.Errorf("Weakness(%.20q) = %v, want none", id, got.ID)
		}
		if got, ok := c.KEV(id); ok {
			t.Errorf("KEV(%.20q) = %v, want none", id, got.CVE)
		}
		if got, ok := c.Group(id); ok {
			t.Errorf("Group(%.20q) = %v, want none", id, got.ID)
		}
		if got, ok := c.Software(id); ok {
			t.Errorf("Software(%.20q) = %v, want none", id, got.ID)
		}
		if got, ok := c.Tactic(id); ok {
			t.Errorf("Tactic(%.20q) = %v, want none", id, got.ID)
		}
		if got, ok := c.Defence(id); ok {
			t.Errorf("Defence(%.20q) = %v, want none", id, got.ID)
		}
		if got := c.NextSteps([]string{id}, 5); got != nil {
			t.Errorf("NextSteps(%.20q) = %v, want none", id, got)
		}
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	c := knowledge.Embedded()
	tests := map[string]func(){
		"Technique":   func() { c.Technique("t1059.001") },
		"TacticOrder": func() { c.TacticOrder("Credential Access") },
		"Weakness":    func() { c.Weakness("79") },
		"KEV":         func() { c.KEV("cve-2021-44228") },
		"Group":       func() { c.Group("g0016") },
	}
	for name, f := range tests {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times, want 0", name, n)
		}
	}
}

func BenchmarkFirstUse(b *testing.B) {
	data, err := os.ReadFile("facts.bin")
	if err != nil {
		b.Fatal(err)
	}
	sections := map[string]func(*knowledge.Catalogue){
		"attack":  func(c *knowledge.Catalogue) { c.Technique("T1059") },
		"collect": func(c *knowledge.Catalogue) { c.Technique("T1059"); c.DataComponents("T1059") },
		"cwe":     func(c *knowledge.Catalogue) { c.Weakness("79") },
		"kev":     func(c *knowledge.Catalogue) { c.KEV("CVE-2021-44228") },
		"d3fend":  func(c *knowledge.Catalogue) { c.Defence("D3-PSA") },
		"actors":  func(c *knowledge.Catalogue) { c.Group("G0016") },
	}
	for name, use := range sections {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c, err := knowledge.Open(data)
				if err != nil {
					b.Fatal(err)
				}
				use(c)
			}
		})
	}
}

func BenchmarkTechnique(b *testing.B) {
	c := knowledge.Embedded()
	c.Technique("T1059")
	for b.Loop() {
		if _, ok := c.Technique("t1059.001"); !ok {
			b.Fatal("not there")
		}
	}
}

func BenchmarkNextSteps(b *testing.B) {
	c := knowledge.Embedded()
	for b.Loop() {
		c.NextSteps([]string{"T1003.001", "T1059.001", "T1021.002", "T1486", "T1190"}, 8)
	}
}
