package activation

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// How a segment is laid out; docs/formats/activations.md has each byte.
const (
	magic      = "CASEMATE-STATES\x01"
	headerSize = 64 // magic, the key's digest, the width, zeros, a checksum
	// A record is a text's digest, layer, pooling, scale, a checksum of these, the
	// numbers, and a checksum of all.
	keySize    = 32 + 4 + MaxPool + 4
	recordHead = keySize + 4
	suffix     = ".states"
	// largestScale goes with numbers from 2^127 on.
	largestScale = 0x1p113
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordSize returns the bytes of a record of so many numbers.
func recordSize(width int) int { return recordHead + 2*width + 4 }

// header returns that of a segment.
func header(k Key) []byte {
	d := k.digest()
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = append(b, d[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(k.Width))
	b = b[:headerSize-4]
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// encode returns the record of a vector.
func encode(e entry, vector []float32) ([]byte, error) {
	scale, err := scaleOf(vector)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, recordSize(len(vector)))
	b = append(b, e.text[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.layer))
	b = append(b, e.pool[:]...)
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(scale))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	for _, v := range vector {
		h := quant.ToF16(v / scale)
		if scale == largestScale && h&0x7fff >= 0x7800 { // 2^15 times it is infinite
			h = h&0x8000 | 0x77ff
		}
		b = binary.LittleEndian.AppendUint16(b, h)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// headOf reads the key of a record, and says whether it is one.
func headOf(b []byte) (entry, bool) {
	var e entry
	if crc32.Checksum(b[:keySize], castagnoli) != binary.LittleEndian.Uint32(b[keySize:]) {
		return e, false
	}
	copy(e.text[:], b)
	e.layer = int32(binary.LittleEndian.Uint32(b[32:]))
	copy(e.pool[:], b[36:])
	return e, true
}

// decode reads a record, and says whether it is whole and that of the entry.
func decode(dst []uint16, b []byte, want entry) (float32, bool) {
	e, ok := headOf(b)
	end := len(b) - 4
	if !ok || e != want || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return 0, false
	}
	scale := math.Float32frombits(binary.LittleEndian.Uint32(b[keySize-4:]))
	if !(scale > 0) || scale-scale != 0 {
		return 0, false
	}
	for i := range dst {
		if dst[i] = binary.LittleEndian.Uint16(b[recordHead+2*i:]); dst[i]&0x7c00 == 0x7c00 {
			return 0, false // no finite number: Put stores none
		}
	}
	return scale, true
}

// scan calls give with the key and the place of each record of a segment of so
// many bytes whose key is whole; a record that was cut is not one. It returns an
// error if the segment is not one of the key, and io.ErrUnexpectedEOF if it ends
// within its header.
func scan(r io.ReaderAt, size int64, k Key, give func(e entry, offset int64)) error {
	head := make([]byte, headerSize)
	if size < headerSize {
		return io.ErrUnexpectedEOF
	}
	if _, err := r.ReadAt(head, 0); err != nil {
		return err
	}
	if !bytes.Equal(head, header(k)) {
		return errors.New("the segment has another header")
	}
	record := int64(recordSize(k.Width))
	// Keys of short records are read many at a time.
	together := max(1, (1<<16)/record)
	b := make([]byte, (together-1)*record+recordHead)
	for at := int64(headerSize); at+record <= size; {
		n := min(together, (size-at)/record)
		part := b[:(n-1)*record+recordHead]
		if _, err := r.ReadAt(part, at); err != nil {
			return err
		}
		for i := range n {
			if e, ok := headOf(part[i*record:]); ok {
				give(e, at+i*record)
			}
		}
		at += n * record
	}
	return nil
}

// segment is a file of the folder.
type segment struct {
	path string
	size int64
	time int64
}

// segments returns those below a folder, the oldest first.
func segments(folder string) ([]segment, error) {
	var out []segment
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process took it away
		}
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, suffix) {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		out = append(out, segment{path, info.Size(), info.ModTime().UnixNano()})
		return nil
	})
	slices.SortFunc(out, func(a, b segment) int {
		if a.time != b.time {
			return cmp.Compare(a.time, b.time)
		}
		return strings.Compare(a.path, b.path)
	})
	return out, err
}

// open reads the keys of all segments, after making room, and merges short ones
// that are many. That is to save open files: where it cannot be done, nothing is
// lost.
func (s *Store) open(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	all, err := segments(folder)
	if err != nil {
		return err
	}
	short, room := 0, int64(0) // what merging needs: the old ones go last
	for _, g := range all {
		if s.isShort(g) {
			short, room = short+1, room+g.size
		}
	}
	many := short > MaxSegments
	if !many {
		room = 0
	}
	all = s.evict(all, s.o.Bytes-room-s.o.Room)
	var own []segment
	for _, g := range all {
		s.total += g.size
		if filepath.Dir(g.path) == s.dir {
			own = append(own, g)
		}
	}
	slices.SortFunc(own, func(a, b segment) int { return strings.Compare(a.path, b.path) })
	merged := map[int]segment{} // by their index among files
	for _, g := range own {
		if err := s.read(g); err != nil {
			return err
		}
		if n := len(s.files) - 1; many && n >= 0 && s.files[n].Name() == g.path && s.isShort(g) {
			merged[n] = g
		}
	}
	if len(merged) > 1 {
		_ = s.merge(merged) // a full disk, say: every vector is still where it was, or is there twice
	}
	return nil
}

// isShort says whether a segment is of this store and has room for as much again:
// a process that stores little leaves such a one.
func (s *Store) isShort(g segment) bool {
	return filepath.Dir(g.path) == s.dir && g.size <= s.o.SegmentBytes/2
}

// evict removes segments until the others are at most so many bytes: those of
// other keys first, the oldest first. One that cannot be removed stays.
func (s *Store) evict(all []segment, bound int64) []segment {
	total := int64(0)
	for _, g := range all {
		total += g.size
	}
	for _, others := range []bool{true, false} {
		all = slices.DeleteFunc(all, func(g segment) bool {
			if total <= bound || (filepath.Dir(g.path) != s.dir) != others || os.Remove(g.path) != nil {
				return false
			}
			total -= g.size
			return true
		})
	}
	return all
}

// read opens a segment and takes its keys. One that is not of this store, or was
// cut within its header, is passed over.
func (s *Store) read(g segment) error {
	f, err := os.Open(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.files = append(s.files, f)
	n := len(s.files) - 1
	// An unreadable segment is a cache that is lost, no fault.
	_ = scan(f, g.size, s.key, func(e entry, offset int64) { s.index[e] = place{n, offset} })
	return nil
}

// merge copies the records of segments, given by their index among files, into new
// ones and removes them. Processes that have them open go on reading them.
func (s *Store) merge(short map[int]segment) error {
	var entries []entry
	for e, at := range s.index {
		if _, ok := short[at.file]; ok {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		x, y := s.index[a], s.index[b]
		return cmp.Or(cmp.Compare(x.file, y.file), cmp.Compare(x.offset, y.offset))
	})
	b := make([]byte, s.record)
	for _, e := range entries {
		at := s.index[e]
		if _, err := s.files[at.file].ReadAt(b, at.offset); err != nil {
			delete(s.index, e)
			continue
		}
		if err := s.write(e, b); err != nil {
			return err
		}
	}
	if s.out != nil {
		if err := s.out.Sync(); err != nil {
			return err
		}
	}
	for _, g := range short {
		if os.Remove(g.path) == nil {
			s.total -= g.size
		}
	}
	return nil
}

// write appends a record. The caller holds the lock.
func (s *Store) write(e entry, b []byte) error {
	need := int64(len(b))
	if s.out == nil || s.outSize+need > s.o.SegmentBytes {
		need += headerSize
	}
	if s.total+need > s.o.Bytes {
		return fmt.Errorf("%w: it has %d bytes of %d", ErrFull, s.total, s.o.Bytes)
	}
	if s.out == nil || s.outSize+int64(len(b)) > s.o.SegmentBytes {
		if err := s.begin(); err != nil {
			return err
		}
	}
	if _, err := s.out.WriteAt(b, s.outSize); err != nil {
		// What was written in part is overwritten by the next record, or is no
		// record. A full disk stays as full as it was.
		return errors.Join(err, s.out.Truncate(s.outSize))
	}
	s.index[e] = place{s.outFile, s.outSize}
	s.outSize += int64(len(b))
	s.total += int64(len(b))
	return nil
}

// maxNumber bounds the names of segments.
const maxNumber = 1 << 40

// begin makes a new segment that no other process writes to.
func (s *Store) begin() error {
	if s.out != nil {
		if err := s.out.Sync(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	all, err := segments(s.dir)
	if err != nil {
		return err
	}
	next := 0
	for _, g := range all {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(g.path), "%d"+suffix, &n); err == nil && n >= next && n < maxNumber {
			next = n + 1
		}
	}
	for {
		f, err := os.OpenFile(filepath.Join(s.dir, fmt.Sprintf("%08d%s", next, suffix)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			next++ // another process was faster
			continue
		}
		if err != nil {
			return err
		}
		s.files = append(s.files, f)
		s.out, s.outFile, s.outSize = f, len(s.files)-1, headerSize
		if _, err := f.Write(header(s.key)); err != nil {
			s.out = nil
			return errors.Join(err, os.Remove(f.Name()))
		}
		s.total += headerSize
		return nil
	}
}
