package textlog_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// TestRecordedSudo reads the recorded sudo lines of the shared data: each has a
// user, a target, a directory and a command.
func TestRecordedSudo(t *testing.T) {
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(shared, "data", "alerts", "needle-medium_unlabelled.jsonl"))
	if err != nil {
		t.Skipf("no recorded lines (set CASEMATE_SHARED): %v", err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var row struct{ Statement string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		m, err := textlog.Parse(row.Statement, ref)
		if err != nil || m.App != "sudo" || m.Event == "" || m.Host == "" || m.Time.IsZero() {
			t.Errorf("Parse(%q) = %+v, %v", row.Statement, m, err)
		}
		for _, name := range []string{"user", "target_user", "pwd", "command"} {
			if m.Get(name) == "" {
				t.Errorf("Parse(%q) has no %s", row.Statement, name)
			}
		}
	}
	if n != 30 {
		t.Errorf("%d lines, want 30", n)
	}
}
