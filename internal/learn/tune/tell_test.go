package tune_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/tune"
)

// TestRoom says before the work what will not fit, and where.
func TestRoom(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	if _, known := files.Free(dir); !known {
		t.Skip("this system does not say how much is free")
	}
	err := tune.Room(dir, 1<<60, "the head")
	if err == nil || !strings.Contains(err.Error(), "the head will take up to") || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want one that says what and where", err)
	}
	if err := tune.Room(dir, 1, "a byte"); err != nil {
		t.Error(err)
	}
}

// TestHeadBytes foresees at least what is written, and not a hundred times as much.
func TestHeadBytes(t *testing.T) {
	for _, kind := range []dataset.Kind{dataset.KindSingle, dataset.KindMulti} {
		table := invent(t, 200, 0, kind)
		size := int64(0)
		for _, f := range train(t, table, tune.Options{}).Files() {
			size += int64(len(f.Data))
		}
		if got := tune.HeadBytes(table); got < 2*size || got > 200*size {
			t.Errorf("%s: %d bytes foreseen, %d in the folder", kind, got, size)
		}
	}
}

// TestLongReadingIsForetold says how long a model will read once the first rows are,
// and what that takes, if it is worth a word.
func TestLongReadingIsForetold(t *testing.T) {
	table := invent(t, 160, 0, dataset.KindSingle)
	got := tune.Foretold(table, 3*time.Minute, 3e9) // eight of 160 rows took three minutes
	want := regexp.MustCompile(`^the model reads 160 rows, which takes about [56]\d minutes; what it reads takes 3\.00 GB in DIR, and a run that is broken off goes on from there$`)
	if !want.MatchString(got) { // an hour, more or less: rows differ in length
		t.Errorf("%q", got)
	}
	if got := tune.Foretold(table, time.Millisecond, 1e6); got != "" {
		t.Errorf("%q of a moment and a megabyte", got)
	}
}
