package dossier

import (
	"archive/tar"
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
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/words"
)

// The limits on what is read and kept.
const (
	sniffBytes     = 64 << 10  // that decide what a file is
	maxArchive     = 1 << 30   // unpacked bytes of one archive's member
	maxRatio       = 500       // unpacked to packed bytes of a member …
	ratioGrace     = 128 << 20 // … once it has so many
	maxMembers     = 10_000    // of an archive
	maxFaults      = 1000      // that are described; all are counted
	maxMemberBytes = 1024      // of a member's name
)

// reader is one Read under way.
type reader struct {
	ctx     context.Context
	in      Input
	triager *intake.Triager
	sensors *sensors
	words   *kept
	sum     evidence.Summary
	parts   []part
	inputs  []casemate.Pin
	base    int64 // bytes of the paths that are done
}

// part is one file or member and what it was taken for.
type part struct {
	name    string
	kind    words.Kind
	records int
	bytes   int64
	kept    int // pieces of words that became evidence
}

func newReader(ctx context.Context, in Input) (*reader, error) {
	t, err := intake.NewTriager(intake.TriageInput{
		Rules: in.Rules, Bare: in.Bare, Assets: in.Assets, Suppress: in.Suppress, Version: in.Version,
	})
	if err != nil {
		return nil, err
	}
	r := &reader{ctx: ctx, in: in, triager: t, sensors: newSensors(), words: newKept()}
	t.Observe = r.sensors.observe
	return r, nil
}

// path reads a file, a folder or the standard input.
func (r *reader) path(path string) error {
	if path == evidence.Stdin {
		src := r.in.Stdin
		if src == nil {
			src = os.Stdin
		}
		h := sha256.New()
		c := &counted{r: io.TeeReader(src, h), tell: r.tell}
		err := r.stream(bufio.NewReaderSize(c, sniffBytes), path, time.Time{})
		if err == nil {
			_, err = io.Copy(io.Discard, c) // what no reader wanted belongs to the digest, too
		}
		r.pin(path, h, c.n)
		r.base += c.n
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		r.fault(path, 0, unreadable(err))
		return nil
	}
	if !info.IsDir() {
		return r.file(path)
	}
	return filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			r.fault(name, 0, unreadable(err))
		case name != path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case d.Type().IsRegular():
			return r.file(name)
		}
		return nil
	})
}

// counted counts what is read and tells it on.
type counted struct {
	r    io.Reader
	n    int64
	tell func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.tell(c.n)
	return n, err
}

// tell reports progress: n bytes of the present path.
func (r *reader) tell(n int64) {
	if r.in.Progress != nil {
		r.in.Progress(r.base + n)
	}
}

func (r *reader) pin(name string, h hash.Hash, n int64) {
	r.inputs = append(r.inputs, casemate.Pin{Name: name, Digest: "sha256:" + hex.EncodeToString(h.Sum(nil)), Bytes: n})
}

// unreadable says why a file gave nothing.
func unreadable(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "does not exist"
	case errors.Is(err, os.ErrPermission):
		return "may not be read: permission denied"
	}
	return "cannot be read: " + err.Error()
}

func (r *reader) fault(name string, line int, reason string) {
	r.sum.FaultCount++
	if len(r.sum.Faults) < maxFaults {
		r.sum.Faults = append(r.sum.Faults, casemate.Fault{At: casemate.Location{File: name, Line: line}, Reason: reason})
	}
}

// file reads one file of the disk.
func (r *reader) file(path string) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		r.fault(path, 0, unreadable(err))
		return nil
	}
	defer f.Close() // only read: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		r.fault(path, 0, unreadable(err))
		return nil
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		r.fault(path, 0, unreadable(err))
		return nil
	}
	r.pin(path, h, n)
	head := make([]byte, sniffBytes)
	got, _ := io.ReadFull(f, head) // a short file is no error, and a fault comes back below
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		r.fault(path, 0, unreadable(err))
		return nil
	}
	err = r.opened(f, head[:got], path, info)
	r.base += info.Size()
	r.tell(0)
	return err
}

// kindOf says what begins with these bytes. A format that was asked for is one of
// records.
func (r *reader) kindOf(head []byte) words.Kind {
	if r.in.Format != "" {
		return words.KindRecords
	}
	return words.Sniff(head)
}

// opened reads a file whose first bytes are known.
func (r *reader) opened(f *os.File, head []byte, path string, info os.FileInfo) error {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return r.zip(f, info.Size(), path)
	}
	packed := bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8})
	if packed || isTar(head) || r.kindOf(head) != words.KindRecords {
		return r.stream(bufio.NewReaderSize(&counted{r: f, tell: r.tell}, sniffBytes), path, info.ModTime())
	}
	// The reader of evidence opens it itself: it knows archives and event logs.
	sum, err := evidence.Read(r.ctx, []string{path}, evidence.Options{
		Format: r.in.Format, Reference: r.in.AsOf, Progress: r.tell,
	}, r.triager.Add)
	return r.records(sum, err)
}

// records takes what a reader of evidence says of what it read. That nothing
// could be read is among its faults already.
func (r *reader) records(sum evidence.Summary, err error) error {
	for _, f := range sum.Files {
		r.parts = append(r.parts, part{name: f.File, kind: words.KindRecords, records: f.Records, bytes: f.Bytes})
	}
	r.sum.Files = append(r.sum.Files, sum.Files...)
	r.sum.Records += sum.Records
	r.sum.Alerts += sum.Alerts
	r.sum.Bytes += sum.Bytes
	r.sum.FaultCount += sum.FaultCount
	r.sum.Faults = append(r.sum.Faults, sum.Faults[:min(len(sum.Faults), maxFaults-min(maxFaults, len(r.sum.Faults)))]...)
	var own *casemate.Error
	if errors.As(err, &own) && own.Code == casemate.CodeInput && sum.FaultCount > 0 {
		return nil
	}
	return err
}

// stream reads what is no file of its own, packed once at most.
func (r *reader) stream(b *bufio.Reader, name string, modified time.Time) error {
	head, err := b.Peek(sniffBytes)
	if len(head) == 0 {
		reason := "is empty"
		if err != nil && err != io.EOF {
			reason = unreadable(err)
		}
		r.fault(name, 0, reason)
		return nil
	}
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			r.fault(name, 0, unreadable(err))
			return nil
		}
		if !z.ModTime.IsZero() {
			modified = z.ModTime
		}
		limited := &bounded{r: z, left: maxArchive}
		return r.unpacked(bufio.NewReaderSize(limited, sniffBytes), name, modified)
	}
	return r.unpacked(b, name, modified)
}

// bounded fails where more is unpacked than any log holds.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("unpacks to more than %d MiB: unpack it first", maxArchive>>20)
	}
	return n, err
}

// unpacked reads a stream by what its first bytes are.
func (r *reader) unpacked(b *bufio.Reader, name string, modified time.Time) error {
	head, _ := b.Peek(sniffBytes)
	if isTar(head) {
		return r.tar(b, name)
	}
	k := r.kindOf(head)
	if k == words.KindRecords {
		reference := r.in.AsOf
		if reference.IsZero() {
			reference = modified
		}
		sum, err := evidence.ReadFrom(r.ctx, b, name, evidence.Options{Format: r.in.Format, Reference: reference}, r.triager.Add)
		return r.records(sum, err)
	}
	return r.written(b, name, k)
}

// isTar knows an archive of tar by its first header.
func isTar(head []byte) bool { return len(head) > 262 && string(head[257:262]) == "ustar" }

// tar reads the regular files of an archive.
func (r *reader) tar(b *bufio.Reader, name string) error {
	t := tar.NewReader(b)
	for members := 0; ; members++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			r.fault(name, 0, unreadable(err))
			return nil
		}
		if members >= maxMembers {
			r.fault(name, 0, fmt.Sprintf("holds more than %d files: the others were not read", maxMembers))
			return nil
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		member := bufio.NewReaderSize(&bounded{r: t, left: maxArchive}, sniffBytes)
		if head, _ := member.Peek(sniffBytes); isTar(head) {
			r.fault(name+"!"+printable(h.Name), 0, "is an archive inside another one: unpack it first")
			continue
		}
		if err := r.stream(member, name+"!"+printable(h.Name), h.ModTime); err != nil {
			return err
		}
	}
}

// zip reads the members of an archive in its order.
func (r *reader) zip(f io.ReaderAt, size int64, name string) error {
	z, err := zip.NewReader(f, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		r.fault(name, 0, unreadable(err))
		return nil
	}
	for i, m := range z.File {
		if i >= maxMembers {
			r.fault(name, 0, fmt.Sprintf("holds more than %d files: the others were not read", maxMembers))
			return nil
		}
		if strings.HasSuffix(m.Name, "/") || strings.HasPrefix(m.Name, "__MACOSX/") {
			continue
		}
		if err := r.member(m, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) member(m *zip.File, archive string) error {
	name := archive + "!" + printable(m.Name)
	if m.UncompressedSize64 > maxArchive || m.UncompressedSize64 > ratioGrace && m.UncompressedSize64/maxRatio > m.CompressedSize64 {
		r.fault(name, 0, "unpacks to far more than real logs do; unpack it by hand")
		return nil
	}
	f, err := m.Open()
	if err != nil {
		r.fault(name, 0, unreadable(err))
		return nil
	}
	defer f.Close() // only read: nothing can be lost
	return r.stream(bufio.NewReaderSize(&bounded{r: f, left: maxArchive}, sniffBytes), name, m.Modified)
}

// printable is a member's name that cannot break a line of a report.
func printable(name string) string {
	if len(name) > maxMemberBytes {
		name = name[:maxMemberBytes] + "…"
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '\uFFFD'
		}
		return c
	}, name)
}

// nothing makes an error of an input in which there was nothing to read.
func (r *reader) nothing() error {
	if r.sum.Records > 0 || r.words.total > 0 {
		return nil
	}
	faults := r.sum.Faults
	if len(faults) == 0 && len(r.in.Paths) == 1 {
		faults = []casemate.Fault{{At: casemate.Location{File: r.in.Paths[0]}, Reason: "it is empty"}}
	}
	return evidence.Nothing(r.in.Paths, faults, "give alerts, logs, notes, chats, tickets, mails or reports, as files or folders")
}
