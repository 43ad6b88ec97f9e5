package document

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// The limits on packed files.
const (
	maxMembers  = 10_000    // of all archives of one call
	maxNesting  = 3         // packings within each other
	maxArchive  = 256 << 20 // bytes of an archive
	maxUnpacked = 2 << 30   // bytes of all members of one call
	archiveMark = "!"       // between an archive and its member in a path
)

// MaxFaults is how many faults a Summary describes; it counts them all.
const MaxFaults = 1000

// Summary says what Walk read.
type Summary struct {
	Documents  int
	Faults     []casemate.Fault // the first MaxFaults
	FaultCount int
}

// Walk reads every document that the paths hold, in order, and gives each to
// yield: files, folders (in the order of names; what begins with a dot is
// passed over, links are not followed), gzip files and the members of zip
// archives. What cannot be read becomes a Fault, and the rest goes on. The
// error is nil if any document could be read, or none was there to be.
func Walk(ctx context.Context, paths []string, stdin io.Reader, opt Options, yield func(*Document) error) (Summary, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	w := &walker{ctx: ctx, opt: opt, yield: yield}
	for _, path := range paths {
		if err := w.path(path, stdin); err != nil {
			return w.sum, err
		}
	}
	if w.sum.Documents == 0 && w.first != nil {
		return w.sum, w.first
	}
	return w.sum, nil
}

// walker is one call of Walk.
type walker struct {
	ctx      context.Context
	opt      Options
	yield    func(*Document) error
	sum      Summary
	first    error // the first fault, whole
	read     int64
	members  int
	unpacked int64
}

func (w *walker) path(path string, stdin io.Reader) error {
	if path == Stdin {
		if stdin == nil {
			stdin = os.Stdin
		}
		return w.stream(stdin, Stdin, nil, 0)
	}
	info, err := os.Stat(path)
	if err != nil {
		w.fault(path, refuse(path, whyUnreadable(err), "check the name and the rights of the file"))
		return nil
	}
	if !info.IsDir() {
		return w.file(path)
	}
	files := 0
	err = filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			w.fault(name, refuse(name, whyUnreadable(err), "check the rights of the folder"))
		case name != path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case d.Type().IsRegular():
			files++
			return w.file(name)
		}
		return nil
	})
	if err == nil && files == 0 {
		w.fault(path, refuse(path, "it is a folder without files", "name a file or a folder with files"))
	}
	return err
}

func whyUnreadable(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, os.ErrPermission):
		return "it may not be read: permission denied"
	}
	return err.Error()
}

func (w *walker) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		w.fault(path, refuse(path, whyUnreadable(err), "check the rights of the file"))
		return nil
	}
	defer f.Close() // only read: nothing can be lost
	return w.stream(f, path, f, 0)
}

// fault records that a file gave nothing.
func (w *walker) fault(name string, err error) {
	if w.first == nil {
		w.first = err
	}
	w.sum.FaultCount++
	if len(w.sum.Faults) < MaxFaults {
		reason := strings.TrimPrefix(err.Error(), fmt.Sprintf("read %q: ", name))
		w.sum.Faults = append(w.sum.Faults, casemate.Fault{At: casemate.Location{File: name}, Reason: reason})
	}
}

// counted counts what comes in, for the progress, and stops when the context ends.
type counted struct {
	w *walker
	r io.Reader
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.w.read += int64(n)
	if c.w.opt.Progress != nil {
		c.w.opt.Progress(c.w.read)
	}
	if stop := c.w.ctx.Err(); stop != nil {
		return n, stop
	}
	return n, err
}

// stream reads one file from the outside in. whole is the file itself, if there
// is one, so that an archive need not be held in memory.
func (w *walker) stream(r io.Reader, name string, whole *os.File, depth int) error {
	in := bufio.NewReader(r)
	if depth == 0 {
		in = bufio.NewReaderSize(counted{w, r}, 64<<10)
	}
	head, _ := in.Peek(4) // what is shorter is no archive
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return w.gzip(in, name, depth)
	case string(head) == "PK\x03\x04" || string(head) == "PK\x05\x06":
		return w.zip(in, name, whole, depth)
	}
	data, err := io.ReadAll(io.LimitReader(in, w.opt.MaxBytes+1))
	w.unpacked += int64(len(data))
	if stop := w.ctx.Err(); stop != nil {
		return stop
	}
	if err != nil && len(data) == 0 {
		w.fault(name, refuse(name, "reading failed: "+err.Error(), "check that the file is whole"))
		return nil
	}
	d, parseErr := Parse(w.ctx, name, data, w.opt)
	if parseErr != nil {
		if stop := w.ctx.Err(); stop != nil {
			return stop
		}
		w.fault(name, parseErr)
		return nil
	}
	if err != nil {
		d.Notes = append(d.Notes, "the file is damaged: what follows was left out ("+err.Error()+")")
		d.Incomplete = true
	}
	w.sum.Documents++
	return w.yield(d)
}

func (w *walker) gzip(in io.Reader, name string, depth int) error {
	if depth >= maxNesting {
		w.fault(name, refuse(name, "it is packed more than three times over", "unpack it first"))
		return nil
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		w.fault(name, refuse(name, "it is a damaged gzip file: "+err.Error(), "fetch it again"))
		return nil
	}
	return w.stream(z, name, nil, depth+1)
}

func (w *walker) zip(in io.Reader, name string, whole *os.File, depth int) error {
	if depth >= maxNesting {
		w.fault(name, refuse(name, "it is packed more than three times over", "unpack it first"))
		return nil
	}
	z, err := openZip(in, whole)
	if err != nil {
		w.fault(name, refuse(name, "it is a damaged zip archive: "+err.Error(), "fetch it again"))
		return nil
	}
	files := slices.Clone(z.File)
	slices.SortStableFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	if kind := officeKind(files); kind != "" {
		w.fault(name, refuse(name, "it is "+kind, "save it as PDF, HTML or plain text first"))
		return nil
	}
	for _, f := range files {
		if f.FileInfo().IsDir() || strings.HasPrefix(filepath.Base(f.Name), ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		member := name + archiveMark + f.Name
		if w.members++; w.members > maxMembers || w.unpacked > maxUnpacked {
			w.fault(name, refuse(name, fmt.Sprintf("it holds more than %d files or 2 GiB: the rest was left out", maxMembers), "unpack it and name the files"))
			return nil
		}
		if err := w.member(f, member, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) member(f *zip.File, name string, depth int) error {
	r, err := f.Open()
	if err != nil {
		w.fault(name, refuse(name, "it cannot be unpacked: "+err.Error(), "fetch the archive again"))
		return nil
	}
	defer r.Close() // only read: nothing can be lost
	return w.stream(r, name, nil, depth+1)
}

func openZip(in io.Reader, whole *os.File) (*zip.Reader, error) {
	if whole != nil {
		if info, err := whole.Stat(); err == nil && info.Mode().IsRegular() {
			return zip.NewReader(whole, info.Size())
		}
	}
	data, err := io.ReadAll(io.LimitReader(in, maxArchive+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxArchive {
		return nil, fmt.Errorf("over %s, which is too large to hold in memory", sizeOf(maxArchive))
	}
	return zip.NewReader(bytes.NewReader(data), int64(len(data)))
}

// officeKind says what a zip archive is that is a document of its own.
func officeKind(files []*zip.File) string {
	for _, f := range files {
		switch {
		case strings.HasPrefix(f.Name, "word/"):
			return "a Word document (DOCX), which is not read"
		case strings.HasPrefix(f.Name, "xl/"):
			return "an Excel workbook (XLSX), which is not read"
		case strings.HasPrefix(f.Name, "ppt/"):
			return "a PowerPoint file (PPTX), which is not read"
		case f.Name == "AndroidManifest.xml", f.Name == "META-INF/MANIFEST.MF":
			return "a program, which is not read"
		}
	}
	return ""
}
