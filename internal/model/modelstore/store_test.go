package modelstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
)

// newStore returns a store over a new data directory, whose models are any bytes
// that do not begin with "BAD".
func newStore(t testing.TB, dir string) *modelstore.Store {
	t.Helper()
	s := modelstore.New(dir)
	modelstore.SetInspect(s, pretend)
	return s
}

// pretend stands in for the opening of models.
func pretend(path string, deep bool) (modelstore.Facts, error) {
	info, err := os.Stat(path)
	if err != nil {
		return modelstore.Facts{}, err
	}
	pattern, format := path, "gguf"
	if info.IsDir() {
		pattern, format = filepath.Join(path, "model*.safetensors"), "safetensors"
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return modelstore.Facts{}, err
	}
	for i, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return modelstore.Facts{}, err
		}
		if bytes.HasPrefix(data, []byte("BAD")) || deep && bytes.HasPrefix(data, []byte("NAN")) {
			return modelstore.Facts{}, modelstore.ErrRefused
		}
		files[i] = filepath.Base(f)
	}
	return modelstore.Facts{Format: format, Files: files}, nil
}

// write makes files in a folder.
func write(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// day is when tests import.
var day = time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))

// add imports and fails the test on an error.
func add(t testing.TB, s *modelstore.Store, path, name string, o modelstore.ImportOptions) *modelstore.Imported {
	t.Helper()
	o.At = day
	got, err := s.Import(t.Context(), path, name, o)
	if err != nil {
		t.Fatalf("Import(%q, %q) = %v", path, name, err)
	}
	return got
}

// sources are one of each kind of model, by the name to import.
func sources(t testing.TB) map[string]string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"one.gguf": "weights", "two-00001-of-00002.gguf": "first", "two-00002-of-00002.gguf": "second"})
	write(t, filepath.Join(dir, "hf"), map[string]string{
		"config.json": "{}", "tokenizer.json": "{ }", "model-00001-of-00002.safetensors": "first", "model-00002-of-00002.safetensors": "third",
		"model.safetensors.index.json": "{}  ", "LICENSE": "Apache", "NOTICE.md": "notice", "README.md": "card", "more.txt": "no", "training_args.bin": "pickle", "other.safetensors": "unused",
	})
	return map[string]string{"one": filepath.Join(dir, "one.gguf"), "two": filepath.Join(dir, "two-00001-of-00002.gguf"), "hf": filepath.Join(dir, "hf")}
}

// contents returns what a program finds where it opens a model: content by name.
func contents(t testing.TB, s *modelstore.Store, name string) map[string]string {
	t.Helper()
	path, m, err := s.Open(name)
	if err != nil {
		t.Fatalf("Open(%q) = %v", name, err)
	}
	dir := path
	if m.Format == "gguf" && len(m.Files) > 1 {
		dir = filepath.Dir(path)
	}
	out := map[string]string{}
	for _, f := range m.Files {
		at := filepath.Join(dir, f.Name)
		if len(m.Files) == 1 {
			at = path
		}
		data, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(data)
	}
	return out
}

func TestImport(t *testing.T) {
	want := map[string]map[string]string{
		"one": {"one.gguf": "weights"},
		"two": {"two-00001-of-00002.gguf": "first", "two-00002-of-00002.gguf": "second"},
		"hf": {"config.json": "{}", "tokenizer.json": "{ }", "model-00001-of-00002.safetensors": "first", "model-00002-of-00002.safetensors": "third",
			"model.safetensors.index.json": "{}  ", "LICENSE": "Apache", "NOTICE.md": "notice", "README.md": "card"},
	}
	for _, mode := range []modelstore.Mode{modelstore.ModeAuto, modelstore.ModeCopy, modelstore.ModeLink} {
		data := t.TempDir()
		s := newStore(t, data)
		for name, path := range sources(t) {
			got := add(t, s, path, name, modelstore.ImportOptions{Mode: mode})
			if diff := cmp.Diff(want[name], contents(t, s, name)); diff != "" {
				t.Errorf("mode %q, %s: (-want +got)\n%s", mode, name, diff)
			}
			if linked := len(got.Manifest.Linked) > 0; linked != (mode != modelstore.ModeCopy) {
				t.Errorf("mode %q, %s: linked are %v", mode, name, got.Manifest.Linked)
			}
			if !got.Manifest.ImportedAt.Equal(day) || got.Manifest.ImportedAt.Location() != time.UTC {
				t.Errorf("imported at %v, want %v in UTC", got.Manifest.ImportedAt, day)
			}
			if states, err := s.Verify(t.Context(), name, nil); err != nil || len(states) != len(want[name]) {
				t.Errorf("Verify(%q) = %v, %v", name, states, err)
			}
			if name == "hf" && !slices.Equal(got.LeftOut, []string{"more.txt", "other.safetensors", "training_args.bin"}) {
				t.Errorf("left out are %v", got.LeftOut)
			}
		}
		models, damaged, err := s.List()
		if err != nil || len(damaged) > 0 || len(models) != 3 || models[0].Name != "hf" || models[2].Name != "two" {
			t.Errorf("List = %v, %v, %v", models, damaged, err)
		}
		// "first" is in two models and kept once.
		if blobs, _ := os.ReadDir(filepath.Join(data, "models", "blobs")); len(blobs) != 10 {
			t.Errorf("mode %q: %d blobs, want 10", mode, len(blobs))
		}
	}
}

// TestDigest has numbers that sha256sum computes.
func TestDigest(t *testing.T) {
	s := newStore(t, t.TempDir())
	dir := write(t, t.TempDir(), map[string]string{"a-00001-of-00002.gguf": "x", "a-00002-of-00002.gguf": "y"})
	m := add(t, s, filepath.Join(dir, "a-00002-of-00002.gguf"), "a", modelstore.ImportOptions{}).Manifest
	if got, want := m.Files[0].Digest, "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"; got != want {
		t.Errorf("digest of x is %s, want %s", got, want)
	}
	if got, want := m.Digest, "sha256:e6dc283829d97ff32e86a74dea3d750f57c06a4c6545094635a1dc5109891643"; got != want {
		t.Errorf("digest of the model is %s, want %s", got, want)
	}
	if path, _, err := s.Open("a"); err != nil || filepath.Base(path) != "a-00001-of-00002.gguf" {
		t.Errorf("Open gives %q, %v, want the first shard", path, err)
	}
}

// TestAgain imports what is there already, under the same name and another.
func TestAgain(t *testing.T) {
	s := newStore(t, t.TempDir())
	for name, path := range sources(t) {
		first := add(t, s, path, name, modelstore.ImportOptions{})
		again := add(t, s, path, name, modelstore.ImportOptions{Mode: modelstore.ModeCopy})
		if first.Unchanged || !again.Unchanged || !cmp.Equal(first.Manifest, again.Manifest) {
			t.Errorf("%s: unchanged is %v and then %v", name, first.Unchanged, again.Unchanged)
		}
		if other := add(t, s, path, name+":other", modelstore.ImportOptions{}); other.Unchanged || other.Manifest.Digest != first.Manifest.Digest {
			t.Errorf("%s under another name: %+v", name, other)
		}
	}
}

func TestReplace(t *testing.T) {
	data := t.TempDir()
	s := newStore(t, data)
	from := sources(t)
	before := add(t, s, from["two"], "m", modelstore.ImportOptions{}).Manifest
	_, err := s.Import(t.Context(), from["one"], "m", modelstore.ImportOptions{})
	var e *casemate.Error
	if !errors.As(err, &e) || e.Code != casemate.CodeUsage || !strings.Contains(e.Hint, "--replace") {
		t.Fatalf("Import = %v, want a hint to --replace", err)
	}
	if got, err := s.Show("m"); err != nil || got.Digest != before.Digest {
		t.Errorf("the refused import changed the name: %v, %v", got, err)
	}
	got := add(t, s, from["one"], "m", modelstore.ImportOptions{Replace: true})
	if got.Replaced != before.Digest || got.Reclaimed != int64(len("first")+len("second")) {
		t.Errorf("replaced %q and reclaimed %d", got.Replaced, got.Reclaimed)
	}
	if diff := cmp.Diff(map[string]string{"one.gguf": "weights"}, contents(t, s, "m")); diff != "" {
		t.Error(diff)
	}
	noGarbage(t, data)
}

// TestRefused wants that what is refused leaves nothing behind.
func TestRefused(t *testing.T) {
	data := t.TempDir()
	s := newStore(t, data)
	dir := write(t, t.TempDir(), map[string]string{"bad.gguf": "BAD", "nan.gguf": "NAN"})
	for _, name := range []string{"bad", "nan"} {
		if _, err := s.Import(t.Context(), filepath.Join(dir, name+".gguf"), name, modelstore.ImportOptions{}); !errors.Is(err, modelstore.ErrRefused) {
			t.Errorf("Import(%q) = %v, want a refusal", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Import(ctx, sources(t)["one"], "one", modelstore.ImportOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Import = %v, want the interruption", err)
	}
	noGarbage(t, data)
	if models, damaged, err := s.List(); len(models)+len(damaged) > 0 || err != nil {
		t.Errorf("List = %v, %v, %v, want nothing", models, damaged, err)
	}
}

// noGarbage fails the test if anything is in the store that no manifest names.
func noGarbage(t testing.TB, data string) {
	t.Helper()
	models, damaged, err := modelstore.New(data).List()
	if err != nil || len(damaged) > 0 {
		t.Fatalf("List = %v, %v", damaged, err)
	}
	want := map[string]bool{"lock": true}
	for _, m := range models {
		name, tag, tagged := strings.Cut(m.Name, ":")
		if !tagged {
			tag = "latest"
		}
		want["manifests/"+name+"/"+tag+".json"] = true
		for _, f := range m.Files {
			want["blobs/"+strings.Replace(f.Digest, ":", "-", 1)] = true
			if len(m.Files) > 1 || m.Format != "gguf" {
				want["trees/"+strings.Replace(m.Digest, ":", "-", 1)+"/"+f.Name] = true
			}
		}
	}
	got := map[string]bool{}
	root := filepath.Join(data, "models")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		depth := strings.Count(filepath.ToSlash(rel), "/")
		if err == nil && (!d.IsDir() || depth > 0 || rel == "incoming") {
			if d.IsDir() && (strings.HasPrefix(rel, "manifests") || strings.HasPrefix(rel, "trees")) {
				if entries, err := os.ReadDir(path); err != nil || len(entries) > 0 {
					return err
				}
			}
			got[filepath.ToSlash(rel)] = true
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err == nil {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("files of the store (-want +got)\n%s", diff)
		}
	}
}

// spoil exchanges the bytes of a file that may be read-only or linked.
func spoil(t testing.TB, path, data string) {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyAndMend spoils each file in turn: it is named, and importing the
// model again mends it.
func TestVerifyAndMend(t *testing.T) {
	for name, path := range sources(t) {
		data := t.TempDir()
		s := newStore(t, data)
		m := add(t, s, path, name, modelstore.ImportOptions{Mode: modelstore.ModeCopy}).Manifest
		for _, f := range m.Files {
			blob := filepath.Join(data, "models", "blobs", strings.Replace(f.Digest, ":", "-", 1))
			for _, c := range []struct {
				problem string
				do      func()
				opens   bool
			}{
				{"not what was imported", func() { spoil(t, blob, strings.Repeat("?", int(f.Size))) }, true},
				{"bytes", func() { spoil(t, blob, "longer than it was before") }, false},
				{"missing", func() { os.RemoveAll(filepath.Join(data, "models", "trees")); os.Remove(blob) }, false},
			} {
				c.do()
				states, err := s.Verify(t.Context(), name, nil)
				i := slices.IndexFunc(states, func(st modelstore.FileState) bool { return st.Name == f.Name })
				if err == nil || i < 0 || states[i].OK || !strings.Contains(states[i].Problem, c.problem) {
					t.Errorf("%s of %s: Verify = %+v, %v, want %q", f.Name, name, states, err, c.problem)
				}
				if _, _, err := s.Open(name); (err == nil) != c.opens {
					t.Errorf("%s of %s, %s: Open = %v", f.Name, name, c.problem, err)
				}
				add(t, s, path, name, modelstore.ImportOptions{Mode: modelstore.ModeCopy})
				if _, err := s.Verify(t.Context(), name, nil); err != nil {
					t.Errorf("%s of %s: not mended: %v", f.Name, name, err)
				}
			}
		}
		noGarbage(t, data)
	}
}

// TestLinkedSourceChanges shows what linking means: a source that is written in
// place changes the store's file, and Verify says so.
func TestLinkedSourceChanges(t *testing.T) {
	s := newStore(t, t.TempDir())
	path := sources(t)["one"]
	add(t, s, path, "one", modelstore.ImportOptions{Mode: modelstore.ModeLink})
	spoil(t, path, "WEIGHTS")
	if _, err := s.Verify(t.Context(), "one", nil); err == nil || !strings.Contains(err.Error(), "one.gguf") {
		t.Errorf("Verify = %v, want the file's name", err)
	}
}

func TestRemove(t *testing.T) {
	data := t.TempDir()
	s := newStore(t, data)
	from := sources(t)
	for name, path := range from {
		add(t, s, path, name, modelstore.ImportOptions{Mode: modelstore.ModeCopy})
	}
	add(t, s, from["two"], "two:again", modelstore.ImportOptions{})
	for _, c := range []struct {
		name  string
		freed int
	}{
		{"two", 0}, // two:again has the files
		{"two:again", len("second")},
		{"one", len("weights")},
		{"hf", len("{}") + len("{ }") + len("{}  ") + len("first") + len("third") + len("Apache") + len("notice") + len("card")},
	} {
		if freed, err := s.Remove(t.Context(), c.name); err != nil || freed != int64(c.freed) {
			t.Errorf("Remove(%q) = %d, %v, want %d", c.name, freed, err, c.freed)
		}
		if _, err := s.Remove(t.Context(), c.name); !errors.Is(err, modelstore.ErrNotFound) {
			t.Errorf("Remove(%q) again = %v", c.name, err)
		}
		noGarbage(t, data)
	}
	for _, path := range from {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a source is gone: %v", err)
		}
	}
}

// TestTogether imports from several goroutines with a store each, whose locks
// are as far apart as those of processes.
func TestTogether(t *testing.T) {
	data := t.TempDir()
	from := sources(t)
	var group sync.WaitGroup
	for i := range 4 {
		for name, path := range from {
			group.Go(func() {
				s := newStore(t, data)
				if _, err := s.Import(t.Context(), path, fmt.Sprintf("%s:%d", name, i), modelstore.ImportOptions{}); err != nil {
					t.Errorf("Import = %v", err)
				}
				if i == 3 {
					if _, err := s.Remove(t.Context(), fmt.Sprintf("%s:%d", name, i)); err != nil {
						t.Errorf("Remove = %v", err)
					}
				}
			})
		}
	}
	group.Wait()
	noGarbage(t, data)
	models, _, err := newStore(t, data).List()
	if err != nil || len(models) != 9 {
		t.Errorf("List has %d models, %v, want 9", len(models), err)
	}
	for _, m := range models {
		if _, err := newStore(t, data).Verify(t.Context(), m.Name, nil); err != nil {
			t.Errorf("Verify(%q) = %v", m.Name, err)
		}
	}
}

// TestLockWaits wants that one who waits for the lock can be interrupted.
func TestLockWaits(t *testing.T) {
	data := t.TempDir()
	first, second := newStore(t, data), newStore(t, data)
	from := sources(t)
	waited := false
	modelstore.SetStep(first, func(what, path string) error {
		if what == "sync" && !waited {
			waited = true
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := second.Import(ctx, from["two"], "two", modelstore.ImportOptions{}); !errors.Is(err, context.Canceled) {
				t.Errorf("Import beside another = %v", err)
			}
		}
		return nil
	})
	add(t, first, from["one"], "one", modelstore.ImportOptions{})
	if !waited {
		t.Error("nothing was synced")
	}
	noGarbage(t, data)
}

func TestProgress(t *testing.T) {
	s := newStore(t, t.TempDir())
	var last modelstore.Progress
	add(t, s, sources(t)["hf"], "hf", modelstore.ImportOptions{Progress: func(p modelstore.Progress) {
		if p.Doing == last.Doing && p.Done < last.Done || p.Done > p.Total {
			t.Errorf("progress goes from %+v to %+v", last, p)
		}
		last = p
	}})
	if last != (modelstore.Progress{Doing: "checking", Done: 2, Total: 2}) {
		t.Errorf("progress ends at %+v", last)
	}
	if _, err := s.Verify(t.Context(), "hf", func(p modelstore.Progress) { last = p }); err != nil || last.Done != last.Total {
		t.Errorf("Verify = %v, ends at %+v", err, last)
	}
}

func TestResolve(t *testing.T) {
	data := t.TempDir()
	s := newStore(t, data)
	from := sources(t)
	m := add(t, s, from["one"], "one", modelstore.ImportOptions{}).Manifest
	t.Chdir(write(t, t.TempDir(), map[string]string{"here": "x"}))
	for _, c := range []struct {
		ref   string
		store bool
		err   string
	}{
		{"one", true, ""},
		{"one:latest", true, ""},
		{"one@" + m.Digest, true, ""},
		{"here", false, ""},
		{"./one", false, ""},
		{from["two"], false, ""},
		{"none", false, "no such model"},
		{"one:other", false, "no such model"},
		{"..", false, ""}, // a folder that exists
		{"one@sha256:" + strings.Repeat("0", 64), false, "not the one asked for"},
		{"one@sha256:../../x", false, "not one"},
		{"here@" + m.Digest, false, "no such model"},
		{"../one@" + m.Digest, false, "no such model"},
	} {
		path, got, err := modelstore.Resolve(data, c.ref)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Resolve(%q) = %v, want %q", c.ref, err, c.err)
			}
		case err != nil:
			t.Errorf("Resolve(%q) = %v", c.ref, err)
		case c.store && (got == nil || got.Digest != m.Digest || !strings.HasPrefix(path, data)):
			t.Errorf("Resolve(%q) = %q, %v, want the store's", c.ref, path, got)
		case !c.store && (got != nil || path != c.ref):
			t.Errorf("Resolve(%q) = %q, %v, want it as it is", c.ref, path, got)
		}
	}
}

// TestManifestBytes freezes the format: docs/formats/modelstore.md describes it.
func TestManifestBytes(t *testing.T) {
	data := t.TempDir()
	s := newStore(t, data)
	path := sources(t)["one"]
	add(t, s, path, "one:x", modelstore.ImportOptions{})
	got, err := os.ReadFile(filepath.Join(data, "models", "manifests", "one", "x.json"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := json.Marshal(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "version": 1,
  "name": "one:x",
  "format": "gguf",
  "digest": "sha256:ca1d4c2d1786e58bcc3854bb3dd7eefeb7b58389562c87848627401a04bd299a",
  "files": [
    {
      "name": "one.gguf",
      "role": "weights",
      "size": 7,
      "digest": "sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    }
  ],
  "architecture": "llama",
  "parameters": 1,
  "quantisation": "F32",
  "source": ` + string(source) + `,
  "imported_at": "2026-03-04T04:06:07Z",
  "linked": [
    "one.gguf"
  ]
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("manifest (-want +got)\n%s", diff)
	}
}
