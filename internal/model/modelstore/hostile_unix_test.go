//go:build unix

package modelstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelstore"
)

// TestNoRegularFiles offers devices and pipes, alone and in a folder: they are
// refused before they are opened, which would wait for ever.
func TestNoRegularFiles(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "hf"), map[string]string{"config.json": "{}"})
	for _, name := range []string{"pipe.gguf", "hf/model.safetensors", "s-00001-of-00001.gguf"} {
		if err := syscall.Mkfifo(filepath.Join(root, name), 0o600); err != nil {
			t.Skipf("no pipes here: %v", err)
		}
	}
	if err := os.Symlink("/dev/zero", filepath.Join(root, "zero.gguf")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/dev/zero", filepath.Join(root, "pipe.gguf"), filepath.Join(root, "hf"), filepath.Join(root, "s-00001-of-00001.gguf"), filepath.Join(root, "zero.gguf")} {
		_, err := newStore(t, t.TempDir()).Import(t.Context(), path, "x", modelstore.ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("Import(%q) = %v, want a refusal", path, err)
		}
	}
}
