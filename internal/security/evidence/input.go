package evidence

import (
	"bytes"
	"errors"
	"io"
)

// firstBuffer is what an input holds at first; it grows with the records.
const firstBuffer = 64 << 10

// input is a buffer over a stream that knows where it stands.
type input struct {
	src    io.Reader
	b      []byte // b[start:] is read and not yet used
	start  int
	offset int64 // of b[start], in the unpacked file
	line   int   // of b[start], 1-based
	max    int   // bytes of the longest record
	err    error // of src: io.EOF at the end
}

func newInput(src io.Reader, max int) *input {
	return &input{src: src, line: 1, max: max}
}

// rest returns what is held.
func (in *input) rest() []byte { return in.b[in.start:] }

// more reads on, and says whether there is more than before. It does not read
// once a record of max bytes and the end of its line are held.
func (in *input) more() bool {
	held := len(in.b) - in.start
	if in.err != nil || held >= in.max+len("\r\n") {
		return false
	}
	if len(in.b) == cap(in.b) {
		if in.start >= cap(in.b)/2 && in.start > 0 {
			copy(in.b, in.b[in.start:])
			in.b, in.start = in.b[:held], 0
		} else {
			b := make([]byte, held, max(firstBuffer, 2*cap(in.b)))
			copy(b, in.b[in.start:])
			in.b, in.start = b, 0
		}
	}
	for range maxEmptyReads {
		n, err := in.src.Read(in.b[len(in.b):cap(in.b)])
		in.b = in.b[:len(in.b)+n]
		if in.err = err; n > 0 || err != nil {
			return n > 0
		}
	}
	in.err = io.ErrNoProgress
	return false
}

const maxEmptyReads = 100

// fill reads until n bytes are held or there are no more.
func (in *input) fill(n int) []byte {
	for len(in.b)-in.start < n && in.more() {
	}
	return in.rest()
}

// skip uses n bytes up.
func (in *input) skip(n int) {
	in.line += bytes.Count(in.b[in.start:in.start+n], newline)
	in.offset += int64(n)
	in.start += n
	if in.start == len(in.b) {
		in.b, in.start = in.b[:0], 0
		if cap(in.b) > shrinkAbove {
			in.b = nil // one giant must not keep its memory for the rest of the file
		}
	}
}

const shrinkAbove = 1 << 20

var newline = []byte{'\n'}

// errTooLong is the fault of a line or record above the limit.
var errTooLong = errors.New("longer than the limit for one record")

// peekLine returns the line at hand without its end, and its whole length. Of a
// line above max it uses up everything and returns errTooLong. At the end of
// the stream, io.EOF comes alone; an error of the stream comes after the line
// that it cut short.
func (in *input) peekLine() (line []byte, size int, err error) {
	seen := 0
	for {
		b := in.rest()
		if i := bytes.IndexByte(b[seen:], '\n'); i >= 0 {
			size = seen + i + 1
			line = b[:size-1]
			break
		}
		seen = len(b)
		if in.more() {
			continue
		}
		if in.err == nil {
			return nil, in.dropLine(), errTooLong
		}
		if seen == 0 {
			return nil, 0, in.err
		}
		line, size = in.rest(), seen
		break
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) > in.max {
		in.skip(size)
		return nil, size, errTooLong
	}
	return line, size, nil
}

// dropLine uses up the rest of the line, whatever its length.
func (in *input) dropLine() int {
	size := 0
	for {
		b := in.rest()
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			in.skip(i + 1)
			return size + i + 1
		}
		size += len(b)
		in.skip(len(b))
		if !in.more() {
			return size
		}
	}
}
