package quantize

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// checkTarget refuses a path that must not be replaced.
func checkTarget(m *modelfile.Model, path string) error {
	target, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !target.Mode().IsRegular() {
		return fmt.Errorf("write %q: it exists and is no regular file", path)
	}
	for _, source := range append(slices.Clone(m.Files), m.Path) {
		if info, err := os.Stat(source); err == nil && os.SameFile(info, target) {
			return fmt.Errorf("write %q: the model is read from it", path)
		}
	}
	return nil
}

// Replace has fill write a temporary file beside path and puts it in the place of
// path when it is whole, so that path is never half there. If anything goes wrong
// the temporary file is removed.
func Replace(path string, fill func(*os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // the first error is the one to report
			os.Remove(f.Name())
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename last through a crash, where folders can be synced.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
