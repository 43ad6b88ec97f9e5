package library_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// book is what the tests' reader finds under one path.
type book struct {
	pubs      []feed.Publication
	entries   []feed.Entry
	relations []feed.Relation
	faults    int
	err       error // after everything was passed on
}

// shelf is a reader whose paths are books.
type shelf map[string]book

func (s shelf) read(_ context.Context, path string, _ io.Reader, sink feed.Sink, _ feed.Options) (feed.Report, error) {
	b, ok := s[path]
	if !ok {
		return feed.Report{}, fmt.Errorf("no book %q", path)
	}
	rep := feed.Report{FaultCount: b.faults, Publications: b.pubs}
	for i := range b.faults {
		rep.Faults = append(rep.Faults, casemate.Fault{At: casemate.Location{File: path}, Reason: fmt.Sprint("fault ", i)})
	}
	if len(b.pubs) == 0 {
		return rep, b.err
	}
	key := b.pubs[0].Key
	for _, e := range b.entries {
		if e.Publication == "" {
			e.Publication = key
		}
		if err := sink.Entry(&e); err != nil {
			return rep, err
		}
	}
	for _, r := range b.relations {
		if r.Publication == "" {
			r.Publication = key
		}
		if err := sink.Relation(&r); err != nil {
			return rep, err
		}
	}
	return rep, b.err
}

func pub(key, version, date string) []feed.Publication {
	return []feed.Publication{{Key: key, Name: "The " + key + " catalogue", Version: version, Date: date, Path: key + version, Source: key + version + date}}
}

func entry(kind, id, name string, text ...string) feed.Entry {
	e := feed.Entry{Kind: kind, ID: id, Name: name}
	for i, t := range text {
		e.Sections = append(e.Sections, feed.Section{Name: []string{"description", "detection", "mitigation"}[i%3], Text: t})
	}
	return e
}

func technique(id, name string, text ...string) feed.Entry {
	return entry(feed.KindTechnique, id, name, text...)
}

// open opens a library for writing, and closes it at the test's end.
func open(t testing.TB, dir string) *library.Library {
	t.Helper()
	l, err := library.Open(dir, library.Options{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// load imports books into l.
func load(t testing.TB, l *library.Library, s shelf, paths ...string) *library.ImportReport {
	t.Helper()
	rep, err := l.Import(t.Context(), paths, library.ImportOptions{Read: s.read})
	if err != nil {
		t.Fatalf("Import(%q): %v", paths, err)
	}
	return rep
}

// refused imports books and wants an error of a code.
func refused(t testing.TB, l *library.Library, s shelf, code casemate.Code, opt library.ImportOptions, paths ...string) *casemate.Error {
	t.Helper()
	opt.Read = s.read
	before := l.Edition()
	_, err := l.Import(t.Context(), paths, opt)
	var e *casemate.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("Import(%q) = %v, want an error of code %q", paths, err, code)
	}
	if after := l.Edition(); after != before {
		t.Errorf("the refused import changed the edition from %q to %q", before, after)
	}
	return e
}
