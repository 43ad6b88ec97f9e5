package modelstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelstore"
)

// TestDigestIsTheStores wants a model named by its path to have the digest that it
// would have in the store, and another one after a byte of it changes.
func TestDigestIsTheStores(t *testing.T) {
	dir := huggingFace(t, .5)
	got, err := modelstore.Digest(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	imported, err := modelstore.New(t.TempDir()).Import(t.Context(), dir, "x", modelstore.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got != imported.Manifest.Digest {
		t.Errorf("the folder has the digest %s, in the store %s", got, imported.Manifest.Digest)
	}
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), append(config, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := modelstore.Digest(t.Context(), dir, nil); err != nil || changed == got {
		t.Errorf("the digest of a changed model is still %s, error %v", changed, err)
	}
}
