package unpack_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
)

// seen is a visitor that keeps what it sees.
type seen struct {
	files  []string // "name: content"
	faults []string
}

func (s *seen) Visit(f *unpack.File) error {
	if _, err := f.Head(); err != nil {
		return err
	}
	data, err := io.ReadAll(f)
	s.files = append(s.files, filepath.Base(f.Name)+": "+string(data))
	return err
}

func (s *seen) Unreadable(name string, err error) error {
	s.faults = append(s.faults, filepath.Base(name)+": "+err.Error())
	return nil
}

func pack(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		name, content, _ := strings.Cut(f, "=")
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWalk(t *testing.T) {
	tests := []struct {
		name  string
		data  []byte
		want  []string
		fault []string
	}{
		{"plain", []byte("text"), []string{"x: text"}, nil},
		{"empty", nil, []string{"x: "}, nil},
		{"gzip", gz(t, "text"), []string{"x: text"}, nil},
		{"mark", []byte("\xef\xbb\xbftext"), []string{"x: text"}, nil},
		{"UTF-16", []byte("\xff\xfea\x00\xe9\x00\x3d\xd8\x00\xde"), []string{"x: aé😀"}, nil},
		{"UTF-16 without a mark", []byte("\x00{\x00}\x00\n"), []string{"x: {}\n"}, nil},
		{"UTF-16 with halves", []byte("\xff\xfe\x3d\xd8a\x00\x00\xde!"), []string{"x: \uFFFDa\uFFFD\uFFFD"}, nil},
		{"zip", pack(t, "b=2", "a/c=1", "a/", ".hidden=no", "__MACOSX/x=no"), []string{"c: 1", "x!b: 2"}, nil},
		{"zip of gzip", pack(t, "b="+string(gz(t, "text"))), []string{"x!b: text"}, nil},
		{"zip of zip", pack(t, "b="+string(pack(t, "c=1")), "d=2"), []string{"x!d: 2"}, []string{"x!b: is an archive inside an archive: unpack the outer one first"}},
		{"names that would break a line", pack(t, "a\n\x1b=1"), []string{"x!a\uFFFD\uFFFD: 1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			var s seen
			sum, err := unpack.Walk(context.Background(), path, nil, &s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.fault, s.faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if want := fmt.Sprintf("%x", sha256.Sum256(tt.data)); sum != want {
				t.Errorf("sum is %s, want %s", sum, want)
			}
			if again, err := unpack.Walk(context.Background(), "-", bytes.NewReader(tt.data), &seen{}); err != nil || again != sum {
				t.Errorf("sum of the standard input is %s, %v", again, err)
			}
		})
	}
}

// TestFolder visits files in order, and not what is hidden or linked.
func TestFolder(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{"b.txt": "2", "a/z.txt": "1", ".git/x": "no", "c.zip": string(pack(t, "m=3")), "d.zip": "PK\x03\x04broken"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "b.txt"), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	var s seen
	sum, err := unpack.Walk(context.Background(), root, nil, &s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"z.txt: 1", "b.txt: 2", "c.zip!m: 3"}, s.files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if len(s.faults) != 1 || !strings.HasPrefix(s.faults[0], "d.zip: unpack zip") {
		t.Errorf("faults are %q", s.faults)
	}
	list := sha256.New()
	for _, name := range []string{"a/z.txt", "b.txt", "c.zip", "d.zip"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(list, "%x  %s\n", sha256.Sum256(data), name)
	}
	if want := fmt.Sprintf("%x", list.Sum(nil)); sum != want {
		t.Errorf("sum is %s, want %s", sum, want)
	}
}

// TestSticky ends a walk at a bomb even where the visitor makes light of it.
func TestSticky(t *testing.T) {
	data := gz(t, strings.Repeat(" ", 80<<20))
	if _, err := unpack.Walk(context.Background(), "-", bytes.NewReader(data), &careless{}); !errors.Is(err, unpack.ErrBomb) {
		t.Errorf("error is %v, want ErrBomb", err)
	}
}

type careless struct{ seen }

func (c *careless) Visit(f *unpack.File) error {
	_, err := io.Copy(io.Discard, f)
	_ = err // which is the point
	return nil
}

func FuzzWalk(f *testing.F) {
	f.Add([]byte("text"))
	f.Add(gz(f, "text"))
	f.Add(pack(f, "a=1", "b="+string(gz(f, "2"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s seen
		sum, err := unpack.Walk(context.Background(), "-", bytes.NewReader(data), &s)
		if err == nil && sum != fmt.Sprintf("%x", sha256.Sum256(data)) {
			t.Fatalf("sum is %s", sum)
		}
	})
}
