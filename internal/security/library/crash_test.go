package library_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// The environment that makes this test binary a process that imports.
const (
	childDir   = "LIBRARY_CHILD_DIR"
	childPoint = "LIBRARY_CHILD_POINT" // a stage and how often it is passed before the process does its deed there
	childDeed  = "LIBRARY_CHILD_DEED"  // kill, or wait for its standard input to end
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// A process that is killed before it made the tables, or is about to, leaves a
// file of one page. The next import fills it.
func TestFileWithoutTables(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, library.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA journal_mode=WAL"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, library.FileName)); err != nil || info.Size() == 0 {
		t.Fatalf("the file is %v, %v; want one page", info, err)
	}
	if _, err := library.Open(dir, library.Options{}); !errors.Is(err, library.ErrEmpty) {
		t.Errorf("Open for reading = %v, want ErrEmpty", err)
	}
	load(t, open(t, dir), town, "one")
}

// big returns an edition that takes many pages, index and log included.
func big(version, word string, n int) book {
	b := book{pubs: pub("attack-enterprise", version, "2020-01-0"+version)}
	for i := range n {
		b.entries = append(b.entries, technique(fmt.Sprintf("T%04d", i), fmt.Sprint(word, " number ", i), strings.Repeat(fmt.Sprintf("The %s%d is %s. ", word, i, word), 20)))
		b.relations = append(b.relations, feed.Relation{From: fmt.Sprintf("T%04d", i), Type: "follows", To: fmt.Sprintf("T%04d", i+1), Text: fmt.Sprintf("After %s%d.", word, i)})
	}
	return b
}

var editions = shelf{"1": big("1", "badger", 600), "2": big("2", "heron", 700)}

// child imports the second edition, and dies or waits on the way.
func child(dir string) int {
	l, err := library.Open(dir, library.Options{Write: true, Wait: 200 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return 3
	}
	var stage string
	left := 0
	fmt.Sscan(os.Getenv(childPoint), &stage, &left)
	opt := library.WithStage(library.ImportOptions{Read: editions.read}, func(at string) {
		if at != stage {
			return
		}
		if left--; left >= 0 {
			return
		}
		if os.Getenv(childDeed) == "kill" {
			self, _ := os.FindProcess(os.Getpid()) // it is there
			self.Kill()
			select {}
		}
		fmt.Println("here")
		os.Stdin.Read(make([]byte, 1))
	})
	if _, err := l.Import(context.Background(), []string{"2"}, opt); err != nil {
		fmt.Println(err)
		return 3
	}
	l.Close()
	return 0
}

// spawn prepares a child.
func spawn(t *testing.T, dir, point, deed string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childPoint+"="+point, childDeed+"="+deed)
	return cmd
}

// holds checks that a library is whole and of an edition.
func holds(t *testing.T, dir, edition, word string, n int) {
	t.Helper()
	l, err := library.Open(dir, library.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if edition != "" && l.Edition() != edition {
		t.Errorf("edition %s, want %s", l.Edition(), edition)
	}
	entries, relations := 0, 0
	if err := l.EachEntry(t.Context(), nil, func(e *feed.Entry) error {
		entries++
		if !strings.HasPrefix(e.Name, word) {
			return fmt.Errorf("%s is %q", e.ID, e.Name)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := l.EachRelation(t.Context(), nil, func(*feed.Relation) error { relations++; return nil }); err != nil {
		t.Error(err)
	}
	if entries != n || relations != n {
		t.Errorf("%d entries and %d relations, want %d", entries, relations, n)
	}
	hits, err := l.Search(t.Context(), word+"7", library.SearchOptions{})
	if err != nil || len(hits) < 2 {
		t.Errorf("Search = %v, %v, want an entry and a relation", hits, err)
	}
}

func TestKilledImportLeavesTheOldEdition(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	for _, c := range []struct {
		point string
		done  bool
	}{
		{"entry 0", false}, {"entry 1", false}, {"relation 1", false}, {"read 0", false}, {"merged 0", false},
		{"index 0", false}, {"index 3", false}, {"indexed 0", false}, {"commit 0", false}, {"committed 0", true},
	} {
		t.Run(c.point, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir)
			load(t, l, editions, "1")
			before := l.Edition()
			l.Close()
			out, err := spawn(t, dir, c.point, "kill").CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Fatalf("the child was not killed: %v, %s", err, out)
			}
			if c.done {
				holds(t, dir, "", "heron", 700)
				return
			}
			holds(t, dir, before, "badger", 600)
			l = open(t, dir)
			load(t, l, editions, "2") // and the library still takes it
			l.Close()
			holds(t, dir, "", "heron", 700)
		})
	}
}

func TestTwoImportsAtOnce(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	load(t, l, editions, "1")
	before := l.Edition()
	first := spawn(t, dir, "merged 0", "wait")
	in, err := first.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer first.Wait()
	defer in.Close()
	if _, err := said.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	// The first holds the lock. The second says who that is.
	out, err := spawn(t, dir, "never 0", "").CombinedOutput()
	if want := fmt.Sprintf("process %d ", first.Process.Pid); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("the second import said %q, %v, want it to name %s", out, err, want)
	}
	// Readers are not held up.
	holds(t, dir, before, "badger", 600)
	in.Close()
	if err := first.Wait(); err != nil {
		t.Errorf("the first import: %v", err)
	}
	holds(t, dir, "", "heron", 700)
	if _, err := os.Stat(filepath.Join(dir, "library.writer")); err == nil {
		t.Error("the writer's note stayed")
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	load(t, l, editions, "1")
	before := l.Edition()
	size, err := l.Size()
	if err != nil {
		t.Fatal(err)
	}
	opt := library.WithPages(library.ImportOptions{Read: editions.read}, int(size/8192)+20)
	_, err = l.Import(t.Context(), []string{"2"}, opt)
	var e *casemate.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "disk is full") || e.Code != casemate.CodeInput {
		t.Errorf("Import on a full disk = %v", err)
	}
	if l.Edition() != before {
		t.Error("the edition changed")
	}
	l.Close()
	holds(t, dir, before, "badger", 600)
}

func TestInterruptedImport(t *testing.T) {
	for _, stage := range []string{"entry", "relation", "read", "merged", "index", "indexed"} {
		dir := t.TempDir()
		l := open(t, dir)
		load(t, l, editions, "1")
		before := l.Edition()
		ctx, cancel := context.WithCancel(t.Context())
		opt := library.WithStage(library.ImportOptions{Read: editions.read}, func(at string) {
			if at == stage {
				cancel()
			}
		})
		if _, err := l.Import(ctx, []string{"2"}, opt); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Import = %v, want context.Canceled", stage, err)
		}
		cancel()
		l.Close()
		holds(t, dir, before, "badger", 600)
	}
}

// flip writes bytes into a file.
func flip(t *testing.T, path string, at int64, with []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(with, at); err != nil {
		t.Fatal(err)
	}
}

func TestForeignFiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  string
	}{
		{"no database", func(t *testing.T, path string) { flip(t, path, 0, []byte(strings.Repeat("not a database ", 20))) }, "is not a knowledge base"},
		{"another program's", func(t *testing.T, path string) { flip(t, path, 68, []byte{0, 0, 0, 1}) }, "database of another program"},
		{"a newer one", func(t *testing.T, path string) { flip(t, path, 60, []byte{0, 0, 0, 99}) }, "newer casemate (schema 99"},
		{"version 0", func(t *testing.T, path string) { flip(t, path, 60, []byte{0, 0, 0, 0}) }, "schema 0"},
		{"a folder", func(t *testing.T, path string) { os.Remove(path); os.Mkdir(path, 0o700) }, "not a regular file"},
	} {
		for _, write := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " ", write), func(t *testing.T) {
				dir := t.TempDir()
				l := open(t, dir)
				load(t, l, town, "one")
				l.Close()
				c.spoil(t, l.Path())
				_, err := library.Open(dir, library.Options{Write: write})
				var e *casemate.Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) || e.Hint == "" {
					t.Errorf("Open = %v, want %q and a hint", err, c.want)
				}
			})
		}
	}
}

// Whatever page is damaged, nothing panics and every answer is right or an error.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	load(t, l, editions, "1")
	l.Close()
	whole, err := os.ReadFile(l.Path())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for page := 1; page < len(whole)/8192; page += max(1, len(whole)/8192/40) {
		spoiled := append([]byte(nil), whole...)
		for i := range 4096 {
			spoiled[page*8192+i] ^= byte(0x5a + i)
		}
		if err := os.WriteFile(l.Path(), spoiled, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := use(t, dir); err != nil {
			found++
			var e *casemate.Error
			if !errors.As(err, &e) && !errors.Is(err, library.ErrNotFound) {
				t.Errorf("page %d: %v is no error for a person", page, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d damaged pages were noticed", found)
	}
}

// use does all that a reader can.
func use(t *testing.T, dir string) error {
	l, err := library.Open(dir, library.Options{})
	if err != nil {
		return err
	}
	defer l.Close()
	_, _, err1 := l.Entry(t.Context(), "T0007")
	_, err2 := l.Search(t.Context(), "badger7 number", library.SearchOptions{})
	_, err3 := l.Links(t.Context(), "T0300")
	err4 := l.EachEntry(t.Context(), nil, func(*feed.Entry) error { return nil })
	err5 := l.EachRelation(t.Context(), nil, func(*feed.Relation) error { return nil })
	return errors.Join(err1, err2, err3, err4, err5, l.Check(t.Context()))
}

func TestUnwritable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := library.Open(dir, library.Options{Write: true})
	var e *casemate.Error
	if !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("Open = %v, want an error with a hint", err)
	}
}

// Nothing but the library stays behind.
func TestCloseFoldsTheLog(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	load(t, l, town, "one")
	l.Close()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != library.FileName {
		t.Errorf("after Close there are %v, %v", files, err)
	}
}
