package trial_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/trial"
)

// TestGrounding holds the check to its figures: every lie of the cases that it was
// written with is caught and no true sentence of them struck, and of those kept
// apart nearly so.
func TestGrounding(t *testing.T) {
	r, err := trial.Grounding(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kinds := len(r.Kinds) - 2; kinds < 20 { // "mixed" and "true" are none
		t.Errorf("%d kinds of lies, want 20 or more", kinds)
	}
	for _, k := range r.Kinds {
		if k.Cases < 5 {
			t.Errorf("%d cases of %s, want 5 or more", k.Cases, k.Kind)
		}
	}
	if r.True < 150 || r.Caught*100 < r.Lies*97 || r.TrueStruck*100 > r.True {
		t.Errorf("caught %d of %d lies, struck %d of %d true sentences", r.Caught, r.Lies, r.TrueStruck, r.True)
	}
	lies := 0
	for _, s := range r.Sets {
		lies += s.Lies
	}
	if r.Lies != lies || len(r.Cases) != r.Lies+r.True {
		t.Errorf("the sets do not add up: %+v", r.Sets)
	}
	for _, c := range r.Cases {
		if c.Set == "tune" && c.Struck != nil && *c.Struck {
			t.Errorf("%s %v %q: %v", c.ID, c.Evidence, c.Text, c.Problems)
		}
	}
	for _, f := range r.Workflows {
		if f.Asked == 0 || f.Caught != f.Told {
			t.Errorf("%s: of %d lies %d caught; missed %q", f.Workflow, f.Told, f.Caught, f.Missed)
		}
	}
	if len(r.Workflows) < 4 {
		t.Errorf("%d workflows, want at least summarize, note, investigate and triage", len(r.Workflows))
	}
	var b bytes.Buffer
	if err := trial.WriteGrounding(&b, r); err != nil || !strings.Contains(b.String(), "wrong-name") || !strings.Contains(b.String(), "held") {
		t.Errorf("WriteGrounding: %v\n%s", err, b.String())
	}
}

func TestReadGrounding(t *testing.T) {
	e, c, err := trial.ReadGrounding(strings.NewReader(`
{"record": {"id": "E1", "kind": "note", "text": "FS01 is off."}}
{"kind": "true", "text": "FS01 is off.", "evidence": ["E1"]}
{"id": "x", "kind": "host", "set": "mine", "text": "FS02 is off.", "evidence": ["E1"]}
`), "file")
	if err != nil || len(e) != 1 || e[0].Kind != casemate.EvidenceNote || len(c) != 2 || c[0].ID != "line-3" || c[0].Set != "file" || c[1].Set != "mine" {
		t.Fatalf("ReadGrounding: %v %+v %+v", err, e, c)
	}
	r, err := trial.RunGrounding(t.Context(), e, c)
	if err != nil || r.Lies != 1 || r.Caught != 1 || r.True != 1 || r.TrueStruck != 0 {
		t.Errorf("RunGrounding: %v %+v", err, r)
	}
	for _, bad := range []string{"{", `{"text": "no kind"}`, `{"kind": "true"}`} {
		if _, _, err := trial.ReadGrounding(strings.NewReader(bad), ""); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("ReadGrounding(%q): %v, want an error that names line 1", bad, err)
		}
	}
}
