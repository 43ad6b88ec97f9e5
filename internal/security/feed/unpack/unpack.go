// Package unpack opens what a person names (a file, a folder, an archive, the
// standard input) and hands on the files in it as UTF-8 text, within limits.
// It looks at content, never at names, and writes nothing anywhere.
package unpack

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The limits of one path. Catalogues pack 5 to 30 times smaller; DEFLATE cannot
// exceed 1,032, which is where bombs are.
const (
	MaxUnpacked = 32 << 30  // bytes, of all files together
	MaxFiles    = 1_000_000 // in a folder or an archive: all CVE records are 300,000
	MaxInMemory = 256 << 20 // an archive on the standard input
	MaxRatio    = 300       // unpacked to packed bytes …
	RatioGrace  = 64 << 20  // … once so many bytes are unpacked
	HeadBytes   = 64 << 10  // that File.Head shows
	maxName     = 1024
)

// Faults of a whole path: nothing of it should be kept.
var (
	ErrBomb  = errors.New("unpacks to far more than a catalogue does; it may be a bomb, unpack it by hand if it is not")
	ErrFiles = fmt.Errorf("more than %d files inside", MaxFiles)
)

// File is one file of text.
type File struct {
	Name  string // as the user named it; a member of an archive is "a.zip!dir/name"
	Alone bool   // it was named itself: no folder or archive around it
	r     *bufio.Reader
}

// Head returns the first bytes, up to HeadBytes, without reading past them.
func (f *File) Head() ([]byte, error) {
	b, err := f.r.Peek(HeadBytes)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) { return f.r.Read(p) }

// Visitor takes files. An error from Visit ends the walk and comes back from
// it. Unreadable hears of a file that cannot be opened; the walk goes on.
type Visitor interface {
	Visit(*File) error
	Unreadable(name string, err error) error
}

// walk is one call of Walk.
type walk struct {
	ctx              context.Context
	v                Visitor
	packed, unpacked int64
	files            int
	bomb             error // sticky: no reader may swallow it
}

// Walk visits every file of a path, in the order of their names, and returns
// the SHA-256 of the bytes read: of the file itself, or, for a folder, of the
// lines "<SHA-256>  <name>" of its files, as sha256sum would write them.
// Symbolic links and names that begin with a dot are passed over in folders.
// Content may be plain, gzip or zip; a member of a zip may be gzip.
func Walk(ctx context.Context, name string, stdin io.Reader, v Visitor) (string, error) {
	w := &walk{ctx: ctx, v: v}
	sum, err := w.path(name, stdin)
	if w.bomb != nil {
		err = w.bomb
	}
	return sum, err
}

func (w *walk) path(name string, stdin io.Reader) (string, error) {
	if name == "-" {
		return w.file(stdin, "-", true)
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return w.folder(name)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is neither a file nor a folder", name)
	}
	return w.open(name, true)
}

func (w *walk) open(name string, alone bool) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // only read: nothing can be lost
	return w.file(f, name, alone)
}

// folder visits a folder and all below it.
func (w *walk) folder(root string) (string, error) {
	sums := sha256.New()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == root {
				return err
			}
			return w.v.Unreadable(p, err)
		}
		if p != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		sum, err := w.open(p, false)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		fmt.Fprintf(sums, "%s  %s\n", sum, filepath.ToSlash(rel))
		return nil
	})
	return hex.EncodeToString(sums.Sum(nil)), err
}

// file visits one file and hashes all its bytes.
func (w *walk) file(r io.Reader, name string, alone bool) (string, error) {
	sum := sha256.New()
	packed := &packedReader{r: r, w: w, sum: sum}
	b := bufio.NewReaderSize(packed, HeadBytes)
	head, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return "", w.broken(name, err, alone)
	}
	if isZip(head) {
		err = w.archive(b, r, name, sum, alone)
		return hex.EncodeToString(sum.Sum(nil)), err
	}
	if err = w.content(b, name, alone); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, b); err != nil {
		return "", w.broken(name, err, alone)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// broken makes an error of a file that was named itself; of any other, a fault.
func (w *walk) broken(name string, err error, alone bool) error {
	if alone || w.bomb != nil || w.ctx.Err() != nil {
		return err
	}
	return w.v.Unreadable(name, err)
}

func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) }

// content removes gzip, if any, and visits what is inside.
func (w *walk) content(b *bufio.Reader, name string, alone bool) error {
	if w.files++; w.files > MaxFiles {
		return ErrFiles
	}
	if head, _ := b.Peek(4); isGzip(head) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return w.broken(name, fmt.Errorf("unpack gzip: %w", err), alone)
		}
		b = bufio.NewReaderSize(&meter{z, w, "unpack gzip: "}, HeadBytes)
		if head, _ := b.Peek(4); isGzip(head) || isZip(head) {
			return w.broken(name, errors.New("is packed twice: unpack it first"), alone)
		}
	}
	return w.v.Visit(&File{Name: name, Alone: alone, r: toUTF8(b)})
}

// archive visits the members of a zip in the order of their names.
func (w *walk) archive(b *bufio.Reader, origin io.Reader, name string, sum hash.Hash, alone bool) error {
	at, size, err := readerAt(b, origin)
	if err != nil {
		return w.broken(name, err, alone)
	}
	z, err := zip.NewReader(at, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names only label
		return w.broken(name, fmt.Errorf("unpack zip: %w", err), alone)
	}
	if len(z.File) > MaxFiles {
		return ErrFiles
	}
	w.packed = max(w.packed, size)
	for _, f := range sorted(z.File) {
		if err := w.member(f, name+"!"+memberName(f.Name)); err != nil {
			return err
		}
	}
	return nil
}

const encrypted = 1 // the flag of a member that needs a password

func (w *walk) member(f *zip.File, name string) error {
	if f.Flags&encrypted != 0 {
		return w.v.Unreadable(name, errors.New("is encrypted: unpack the archive with its password first"))
	}
	r, err := f.Open()
	if err != nil {
		return w.v.Unreadable(name, err)
	}
	defer r.Close() // only read: nothing can be lost
	b := bufio.NewReaderSize(&meter{r, w, "unpack zip: "}, HeadBytes)
	if head, _ := b.Peek(4); isZip(head) {
		return w.v.Unreadable(name, errors.New("is an archive inside an archive: unpack the outer one first"))
	}
	if err := w.content(b, name, false); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, b); err != nil { // to check its sum
		return w.broken(name, err, false)
	}
	return nil
}

// sorted returns the members that are files, by name; equal names keep their order.
func sorted(all []*zip.File) []*zip.File {
	var out []*zip.File
	for _, f := range all {
		base := path.Base(f.Name)
		if strings.HasSuffix(f.Name, "/") || strings.HasPrefix(f.Name, "__MACOSX/") || strings.HasPrefix(base, ".") && base != "." {
			continue
		}
		out = append(out, f)
	}
	sortByName(out)
	return out
}

// memberName makes a label of a member's name.
func memberName(name string) string {
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, name)
}

// readerAt gives random access to an archive: the file itself, or its bytes.
// Either way all of them pass b, and so the hash.
func readerAt(b *bufio.Reader, origin io.Reader) (io.ReaderAt, int64, error) {
	if f, ok := origin.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			_, err := io.Copy(io.Discard, b)
			return f, info.Size(), err
		}
	}
	data, err := io.ReadAll(io.LimitReader(b, MaxInMemory+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read archive: %w", err)
	}
	if len(data) > MaxInMemory {
		return nil, 0, fmt.Errorf("is an archive of more than %d MiB on the standard input: name it as a file", MaxInMemory>>20)
	}
	return bytes.NewReader(data), int64(len(data)), nil
}

// packedReader counts and hashes the bytes of a path.
type packedReader struct {
	r   io.Reader
	w   *walk
	sum hash.Hash
}

func (p *packedReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.sum.Write(b[:n])
	p.w.packed += int64(n)
	if stop := p.w.ctx.Err(); stop != nil {
		return n, stop
	}
	return n, err
}

// meter counts unpacked bytes and stops at a bomb.
type meter struct {
	r    io.Reader
	w    *walk
	what string
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	w := m.w
	w.unpacked += int64(n)
	if w.unpacked > MaxUnpacked || w.unpacked > RatioGrace && w.unpacked/MaxRatio > w.packed {
		w.bomb = ErrBomb
		return n, ErrBomb
	}
	if stop := w.ctx.Err(); stop != nil {
		return n, stop
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s%w", m.what, err)
	}
	return n, err
}
