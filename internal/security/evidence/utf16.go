package evidence

import (
	"bufio"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Order returns the order of bytes of a text in UTF-16: as its mark says,
// or, without one, as its first two characters show if they are plain ASCII,
// which is how PowerShell and Windows write logs. It is nil for anything else.
func utf16Order(head []byte) binary.ByteOrder {
	if len(head) < 2 {
		return nil
	}
	switch {
	case head[0] == 0xff && head[1] == 0xfe:
		return binary.LittleEndian
	case head[0] == 0xfe && head[1] == 0xff:
		return binary.BigEndian
	case len(head) < 4:
	case plain(head[0]) && head[1] == 0 && plain(head[2]) && head[3] == 0:
		return binary.LittleEndian
	case head[0] == 0 && plain(head[1]) && head[2] == 0 && plain(head[3]):
		return binary.BigEndian
	}
	return nil
}

func plain(c byte) bool { return c >= ' ' && c < 0x7f || c == '\r' || c == '\n' || c == '\t' }

// fromUTF16 turns a text in UTF-16 into UTF-8.
type fromUTF16 struct {
	src   *bufio.Reader
	order binary.ByteOrder
	out   []byte // made and not yet read
	held  rune   // half of a pair, or -1
	err   error
}

func newUTF16(src *bufio.Reader, order binary.ByteOrder) *fromUTF16 {
	return &fromUTF16{src: src, order: order, held: -1}
}

// Read implements io.Reader.
func (u *fromUTF16) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.convert()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// convert makes the next piece of output. What is no text becomes U+FFFD.
func (u *fromUTF16) convert() {
	out := make([]byte, 0, 4096)
	for len(out) < 4000 {
		var b [2]byte
		n, err := io.ReadFull(u.src, b[:])
		if err != nil {
			if u.err = err; err == io.ErrUnexpectedEOF {
				u.err = io.EOF
			}
			if u.held >= 0 || n > 0 {
				out = utf8.AppendRune(out, utf8.RuneError)
				u.held = -1
			}
			break
		}
		r := rune(u.order.Uint16(b[:]))
		if u.held >= 0 {
			pair := utf16.DecodeRune(u.held, r)
			u.held = -1
			if pair != utf8.RuneError {
				out = utf8.AppendRune(out, pair)
				continue
			}
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		switch {
		case r >= 0xd800 && r < 0xdc00:
			u.held = r
		case utf16.IsSurrogate(r):
			out = utf8.AppendRune(out, utf8.RuneError)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	u.out = out
}
