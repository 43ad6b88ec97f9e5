package eval_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/learn/eval"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/mapping"
)

func TestCTIATEReadsTheTaskFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "task.tsv")
	text := "URL\tPlatform\tDescription\tPrompt\tGT\n" +
		"https://example.org/software/S9001/\tEnterprise\t\"It runs \"\"a script\"\", then waits.\"\task\tT1105, T1059, T1059\n" +
		"https://example.org/software/S9002/\tMobile\tIt reads messages.\task\tT1636\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := eval.CTIATE(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []eval.Described{
		{ID: "S9001", Text: `It runs "a script", then waits.`, Parents: []string{"T1059", "T1105"}, Domain: knowledge.Enterprise},
		{ID: "S9002", Text: "It reads messages.", Parents: []string{"T1636"}, Domain: knowledge.Mobile},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CTIATE (-want +got):\n%s", diff)
	}
	for name, bad := range map[string]string{"no rows": "URL\tGT\n", "no column": "URL\tGT\nx\ty\n", "short row": "URL\tDescription\tGT\nx\n"} {
		if err := os.WriteFile(file, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := eval.CTIATE(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestMeasureSetsCounts uses texts that state ids, so no head is needed.
func TestMeasureSetsCounts(t *testing.T) {
	cases := []eval.Described{
		{ID: "a", Text: "First T1059.001 was seen, then T1105.", Parents: []string{"T1059", "T1113"}},
		{ID: "b", Text: "They used T1113 alone.", Parents: []string{"T1113"}},
	}
	f, err := eval.MeasureSets(context.Background(), "stated", cases, mapping.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f.Wanted != 3 || f.Found != 3 || f.Right != 2 || f.Reports != 2 {
		t.Errorf("wanted %d, found %d, right %d of %d reports; want 3, 3, 2 of 2", f.Wanted, f.Found, f.Right, f.Reports)
	}
	if v := f.MicroF1.Value; v < 0.666 || v > 0.667 {
		t.Errorf("micro-F1 %.3f, want 2/3", v)
	}
	var b strings.Builder
	if err := eval.WriteSetFigures(&b, f, true); err != nil || !strings.Contains(b.String(), "0.667") {
		t.Errorf("table %q, error %v", b.String(), err)
	}
}
