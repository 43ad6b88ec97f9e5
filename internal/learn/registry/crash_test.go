package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/registry"
)

var errKilled = errors.New("killed")

// scenes are the changes of a registry that has the fair head in service.
func scenes() map[string]func(t *testing.T, r *registry.Registry) error {
	return map[string]func(t *testing.T, r *registry.Registry) error{
		"add": func(t *testing.T, r *registry.Registry) error {
			_, err := r.Add(t.Context(), registry.KindHead, "phish", candidate{name: "third", first: 1, n: 10, data: "d"}.folder(t), day)
			return err
		},
		"add a name": func(t *testing.T, r *registry.Registry) error {
			_, err := r.Add(t.Context(), registry.KindHead, "new", fair.folder(t), day)
			return err
		},
		"promote": func(t *testing.T, r *registry.Registry) error {
			v, err := r.Resolve(registry.KindHead, "phish@"+versionOf(t, better))
			if err != nil {
				return err
			}
			_, err = r.Promote(t.Context(), v, registry.PromoteOptions{At: day})
			return err
		},
		"retire": func(t *testing.T, r *registry.Registry) error {
			_, err := r.Rollback(t.Context(), registry.KindHead, "phish", true, day)
			return err
		},
	}
}

func versionOf(t *testing.T, c candidate) string {
	t.Helper()
	digest, err := registry.Digest(registry.KindHead, c.folder(t))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(digest, "sha256:")[:12]
}

// state is all that a registry says is there and in service.
func state(t *testing.T, data string) string {
	t.Helper()
	r := open(data)
	names, err := r.Names(registry.KindHead)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, name := range names {
		versions, broken, err := r.Versions(registry.KindHead, name)
		if err != nil || len(broken) > 0 {
			t.Fatalf("Versions(%q) = %v, %v", name, broken, err)
		}
		if len(versions) == 0 {
			continue // a folder that was made for one
		}
		out = append(out, name)
		for _, v := range versions {
			out = append(out, v.ID)
		}
	}
	return strings.Join(append(out, "in service "+inService(t, r)), " ")
}

// TestKilledAtEveryStep ends each change before each of its steps, after which
// nothing more is done, as kill -9 does. What was there is there, or all of the
// new; done again, the change succeeds.
func TestKilledAtEveryStep(t *testing.T) {
	start := t.TempDir()
	r := open(start)
	promote(t, r, add(t, r, fair))
	add(t, r, better)
	before := state(t, start)
	for name, change := range scenes() {
		whole := t.TempDir()
		copyAll(t, start, whole)
		if err := change(t, open(whole)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after := state(t, whole)
		for n := 0; ; n++ {
			data := t.TempDir()
			copyAll(t, start, data)
			r, steps := registry.Open(data), 0
			registry.SetStep(r, func(what, path string) error {
				if steps++; steps > n {
					return errKilled
				}
				return nil
			})
			err := change(t, r)
			if got := state(t, data); got != before && got != after {
				t.Fatalf("%s, killed after %d steps: %q, want %q or %q", name, n, got, before, after)
			}
			if steps <= n {
				if err != nil || n < 4 {
					t.Errorf("%s has %d steps, error %v", name, n, err)
				}
				break
			}
			if got := state(t, data); got == before {
				if err := change(t, open(data)); err != nil {
					t.Errorf("%s, killed after %d steps, done again: %v", name, n, err)
				}
				if got := state(t, data); got != after {
					t.Errorf("%s, killed after %d steps, done again: %q, want %q", name, n, got, after)
				}
			}
			left, _ := filepath.Glob(filepath.Join(data, "heads", "*", "*.new"))
			hidden, _ := filepath.Glob(filepath.Join(data, "heads", ".incoming-*"))
			if len(left)+len(hidden) > 0 && name != "retire" && name != "promote" {
				t.Errorf("%s, killed after %d steps and done again, leaves %v %v", name, n, left, hidden)
			}
		}
	}
}

// TestFullDisk fails each step as a full disk does: the error says what to do, and
// what was there stays.
func TestFullDisk(t *testing.T) {
	start := t.TempDir()
	r := open(start)
	promote(t, r, add(t, r, fair))
	add(t, r, better)
	before := state(t, start)
	for _, name := range []string{"add", "promote"} {
		for n := 0; ; n++ {
			data := t.TempDir()
			copyAll(t, start, data)
			r, steps, at := registry.Open(data), 0, ""
			registry.SetStep(r, func(what, path string) error {
				if steps++; steps == n+1 {
					at = what
					return syscall.ENOSPC
				}
				return nil
			})
			err := scenes()[name](t, r)
			if steps <= n {
				break
			}
			var e *casemate.Error
			if !errors.As(err, &e) || !strings.Contains(e.Hint, "space") {
				t.Errorf("%s, step %d (%s): %v, want a hint to make space", name, n, at, err)
			}
			if got := state(t, data); got != before && at != "sync" { // after the rename only the folder is waited for
				t.Errorf("%s, step %d: %q, want %q", name, n, got, before)
			}
		}
	}
}

func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, "signing-key.pem"), 0o600); err != nil {
		t.Fatal(err)
	}
}
