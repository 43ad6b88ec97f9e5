// Package container is the frame of the files that small models are kept in: a
// magic, a header in JSON, numbers, and a checksum over all of it. Numbers are
// little-endian; docs/formats/heads.md has the table.
//
//	8 bytes  magic: the kind of model and the version of its format
//	4 bytes  length of the header
//	header   JSON
//	…        what the kind of model says
//	32 bytes SHA-256 of all before
package container

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// maxHeader bounds the header, in bytes.
const maxHeader = 4 << 20

// Begin returns the beginning of a file, to which the numbers are appended.
func Begin(magic string, header any) ([]byte, error) {
	head, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	if len(head) > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, at most %d can be", len(head), maxHeader)
	}
	out := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(head)))
	return append(out, head...), nil
}

// Seal appends the checksum: the file is whole.
func Seal(out []byte) []byte {
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// AppendFloats appends numbers as the reader's Floats reads them.
func AppendFloats(out []byte, x ...float32) []byte {
	for _, v := range x {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// Is says whether data begins like a file of this kind.
func Is(magic string, data []byte) bool { return bytes.HasPrefix(data, []byte(magic)) }

// Open checks a file of at most limit bytes, fills header and returns a reader
// of what follows it. The reader shares data.
func Open(magic string, data []byte, limit int, header any) (*Reader, error) {
	const length = 4
	if len(data) < len(magic)+length+sha256.Size || len(data) > limit || !Is(magic, data) {
		return nil, errors.New("not a model file of this version")
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) {
		return nil, errors.New("the checksum is wrong: the file is damaged")
	}
	r := &Reader{body[len(magic):]}
	n := int(binary.LittleEndian.Uint32(r.Take(length)))
	if n > maxHeader || n > r.Len() {
		return nil, fmt.Errorf("header of %d bytes does not fit", n)
	}
	if err := json.Unmarshal(r.Take(n), header); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	return r, nil
}

// Reader takes from the front of what follows a header. Its caller has held the
// sizes that the header states against Len: taking more panics.
type Reader struct{ rest []byte }

// Len returns the number of bytes left.
func (r *Reader) Len() int { return len(r.rest) }

// Take returns the next n bytes, which are the file's own.
func (r *Reader) Take(n int) []byte {
	x := r.rest[:n:n]
	r.rest = r.rest[n:]
	return x
}

// Floats fills out and says whether all numbers are finite.
func (r *Reader) Floats(out []float32) bool {
	raw, fine := r.Take(4*len(out)), true
	for i := range out {
		b := binary.LittleEndian.Uint32(raw[4*i:])
		fine = fine && b&0x7f800000 != 0x7f800000
		out[i] = math.Float32frombits(b)
	}
	return fine
}

// Ascending returns the next n numbers, and whether each is over the one before.
func (r *Reader) Ascending(n int) ([]uint32, bool) {
	raw, out, fine := r.Take(4*n), make([]uint32, n), true
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(raw[4*i:])
		fine = fine && (i == 0 || out[i] > out[i-1])
	}
	return out, fine
}
