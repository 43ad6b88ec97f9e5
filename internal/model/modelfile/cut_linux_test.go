package modelfile_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// TestCutShort: a file that is cut while its model is open is an error where its
// tensors are read, not the end of the process.
func TestCutShort(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{})
	m := open(t, path)
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"CheckFinite": m.CheckFinite(nil), "Changed": m.Changed()} {
		if !errors.Is(err, mapped.ErrChanged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
