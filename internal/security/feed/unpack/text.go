package unpack

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func sortByName(files []*zip.File) {
	slices.SortStableFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
}

// toUTF8 removes a byte-order mark and turns UTF-16, with a mark or plainly
// so, into UTF-8.
func toUTF8(b *bufio.Reader) *bufio.Reader {
	head, _ := b.Peek(4)
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		b.Discard(3) // they were peeked
		return b
	}
	order, mark := utf16Order(head)
	if order == nil {
		return b
	}
	b.Discard(mark)
	return bufio.NewReaderSize(&utf16Reader{src: b, order: order, half: -1}, HeadBytes)
}

// utf16Order returns the order of bytes of a text in UTF-16 and the length of
// its mark; nil for anything else.
func utf16Order(head []byte) (binary.ByteOrder, int) {
	ascii := func(c byte) bool { return c >= ' ' && c < 0x7f || c == '\r' || c == '\n' || c == '\t' }
	switch {
	case len(head) < 2:
		return nil, 0
	case head[0] == 0xff && head[1] == 0xfe:
		return binary.LittleEndian, 2
	case head[0] == 0xfe && head[1] == 0xff:
		return binary.BigEndian, 2
	case len(head) < 4:
		return nil, 0
	case ascii(head[0]) && head[1] == 0 && ascii(head[2]) && head[3] == 0:
		return binary.LittleEndian, 0
	case head[0] == 0 && ascii(head[1]) && head[2] == 0 && ascii(head[3]):
		return binary.BigEndian, 0
	}
	return nil, 0
}

// utf16Reader decodes UTF-16. What is no character becomes U+FFFD.
type utf16Reader struct {
	src   *bufio.Reader
	order binary.ByteOrder
	half  rune // the first half of a pair, or -1
	out   []byte
	err   error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// fill decodes some more characters.
func (u *utf16Reader) fill() {
	var in [4096]byte
	n, err := io.ReadFull(u.src, in[:])
	u.out = u.out[:0]
	for i := 0; i+1 < n; i += 2 {
		u.unit(rune(u.order.Uint16(in[i:])))
	}
	if err != nil {
		if u.half >= 0 || n%2 == 1 {
			u.out = utf8.AppendRune(u.out, utf8.RuneError)
		}
		if u.err = err; err == io.ErrUnexpectedEOF {
			u.err = io.EOF
		}
	}
}

// unit takes one unit of 16 bits.
func (u *utf16Reader) unit(c rune) {
	if u.half >= 0 {
		pair := utf16.DecodeRune(u.half, c)
		u.half = -1
		u.out = utf8.AppendRune(u.out, pair)
		if pair != utf8.RuneError {
			return
		}
	}
	if c >= 0xd800 && c < 0xdc00 {
		u.half = c
		return
	}
	u.out = utf8.AppendRune(u.out, c) // a lone second half becomes U+FFFD
}
