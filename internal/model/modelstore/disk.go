package modelstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/files"
)

// disk is every change that a store makes to the file system. Before each one
// step is called, if there is one, and an error of it stands for one of the
// file system: the tests stop the store there.
type disk struct {
	step   func(what, path string) error
	noWait bool // bytes are not waited for: the tests change much and lose nothing
}

// The modes of what the store makes. A blob is never written again.
const (
	folderMode = 0o700
	fileMode   = 0o600
	blobMode   = 0o400
)

func (d *disk) before(what, path string) error {
	if d.step == nil {
		return nil
	}
	return d.step(what, path)
}

// folder makes a folder and those above it.
func (d *disk) folder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if err := d.before("folder", path); err != nil {
		return err
	}
	return os.MkdirAll(path, folderMode)
}

// link gives a file a second name.
func (d *disk) link(from, to string) error {
	if err := d.before("link", to); err != nil {
		return err
	}
	return os.Link(from, to)
}

// rename moves a file or folder; a file that is there is replaced.
func (d *disk) rename(from, to string) error {
	if err := d.before("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// remove deletes one file or empty folder, if it is there.
func (d *disk) remove(path string) error {
	if err := d.before("remove", path); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeAll deletes a file or folder and what is in it, if it is there.
func (d *disk) removeAll(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := d.removeAll(filepath.Join(path, e.Name())); err != nil {
				return err
			}
		}
	}
	return d.remove(path)
}

// create makes a file that must not be there.
func (d *disk) create(path string) (*os.File, error) {
	if err := d.before("create", path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
}

// write appends to a file.
func (d *disk) write(f *os.File, p []byte) error {
	if err := d.before("write", f.Name()); err != nil {
		return err
	}
	_, err := f.Write(p)
	return err
}

// sync waits until a file's bytes are on disk.
func (d *disk) sync(f *os.File) error {
	if err := d.before("sync", f.Name()); err != nil {
		return err
	}
	if d.noWait {
		return nil
	}
	return f.Sync()
}

// syncFolder waits until the names in a folder are on disk.
func (d *disk) syncFolder(path string) error {
	if err := d.before("sync", path); err != nil {
		return err
	}
	if d.noWait {
		return nil
	}
	return files.SyncFolder(path)
}

// put writes a small file so that it is there whole or not at all, through a
// name beside it. Its folder is not synced.
func (d *disk) put(temporary, path string, data []byte) error {
	f, err := d.create(temporary)
	if err != nil {
		return err
	}
	err = d.write(f, data)
	if err == nil {
		err = d.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return d.rename(temporary, path)
}
