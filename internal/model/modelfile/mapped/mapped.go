// Package mapped gives the bytes of a file without reading them all: it maps the
// file into memory where the system can, and reads it whole elsewhere.
//
// A mapping shows what the file holds now. If another program writes into the
// file, the bytes change; if it cuts the file short, reading the missing pages
// is a fault that ends the process. Changed notices both, and Guard turns the
// fault into an error.
package mapped

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"unsafe"
)

// ErrChanged is the error of a file that is not what it was when it was opened;
// it comes wrapped.
var ErrChanged = errors.New("the file has changed since it was opened")

// File is a file whose bytes are in memory. It is safe for use by several
// goroutines, but for Close.
type File struct {
	path string
	file *os.File
	data []byte
	info os.FileInfo // at opening
}

// Open maps the regular file at path, or the one that a symbolic link there
// leads to. Devices, pipes and folders are refused without opening them.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	// What lies at path may have become a pipe by now, which must not block.
	file, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	f, err := open(path, file)
	if err != nil {
		file.Close() // the first error is the one to report
		return nil, err
	}
	return f, nil
}

func open(path string, file *os.File) (*File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	size := info.Size()
	if int64(int(size)) != size {
		return nil, fmt.Errorf("map %q: %d bytes are more than this machine can address", path, size)
	}
	f := &File{path: path, file: file, info: info}
	if size > 0 {
		if f.data, err = load(file, int(size)); err != nil {
			return nil, fmt.Errorf("map %q: %w", path, err)
		}
	}
	return f, nil
}

func regular(path string, info os.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return fmt.Errorf("map %q: it is a folder", path)
	default:
		return fmt.Errorf("map %q: it is no regular file (%v)", path, mode.Type())
	}
}

// Path returns what the file was opened by.
func (f *File) Path() string { return f.path }

// Data returns the file's bytes, which are not to be written, and not to be
// used after Close.
func (f *File) Data() []byte { return f.data }

// Close gives the memory back. Data must not be used any more: that would be a
// fault.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := errors.Join(unload(f.data), f.file.Close())
	f.data, f.file = nil, nil
	return err
}

// Release says that a part of Data is not needed soon, so that a walk through a
// large file does not fill the memory with it. It may be read again at any time.
func (f *File) Release(part []byte) {
	if len(part) == 0 || !f.holds(address(part)) {
		return
	}
	page := os.Getpagesize()
	skip := -int(address(part)) & (page - 1)
	if n := len(part) - skip; n >= page {
		release(part[skip : skip+n&^(page-1)])
	}
}

// Changed returns an error, naming the file, if the file that was opened has
// been written since or another lies at its path now. It compares size, times of
// change and identity; the bytes it does not read.
func (f *File) Changed() error {
	if f.file == nil {
		return fmt.Errorf("file %q: %w", f.path, os.ErrClosed)
	}
	now, err := f.file.Stat()
	if err != nil {
		return err
	}
	if what := differs(f.info, now); what != "" {
		return fmt.Errorf("file %q: %w: %s", f.path, ErrChanged, what)
	}
	there, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("file %q: %w: %w", f.path, ErrChanged, err)
	}
	if !os.SameFile(now, there) {
		return fmt.Errorf("file %q: %w: another lies in its place", f.path, ErrChanged)
	}
	return nil
}

// differs says how a file is not what it was, or "".
func differs(then, now os.FileInfo) string {
	switch {
	case now.Size() != then.Size():
		return fmt.Sprintf("it had %d bytes, now %d", then.Size(), now.Size())
	case !now.ModTime().Equal(then.ModTime()):
		return "it has been written"
	case touched(then, now):
		return "it has been written and its time put back"
	}
	return ""
}

// Guard calls work and returns its error. If work reads bytes of the file that
// are not there any more, because the file has been cut short, Guard returns an
// error that names the file, where otherwise the process would end. It holds for
// the goroutine that calls it, not for others that work starts. What work was
// writing is then half done.
//
// Other panics pass.
func (f *File) Guard(work func() error) (err error) {
	return Guard([]*File{f}, work)
}

// Guard does for several files what File.Guard does for one.
func Guard(files []*File, work func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		caught := recover()
		if caught == nil {
			return
		}
		// The runtime's error for a fault at an address that is not nil's.
		fault, ok := caught.(interface{ Addr() uintptr })
		if !ok {
			panic(caught)
		}
		for _, f := range files {
			if f.holds(fault.Addr()) {
				err = fmt.Errorf("read file %q: %w: it has been cut short or cannot be read any more", f.path, ErrChanged)
				return
			}
		}
		panic(caught)
	}()
	return work()
}

// holds says whether an address lies in the mapping. A read may begin before
// the address at which it faults, so the last page counts whole.
func (f *File) holds(at uintptr) bool {
	if len(f.data) == 0 {
		return false
	}
	start, page := address(f.data), uintptr(os.Getpagesize())
	end := (start + uintptr(len(f.data)) + page - 1) &^ (page - 1)
	return at >= start && at < end
}

// address returns where b begins, to be compared with other addresses and never
// followed: the runtime says nothing but a number of the place of a fault.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
