package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/files"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
	// keptMode is that of a version's files: they are never written again.
	keptMode = 0o400
)

// disk is every change that a registry makes to the file system. Before each one
// step is called, if there is one, and an error of it stands for one of the file
// system: the tests stop the registry there.
type disk struct {
	step   func(what, path string) error
	noWait bool // bytes are not waited for: the tests change much and lose nothing
}

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

func (d *disk) rename(from, to string) error {
	if err := d.before("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (d *disk) removeAll(path string) error {
	if err := d.before("remove", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// put writes a file that must not be there, and waits until it is on disk.
func (d *disk) put(path string, mode os.FileMode, write func(w io.Writer) error) error {
	if err := d.before("create", path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = d.before("write", path)
	if err == nil {
		err = write(f)
	}
	if err == nil {
		err = d.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

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

// replace writes a file so that its place holds what was there or all of the new,
// whatever happens.
func (d *disk) replace(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) { // of one that was killed
		return err
	}
	err := d.put(temporary, fileMode, func(w io.Writer) error { _, err := w.Write(data); return err })
	if err == nil {
		err = d.rename(temporary, path)
	}
	if err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(path))
}
