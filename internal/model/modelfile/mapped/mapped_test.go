package mapped_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
)

func write(t *testing.T, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, bytes.Repeat([]byte{7}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *mapped.File {
	t.Helper()
	f, err := mapped.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestBytes(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 100_000} {
		f := open(t, write(t, size))
		if !bytes.Equal(f.Data(), bytes.Repeat([]byte{7}, size)) {
			t.Errorf("%d bytes are not the file's %d", len(f.Data()), size)
		}
		if err := f.Changed(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
		if err := f.Changed(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := mapped.Open(dir); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := mapped.Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := mapped.Open(os.DevNull); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a device: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write(t, 10), link); err != nil {
		t.Skip(err)
	}
	if f := open(t, link); len(f.Data()) != 10 {
		t.Errorf("%d bytes behind a link", len(f.Data()))
	}
	if err := os.Symlink(os.DevNull, link+"2"); err != nil {
		t.Fatal(err)
	}
	if _, err := mapped.Open(link + "2"); err == nil {
		t.Error("a link to a device: no error")
	}
}

func TestChanged(t *testing.T) {
	edit := func(t *testing.T, path string, at int64) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte{1}, at); err != nil {
			t.Fatal(err)
		}
	}
	changes := map[string]func(t *testing.T, path string){
		"a byte written": func(t *testing.T, path string) { edit(t, path, 500) },
		"longer":         func(t *testing.T, path string) { edit(t, path, 1000) },
		"shorter": func(t *testing.T, path string) {
			if err := os.Truncate(path, 999); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Skip(err)
			}
		},
		"replaced": func(t *testing.T, path string) {
			if err := os.Rename(write(t, 1000), path); err != nil {
				t.Skip(err)
			}
		},
	}
	if runtime.GOOS == "linux" {
		changes["written and its time put back"] = func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			edit(t, path, 500)
			if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			path := write(t, 1000)
			f := open(t, path)
			change(t, path)
			err := f.Changed()
			if !errors.Is(err, mapped.ErrChanged) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one that names %q", err, path)
			}
		})
	}
}

// TestNotChanged: what leaves the bytes alone is no change.
func TestNotChanged(t *testing.T) {
	path := write(t, 1000)
	f := open(t, path)
	if err := os.Link(path, path+"2"); err != nil {
		t.Skip(err)
	}
	if err := f.Changed(); err != nil {
		t.Errorf("after a hard link: %v", err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := f.Changed(); err != nil {
		t.Errorf("after another mode: %v", err)
	}
}

func TestGuardPasses(t *testing.T) {
	f := open(t, write(t, 10))
	want := errors.New("of work")
	if err := f.Guard(func() error { return want }); err != want {
		t.Errorf("error %v, want %v", err, want)
	}
	if err := f.Guard(func() error { return nil }); err != nil {
		t.Error(err)
	}
	for name, work := range map[string]func() error{
		"a panic":           func() error { panic("of work") },
		"an index":          func() error { _ = f.Data()[len(f.Data())]; return nil },
		"a nil pointer":     func() error { var p *[4]int; p[1] = 2; return nil },
		"a far nil pointer": func() error { var p *[1 << 20]int; p[1<<19] = 2; return nil },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not pass", name)
				}
			}()
			_ = f.Guard(work)
		}()
	}
}

// TestRelease: what was released is there when it is read again.
func TestRelease(t *testing.T) {
	f := open(t, write(t, 100_000))
	for _, part := range [][]byte{f.Data(), f.Data()[100:90_000], f.Data()[4096:8192], f.Data()[:10], nil, []byte("foreign")} {
		f.Release(part)
		if !bytes.Equal(f.Data(), bytes.Repeat([]byte{7}, 100_000)) {
			t.Fatalf("after the release of %d bytes the file reads otherwise", len(part))
		}
	}
}
