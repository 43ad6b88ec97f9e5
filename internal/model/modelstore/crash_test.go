package modelstore_test

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
)

var errKilled = errors.New("killed")

// scene is a change of a store, and what is there before it.
type scene struct {
	name   string
	before func(t *testing.T, s *modelstore.Store, from map[string]string)
	change func(t *testing.T, s *modelstore.Store, from map[string]string) error
}

func scenes() []scene {
	importing := func(from, name string, o modelstore.ImportOptions) func(*testing.T, *modelstore.Store, map[string]string) error {
		return func(t *testing.T, s *modelstore.Store, sources map[string]string) error {
			o.At = day
			_, err := s.Import(t.Context(), sources[from], name, o)
			return err
		}
	}
	some := func(t *testing.T, s *modelstore.Store, from map[string]string) {
		add(t, s, from["two"], "two", modelstore.ImportOptions{Mode: modelstore.ModeCopy})
		add(t, s, from["one"], "taken", modelstore.ImportOptions{Mode: modelstore.ModeCopy})
	}
	nothing := func(*testing.T, *modelstore.Store, map[string]string) {}
	replace := modelstore.ImportOptions{Replace: true, Mode: modelstore.ModeCopy}
	return []scene{
		{"a file", nothing, importing("one", "new", modelstore.ImportOptions{})},
		{"a file, copied", nothing, importing("one", "new", modelstore.ImportOptions{Mode: modelstore.ModeCopy})},
		{"shards", nothing, importing("two", "new", modelstore.ImportOptions{})},
		{"a folder beside what shares a file", some, importing("hf", "new", modelstore.ImportOptions{})},
		{"a folder, copied", some, importing("hf", "new", modelstore.ImportOptions{Mode: modelstore.ModeCopy})},
		{"what is there under another name", some, importing("two", "new", modelstore.ImportOptions{})},
		{"what is there", some, importing("two", "two", modelstore.ImportOptions{})},
		{"another in its place", some, importing("hf", "two", replace)},
		{"a file in the place of shards", some, importing("one", "two", replace)},
		{"removal", some, func(t *testing.T, s *modelstore.Store, _ map[string]string) error {
			_, err := s.Remove(t.Context(), "two")
			return err
		}},
		{"removal of one of two", some, func(t *testing.T, s *modelstore.Store, _ map[string]string) error {
			_, err := s.Remove(t.Context(), "taken")
			return err
		}},
	}
}

// digests returns what is in a store, by name, after all of it is verified.
func digests(t *testing.T, data string) map[string]string {
	t.Helper()
	s := newStore(t, data)
	models, damaged, err := s.List()
	if err != nil || len(damaged) > 0 {
		t.Fatalf("List = %v, %v", damaged, err)
	}
	out := map[string]string{}
	for _, m := range models {
		out[m.Name] = m.Digest
		if states, err := s.Verify(t.Context(), m.Name, nil); err != nil {
			t.Fatalf("Verify(%q) = %v, %v", m.Name, states, err)
		}
		if _, _, err := s.Open(m.Name); err != nil {
			t.Fatalf("Open(%q) = %v", m.Name, err)
		}
	}
	return out
}

// TestKilledAtEveryStep ends each change before each of its steps, after which
// nothing more is done, as kill -9 does. The store then has what it had before or
// what it has afterwards, whole; the next change clears what was left behind.
func TestKilledAtEveryStep(t *testing.T) {
	for _, c := range scenes() {
		from := sources(t)
		newStore := func(t *testing.T, data string) *modelstore.Store {
			s := newStore(t, data)
			modelstore.NoWait(s)
			return s
		}
		before, after := map[string]string{}, map[string]string{}
		for n := 0; ; n++ {
			data := t.TempDir()
			s := newStore(t, data)
			c.before(t, s, from)
			if n == 0 {
				before = digests(t, data)
				whole := t.TempDir()
				w := newStore(t, whole)
				c.before(t, w, from)
				if err := c.change(t, w, from); err != nil {
					t.Fatalf("%s: %v", c.name, err)
				}
				after = digests(t, whole)
			}
			steps := 0
			modelstore.SetStep(s, func(what, path string) error {
				if steps++; steps > n {
					return errKilled
				}
				return nil
			})
			err := c.change(t, s, from)
			if got := digests(t, data); !maps.Equal(got, before) && !maps.Equal(got, after) {
				t.Fatalf("%s, killed after %d steps: the store has %v, want %v or %v", c.name, n, got, before, after)
			}
			next := newStore(t, data)
			if err := c.change(t, next, from); err != nil && !errors.Is(err, modelstore.ErrNotFound) {
				t.Fatalf("%s, killed after %d steps: again: %v", c.name, n, err)
			}
			if strings.HasPrefix(c.name, "removal") {
				// One that was killed after its manifest was gone is cleared by the next change.
				add(t, next, from["one"], "last", modelstore.ImportOptions{})
				if _, err := next.Remove(t.Context(), "last"); err != nil {
					t.Fatal(err)
				}
			}
			noGarbage(t, data)
			if got := digests(t, data); !maps.Equal(got, after) {
				t.Fatalf("%s, killed after %d steps and repeated: the store has %v, want %v", c.name, n, got, after)
			}
			if steps <= n {
				if err != nil {
					t.Errorf("%s: %v without a kill", c.name, err)
				}
				if n < 3 {
					t.Errorf("%s has %d steps only", c.name, n)
				}
				break
			}
		}
	}
}

// TestFullDisk fails one step of an import as a full disk does. The import
// fails, unless all was done by then, and nothing is left behind.
func TestFullDisk(t *testing.T) {
	from := sources(t)
	for _, c := range scenes()[:9] {
		if c.name == "shards" || c.name == "what is there" || c.name == "a folder, copied" {
			continue // others take the same steps
		}
		for n := 0; ; n++ {
			data := t.TempDir()
			s := newStore(t, data)
			modelstore.NoWait(s)
			c.before(t, s, from)
			before := digests(t, data)
			steps := 0
			modelstore.SetStep(s, func(what, path string) error {
				if steps++; steps == n+1 && what != "remove" { // removing needs no room
					return syscall.ENOSPC
				}
				return nil
			})
			err := c.change(t, s, from)
			if err != nil {
				var e *casemate.Error
				if !errors.As(err, &e) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(e.Hint, "space") {
					t.Errorf("%s, step %d: %v, want a hint to free space", c.name, n, err)
				}
				// Only the wait for the manifest's folder comes after the model is in.
				if got := digests(t, data); !maps.Equal(got, before) && !strings.Contains(err.Error(), "is in the store") {
					t.Errorf("%s, step %d: %v", c.name, n, cmp.Diff(before, got))
				}
			}
			noGarbage(t, data)
			if steps <= n {
				break
			}
		}
	}
}

// TestOrder wants that a file is on disk before it has a name that counts, and
// that the manifest comes last.
func TestOrder(t *testing.T) {
	for name, path := range sources(t) {
		for _, mode := range []modelstore.Mode{modelstore.ModeCopy, modelstore.ModeLink} {
			data := t.TempDir()
			s := newStore(t, data)
			var log []string
			modelstore.SetStep(s, func(what, path string) error {
				rel, err := filepath.Rel(filepath.Join(data, "models"), path)
				log = append(log, what+" "+filepath.ToSlash(rel))
				return err
			})
			m := add(t, s, path, name, modelstore.ImportOptions{Mode: mode}).Manifest
			at := func(step string) int {
				i := slices.Index(log, step)
				if i < 0 {
					t.Fatalf("%s: no step %q in\n%s", name, step, strings.Join(log, "\n"))
				}
				return i
			}
			published := at("rename manifests/" + name + "/latest.json")
			kept := slices.IndexFunc(log, func(s string) bool {
				return strings.HasPrefix(s, "link blobs/") || strings.HasPrefix(s, "rename blobs/")
			})
			for _, f := range m.Files {
				if synced := at("sync incoming/files/" + f.Name); synced > kept || kept < 0 {
					t.Errorf("%s: %s is synced after a blob has its name", name, f.Name)
				}
			}
			for _, step := range []string{"sync blobs", "sync incoming/manifest", "sync manifests"} {
				if at(step) > published {
					t.Errorf("%s: %q comes after the manifest", name, step)
				}
			}
			if len(m.Files) > 1 && at("sync trees") > published {
				t.Errorf("%s: the tree is synced after the manifest", name)
			}
			for _, step := range log[published+1:] {
				if step != "sync manifests/"+name && !strings.HasPrefix(step, "remove incoming") {
					t.Errorf("%s: %q comes after the manifest", name, step)
				}
			}
		}
	}
}
