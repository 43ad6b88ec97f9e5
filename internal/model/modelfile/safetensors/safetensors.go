// Package safetensors reads and writes safetensors: a JSON header that says
// where each tensor lies, and the bytes of all tensors one after another. It
// knows nothing of models.
//
// Format: docs/formats/safetensors.md in this project's repository.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Limits of what Parse takes. Each is far above any published model.
const (
	// MaxHeader is the bytes of a header, the limit of the format's authors.
	MaxHeader = 100_000_000
	// MaxTensors is how many tensors a file may have.
	MaxTensors = 1 << 16
	// MaxDimensions is how many a tensor may have.
	MaxDimensions = 8
	// MaxName is the bytes of a tensor's name.
	MaxName = 1 << 10
	// MaxMetadata is how many entries the metadata may have.
	MaxMetadata = 1 << 12
)

const (
	lengthBytes  = 8 // of the header's length, which comes first
	metadataName = "__metadata__"
)

// ErrPickle means that a file is a Python pickle, which can run any program
// when it is read, and which is therefore never read here.
var ErrPickle = errors.New("this is a Python pickle, which can run code when it is read; convert it to safetensors where it can be trusted")

// U8 is the type of tensors of bytes. It is no number format of a model: Parse
// refuses it, and ParseBytes takes it.
const U8 quant.Type = 1 << 16

// Tensor is one array of numbers.
type Tensor struct {
	Name  string
	Type  quant.Type // F32, F16 or BF16, or U8
	Shape []int      // the slowest dimension first; none for a single number
	Data  []byte     // little-endian numbers, a part of what Parse was given
}

// File is what a file holds.
type File struct {
	// Tensors stand in the order of their bytes.
	Tensors  []Tensor
	Metadata map[string]string // nil where the file has none
}

// Parse reads the header of a file that lies in memory or is mapped, and checks
// that the tensors cover the rest of data without a gap, an overlap or a byte
// left over. It does not look at the numbers, and keeps slices of data.
func Parse(data []byte) (*File, error) { return parse(data, false) }

// ParseBytes is Parse of a file that may have tensors of bytes.
func ParseBytes(data []byte) (*File, error) { return parse(data, true) }

func parse(data []byte, bytes bool) (*File, error) {
	if Pickle(data) {
		return nil, ErrPickle
	}
	if len(data) < lengthBytes {
		return nil, fmt.Errorf("read header length: the file has %d bytes, and the length alone takes %d", len(data), lengthBytes)
	}
	n := binary.LittleEndian.Uint64(data)
	switch left := uint64(len(data) - lengthBytes); {
	case n > MaxHeader:
		return nil, fmt.Errorf("read header: %d bytes, limit %d", n, MaxHeader)
	case n > left:
		return nil, fmt.Errorf("read header: %d bytes, but the file has %d left", n, left)
	case n < uint64(len("{}")):
		return nil, fmt.Errorf("read header: %d bytes are too few", n)
	}
	header, body := data[lengthBytes:lengthBytes+int(n)], data[lengthBytes+int(n):]
	if header[0] != '{' {
		return nil, errors.New("read header: it does not begin with a brace")
	}
	h := headerReader{dec: newDecoder(header), bytes: bytes}
	if err := h.read(); err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	tensors, err := place(h.entries, body)
	if err != nil {
		return nil, err
	}
	return &File{Tensors: tensors, Metadata: h.metadata}, nil
}

// place gives each entry its bytes of body.
func place(entries []entry, body []byte) ([]Tensor, error) {
	slices.SortFunc(entries, entry.compare)
	tensors := make([]Tensor, len(entries))
	var end uint64
	for i, e := range entries {
		switch {
		case e.begin < end:
			return nil, fmt.Errorf("place tensor %q: its bytes begin at %d, within those of %q, which end at %d", e.name, e.begin, entries[i-1].name, end)
		case e.begin > end:
			return nil, fmt.Errorf("place tensor %q: its bytes begin at %d, and those from %d on are no tensor's", e.name, e.begin, end)
		case e.end > uint64(len(body)):
			return nil, fmt.Errorf("place tensor %q: its bytes end at %d, but the file has %d after the header", e.name, e.end, len(body))
		}
		end = e.end
		tensors[i] = Tensor{Name: e.name, Type: e.dtype, Shape: e.shape, Data: body[e.begin:e.end:e.end]}
	}
	if end != uint64(len(body)) {
		return nil, fmt.Errorf("read tensors: %d bytes after the last one", uint64(len(body))-end)
	}
	return tensors, nil
}

// compare orders entries by their bytes. One without bytes comes before one that
// begins at the same place.
func (e entry) compare(o entry) int {
	switch {
	case e.begin != o.begin:
		return order(e.begin, o.begin)
	case e.end != o.end:
		return order(e.end, o.end)
	}
	return strings.Compare(e.name, o.name)
}

func order(a, b uint64) int {
	if a < b {
		return -1
	}
	return 1
}

// Pickle says whether a file that begins with head is a Python pickle or the ZIP
// archive that PyTorch wraps one in.
func Pickle(head []byte) bool {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		return true
	}
	// A pickle of protocol 2 to 5 begins with PROTO. A header's length that
	// looks the same has zeros in its upper bytes: 0x80, 2 … 5 and zeros.
	const opProto = 0x80
	if len(head) < 2 || head[0] != opProto || head[1] < 2 || head[1] > 5 {
		return false
	}
	return len(head) <= lengthBytes || head[lengthBytes] != '{'
}
