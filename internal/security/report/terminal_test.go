package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a golden file, or rewrites it.
func golden(tb testing.TB, name string, got []byte) {
	tb.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		tb.Errorf("%s differs (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

func TestWriteTerminalGolden(t *testing.T) {
	for name, opt := range map[string]report.TerminalOptions{
		"terminal80.golden":  {Width: 80, Top: 8},
		"terminal120.golden": {Width: 120, Top: 8},
	} {
		var b bytes.Buffer
		if err := report.WriteTerminal(&b, realistic(36), opt); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestWriteExplainGolden(t *testing.T) {
	var b bytes.Buffer
	if err := report.WriteExplain(&b, intrusion(), report.TerminalOptions{Width: 100}); err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.golden", b.Bytes())
}
