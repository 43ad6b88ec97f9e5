package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
)

// writtenVersion is the version that is written.
const writtenVersion = 3

// Layout says where a file's tensors go: all in bytes from the start of the file.
type Layout struct {
	Header  []byte  // all before the first tensor's data, padding included
	Offsets []int64 // of each tensor's data
	Sizes   []int64 // of each tensor's data
	Size    int64   // of the file; the last tensor is padded, too
}

// NewLayout plans a file of version 3 with these properties and tensors, in
// their order; the tensors' Data are not looked at. Whoever writes the file puts
// Header at its start, each tensor's data at its offset, in any order, and zeros
// between.
//
// It refuses what Parse would refuse.
func NewLayout(properties []Property, tensors []Tensor) (*Layout, error) {
	alignment, err := checkProperties(properties)
	if err != nil {
		return nil, err
	}
	if len(tensors) > MaxTensors {
		return nil, fmt.Errorf("%w: %d tensors, at most %d", ErrFormat, len(tensors), MaxTensors)
	}
	b := append([]byte(Magic), writtenVersion, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(tensors)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(properties)))
	for _, p := range properties {
		var ok bool
		if b, ok = appendValue(appendText(b, p.Key), p.Value); !ok {
			return nil, fmt.Errorf("%w: key %q has a value of type %T", ErrFormat, p.Key, p.Value)
		}
	}
	return plan(b, tensors, alignment)
}

// plan completes the header b with the descriptions of the tensors.
func plan(b []byte, tensors []Tensor, alignment int) (*Layout, error) {
	l := &Layout{Offsets: make([]int64, len(tensors)), Sizes: make([]int64, len(tensors))}
	at := int64(0)
	names := make(map[string]bool, len(tensors))
	for i := range tensors {
		t := &tensors[i]
		size, err := checkTensor(t, names)
		if err != nil {
			return nil, err
		}
		b = appendText(b, t.Name)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Shape)))
		for d := len(t.Shape) - 1; d >= 0; d-- {
			b = binary.LittleEndian.AppendUint64(b, uint64(t.Shape[d]))
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
		b = binary.LittleEndian.AppendUint64(b, uint64(at))
		l.Offsets[i], l.Sizes[i] = at, size
		room, ok := padded(size, alignment)
		if !ok || at > 1<<62-room {
			return nil, fmt.Errorf("%w: tensor %q: the sizes' sum wraps", ErrFormat, t.Name)
		}
		at += room
	}
	if len(b) > MaxMetadata {
		return nil, fmt.Errorf("%w: metadata of %d bytes, at most %d", ErrFormat, len(b), MaxMetadata)
	}
	start, _ := padded(int64(len(b)), alignment)
	l.Header = append(b, make([]byte, int(start)-len(b))...)
	for i := range l.Offsets {
		l.Offsets[i] += start
	}
	l.Size = start + at
	return l, nil
}

// checkProperties returns the alignment that the properties ask for.
func checkProperties(properties []Property) (int, error) {
	if len(properties) > MaxKeys {
		return 0, fmt.Errorf("%w: %d keys, at most %d", ErrFormat, len(properties), MaxKeys)
	}
	seen := make(map[string]bool, len(properties))
	align, strings := DefaultAlignment, 0
	for _, p := range properties {
		if p.Key == "" || len(p.Key) > MaxKeyBytes || seen[p.Key] {
			return 0, fmt.Errorf("%w: key %.100q is empty, too long or stands twice", ErrFormat, p.Key)
		}
		seen[p.Key] = true
		switch v := p.Value.(type) {
		case string:
			if len(v) > MaxStringBytes {
				return 0, fmt.Errorf("%w: key %q: a string of %d bytes, at most %d", ErrFormat, p.Key, len(v), MaxStringBytes)
			}
		case []string:
			strings += len(v)
		}
		if p.Key == AlignmentKey {
			var err error
			if align, err = alignment(p.Value, true); err != nil {
				return 0, err
			}
		}
	}
	if strings > MaxStrings {
		return 0, fmt.Errorf("%w: %d strings in arrays, at most %d", ErrFormat, strings, MaxStrings)
	}
	return align, nil
}

// checkTensor returns the size of a tensor in bytes.
func checkTensor(t *Tensor, names map[string]bool) (int64, error) {
	if t.Name == "" || len(t.Name) > MaxNameBytes || names[t.Name] {
		return 0, fmt.Errorf("%w: tensor %.100q: its name is empty, too long or stands twice", ErrFormat, t.Name)
	}
	names[t.Name] = true
	if len(t.Shape) < 1 || len(t.Shape) > MaxDimensions {
		return 0, fmt.Errorf("%w: tensor %q: %d dimensions, not 1 to %d", ErrFormat, t.Name, len(t.Shape), MaxDimensions)
	}
	dims := make([]uint64, len(t.Shape))
	for i, d := range t.Shape {
		dims[len(dims)-1-i] = uint64(d) // a negative one is too large
	}
	size, err := sizeOf(t.Type, dims)
	if err != nil {
		return 0, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return int64(size), nil
}

// Write writes a file of version 3, tensors one after another in their order.
func Write(w io.Writer, properties []Property, tensors []Tensor) error {
	l, err := NewLayout(properties, tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(l.Header); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	padding := make([]byte, MaxAlignment)
	for i := range tensors {
		t := &tensors[i]
		if int64(len(t.Data)) != l.Sizes[i] {
			return fmt.Errorf("write tensor %q: %d bytes of data, its shape takes %d", t.Name, len(t.Data), l.Sizes[i])
		}
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("write tensor %q: %w", t.Name, err)
		}
		end := l.Size
		if i+1 < len(tensors) {
			end = l.Offsets[i+1]
		}
		if _, err := w.Write(padding[:end-l.Offsets[i]-l.Sizes[i]]); err != nil {
			return fmt.Errorf("write tensor %q: %w", t.Name, err)
		}
	}
	return nil
}
