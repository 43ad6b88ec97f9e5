// Package files is what the program asks of a file system beyond the standard
// library: files that are whole or not there, names that last through a crash,
// reads of bounded length, locks that end with their process, and free space.
package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// temporary is in the names of files that are not whole yet, after what they are
// to be called.
const temporary = ".tmp-"

// Replace has fill write a temporary file beside path and gives it the name path
// when it is whole and on the disk, so that path is never half there. If anything
// goes wrong, what was there stays and the temporary file is removed.
func Replace(path string, fill func(*os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+temporary+"*")
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
	if err := errors.Join(f.Chmod(0o644), f.Sync()); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// Sweep removes what a Replace of path has left that was killed. Only who knows
// that no other process writes path may call it.
func Sweep(path string) error {
	dir, name := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for what is left of %q: %w", path, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+temporary) && e.Type().IsRegular() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove what is left of %q: %w", path, err)
			}
		}
	}
	return nil
}

// SyncFolder waits until the names in a folder are on disk. Windows has no such
// thing: its journal keeps them in order.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Read reads a plain file, or what a link to one leads to, of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return read(path, info, limit)
}

// ReadPlain is Read, but a link is refused.
func ReadPlain(path string, limit int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	return read(path, info, limit)
}

func read(path string, info os.FileInfo, limit int64) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no plain file")
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("it is longer than %d bytes", limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit { // it grew
		return nil, fmt.Errorf("it is longer than %d bytes", limit)
	}
	return data, err
}

// Free returns the bytes that a user can still write to the file system of a
// folder, which need not be there yet, and false where the system does not say.
func Free(dir string) (int64, bool) {
	at := filepath.Clean(dir)
	for {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			return free(at)
		}
		at = filepath.Dir(at)
	}
}
