package train

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
)

const (
	folderMode = 0o755
	fileMode   = 0o644
	// temporary begins the names of files that are not whole yet.
	temporary  = ".tmp-"
	bufferSize = 1 << 20
)

// disk is the file system as the run uses it. Tests break off before any
// operation.
type disk struct {
	step func(operation, path string) error
}

func (d *disk) before(operation, path string) error {
	if d.step == nil {
		return nil
	}
	return d.step(operation, path)
}

// file is a file that is being written.
type file struct {
	*bufio.Writer
	f *os.File
	d *disk
}

// unbuffered is what the buffer writes to.
type unbuffered struct{ *file }

func (u unbuffered) Write(p []byte) (int, error) {
	if err := u.d.before("write", u.f.Name()); err != nil {
		return 0, err
	}
	return u.f.Write(p)
}

// put writes a file so that it is there whole or not at all, and lasts: through
// a name beside it that is synced and then moved into its place.
func (d *disk) put(path string, fill func(*file) error) (err error) {
	dir, name := filepath.Split(path)
	beside := filepath.Join(dir, temporary+name)
	if err := d.before("create", beside); err != nil {
		return err
	}
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %q: %w", path, errors.Join(err, d.remove(beside)))
		}
	}()
	w := &file{f: f, d: d}
	w.Writer = bufio.NewWriterSize(unbuffered{w}, bufferSize)
	if err = fill(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = d.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = d.before("rename", path); err != nil {
		return err
	}
	if err = os.Rename(beside, path); err != nil {
		return err
	}
	return d.syncFolder(dir)
}

func (d *disk) sync(f *os.File) error {
	if err := d.before("sync", f.Name()); err != nil {
		return err
	}
	return f.Sync()
}

// syncFolder waits until the names in a folder are on disk.
func (d *disk) syncFolder(dir string) error {
	if err := d.before("sync", dir); err != nil {
		return err
	}
	return files.SyncFolder(dir)
}

// remove deletes a file, if it is there.
func (d *disk) remove(path string) error {
	if err := d.before("remove", path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes what an earlier process left half written.
func (d *disk) sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) && e.Type().IsRegular() {
			if err := d.remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// noRoom says before a run, in words, that its files will not fit.
func noRoom(dir string, need, free int64) error {
	return &casemate.Error{
		Code:    casemate.CodeInput,
		Message: fmt.Sprintf("training will write up to %s to %q, where %s are free", megabytes(need), dir, megabytes(free)),
		Hint:    "free some space, choose a folder on another disk, or keep fewer checkpoints",
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
