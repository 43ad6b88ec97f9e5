package cluster

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/split"
)

// formatVersion is Job.Format.
const formatVersion = 1

// sumsFile has the digests of files as sha256sum reads them.
const sumsFile = "files.sha256"

// Export writes a job into a new folder: the data of two parts, the trainer's
// configuration, launch.sh, a README and job.json with the digests of all. Of j
// are given Trainer, Name, Created, Program, Base, Settings, and of Data the
// columns, the instruction and the seed; the rest is filled in.
//
// special are spellings that must not stand in a row, because the trainer's
// tokenizer would take them for special tokens: rows that have one are left out,
// counted and returned. Nothing of the test part is written but how many rows it
// has and the digest of their digests.
//
// The folder appears when it is whole. The same rows and settings give the same
// bytes.
func Export(dir string, j *Job, t *dataset.Table, parts split.Split, special []string) ([]dataset.Problem, error) {
	if err := j.fill(t, parts); err != nil {
		return nil, err
	}
	w, err := newWriter(t, j.Data.Instruction, special)
	if err != nil {
		return nil, err
	}
	var learn, try bytes.Buffer
	var skipped, more []dataset.Problem
	if j.Data.Train, skipped, err = w.write(&learn, t, parts.Train); err != nil {
		return nil, err
	}
	if j.Data.Validation, more, err = w.write(&try, t, parts.Validation); err != nil {
		return nil, err
	}
	skipped = append(skipped, more...)
	if j.Data.LeftOut = len(skipped); j.Data.Train == 0 || j.Data.Validation == 0 {
		return skipped, fmt.Errorf("%d rows are left to learn from and %d to validate by: there must be some of both", j.Data.Train, j.Data.Validation)
	}
	files := map[string][]byte{TrainFile: learn.Bytes(), ValidationFile: try.Bytes()}
	files[LaunchFile], files[ReadmeFile] = []byte(j.launch()), []byte(j.readme())
	if j.Trainer == Torchtune {
		files[j.Trainer.ConfigFile()], files[TokenizerFile] = []byte(j.torchtune()), tokenizer
	} else {
		files[j.Trainer.ConfigFile()] = []byte(j.axolotl())
	}
	files[sumsFile] = sums(files)
	j.Files = map[string]string{}
	for name, data := range files {
		j.Files[name] = outcome.Digest(data)
	}
	if files[JobFile], err = json.Marshal(j, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return nil, err
	}
	return skipped, place(dir, files)
}

// fill checks what is given and fills in what follows from it.
func (j *Job) fill(t *dataset.Table, parts split.Split) error {
	for what, s := range map[string]string{"the name of the base": j.Base.Name, "where the base is": j.Base.At, "the name of the adapter": j.Name} {
		if s == "" || len(s) > 1024 || !oneLine(s) {
			return fmt.Errorf("%s, %.80q, is empty or not one line", what, s)
		}
	}
	if err := j.Settings.complete(&j.Base); err != nil {
		return err
	}
	if err := j.supports(); err != nil {
		return err
	}
	j.Format = formatVersion
	d := &j.Data
	d.Files = nil
	for _, f := range t.Files {
		d.Files = append(d.Files, filepath.Base(f.Path))
	}
	d.Digest, d.Kind, d.Labels = t.Digest, t.Kind, t.Labels
	d.Test, d.TestDigest = len(parts.Test), testDigest(t, parts.Test)
	if d.Test == 0 {
		return errors.New("no row is kept for the test: there are too few, or all belong together")
	}
	return nil
}

// testDigest is outcome.TestDigest of rows of a table.
func testDigest(t *dataset.Table, rows []int) string {
	texts := make([]outcome.Row, len(rows))
	for i, r := range rows {
		texts[i].Text = outcome.TextDigest(t.Rows[r].Text)
	}
	return outcome.TestDigest(texts)
}

// sums lists files as sha256sum reads them, by their names.
func sums(files map[string][]byte) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return b.Bytes()
}

// place writes files into a new folder, which gets its name when all of it is on
// the disk.
func place(dir string, contents map[string][]byte) (err error) {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("write job %q: %w", dir, fs.ErrExist)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temporary) // the first error is the one to report
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		if err := writeFile(filepath.Join(temporary, filepath.FromSlash(name)), contents[name]); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Chmod(temporary, 0o755), files.SyncFolder(filepath.Join(temporary, "data")), files.SyncFolder(temporary)); err != nil {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		return err
	}
	return files.SyncFolder(filepath.Dir(dir))
}

// writeFile writes a file whole, to the disk.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if strings.HasSuffix(path, ".sh") {
		mode = 0o755
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
