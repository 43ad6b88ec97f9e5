package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// headerAlign is what a header is padded to with spaces, so that the numbers
// of a mapped file lie on whole words.
const headerAlign = 8

// Write writes a file: the tensors in the given order, the metadata's entries
// sorted by key. The same input gives the same bytes. It fails before it writes
// anything if ParseBytes would refuse the file.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	header, err := encodeHeader(tensors, metadata)
	if err != nil {
		return fmt.Errorf("write safetensors: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("write tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// encodeHeader returns everything before the numbers.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	if err := checkWrite(tensors, metadata); err != nil {
		return nil, err
	}
	out := append(make([]byte, lengthBytes), '{')
	if metadata != nil {
		out = appendMetadata(out, metadata)
	}
	var begin uint64
	for _, t := range tensors {
		e := entry{name: t.Name, dtype: t.Type, shape: t.Shape, begin: begin, end: begin + uint64(len(t.Data))}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		out = e.append(out)
		begin = e.end
	}
	if out[len(out)-1] == ',' {
		out = out[:len(out)-1]
	}
	out = append(out, '}')
	for len(out)%headerAlign != 0 {
		out = append(out, ' ')
	}
	if len(out)-lengthBytes > MaxHeader {
		return nil, fmt.Errorf("the header has %d bytes, limit %d", len(out)-lengthBytes, MaxHeader)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-lengthBytes))
	return out, nil
}

// checkWrite refuses what ParseBytes would refuse, but for sizes.
func checkWrite(tensors []Tensor, metadata map[string]string) error {
	if len(tensors) > MaxTensors || len(metadata) > MaxMetadata {
		return fmt.Errorf("%d tensors and %d entries of metadata, limits %d and %d", len(tensors), len(metadata), MaxTensors, MaxMetadata)
	}
	for key, value := range metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return errors.New("metadata is no UTF-8")
		}
	}
	seen := make(map[string]bool, len(tensors))
	for _, t := range tensors {
		switch {
		case t.Name == metadataName || t.Name == "" || len(t.Name) > MaxName || !utf8.ValidString(t.Name):
			return fmt.Errorf("tensor %.80q: no tensor can have this name", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("tensor %q: there are two", t.Name)
		case !readable(t):
			return fmt.Errorf("tensor %q: %v with %d dimensions cannot be written", t.Name, t.Type, len(t.Shape))
		}
		seen[t.Name] = true
	}
	return nil
}

// readable says whether Parse takes a tensor of this type and shape.
func readable(t Tensor) bool {
	for _, n := range t.Shape {
		if n < 0 {
			return false
		}
	}
	known := typeName(t.Type)
	return len(t.Shape) <= MaxDimensions && (known == "F32" || known == "F16" || known == "BF16" || known == "U8")
}

// typeName returns how a header calls a type.
func typeName(t quant.Type) string {
	if t == U8 {
		return "U8"
	}
	return t.String()
}

func appendMetadata(out []byte, metadata map[string]string) []byte {
	out = append(quote(out, metadataName), ':', '{')
	for i, key := range slices.Sorted(maps.Keys(metadata)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(quote(out, key), ':')
		out = quote(out, metadata[key])
	}
	return append(out, '}', ',')
}

// append appends the entry as a member of the header, with a comma.
func (e *entry) append(out []byte) []byte {
	out = quote(out, e.name)
	out = fmt.Appendf(out, `:{"dtype":"%s","shape":[`, typeName(e.dtype))
	for i, n := range e.shape {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%d", n)
	}
	return fmt.Appendf(out, `],"data_offsets":[%d,%d]},`, e.begin, e.end)
}

// quote appends s as a JSON string. Its text is UTF-8: checkWrite made sure.
func quote(out []byte, s string) []byte {
	out, err := jsontext.AppendQuote(out, s)
	if err != nil {
		panic("safetensors: quote: " + err.Error())
	}
	return out
}
