package evtx

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

const (
	recordMagic      = "\x2a\x2a\x00\x00"
	recordHeaderSize = 24
	minRecordSize    = recordHeaderSize + 4 // and the size again
	// maxStep is the largest difference of the numbers of two records that
	// follow each other, where nothing else tells a record from old data.
	maxStep = ChunkSize / minRecordSize
)

// chunk is the chunk at hand.
type chunk struct {
	buf        []byte
	size       int   // bytes of buf that the file has
	index      int   // in the file
	offset     int64 // in the file
	pos, limit int   // the records not yet read lie in buf[pos:limit]
	last       uint64
	lastKnown  uint64 // the number of the last record as the header has it; 0 where the header cannot be trusted
	unordered  bool   // the header cannot be trusted: see readable
}

// data returns the part of the chunk that the file has.
func (c *chunk) data() []byte { return c.buf[:c.size] }

// openChunk checks the chunk's header and finds out where its records end.
// Behind that lie records of an older use of the chunk, which are not read.
func (r *Reader) openChunk() {
	c := &r.chunk
	b := c.data()
	le := binary.LittleEndian
	sum := crc32.Update(crc32.ChecksumIEEE(b[:120]), crc32.IEEETable, b[128:chunkHeaderSize])
	free := int64(le.Uint32(b[48:]))
	c.pos, c.limit = chunkHeaderSize, c.size
	c.lastKnown = le.Uint64(b[32:])
	switch {
	case sum != le.Uint32(b[124:]):
		r.stats.BadChecksums++
		r.fault(c.offset, 0, "the checksum of the chunk header is wrong")
		c.unordered, c.lastKnown = true, 0
	case free < chunkHeaderSize || free > ChunkSize:
		r.fault(c.offset, 0, "the chunk header puts the free space outside the chunk")
		c.unordered, c.lastKnown = true, 0
	case free <= int64(c.size):
		c.limit = int(free)
		if crc32.ChecksumIEEE(b[chunkHeaderSize:free]) != le.Uint32(b[52:]) {
			r.stats.BadChecksums++
			r.fault(c.offset, 0, "the checksum of the chunk's records is wrong")
		}
	}
}

// header is the fixed part of a record.
type header struct {
	size    int
	number  uint64
	written uint64
}

// recordAt reads the header of the record at pos. It reports false if none
// stands there: the signature and both sizes must be right.
func (c *chunk) recordAt(pos int) (header, bool) {
	b := c.buf[pos:c.limit]
	if len(b) < minRecordSize || string(b[:4]) != recordMagic {
		return header{}, false
	}
	le := binary.LittleEndian
	size := uint64(le.Uint32(b[4:]))
	if size < minRecordSize || size > uint64(len(b)) || uint64(le.Uint32(b[size-4:])) != size {
		return header{}, false
	}
	return header{int(size), le.Uint64(b[8:]), le.Uint64(b[16:])}, true
}

// follows reports whether a record can stand behind the last one by its number.
// It is asked where a record was not found by the size of the one before it, so
// that bytes inside a damaged record, or older records behind the last, are not
// taken for records.
func (c *chunk) follows(h header) bool {
	if c.last != 0 && (h.number <= c.last || h.number-c.last > maxStep) {
		return false
	}
	return c.lastKnown == 0 || h.number <= c.lastKnown
}

// nextRecord reads the record at the position of the chunk, or passes over what
// stands there in its stead. It always moves on.
func (r *Reader) nextRecord() (Record, bool) {
	c := &r.chunk
	start := c.pos
	h, ok := c.recordAt(start)
	if ok && c.unordered && !c.follows(h) {
		c.pos = c.limit // records of an older use of the chunk
		return Record{}, false
	}
	if !ok {
		r.resync()
		return Record{}, false
	}
	c.pos += h.size
	c.last = h.number
	rec := Record{
		Number: h.number,
		Offset: c.offset + int64(start),
		Chunk:  c.index,
		Raw:    c.buf[start:c.pos:c.pos],
		r:      r,
		start:  start + recordHeaderSize,
		end:    c.pos - 4,
		turn:   r.turn,
	}
	if h.written != 0 {
		rec.Written = filetime(h.written)
	}
	var err error
	if rec.Fields, err = r.readFields(rec.start, rec.end); err != nil {
		r.stats.DamagedRecords++
		r.fault(rec.Offset, h.number, err.Error())
		return Record{}, false
	}
	r.stats.Records++
	return rec, true
}

// resync moves on to the next record of the chunk behind something that is
// none. Zeros up to the end are free space.
func (r *Reader) resync() {
	c := &r.chunk
	start := c.pos
	c.pos += zeros(c.buf[start:c.limit])
	if c.pos == c.limit {
		return
	}
	for ; c.pos < c.limit; c.pos++ {
		i := bytes.Index(c.buf[c.pos:c.limit], []byte(recordMagic))
		if i < 0 {
			c.pos = c.limit
			break
		}
		c.pos += i
		if h, ok := c.recordAt(c.pos); ok && c.follows(h) {
			break
		}
	}
	if c.unordered && c.pos == c.limit {
		return // where the records end is not known, so nothing need be missing
	}
	r.stats.DamagedRecords++
	r.fault(c.offset+int64(start), 0, "no record where one must be")
}
