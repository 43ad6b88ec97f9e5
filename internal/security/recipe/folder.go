package recipe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// folder holds the files of a recipe by their paths. What runs is what was
// loaded, whatever happens to the folder afterwards.
type folder map[string][]byte

// read takes the files of a folder. Links and devices are refused: what a recipe
// says must stand in it.
func read(fsys fs.FS) (folder, error) {
	f := folder{}
	total := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(path.Base(name), "."):
			if d.IsDir() {
				return fs.SkipDir // a version control's own
			}
			return nil
		case d.IsDir():
			if strings.Count(name, "/") > 4 {
				return fmt.Errorf("%s: folders are deeper than 4", name)
			}
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s: is no plain file; a recipe holds no links", name)
		case len(f) == MaxFiles:
			return fmt.Errorf("it has more than %d files", MaxFiles)
		}
		data, err := readFile(fsys, name)
		if err != nil {
			return err
		}
		if total += len(data); total > MaxBytes {
			return fmt.Errorf("it has more than %d MiB", MaxBytes>>20)
		}
		f[name] = data
		return nil
	})
	if err != nil {
		return nil, err
	}
	if f[File] == nil {
		return nil, fmt.Errorf("it holds no %s", File)
	}
	return f, nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	in, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%s: is over %d MiB", name, MaxFile>>20)
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// digest is over the names and contents of all files.
func (f folder) digest() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(f[name]), f[name])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Open makes a folder a file system, for those who read prompts and cases of it.
func (f folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if data, ok := f[name]; ok {
		return &openFile{entry{path.Base(name), int64(len(data)), false}, bytes.NewReader(data)}, nil
	}
	list, ok := f.list(name)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &openFolder{entry: entry{path.Base(name), 0, true}, list: list}, nil
}

// list returns what a folder holds, in the order of names.
func (f folder) list(dir string) (list []fs.DirEntry, ok bool) {
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		rest := name
		if dir != "." {
			var below bool
			if rest, below = strings.CutPrefix(name, dir+"/"); !below {
				continue
			}
		}
		first, _, isDir := strings.Cut(rest, "/")
		if !seen[first] {
			seen[first] = true
			size := int64(0)
			if !isDir {
				size = int64(len(f[name]))
			}
			list = append(list, entry{first, size, isDir})
		}
	}
	return list, len(list) > 0 || dir == "."
}

// entry is what is known of a file.
type entry struct {
	name string
	size int64
	dir  bool
}

func (e entry) Name() string               { return e.name }
func (e entry) Size() int64                { return e.size }
func (e entry) IsDir() bool                { return e.dir }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) Sys() any                   { return nil }
func (e entry) Type() fs.FileMode          { return e.Mode().Type() }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

type openFile struct {
	entry
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *openFile) Size() int64                { return f.entry.size }
func (f *openFile) Close() error               { return nil }

type openFolder struct {
	entry
	list []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.entry, nil }
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.name, Err: errors.New("is a folder")}
}
func (f *openFolder) Close() error { return nil }

// ReadDir implements fs.ReadDirFile.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		list := f.list
		f.list = nil
		return list, nil
	}
	if len(f.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.list))
	list := f.list[:n]
	f.list = f.list[n:]
	return list, nil
}
