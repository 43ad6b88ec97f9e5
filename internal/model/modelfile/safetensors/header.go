package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// entry is what the header says of one tensor.
type entry struct {
	name       string
	dtype      quant.Type
	shape      []int
	begin, end uint64
}

// headerReader reads a header token by token, so that every count is checked
// before more is kept. Two keys of one name and text that is no UTF-8 are
// refused by the decoder.
type headerReader struct {
	dec      *jsontext.Decoder
	entries  []entry
	metadata map[string]string
	bytes    bool // tensors of bytes are taken
}

func newDecoder(header []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(header))
}

// read reads the one object of the header. Only white space may follow it.
func (h *headerReader) read() error {
	err := h.object(func(name string) error {
		if name == metadataName {
			return h.readMetadata()
		}
		return h.readEntry(name)
	})
	if err != nil {
		return err
	}
	if _, err := h.dec.ReadToken(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// object reads an object and calls member after each key, to read the value.
func (h *headerReader) object(member func(name string) error) error {
	if err := h.expect('{'); err != nil {
		return err
	}
	for h.dec.PeekKind() == '"' {
		name, err := h.text()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
	return h.expect('}')
}

// expect reads a token of a kind.
func (h *headerReader) expect(kind jsontext.Kind) error {
	token, err := h.dec.ReadToken()
	if err != nil {
		return plain(err)
	}
	if token.Kind() != kind {
		return fmt.Errorf("%v where %v was expected", token.Kind(), kind)
	}
	return nil
}

// text reads a string.
func (h *headerReader) text() (string, error) {
	token, err := h.dec.ReadToken()
	if err != nil {
		return "", plain(err)
	}
	if token.Kind() != '"' {
		return "", fmt.Errorf("%v where a string was expected", token.Kind())
	}
	return token.String(), nil
}

// number reads a whole number that is not negative.
func (h *headerReader) number() (uint64, error) {
	if h.dec.PeekKind() != '0' {
		return 0, errors.New("no number where one was expected")
	}
	value, err := h.dec.ReadValue()
	if err != nil {
		return 0, plain(err)
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("%.40s is no whole number from 0 to 2^63-1", value)
	}
	return n, nil
}

// plain returns an error of the decoder without the place in the Go program and
// without long excerpts of the input.
func plain(err error) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends within a value")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return errors.New("two keys have one name")
	case errors.As(err, &syntactic):
		return fmt.Errorf("byte %d: it is no valid JSON in UTF-8", syntactic.ByteOffset)
	}
	return err
}

func (h *headerReader) readMetadata() error {
	h.metadata = map[string]string{}
	err := h.object(func(key string) error {
		if len(h.metadata) == MaxMetadata {
			return fmt.Errorf("more than %d entries", MaxMetadata)
		}
		value, err := h.text()
		if err != nil {
			return fmt.Errorf("key %.80q: %w", key, err)
		}
		h.metadata[key] = value
		return nil
	})
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	return nil
}

func (h *headerReader) readEntry(name string) error {
	switch {
	case len(h.entries) == MaxTensors:
		return fmt.Errorf("more than %d tensors", MaxTensors)
	case len(name) == 0 || len(name) > MaxName:
		return fmt.Errorf("a tensor's name of %d bytes, limit 1 to %d", len(name), MaxName)
	}
	e := entry{name: name}
	var seen int
	err := h.object(func(key string) (err error) {
		seen++
		switch key {
		case "dtype":
			e.dtype, err = h.dtype()
		case "shape":
			e.shape, err = h.shape()
		case "data_offsets":
			e.begin, e.end, err = h.offsets()
		default:
			return fmt.Errorf("key %.80q is not known", key)
		}
		return err
	})
	if err == nil && seen != len([]string{"dtype", "shape", "data_offsets"}) {
		err = errors.New(`one of "dtype", "shape" and "data_offsets" is missing`)
	}
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	h.entries = append(h.entries, e)
	return nil
}

// dtype reads the name of a number format.
func (h *headerReader) dtype() (quant.Type, error) {
	name, err := h.text()
	if err != nil {
		return 0, err
	}
	switch name {
	case "F32":
		return quant.F32, nil
	case "F16":
		return quant.F16, nil
	case "BF16":
		return quant.BF16, nil
	case "U8":
		if h.bytes {
			return U8, nil
		}
	}
	return 0, fmt.Errorf("numbers are %.20q; only F32, F16 and BF16 are read", name)
}

// shape reads the dimensions.
func (h *headerReader) shape() ([]int, error) {
	if err := h.expect('['); err != nil {
		return nil, fmt.Errorf("shape: %w", err)
	}
	var shape []int
	for h.dec.PeekKind() == '0' {
		if len(shape) == MaxDimensions {
			return nil, fmt.Errorf("shape: more than %d dimensions", MaxDimensions)
		}
		n, err := h.number()
		if err != nil {
			return nil, fmt.Errorf("shape: %w", err)
		}
		if n > math.MaxInt {
			return nil, fmt.Errorf("shape: a dimension of %d", n)
		}
		shape = append(shape, int(n))
	}
	return shape, h.expect(']')
}

// offsets reads where the tensor's bytes begin and end.
func (h *headerReader) offsets() (begin, end uint64, err error) {
	if err := h.expect('['); err != nil {
		return 0, 0, fmt.Errorf("data_offsets: %w", err)
	}
	if begin, err = h.number(); err != nil {
		return 0, 0, fmt.Errorf("data_offsets: %w", err)
	}
	if end, err = h.number(); err != nil {
		return 0, 0, fmt.Errorf("data_offsets: %w", err)
	}
	return begin, end, h.expect(']')
}

// check compares the bytes with what type and shape take.
func (e *entry) check() error {
	if e.end < e.begin {
		return fmt.Errorf("its bytes end at %d, before they begin at %d", e.end, e.begin)
	}
	size := uint64(1)
	if e.dtype != U8 {
		_, bytes := e.dtype.Block()
		size = uint64(bytes)
	}
	for _, n := range e.shape {
		high, low := bits.Mul64(size, uint64(n))
		if high != 0 {
			return fmt.Errorf("shape %v is too large", e.shape)
		}
		size = low
	}
	if have := e.end - e.begin; have != size {
		return fmt.Errorf("%d bytes, but shape %v of %v takes %d", have, e.shape, e.dtype, size)
	}
	return nil
}
