package feed_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// collected is a sink that keeps everything.
type collected struct {
	entries   []*feed.Entry
	relations []*feed.Relation
}

func (c *collected) Entry(e *feed.Entry) error {
	c.entries = append(c.entries, e)
	return nil
}

func (c *collected) Relation(r *feed.Relation) error {
	c.relations = append(c.relations, r)
	return nil
}

// find returns the entry with an id, or fails.
func (c *collected) find(t testing.TB, id string) *feed.Entry {
	t.Helper()
	for _, e := range c.entries {
		if e.ID == id {
			return e
		}
	}
	t.Fatalf("no entry %s", id)
	return nil
}

// counted is a sink that keeps nothing.
type counted struct{ entries, relations int }

func (c *counted) Entry(*feed.Entry) error       { c.entries++; return nil }
func (c *counted) Relation(*feed.Relation) error { c.relations++; return nil }

// readBytes reads content as the standard input.
func readBytes(t testing.TB, content []byte) (*collected, feed.Report, error) {
	t.Helper()
	c := &collected{}
	rep, err := feed.Read(context.Background(), "-", bytes.NewReader(content), c, feed.Options{})
	return c, rep, err
}

// readString is readBytes of a text.
func readString(t testing.TB, content string) (*collected, feed.Report, error) {
	t.Helper()
	return readBytes(t, []byte(content))
}

// readPath reads a file or a folder.
func readPath(t testing.TB, path string) (*collected, feed.Report, error) {
	t.Helper()
	c := &collected{}
	rep, err := feed.Read(context.Background(), path, nil, c, feed.Options{})
	return c, rep, err
}

// sample returns a sample file.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "samples", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// packed returns data in gzip.
func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// member is a file of an archive.
type member struct {
	name string
	data []byte
}

// archive returns a zip of files.
func archive(t testing.TB, files ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// store writes data to a file of its own.
func store(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantError fails unless err is a casemate.Error that says all of want.
func wantError(t testing.TB, err error, want ...string) {
	t.Helper()
	var e *casemate.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want a casemate.Error with %q", err, want)
	}
	if e.Code != casemate.CodeInput || e.Hint == "" {
		t.Errorf("error has code %q and hint %q", e.Code, e.Hint)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error is %q, want one with %q", err, w)
		}
	}
}

// wantFault fails unless a fault of the report says want.
func wantFault(t testing.TB, rep feed.Report, want string) {
	t.Helper()
	for _, f := range rep.Faults {
		if strings.Contains(f.Reason, want) {
			return
		}
	}
	t.Errorf("faults are %v, want one with %q", rep.Faults, want)
}
