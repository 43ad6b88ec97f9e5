package modelstore_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	for name, want := range map[string]bool{
		"a": true, "foundation-sec-8b": true, "foundation-sec-8b:q4_k_m": true, "0.1": true, long: true, long + ":" + long: true,
		"": false, ".": false, "..": false, "../a": false, "a/b": false, `a\b`: false, "/a": false, "a:": false, ":a": false, "a:b:c": false,
		"A": false, "-a": false, "_a": false, "a..": false, "a:../b": false, "a\x00": false, "a\n": false, "ä": false, long + "a": false,
		"con": false, "nul.gguf": false, "a:com1": false, "lpt0": false, "comb": true, "a b": false, "a@b": false, "%2e%2e": false,
	} {
		if got := modelstore.IsName(name); got != want {
			t.Errorf("%q is a name: %v, want %v", name, got, want)
		}
	}
}

func TestFileNames(t *testing.T) {
	for name, want := range map[string]bool{
		"model.safetensors": true, "Meta Llama (3).gguf": true, "größe.gguf": true, strings.Repeat("a", 200): true,
		"": false, ".": false, "..": false, ".hidden": false, "-rf": false, "a/b": false, `a\b`: false, "a:b": false, "a\x00b": false, "a\nb": false, "a\x1b[2J": false,
		"nul": false, "CON.gguf": false, "a.": false, "a ": false, "\xff": false, strings.Repeat("a", 201): false, "a\u202eb": false, "a*": false,
	} {
		if got := modelstore.GoodFileName(name); got != want {
			t.Errorf("%q may be a file: %v, want %v", name, got, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	for path, want := range map[string]string{
		"/m/foundation-sec-8b-q4_k_m.gguf":    "foundation-sec-8b-q4_k_m",
		"/m/Model-00001-of-00003.gguf":        "model",
		"/m/Foundation-Sec-8B-Instruct/":      "foundation-sec-8b-instruct",
		"/m/Meta Llama 3.1 (8B).GGUF":         "meta-llama-3.1--8b",
		"/m/.hidden":                          "hidden",
		"/m/日本":                               "",
		"/":                                   "",
		"/m/con.gguf":                         "",
		"/m/" + strings.Repeat("ab", 50):      strings.Repeat("ab", 31) + "a",
		"/m/" + strings.Repeat("a", 62) + ".": strings.Repeat("a", 62),
	} {
		if got := modelstore.Suggest(path); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", path, got, want)
		}
	}
}

// TestNamesNeverLeaveTheStore asks for paths as names. The answer is the same
// whether there is a file or not, and nothing is made or deleted.
func TestNamesNeverLeaveTheStore(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	s := newStore(t, data)
	from := sources(t)
	add(t, s, from["one"], "one", modelstore.ImportOptions{})
	write(t, root, map[string]string{"secret.json": "{}", "latest.json": "{}"})
	for _, name := range []string{"..", "../..", "../../..:secret", "..:secret", "../../../secret", "/etc/passwd", "one/../one", "none", "one:..", "one:../../../../secret", ""} {
		_, _, openErr := s.Open(name)
		_, showErr := s.Show(name)
		_, verifyErr := s.Verify(t.Context(), name, nil)
		_, removeErr := s.Remove(t.Context(), name)
		for _, err := range []error{openErr, showErr, verifyErr, removeErr} {
			var e *casemate.Error
			if !errors.Is(err, modelstore.ErrNotFound) || !errors.As(err, &e) || e.Code != casemate.CodeInput {
				t.Errorf("%q: %v, want that there is no such model", name, err)
				continue
			}
			if want := "model \"none\": " + modelstore.ErrNotFound.Error(); strings.ReplaceAll(err.Error(), `"`+name+`"`, `"none"`) != want {
				t.Errorf("%q: %q tells more than %q", name, err, want)
			}
		}
		if name == "none" {
			continue
		}
		if _, err := s.Import(t.Context(), from["one"], name, modelstore.ImportOptions{}); err == nil || !strings.Contains(err.Error(), "no name") {
			t.Errorf("Import under %q = %v", name, err)
		}
	}
	for _, name := range []string{"secret.json", "latest.json"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
	noGarbage(t, data)
}

// TestHostileManifests writes manifests by hand that lead elsewhere. None is
// opened, none is followed, and List and Remove go on.
func TestHostileManifests(t *testing.T) {
	data := t.TempDir()
	s := newStore(t, data)
	add(t, s, sources(t)["two"], "m", modelstore.ImportOptions{})
	path := filepath.Join(data, "models", "manifests", "m", "latest.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set := func(keys []any, value any) func() []byte {
		return func() []byte {
			var tree any
			if err := json.Unmarshal(good, &tree); err != nil {
				t.Fatal(err)
			}
			at := tree
			for _, k := range keys[:len(keys)-1] {
				if i, ok := k.(int); ok {
					at = at.([]any)[i]
				} else {
					at = at.(map[string]any)[k.(string)]
				}
			}
			at.(map[string]any)[keys[len(keys)-1].(string)] = value
			out, err := json.Marshal(tree)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	name, digest := []any{"files", 0, "name"}, []any{"files", 0, "digest"}
	for what, make := range map[string]func() []byte{
		"a path as a file":        set(name, "../../../secret"),
		"an absolute path":        set(name, "/etc/passwd"),
		"a Windows path":          set(name, `..\secret`),
		"a hidden file":           set(name, "."),
		"a path as a digest":      set(digest, "sha256:../../../secret"),
		"no digest":               set(digest, ""),
		"another kind of digest":  set(digest, "md5:"+strings.Repeat("0", 64)),
		"a digest with more":      set(digest, "sha256:"+strings.Repeat("0", 64)+"/x"),
		"a digest in capitals":    set(digest, "sha256:"+strings.Repeat("A", 64)),
		"a digest with a newline": set(digest, "sha256:"+strings.Repeat("0", 64)+"\n"),
		"another digest":          set(digest, "sha256:"+strings.Repeat("0", 64)),
		"another total":           set([]any{"digest"}, "sha256:"+strings.Repeat("0", 64)),
		"a path as the total":     set([]any{"digest"}, "../.."),
		"a negative size":         set([]any{"files", 0, "size"}, -1),
		"a size that wraps":       set([]any{"files", 0, "size"}, int64(1)<<62+int64(1)<<61),
		"a fraction as size":      set([]any{"files", 0, "size"}, 1.5),
		"the same file twice":     set(name, "TWO-00002-of-00002.gguf"),
		"no files":                set([]any{"files"}, []any{}),
		"a newer version":         set([]any{"version"}, 2),
		"no version":              set([]any{"version"}, nil),
		"another name":            set([]any{"name"}, "other"),
		"a path as its name":      set([]any{"name"}, "../m"),
		"more than we know":       set([]any{"run"}, "rm"),
		"no JSON":                 func() []byte { return []byte("MZ") },
		"nothing":                 func() []byte { return nil },
		"too much":                func() []byte { return append([]byte(strings.Repeat(" ", 5<<20)), good...) },
		"deep JSON":               func() []byte { return []byte(strings.Repeat("[", 1<<20)) },
	} {
		if what == "a size that wraps" { // both files, so that the sum does
			good := set([]any{"files", 1, "size"}, int64(1)<<62+int64(1)<<61)()
			var m modelstore.Manifest
			if err := json.Unmarshal(good, &m); err != nil {
				t.Fatal(err)
			}
			m.Files[0].Size = m.Files[1].Size
			data, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			make = func() []byte { return data }
		}
		if err := os.WriteFile(path, make(), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.Open("m"); err == nil {
			t.Errorf("%s: Open = %q", what, got)
		}
		if _, err := s.Verify(t.Context(), "m", nil); err == nil {
			t.Errorf("%s: Verify finds nothing", what)
		}
		models, damaged, err := s.List()
		if len(models) != 0 || len(damaged) != 1 || err != nil {
			t.Errorf("%s: List = %v, %v, %v", what, models, damaged, err)
		}
	}
	// Nothing is deleted that a damaged manifest may mean.
	add(t, s, sources(t)["one"], "other", modelstore.ImportOptions{})
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Verify(t.Context(), "m", nil); err != nil {
		t.Errorf("the files of a damaged manifest are gone: %v", err)
	}
	if err := os.WriteFile(path, []byte("MZ"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(t.Context(), "m"); err != nil {
		t.Errorf("Remove of a damaged one = %v", err)
	}
	noGarbage(t, data)
}

// FuzzManifest wants no panic, and nothing accepted that leads out of the store.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"name":"a","format":"gguf","digest":"sha256:0","files":[{"name":"a.gguf","role":"weights","size":1,"digest":"sha256:0"}]}`))
	data := f.TempDir()
	s := newStore(f, data)
	dir := write(f, f.TempDir(), map[string]string{"a.gguf": "x"})
	if _, err := s.Import(f.Context(), filepath.Join(dir, "a.gguf"), "a", modelstore.ImportOptions{}); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(data, "models", "manifests", "a", "latest.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := modelstore.ParseManifest(data)
		if err != nil {
			return
		}
		if !modelstore.IsName(m.Name) {
			t.Errorf("the name %q is accepted", m.Name)
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Name) || filepath.Base(file.Name) != file.Name || file.Size < 0 || len(file.Digest) != 71 {
				t.Errorf("file %+v is accepted", file)
			}
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		n, err := modelstore.ParseManifest(again)
		if err != nil || !cmp.Equal(m, n) {
			t.Errorf("read again: %v, %s", err, cmp.Diff(m, n))
		}
	})
}

// TestSources sends what is no model.
func TestSources(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		"m.bin": "x", "m.PT": "x", "m.safetensors": "x", "secret": "x", "s-00001-of-00003.gguf": "x", "s-00003-of-00003.gguf": "x",
		"z-00001-of-99999.gguf": "x", "z-00001-of-00000.gguf": "x", "bad?name.gguf": "x",
	})
	write(t, filepath.Join(root, "pickles"), map[string]string{"config.json": "{}", "pytorch_model.bin": "x"})
	write(t, filepath.Join(root, "ggufs"), map[string]string{"a.gguf": "x"})
	write(t, filepath.Join(root, "adapter"), map[string]string{"adapter_config.json": "{}", "adapter_model.safetensors": "x"})
	write(t, filepath.Join(root, "empty"), nil)
	for path, want := range map[string]string{
		"none.gguf":             "no such file",
		"m.bin":                 "pickle",
		"m.PT":                  "pickle",
		"m.safetensors":         "weights alone",
		"s-00001-of-00003.gguf": "s-00002-of-00003.gguf",
		"z-00001-of-99999.gguf": "shards",
		"z-00001-of-00000.gguf": "shards",
		"bad?name.gguf":         "of this name",
		"pickles":               "pytorch_model.bin",
		"ggufs":                 "GGUF files",
		"adapter":               "config.json",
		"empty":                 "no safetensors",
	} {
		if runtime.GOOS == "windows" && path == "bad?name.gguf" {
			continue
		}
		data := t.TempDir()
		_, err := newStore(t, data).Import(t.Context(), filepath.Join(root, path), "x", modelstore.ImportOptions{})
		var e *casemate.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("Import(%q) = %v, want %q", path, err, want)
		}
		if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
			t.Errorf("Import(%q) made %v", path, entries)
		}
	}
}

// TestLinks follows the links that a person or Hugging Face's cache makes, and
// none that lead out of a downloaded folder.
func TestLinks(t *testing.T) {
	root := t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	write(t, root, map[string]string{"real.gguf": "x", "secret": "password"})
	link("real.gguf", "link.gguf")
	link("nowhere.gguf", "broken.gguf")
	link("loop.gguf", "loop.gguf")

	snapshot := filepath.Join("models--a--b", "snapshots", "0123")
	write(t, filepath.Join(root, "models--a--b", "blobs"), map[string]string{"aa": "{}", "bb": "weights"})
	write(t, filepath.Join(root, snapshot), nil)
	link(filepath.Join("..", "..", "blobs", "aa"), filepath.Join(snapshot, "config.json"))
	link(filepath.Join("..", "..", "blobs", "bb"), filepath.Join(snapshot, "model.safetensors"))

	for _, name := range []string{"out", "up"} {
		write(t, filepath.Join(root, name), map[string]string{"config.json": "{}", "model.safetensors": "x"})
	}
	link(filepath.Join("..", "secret"), filepath.Join("out", "LICENSE"))
	link(filepath.Join(root, "secret"), filepath.Join("up", "tokenizer.json"))
	link("up", "folder")

	for _, c := range []struct {
		path     string
		followed []string
		err      string
	}{
		{"link.gguf", []string{"link.gguf"}, ""},
		{snapshot, []string{"config.json", "model.safetensors"}, ""},
		{"broken.gguf", nil, "no such file"},
		{"loop.gguf", nil, "loop.gguf"},
		{"out", nil, "leads out"},
		{"up", nil, "leads out"},
		{"folder", nil, "leads out"},
	} {
		data := t.TempDir()
		s := newStore(t, data)
		got, err := s.Import(t.Context(), filepath.Join(root, c.path), "x", modelstore.ImportOptions{})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Import(%q) = %v, want %q", c.path, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("Import(%q) = %v", c.path, err)
			continue
		}
		if diff := cmp.Diff(c.followed, got.Followed); diff != "" {
			t.Errorf("Import(%q) followed (-want +got)\n%s", c.path, diff)
		}
		if _, err := s.Verify(t.Context(), "x", nil); err != nil {
			t.Error(err)
		}
		noGarbage(t, data)
	}
}
