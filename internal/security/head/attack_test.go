package head_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/linear"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// techniqueHead is trained on invented sentences about a few techniques.
func techniqueHead(t testing.TB) *head.Head {
	t.Helper()
	enterprise := map[string][]string{
		"T1059":     {"runs scripts of several languages", "ran commands through an interpreter"},
		"T1059.001": {"starts powershell with an encoded command", "a powershell script was run in memory"},
		"T1059.003": {"opens cmd.exe and runs a batch file", "used the windows command shell"},
		"T1105":     {"downloads a second stage from its server", "fetched more tools over http"},
		"T1113":     {"takes pictures of the screen", "screenshots were captured every minute"},
	}
	labels := []string{"T1059", "T1059.001", "T1059.003", "T1105", "T1113"}
	var texts []string
	var examples []linear.Example
	for n := range 8 {
		for k, l := range labels {
			for _, line := range enterprise[l] {
				text := fmt.Sprintf("group %d %s on the host", n, line)
				texts = append(texts, text)
				examples = append(examples, linear.Example{Text: text, Labels: []int{k}})
			}
		}
		examples = append(examples, linear.Example{Text: "reads the messages of the phone", Group: 1, Labels: []int{0}})
	}
	m, err := linear.Train(examples, linear.LearnVectors(texts, linear.VectorConfig{Dim: 8}), linear.Config{
		Groups: []linear.Group{{Name: "enterprise", Labels: labels}, {Name: "mobile", Labels: []string{"T1636.004"}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := head.NewTechniques(m)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestClassifyReadsTechniques(t *testing.T) {
	h := techniqueHead(t)
	text := "The intruder started PowerShell with an encoded command."
	d := h.Classify(text, head.Options{Because: 2})
	if d.Label != "T1059.001" {
		t.Fatalf("Classify = %+v, want T1059.001", d)
	}
	if len(d.Because) == 0 || text[d.Because[0].Start:d.Because[0].End] != d.Because[0].Text || d.Because[0].Weight <= 0 {
		t.Errorf("because %+v", d.Because)
	}
	if len(d.Labels) < 2 || d.Labels[0].Label != "T1059.001" || d.Labels[1].Label != "T1059" || d.Labels[0].P > d.Labels[1].P {
		t.Errorf("labels %+v, want the child, then its parent, which is not less likely", d.Labels)
	}
	if r := h.Reasons(text, "T1059", 1); len(r) != 1 {
		t.Errorf("Reasons of the parent = %+v", r)
	}
}

func TestClassifyKeepsToTheDomain(t *testing.T) {
	h := techniqueHead(t)
	text := "reads the messages of the phone"
	if d := h.Classify(text, head.Options{}); d.Label == "T1636.004" {
		t.Errorf("enterprise gave %+v", d)
	}
	if d := h.Classify(text, head.Options{Style: "mobile"}); d.Label != "T1636.004" {
		t.Errorf("mobile gave %+v", d)
	}
	if d := h.Classify(text, head.Options{Style: "space"}); !strings.Contains(d.Note, "no domain space") {
		t.Errorf("note %q of a domain that does not exist", d.Note)
	}
}

func TestTechniquesAreDistinctParentsInOrder(t *testing.T) {
	h := techniqueHead(t)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom(strings.Fields("powershell batch screen downloads the a host zebra cmd.exe ÿ \xff 12"))).Draw(t, "words")
		d := h.Classify(strings.Join(words, " "), head.Options{})
		seen := map[string]bool{}
		last := 2.0
		all := append([]head.Alternative{{Label: d.Label, P: d.P}}, d.Alternatives...)
		for _, a := range all {
			parent, _, _ := strings.Cut(a.Label, ".")
			if parent == "" && d.Abstain && len(all) == 1 {
				continue
			}
			if seen[parent] || a.P > last || a.P < 0 || a.P > 1 {
				t.Fatalf("Classify(%q) = %+v: parents repeat or are out of order", words, d)
			}
			seen[parent], last = true, a.P
		}
	})
}

func TestTechniquesOfOtherTexts(t *testing.T) {
	h := techniqueHead(t)
	for name, text := range map[string]string{
		"nothing":     "",
		"no letters":  "... --- 。。。",
		"no English":  "Der Angreifer lud weitere Werkzeuge von seinem Rechner nach und verschwand dann wieder",
		"bytes":       "\x00\x01\x02\xff\xfe",
		"other words": "zebra quagga okapi",
	} {
		if d := h.Classify(text, head.Options{}); !d.Abstain || d.Note == "" {
			t.Errorf("%s: Classify = %+v, want it to abstain and to say why", name, d)
		}
	}
}

func TestNewTechniquesRefusesUnknownIDs(t *testing.T) {
	for _, label := range []string{"T9999", "T1086"} { // the second is revoked
		m, err := linear.Train([]linear.Example{{Text: "a b c", Labels: []int{0}}, {Text: "a b d", Labels: []int{0}}}, linear.LearnVectors([]string{"a b c"}, linear.VectorConfig{Dim: 4, Least: 1}),
			linear.Config{Groups: []linear.Group{{Name: "enterprise", Labels: []string{label}}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := head.NewTechniques(m); err == nil {
			t.Errorf("NewTechniques took the label %s", label)
		}
	}
}
