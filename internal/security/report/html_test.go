package report_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/report"
)

// TestWriteHTMLSample keeps the page where CASEMATE_REPORT_OUT says, to be looked at.
func TestWriteHTMLSample(t *testing.T) {
	dir := os.Getenv("CASEMATE_REPORT_OUT")
	if dir == "" {
		t.Skip("CASEMATE_REPORT_OUT is not set")
	}
	for name, in := range map[string]report.Triage{"realistic.html": realistic(36), "hostile.html": hostile(), "empty.html": {}, "large.html": realistic(299)} {
		var b bytes.Buffer
		if err := report.WriteHTML(&b, in); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes", name, b.Len())
		if err := os.WriteFile(dir+"/"+name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
