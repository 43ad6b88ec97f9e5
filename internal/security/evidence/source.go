package evidence

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// The limits on unpacking, for each path that was given. Real logs pack 5 to
// 100 times smaller, lines of one kind repeated up to a few hundred; DEFLATE
// cannot exceed 1,032, which is where bombs are. Small files may be as dense as
// they like.
const (
	maxUnpacked  = 64 << 30  // bytes, of all members together
	maxRatio     = 500       // unpacked to packed bytes …
	ratioGrace   = 128 << 20 // … once so many bytes are unpacked
	maxMembers   = 100_000   // of an archive, those inside it included
	maxDepth     = 3         // packings within each other: gzip in zip in zip
	maxInMemory  = 256 << 20 // an archive that is not a file of its own is held in memory, up to this
	archiveMark  = "!"       // between an archive and its member in a location
	magicBytes   = 512       // that decide what a stream is; tar's stand at 257
	bufferedRead = 64 << 10
)

var (
	errBomb    = errors.New("unpacks to far more than real logs do; it may be a bomb, unpack it by hand if it is not")
	errMembers = fmt.Errorf("more than %d files inside", maxMembers)
)

// unpacking is what all layers of one path share.
type unpacking struct {
	packed, unpacked int64
	members          int
}

// stream reads one path, from the outside in.
func (s *session) stream(r io.Reader, name string, modified time.Time) error {
	u := &unpacking{}
	return s.layer(&counter{r: r, s: s, u: u}, r, name, modified, u, 0)
}

// counter counts the packed bytes of a path as they are read.
type counter struct {
	r io.Reader
	s *session
	u *unpacking
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.u.packed += int64(n)
	if stop := c.s.advance(n); stop != nil {
		return n, stop
	}
	return n, err
}

// meter counts unpacked bytes, and stops at a bomb.
type meter struct {
	r io.Reader
	s *session
	u *unpacking
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.u.unpacked += int64(n)
	if m.u.unpacked > maxUnpacked || m.u.unpacked > ratioGrace && m.u.unpacked/maxRatio > m.u.packed {
		return n, errBomb
	}
	if stop := m.s.ctx.Err(); stop != nil {
		return n, stop
	}
	return n, err
}

// layer looks at the first bytes of a stream and removes one packing. origin is
// the stream itself where it may be a file, for zip archives need one.
func (s *session) layer(r, origin io.Reader, name string, modified time.Time, u *unpacking, depth int) error {
	b := bufio.NewReaderSize(r, bufferedRead)
	head, err := b.Peek(magicBytes)
	if len(head) == 0 && err != nil && err != io.EOF {
		return s.failed(name, err)
	}
	packing := packingOf(head)
	if packing != "" && depth >= maxDepth {
		return s.failed(name, errors.New("packed in more layers than are opened: unpack it first"))
	}
	switch packing {
	case "gzip":
		z, err := gzip.NewReader(b)
		if err != nil {
			return s.failed(name, err)
		}
		if modified.IsZero() || !z.ModTime.IsZero() {
			modified = z.ModTime
		}
		return s.layer(&meter{z, s, u}, nil, name, modified, u, depth+1)
	case "bzip2":
		return s.layer(&meter{bzip2.NewReader(b), s, u}, nil, name, modified, u, depth+1)
	case "zip":
		return s.zip(b, origin, name, u, depth)
	case "tar":
		return s.tar(b, name, u, depth)
	}
	if foreign := foreignFormat(head); foreign != "" && s.opt.Format == "" {
		return s.failed(name, errors.New(foreign))
	}
	return s.room(b, name, modified)
}

// packingOf names the packing that begins with these bytes.
func packingOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return "gzip"
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 4 && head[3] >= '1' && head[3] <= '9' && bytes.HasPrefix(head[4:], []byte("1AY&SY")):
		return "bzip2"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip"
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return "tar"
	}
	return ""
}

// foreignFormat explains what a file is that no reader takes.
func foreignFormat(head []byte) string {
	for _, f := range [...]struct{ magic, says string }{
		{"\xd4\xc3\xb2\xa1", "is a packet capture: run Zeek or Suricata over it and read their logs"},
		{"\xa1\xb2\xc3\xd4", "is a packet capture: run Zeek or Suricata over it and read their logs"},
		{"\x4d\x3c\xb2\xa1", "is a packet capture: run Zeek or Suricata over it and read their logs"},
		{"\n\r\r\n", "is a packet capture: run Zeek or Suricata over it and read their logs"},
		{"\x28\xb5\x2f\xfd", "is packed with Zstandard: unpack it first"},
		{"\xfd7zXZ\x00", "is packed with xz: unpack it first"},
		{"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it first"},
		{"Rar!", "is a RAR archive: unpack it first"},
		{"\x30\x00\x00\x00LfLe", "is an event log of Windows XP or 2003: convert it to EVTX first"},
		{"%PDF", "is a PDF document"},
		{"\x7fELF", "is a program"},
		{"MZ", "is a program"},
		{"SQLite format 3\x00", "is an SQLite database"},
		{"PAR1", "is a Parquet file: convert it to JSON lines first"},
		{"Obj\x01", "is an Avro file: convert it to JSON lines first"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			if f.magic == "MZ" && !bytes.Contains(head, []byte{0}) {
				continue
			}
			return f.says
		}
	}
	return ""
}

// failed makes a fault of what ends one file, but lets a session that is done end.
func (s *session) failed(name string, err error) error {
	if stop := s.ctx.Err(); stop != nil {
		return stop
	}
	s.unreadable(name, err)
	return nil
}

// zip reads the members of an archive in the order of its directory. Their
// names only label locations: nothing is written anywhere.
func (s *session) zip(b *bufio.Reader, origin io.Reader, name string, u *unpacking, depth int) error {
	at, size, err := s.readerAt(b, origin, u)
	if err != nil {
		return s.failed(name, err)
	}
	z, err := zip.NewReader(at, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return s.failed(name, err)
	}
	for _, f := range z.File {
		if u.members++; u.members > maxMembers {
			return s.failed(name, errMembers)
		}
		if strings.HasSuffix(f.Name, "/") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		if err := s.member(f, memberName(name, f.Name), u, depth); err != nil {
			return err
		}
	}
	return nil
}

const encrypted = 1 // the flag of a member that needs a password

func (s *session) member(f *zip.File, name string, u *unpacking, depth int) error {
	if f.Flags&encrypted != 0 {
		return s.failed(name, errors.New("is encrypted: unpack the archive with its password first"))
	}
	r, err := f.Open()
	if err != nil {
		return s.failed(name, err)
	}
	defer r.Close() // only read: nothing can be lost
	return s.layer(&meter{r, s, u}, nil, name, f.Modified, u, depth+1)
}

// memberName joins the names of an archive and its member; a name that would
// break a line of a report is quoted.
func memberName(archive, member string) string {
	if len(member) > maxMemberName {
		member = member[:maxMemberName] + "…"
	}
	member = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, member)
	return archive + archiveMark + member
}

const maxMemberName = 1024

// counterAt is the counter of an archive that is a file of its own. Members
// that share their packed bytes count them each time, as they unpack each time.
type counterAt struct {
	f *os.File
	s *session
	u *unpacking
}

func (c *counterAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.f.ReadAt(p, off)
	c.u.packed += int64(n)
	if stop := c.s.advance(n); stop != nil {
		return n, stop
	}
	return n, err
}

// readerAt gives random access to an archive: the file itself, or its bytes.
func (s *session) readerAt(b *bufio.Reader, origin io.Reader, u *unpacking) (io.ReaderAt, int64, error) {
	if f, ok := origin.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return &counterAt{f, s, u}, info.Size(), nil
		}
	}
	data, err := io.ReadAll(io.LimitReader(b, maxInMemory+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read archive: %w", err)
	}
	if len(data) > maxInMemory {
		return nil, 0, fmt.Errorf("is an archive of more than %d MiB inside another one or on the standard input: unpack it first", maxInMemory>>20)
	}
	return bytes.NewReader(data), int64(len(data)), nil
}

// tar reads the regular files of an archive.
func (s *session) tar(b *bufio.Reader, name string, u *unpacking, depth int) error {
	t := tar.NewReader(b)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return s.failed(name, err)
		}
		if u.members++; u.members > maxMembers {
			return s.failed(name, errMembers)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := s.layer(&meter{t, s, u}, nil, memberName(name, h.Name), h.ModTime, u, depth+1); err != nil {
			return err
		}
	}
}

// room reads one unpacked stream.
func (s *session) room(b *bufio.Reader, name string, modified time.Time) error {
	var src io.Reader = b
	if head, _ := b.Peek(4); utf16Order(head) != nil {
		src = newUTF16(b, utf16Order(head))
	}
	in := newInput(src, s.opt.MaxRecordBytes)
	if head := in.fill(3); bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		in.skip(3)
	}
	r := s.newRoom(name, in, modified)
	if len(in.fill(1)) == 0 && (in.err == io.EOF || in.err == nil) {
		r.fault(0, 0, 0, "is empty")
		return nil
	}
	reader := readerOf(s.opt.Format)
	if reader == nil {
		reader = detect(in)
	}
	if reader == nil {
		r.fault(0, 0, 0, "is in no format that is known")
	} else {
		r.summary().Format = reader.name
		reader.read(r)
	}
	s.sum.Bytes += in.offset
	r.summary().Bytes = in.offset
	if r.abort != nil {
		return r.abort
	}
	if stop := s.ctx.Err(); stop != nil {
		return stop
	}
	if in.err != nil && in.err != io.EOF {
		r.faultAt(fmt.Sprintf("reading stopped here: %v", in.err))
	}
	return nil
}

// faultAt records a fault where the input stands.
func (r *room) faultAt(reason string) {
	r.count(casemate.Fault{At: casemate.Location{File: r.name, Line: r.in.line}, Offset: r.in.offset, Reason: reason})
	r.summary().Faults++
}
