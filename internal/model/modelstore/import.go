package modelstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
)

// Mode is how files come into the store.
type Mode string

// The modes.
const (
	// ModeAuto gives weights a second name (a hard link) where the file system
	// can, and copies them where it cannot. Small files are always copied.
	ModeAuto Mode = ""
	ModeLink Mode = "link" // weights are linked, or the import fails
	ModeCopy Mode = "copy"
)

// ImportOptions is how a model is imported. The zero value works.
type ImportOptions struct {
	Mode    Mode
	Replace bool      // another model may have the name
	At      time.Time // what the manifest says of when
	// Progress is told how far the import is; nil means nobody asks.
	Progress func(Progress)
}

// Progress is how far an import or a check has come.
type Progress struct {
	Doing       string // "reading", then "checking"
	Done, Total int64  // bytes of that
}

// Imported is what an import did.
type Imported struct {
	Manifest  *Manifest `json:"manifest"`
	Unchanged bool      `json:"unchanged"`           // the name had this model already
	Replaced  string    `json:"replaced,omitempty"`  // the digest that the name had before
	Followed  []string  `json:"followed,omitempty"`  // symbolic links
	LeftOut   []string  `json:"left_out,omitempty"`  // files of the folder that are no part of a model
	Mended    []string  `json:"mended,omitempty"`    // files that were damaged in the store
	Reclaimed int64     `json:"reclaimed,omitempty"` // bytes that no model uses any more
}

// Import brings a model into the store: a GGUF file, all shards of a split one,
// or a folder of safetensors. It is opened and checked first, a model with a
// number that is not finite is refused. On an error the store is as it was.
//
// A name that has the same model already keeps it; one that has another is
// refused without Replace.
//
// Errors tell what is at path, for the person whose file it is: a server that
// imports for others must not take paths from them.
func (s *Store) Import(ctx context.Context, path, name string, o ImportOptions) (*Imported, error) {
	r, ok := parseName(name)
	if !ok {
		return nil, usage(fmt.Sprintf("%q is no name for a model", name), "up to 63 small letters, digits, dots, underscores and hyphens, a letter or digit first; a tag after a colon")
	}
	src, err := findSource(path)
	if err != nil {
		return nil, err
	}
	seen, err := s.inspect(src.open(), nil)
	if err != nil {
		return nil, refused(path, err)
	}
	src.keepOnly(seen.files)
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, full(err)
	}
	defer unlock() // the lock ends with the file in any case
	if _, err := s.clean(); err != nil {
		return nil, fmt.Errorf("clear what an import left behind: %w", err)
	}
	job := &job{Store: s, ctx: ctx, o: o, src: src, out: &Imported{Followed: src.followed, LeftOut: src.leftOut}}
	if err := job.run(r, path); err != nil {
		s.clean() // what is left behind even so is cleared by the next import
		return nil, full(err)
	}
	return job.out, nil
}

// full tells what to do about a full disk.
func full(err error) error {
	if files.IsFull(err) {
		return &casemate.Error{Code: casemate.CodeInput, Message: "import the model", Err: err, Hint: "free some space, or put the data directory (--data) on the disk of the model: there its files are linked and take none"}
	}
	return err
}

// job is one import.
type job struct {
	*Store
	ctx context.Context
	o   ImportOptions
	src *source
	out *Imported

	manifest    *Manifest
	done, total int64
}

func (j *job) staged(name string) string { return j.path(incomingDir, "files", name) }

// run stages the files, checks them where they now lie, and takes them in.
func (j *job) run(r reference, path string) error {
	if err := j.stage(); err != nil {
		return err
	}
	checked := j.path(incomingDir, "files")
	if !j.src.folder {
		checked = j.staged(j.src.files[0].name)
	}
	found, err := j.inspect(checked, func(done, total int64) { j.tell("checking", done, total) })
	if err != nil {
		return refused(path, err)
	}
	m := j.manifest
	m.Version, m.Name, m.Format, m.Digest = manifestVersion, r.String(), found.format, totalDigest(m.Files)
	m.Architecture, m.Parameters, m.Quantisation, m.License = found.architecture, found.parameters, found.quantisation, found.license
	m.Source, m.ImportedAt = j.src.path, j.o.At.UTC()
	if err := m.check(); err != nil {
		return fmt.Errorf("make the manifest of %q: %w", r, err)
	}
	before, err := j.taken(r)
	if err != nil {
		return err
	}
	if err := j.takeIn(); err != nil {
		return err
	}
	if before != nil && before.Digest == m.Digest {
		j.out.Unchanged, j.out.Manifest = true, before
	} else {
		if err := j.publish(r); err != nil {
			return err
		}
		j.out.Manifest = m
		if before != nil {
			j.out.Replaced = before.Digest
		}
	}
	// The model is in; what cannot be cleared now is cleared by the next import.
	j.out.Reclaimed, _ = j.clean()
	return nil
}

// taken returns the manifest that the name has, which must allow another.
func (j *job) taken(r reference) (*Manifest, error) {
	before, err := j.read(r)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil && j.o.Replace:
		return &Manifest{Digest: "damaged"}, nil
	case err != nil:
		return nil, err
	case before.Digest != j.manifest.Digest && !j.o.Replace:
		return nil, usage(fmt.Sprintf("the name %q has another model, %.19s…, imported from %s", r, before.Digest, before.Source), "choose another name, or give --replace")
	}
	return before, nil
}

// stage links or copies all files into the incoming folder, hashed.
func (j *job) stage() error {
	for _, dir := range []string{j.path(blobsDir), j.path(treesDir), j.path(manifestsDir), j.path(incomingDir, "files")} {
		if err := j.disk.folder(dir); err != nil {
			return fmt.Errorf("make the model store: %w", err)
		}
	}
	for _, f := range j.src.files {
		if info, err := os.Stat(f.path); err == nil {
			j.total += info.Size()
		}
	}
	j.manifest = &Manifest{}
	for _, f := range j.src.files {
		file, linked, err := j.stageFile(f)
		if err != nil {
			return fmt.Errorf("import %q: %w", f.name, err)
		}
		j.manifest.Files = append(j.manifest.Files, file)
		if linked {
			j.manifest.Linked = append(j.manifest.Linked, f.name)
		}
	}
	return j.disk.syncFolder(j.path(incomingDir, "files"))
}

// stageFile brings one file under its name into the incoming folder.
func (j *job) stageFile(f sourceFile) (file File, linked bool, err error) {
	if j.o.Mode != ModeCopy && f.role == RoleWeights {
		switch err := j.linkFile(f); {
		case err == nil:
			linked = true
		case errors.Is(err, errNotRegular):
			return File{}, false, err
		case j.o.Mode == ModeLink:
			return File{}, false, input(fmt.Sprintf("link %q into the store", f.name), err, "leave out --link, and it is copied")
		}
	}
	var size int64
	sum := sha256.New()
	if linked {
		size, err = j.readStaged(f, sum)
	} else {
		size, err = j.copyFile(f, sum)
	}
	return File{Name: f.name, Role: f.role, Size: size, Digest: digestOf(sum.Sum(nil))}, linked, err
}

// linkFile gives a source file its second name. What has been linked is looked
// at afterwards: the source may have been exchanged since it was found.
func (j *job) linkFile(f sourceFile) error {
	if err := j.disk.link(f.path, j.staged(f.name)); err != nil {
		return err
	}
	info, err := os.Lstat(j.staged(f.name))
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	return err
}

// readStaged hashes a linked file and waits until its bytes are on disk.
func (j *job) readStaged(f sourceFile, sum hash.Hash) (int64, error) {
	in, err := os.Open(j.staged(f.name))
	if err != nil {
		return 0, err
	}
	defer in.Close()
	size, err := j.readAll(in, func(p []byte) error { sum.Write(p); return nil })
	if err != nil || runtime.GOOS == "windows" { // which lets only a writer wait
		return size, err
	}
	return size, j.disk.sync(in)
}

// copyFile copies a file while hashing it.
func (j *job) copyFile(f sourceFile, sum hash.Hash) (int64, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, errors.Join(err, errNotRegular)
	}
	out, err := j.disk.create(j.staged(f.name))
	if err != nil {
		return 0, err
	}
	size, err := j.readAll(in, func(p []byte) error { sum.Write(p); return j.disk.write(out, p) })
	if err == nil {
		err = out.Chmod(blobMode)
	}
	if err == nil {
		err = j.disk.sync(out)
	}
	return size, errors.Join(err, out.Close())
}

// errMoving is the error of a file that does not hold still.
var errMoving = errors.New("it changed while it was read")

// readAll reads a file to its end in pieces, and notices if it changes meanwhile.
func (j *job) readAll(in *os.File, take func([]byte) error) (int64, error) {
	before, err := in.Stat()
	if err != nil {
		return 0, err
	}
	size, err := j.eachPiece(in, take)
	if err != nil {
		return 0, err
	}
	after, err := in.Stat()
	if err == nil && (size != before.Size() || after.Size() != size || !after.ModTime().Equal(before.ModTime())) {
		err = errMoving
	}
	return size, err
}

// pieceBytes is how much is read at once.
const pieceBytes = 128 << 10

func (j *job) eachPiece(in io.Reader, take func([]byte) error) (int64, error) {
	buffer := make([]byte, pieceBytes)
	size := int64(0)
	for {
		if err := j.ctx.Err(); err != nil {
			return size, err
		}
		n, err := in.Read(buffer)
		if n > 0 {
			if err := take(buffer[:n]); err != nil {
				return size, err
			}
			size += int64(n)
			j.done += int64(n)
			j.tell("reading", j.done, j.total)
		}
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}

func (j *job) tell(doing string, done, total int64) {
	if j.o.Progress != nil {
		j.o.Progress(Progress{doing, done, total})
	}
}

// takeIn gives every staged file its name among the blobs, and the staged folder
// its name among the trees.
func (j *job) takeIn() error {
	for _, f := range j.manifest.Files {
		if err := j.takeFile(f); err != nil {
			return fmt.Errorf("keep %q: %w", f.Name, err)
		}
	}
	if err := j.disk.syncFolder(j.path(blobsDir)); err != nil {
		return err
	}
	if j.manifest.single() {
		return nil
	}
	return j.takeTree()
}

// takeFile makes a staged file a blob, or the other way round if the store has
// its content already.
func (j *job) takeFile(f File) error {
	staged, blob := j.staged(f.Name), j.blobPath(f.Digest)
	info, err := os.Lstat(blob)
	if err == nil {
		if j.intact(staged, blob, info, f) {
			return j.replaceStaged(staged, blob)
		}
		j.out.Mended = append(j.out.Mended, f.Name)
		if err := j.disk.removeAll(blob); err != nil {
			return err
		}
	}
	if j.manifest.single() {
		return j.disk.rename(staged, blob)
	}
	if err := j.disk.link(staged, blob); err != nil {
		return input("link a file within the store", err, "a model of several files needs a file system with hard links: put the data directory (--data) on another")
	}
	return nil
}

// replaceStaged makes a staged file of a tree the blob's second name.
func (j *job) replaceStaged(staged, blob string) error {
	if j.manifest.single() || sameFile(staged, blob) {
		return nil
	}
	if err := j.disk.remove(staged); err != nil {
		return err
	}
	return j.disk.link(blob, staged)
}

// intact says whether a blob has what its name says. What is the staged file
// itself has just been read.
func (j *job) intact(staged, blob string, info fs.FileInfo, f File) bool {
	if !info.Mode().IsRegular() || info.Size() != f.Size {
		return false
	}
	if same, err := os.Lstat(staged); err == nil && os.SameFile(same, info) {
		return true
	}
	digest, err := hashFile(j.ctx, blob, nil)
	return err == nil && digest == f.Digest
}

// takeTree moves the staged folder to its place, unless a sound one is there.
func (j *job) takeTree() error {
	if err := j.disk.syncFolder(j.path(incomingDir, "files")); err != nil {
		return err
	}
	tree := j.treePath(j.manifest.Digest)
	if _, err := os.Lstat(tree); err == nil {
		sound := !slices.ContainsFunc(j.manifest.Files, func(f File) bool {
			return !sameFile(filepath.Join(tree, f.Name), j.blobPath(f.Digest))
		})
		if sound {
			return nil
		}
		if err := j.disk.removeAll(tree); err != nil {
			return err
		}
	}
	if err := j.disk.rename(j.path(incomingDir, "files"), tree); err != nil {
		return err
	}
	return j.disk.syncFolder(j.path(treesDir))
}

// sameFile says whether two names are of one file.
func sameFile(a, b string) bool {
	ia, errA := os.Lstat(a)
	ib, errB := os.Lstat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// publish writes the manifest: from then on the model is in the store.
func (j *job) publish(r reference) error {
	data, err := j.manifest.encode()
	if err != nil {
		return fmt.Errorf("write the manifest of %q: %w", r, err)
	}
	folder := filepath.Dir(j.manifestPath(r))
	if err := j.disk.folder(folder); err != nil {
		return err
	}
	if err := j.disk.syncFolder(j.path(manifestsDir)); err != nil {
		return err
	}
	if err := j.disk.put(j.path(incomingDir, "manifest"), j.manifestPath(r), data); err != nil {
		return err
	}
	if err := j.disk.syncFolder(folder); err != nil {
		return fmt.Errorf("model %q is in the store, but may be lost if the power fails now: %w", r, err)
	}
	return nil
}
