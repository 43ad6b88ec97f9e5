package evtx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

const (
	fileHeaderSize  = 128
	fileBlockSize   = 4096
	chunkHeaderSize = 512
	fileMagic       = "ElfFile\x00"
	chunkMagic      = "ElfChnk\x00"
	flagDirty       = 1
	majorVersion    = 3
)

// ErrFormat is returned by NewReader for a source that is no event log of a
// version it knows.
var ErrFormat = errors.New("not a Windows event log")

// Reader reads one file. It holds one chunk in memory, whatever the size of
// the file, and is not safe for concurrent use.
type Reader struct {
	src   io.Reader
	err   error // what Next returns once the chunk at hand is used up
	stats Stats
	chunk chunk
	turn  uint64
	work  int // what is left of MaxWork for this chunk

	templates map[int]*element  // of this chunk, by the offset of their definition
	names     map[string]string // names and paths, shared between chunks
	nameBytes int

	// Buffers, used again for each record.
	text, scratch, constant []byte
	values                  []value
	fields                  []Field
	extents                 []extent // of the values of fields

	// The method values are kept: making one for each record would allocate.
	visitFields, visitXML visitor
}

// NewReader reads the file header and returns a Reader. A header whose checksum
// is wrong is a fault, not an error: the chunks do not need it.
func NewReader(src io.Reader) (*Reader, error) {
	r := &Reader{
		src:       src,
		templates: map[int]*element{},
		names:     map[string]string{},
	}
	r.visitFields, r.visitXML = r.elementFields, r.elementXML
	r.chunk.buf = make([]byte, ChunkSize)
	b := r.chunk.buf[:fileBlockSize]
	n, err := io.ReadFull(src, b)
	r.stats.Bytes = int64(n)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("read the file header: %w", err)
	}
	if n < fileHeaderSize || string(b[:len(fileMagic)]) != fileMagic {
		return nil, ErrFormat
	}
	valid := crc32.ChecksumIEEE(b[:120]) == binary.LittleEndian.Uint32(b[124:])
	if major := binary.LittleEndian.Uint16(b[38:]); valid && major != majorVersion {
		return nil, fmt.Errorf("%w: version %d", ErrFormat, major)
	}
	r.stats.HeaderChunks = int(binary.LittleEndian.Uint16(b[42:]))
	r.stats.Dirty = b[120]&flagDirty != 0
	r.chunk.index = -1
	if !valid {
		r.stats.BadChecksums++
		r.fault(0, 0, "the checksum of the file header is wrong")
	}
	if n < fileBlockSize {
		r.truncated(0)
		r.err = io.EOF
	}
	return r, nil
}

// Next returns the next record that can be read, and io.EOF behind the last
// one. Another error is one of the source; what Stats counts is not an error.
func (r *Reader) Next() (Record, error) {
	r.turn++
	for {
		for r.chunk.pos < r.chunk.limit {
			if rec, ok := r.nextRecord(); ok {
				return rec, nil
			}
		}
		if r.err != nil {
			return Record{}, r.err
		}
		r.nextChunk()
	}
}

// Stats returns what has been met so far.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Faults = append([]Fault(nil), s.Faults...)
	return s
}

// nextChunk reads the next chunk. At the end of the source it sets r.err.
func (r *Reader) nextChunk() {
	c := &r.chunk
	c.index++
	c.offset = r.stats.Bytes
	c.pos, c.limit, c.last, c.unordered = 0, 0, 0, false
	clear(r.templates)
	r.work = MaxWork
	n, err := io.ReadFull(r.src, c.buf)
	r.stats.Bytes += int64(n)
	c.size = n
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		r.err = io.EOF
	case err != nil:
		r.err = fmt.Errorf("read chunk %d: %w", c.index, err)
	}
	if n == 0 {
		return
	}
	b := c.data()
	if zeros(b) == n {
		r.stats.EmptyChunks++
		return
	}
	if n >= chunkHeaderSize {
		if string(b[:len(chunkMagic)]) == chunkMagic {
			r.stats.Chunks++
			r.openChunk()
		} else {
			r.stats.DamagedChunks++
			r.fault(c.offset, 0, "the chunk has no signature; skipped")
		}
	}
	if n < ChunkSize {
		r.truncated(c.offset)
	}
}

// truncated records that the file ends inside the chunk at offset.
func (r *Reader) truncated(offset int64) {
	r.stats.Truncated = true
	r.fault(offset, 0, fmt.Sprintf("the file ends at offset %d, inside this chunk or header", r.stats.Bytes))
}

// fault counts a fault and describes it, unless MaxFaults have been.
func (r *Reader) fault(offset int64, record uint64, reason string) {
	r.stats.FaultCount++
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	if len(r.stats.Faults) < MaxFaults {
		r.stats.Faults = append(r.stats.Faults, Fault{Offset: offset, Chunk: r.chunk.index, Record: record, Reason: reason})
	}
}

// brief quotes the beginning of a name from the file for an error.
func brief(name string) string {
	const limit = 80
	if len(name) > limit {
		return strconv.Quote(name[:limit]) + "…"
	}
	return strconv.Quote(name)
}

// spend takes n units from the chunk's allowance.
func (r *Reader) spend(n int) error {
	if r.work -= n; r.work < 0 {
		return errWork
	}
	return nil
}

// intern returns the string with the bytes of b, the same one for every chunk.
// The table is dropped when a file fills it with names.
func (r *Reader) intern(b []byte) string {
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	if r.nameBytes += len(b); r.nameBytes > maxNames {
		clear(r.names)
		r.nameBytes = len(b)
	}
	s := string(b)
	r.names[s] = s
	return s
}

// zeros returns the number of zeros that b begins with.
func zeros(b []byte) int {
	i := 0
	for i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:]) == 0 {
		i += 8
	}
	for i < len(b) && b[i] == 0 {
		i++
	}
	return i
}
