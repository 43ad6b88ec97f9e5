package registry_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/registry"
)

// TestAdapter keeps an adapter as heads are kept, in a folder of its own, with
// the digest that sha256sum gives.
func TestAdapter(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	lines := ""
	for _, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		lines += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(name)), name)
	}
	r := open(data)
	v, err := r.Add(t.Context(), registry.KindAdapter, "phish", dir, day)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(lines))); v.Digest != want || v.Dir != filepath.Join(data, "adapters", "phish", v.ID) {
		t.Errorf("added as %+v, want the digest %s", v, want)
	}
	if p, err := r.Promote(t.Context(), v, registry.PromoteOptions{At: day}); err != nil || p.Done || p.Refusals[0].Code != "evaluation" {
		t.Errorf("without an evaluation: %+v, %v", p, err)
	}
	if p, err := r.Promote(t.Context(), v, registry.PromoteOptions{At: day, Override: "measured elsewhere"}); err != nil || !p.Done {
		t.Errorf("with a reason: %+v, %v", p, err)
	}
	if got, err := r.InService(registry.KindAdapter, "phish"); err != nil || got.ID != v.ID {
		t.Errorf("in service: %v, %v", got, err)
	}
	if _, err := r.InService(registry.KindHead, "phish"); err != registry.ErrNone {
		t.Errorf("a head of the same name is in service: %v", err)
	}
	if _, err := r.Add(t.Context(), registry.KindHead, "phish", dir, day); err == nil {
		t.Error("an adapter is taken for a head")
	}
}
