package knowledge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

func TestChain(t *testing.T) {
	got := knowledge.Embedded().Chain([]string{"impact", "zzz", "Credential Access", "execution", "aaa", "Execution", "initial_access"})
	want := []string{"initial-access", "execution", "credential-access", "impact", "aaa", "zzz"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Chain (-want +got):\n%s", diff)
	}
}

func TestNextSteps(t *testing.T) {
	c := knowledge.Embedded()
	steps := c.NextSteps([]string{"T1003.001", "T1086", "no such id", "T1059.001"}, 8)
	kinds := map[string]int{}
	for i, s := range steps {
		kinds[s.Kind]++
		if s.Text == "" || s.ID == "" || s.Reason == "" {
			t.Errorf("step %d is not whole: %+v", i, s)
		}
	}
	if diff := cmp.Diff(map[string]int{"collect": 4, "counter": 2, "mitigate": 2}, kinds); diff != "" {
		t.Errorf("kinds of 8 steps (-want +got):\n%s", diff)
	}
	// Both techniques have an analytic that reads process creation, so it comes
	// first, and T1086 stands for T1059.001, so that counts once.
	first := steps[0]
	if first.ID != "DC0032" || first.Kind != "collect" || first.Text != "Collect Process Creation: WinEventLog:Sysmon EventCode=1" ||
		first.Reason != "T1003.001 LSASS Memory and T1059.001 PowerShell" {
		t.Errorf("first step = %+v", first)
	}
}

func TestNextStepsProperties(t *testing.T) {
	c := knowledge.Embedded()
	all := c.Techniques()
	rapid.Check(t, func(t *rapid.T) {
		var ids []string
		for range rapid.IntRange(0, 12).Draw(t, "techniques") {
			ids = append(ids, all[rapid.IntRange(0, len(all)-1).Draw(t, "technique")].ID)
		}
		n := rapid.IntRange(-1, 80).Draw(t, "n")
		steps := c.NextSteps(ids, n)
		if len(steps) > max(n, 0) {
			t.Fatalf("NextSteps(%v, %d) has %d steps", ids, n, len(steps))
		}
		seen := map[string]bool{}
		for _, s := range steps {
			if seen[s.ID] || s.Reason == "" || strings.Contains(s.ID, "M1055") {
				t.Fatalf("NextSteps(%v, %d): %+v is there twice, has no reason or is no step", ids, n, s)
			}
			seen[s.ID] = true
		}
		if diff := cmp.Diff(steps, c.NextSteps(ids, n)); diff != "" {
			t.Fatalf("NextSteps(%v, %d) differs from itself:\n%s", ids, n, diff)
		}
	})
}

func ExampleCatalogue_Resolve() {
	technique, note, ok := knowledge.Embedded().Resolve("T1086")
	fmt.Println(technique.ID, technique.Name, ok)
	fmt.Println(note)
	// Output:
	// T1059.001 PowerShell true
	// ATT&CK has revoked T1086 (PowerShell); T1059.001 (PowerShell) replaces it
}

func ExampleCatalogue_NextSteps() {
	for _, step := range knowledge.Embedded().NextSteps([]string{"T1071.004"}, 4) {
		fmt.Println(step.ID, step.Text)
	}
	// Output:
	// DC0085 Collect Network Traffic Content: NSM:Flow dns.log; NSM:FLow dns.log
	// DC0078 Collect Network Traffic Flow: esxi:syslog /var/log/syslog.log; macos:unifiedlog
	// D3-DNSTA Detect: DNS Traffic Analysis (analyzes Outbound Internet DNS Lookup Traffic)
	// M1037 Mitigate: Filter Network Traffic
}

func TestNextStepsNameSourcesOfThePlatform(t *testing.T) {
	c := knowledge.Embedded()
	for platform, others := range map[string]string{"windows": "auditd", "linux": "WinEventLog"} {
		text := ""
		for _, s := range c.NextSteps([]string{"T1059", "T1003", "T1105"}, 12, platform) {
			text += s.Text + "\n"
		}
		if strings.Contains(text, others) || strings.Contains(text, "macos") {
			t.Errorf("steps for %s name sources of other platforms:\n%s", platform, text)
		}
		if !strings.Contains(text, map[string]string{"windows": "WinEventLog", "linux": "auditd"}[platform]) {
			t.Errorf("steps for %s name no source of it:\n%s", platform, text)
		}
	}
}
