package files_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/files"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestReplace wants the whole of the new file, or the old one and nothing beside
// it.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write := func(text string, fault error) error {
		return files.Replace(path, func(f *os.File) error {
			if _, err := f.WriteString(text); err != nil {
				return err
			}
			return fault
		})
	}
	fault := errors.New("a full disk")
	if err := write("half", fault); !errors.Is(err, fault) || len(names(t, dir)) != 0 {
		t.Errorf("a write that failed: %v, left %q", err, names(t, dir))
	}
	for _, text := range []string{"one", "two"} {
		if err := write(text, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := write("half", fault); !errors.Is(err, fault) {
		t.Errorf("a write that failed: %v", err)
	}
	got, err := files.Read(path, 3)
	if err != nil || string(got) != "two" || len(names(t, dir)) != 1 {
		t.Errorf("read %q, %v, beside %q", got, err, names(t, dir))
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(string, int64) ([]byte, error){"Read": files.Read, "ReadPlain": files.ReadPlain} {
		if got, err := read(path, 4); err != nil || string(got) != "four" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := read(path, 3); err == nil || !strings.Contains(err.Error(), "longer than 3 bytes") {
			t.Errorf("%s of a file that is too long: %v", name, err)
		}
		if _, err := read(dir, 4); err == nil || !strings.Contains(err.Error(), "no plain file") {
			t.Errorf("%s of a folder: %v", name, err)
		}
		if _, err := read(filepath.Join(dir, "none"), 4); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("no link can be made: %v", err)
	}
	if got, err := files.Read(link, 4); err != nil || string(got) != "four" {
		t.Errorf("Read of a link: %q, %v", got, err)
	}
	if _, err := files.ReadPlain(link, 4); err == nil {
		t.Error("ReadPlain took a link")
	}
}

// TestTryLock wants one holder at a time, whoever comes.
func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		unlock, ok, err := files.TryLock(path)
		if err != nil || !ok {
			t.Fatalf("a free lock: %v, %v", ok, err)
		}
		if _, ok, err := files.TryLock(path); err != nil || ok {
			t.Errorf("a lock that is held: %v, %v", ok, err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
}

func TestIsFull(t *testing.T) {
	if files.IsFull(nil) || files.IsFull(os.ErrNotExist) {
		t.Error("no error, or another, is taken for a full disk")
	}
}

func TestFree(t *testing.T) {
	free, known := files.Free(t.TempDir())
	if runtime.GOOS == "linux" && (!known || free <= 0) {
		t.Errorf("%d bytes are free, known %v", free, known)
	}
	if _, later := files.Free(filepath.Join(t.TempDir(), "none", "yet")); later != known {
		t.Errorf("of a folder that is not there yet known %v, of one that is %v", later, known)
	}
}

// TestSweep: what a killed Replace has left goes, and nothing else does.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "a.tmp-1", "a.tmp-22", "b.tmp-1", "aa.tmp-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Sweep(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{"a", "aa.tmp-1", "b.tmp-1"}; !slices.Equal(got, want) {
		t.Errorf("Sweep leaves %q, want %q", got, want)
	}
	if err := files.Sweep(filepath.Join(dir, "none", "a")); err != nil {
		t.Errorf("Sweep in a folder that is not there: %v", err)
	}
}
