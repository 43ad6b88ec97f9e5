package explain_test

import (
	"context"
	"os"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/explain"
)

func TestTry(t *testing.T) {
	in := os.Getenv("TRY")
	if in == "" {
		t.Skip()
	}
	e, err := explain.Explain(context.Background(), in, explain.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_ = explain.WriteText(os.Stdout, e, 92, os.Getenv("COLOR") != "")
	if os.Getenv("MD") != "" {
		_ = explain.WriteMarkdown(os.Stdout, e)
	}
}
