package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// The least bytes that an entry takes: a key of one letter with a value of one
// byte, and a tensor with a name of one letter and one dimension.
const (
	leastKey    = 8 + 1 + 4 + 1
	leastTensor = 8 + 1 + 4 + 8 + 4 + 8
)

// Parse reads a file from its bytes, a mapped file's as a rule. Metadata are
// copied; the tensors' Data are parts of data. Before anything is allocated its
// size is compared with the bytes that are there.
func Parse(data []byte) (*File, error) {
	r := &reader{data: data, limit: min(len(data), MaxMetadata)}
	f, err := r.file()
	if err != nil {
		return nil, err
	}
	return f, nil
}

// reader reads values one after another.
type reader struct {
	data    []byte
	at      int // of the next byte
	limit   int // where metadata must have ended
	strings int // in arrays so far
}

func (r *reader) file() (*File, error) {
	f := &File{}
	var err error
	if f.Version, err = r.version(); err != nil {
		return nil, err
	}
	tensors, keys, err := r.counts()
	if err != nil {
		return nil, err
	}
	if err := r.properties(f, keys); err != nil {
		return nil, err
	}
	if err := f.setAlignment(); err != nil {
		return nil, err
	}
	if err := r.tensors(f, tensors); err != nil {
		return nil, err
	}
	return f, nil
}

// version reads the magic and the version.
func (r *reader) version() (int, error) {
	if !bytes.HasPrefix(r.data, []byte(Magic)) {
		return 0, fmt.Errorf("%w: it begins with %q", ErrMagic, r.data[:min(len(r.data), len(Magic))])
	}
	r.at = len(Magic)
	v, err := r.uint32()
	switch {
	case err != nil:
		return 0, fmt.Errorf("read version: %w", err)
	case v == 1:
		return 0, fmt.Errorf("%w: version 1, of 2023, is not read; convert the model anew", ErrVersion)
	case v&0xffff == 0 && v != 0:
		return 0, fmt.Errorf("%w: the file is big-endian (version bytes %#08x); convert it to little-endian", ErrVersion, v)
	case v != 2 && v != 3:
		return 0, fmt.Errorf("%w: version %d, only 2 and 3 are read", ErrVersion, v)
	}
	return int(v), nil
}

// counts reads how many tensors and keys follow, and compares them with the
// limits and with the bytes that are left.
func (r *reader) counts() (tensors, keys int, err error) {
	t, err := r.uint64()
	if err != nil {
		return 0, 0, fmt.Errorf("read tensor count: %w", err)
	}
	k, err := r.uint64()
	if err != nil {
		return 0, 0, fmt.Errorf("read key count: %w", err)
	}
	left := uint64(r.left())
	switch {
	case k > MaxKeys || t > MaxTensors:
		return 0, 0, fmt.Errorf("%w: it claims %d keys and %d tensors, at most %d and %d", ErrFormat, k, t, MaxKeys, MaxTensors)
	case k*leastKey+t*leastTensor > left:
		return 0, 0, fmt.Errorf("%w: it claims %d keys and %d tensors in %d bytes", ErrFormat, k, t, left)
	}
	return int(t), int(k), nil
}

// left returns how many bytes of metadata there can still be.
func (r *reader) left() int { return r.limit - r.at }

// take returns the next n bytes.
func (r *reader) take(n int) ([]byte, error) {
	if n > r.left() {
		if r.limit < len(r.data) {
			return nil, fmt.Errorf("%w: metadata of more than %d bytes", ErrFormat, MaxMetadata)
		}
		return nil, fmt.Errorf("%w: the file ends %d bytes short", ErrFormat, n-r.left())
	}
	b := r.data[r.at : r.at+n : r.at+n]
	r.at += n
	return b, nil
}

func (r *reader) uint32() (uint32, error) {
	b, err := r.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (r *reader) uint64() (uint64, error) {
	b, err := r.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// text reads a length and as many bytes, at most limit.
func (r *reader) text(limit int) ([]byte, error) {
	n, err := r.uint64()
	if err != nil {
		return nil, err
	}
	if n > uint64(limit) {
		return nil, fmt.Errorf("%w: a string of %d bytes, at most %d", ErrFormat, n, limit)
	}
	return r.take(int(n))
}

// name reads a string that may not be empty, a key or a tensor's name.
func (r *reader) name(limit int) (string, error) {
	b, err := r.text(limit)
	if err != nil {
		return "", err
	}
	if len(b) == 0 {
		return "", fmt.Errorf("%w: an empty name", ErrFormat)
	}
	return string(b), nil
}

// properties reads n entries of metadata.
func (r *reader) properties(f *File, n int) error {
	f.Properties = make([]Property, 0, n)
	f.index = make(map[string]int, n)
	for i := range n {
		key, err := r.name(MaxKeyBytes)
		if err != nil {
			return fmt.Errorf("read key %d of %d: %w", i+1, n, err)
		}
		if _, twice := f.index[key]; twice {
			return fmt.Errorf("%w: key %q stands twice", ErrFormat, key)
		}
		value, err := r.property()
		if err != nil {
			return fmt.Errorf("read value of key %q: %w", key, err)
		}
		f.index[key] = i
		f.Properties = append(f.Properties, Property{Key: key, Value: value})
	}
	return nil
}

// property reads one value with its type before it.
func (r *reader) property() (any, error) {
	id, err := r.uint32()
	if err != nil {
		return nil, err
	}
	if kind(id) != kindArray {
		return r.scalar(kind(id))
	}
	if id, err = r.uint32(); err != nil {
		return nil, err
	}
	n, err := r.uint64()
	if err != nil {
		return nil, err
	}
	return r.array(kind(id), n)
}

func (r *reader) scalar(k kind) (any, error) {
	if k == kindString {
		b, err := r.text(MaxStringBytes)
		return string(b), err
	}
	size := k.size()
	if size == 0 {
		return nil, fmt.Errorf("%w: unknown value type %d", ErrFormat, k)
	}
	b, err := r.take(size)
	if err != nil {
		return nil, err
	}
	return k.decode(b)
}

// array reads n values of one type.
func (r *reader) array(k kind, n uint64) (any, error) {
	switch k {
	case kindArray:
		return nil, fmt.Errorf("%w: an array of arrays", ErrFormat)
	case kindString:
		return r.texts(n)
	}
	size := k.size()
	if size == 0 {
		return nil, fmt.Errorf("%w: an array of the unknown value type %d", ErrFormat, k)
	}
	if n > uint64(r.left()/size) {
		return nil, fmt.Errorf("%w: an array of %d values in %d bytes", ErrFormat, n, r.left())
	}
	b, err := r.take(int(n) * size)
	if err != nil {
		return nil, err
	}
	return k.decodeAll(b)
}

// texts reads n strings. They are parts of one copy of the array: vocabularies
// have hundreds of thousands.
func (r *reader) texts(n uint64) ([]string, error) {
	if n > uint64(r.left()/8) {
		return nil, fmt.Errorf("%w: an array of %d strings in %d bytes", ErrFormat, n, r.left())
	}
	if r.strings += int(n); r.strings > MaxStrings {
		return nil, fmt.Errorf("%w: more than %d strings in arrays", ErrFormat, MaxStrings)
	}
	start := r.at
	for range n {
		if _, err := r.text(MaxStringBytes); err != nil {
			return nil, err
		}
	}
	return cutTexts(string(r.data[start:r.at]), int(n))
}

// cutTexts cuts n strings, each with its length before it, out of their copy.
// Their lengths have been read before, but a mapped file may have changed since.
func cutTexts(all string, n int) ([]string, error) {
	texts := make([]string, n)
	for i := range texts {
		if len(all) < 8 {
			return nil, fmt.Errorf("%w: it changed while it was read", ErrFormat)
		}
		size := binary.LittleEndian.Uint64([]byte(all[:8]))
		all = all[8:]
		if size > uint64(len(all)) {
			return nil, fmt.Errorf("%w: it changed while it was read", ErrFormat)
		}
		texts[i], all = all[:size], all[size:]
	}
	return texts, nil
}

// setAlignment takes the alignment from the metadata.
func (f *File) setAlignment() error {
	a, err := alignment(f.Value(AlignmentKey))
	f.Alignment = a
	return err
}

// alignment checks a file's value of AlignmentKey, where it has one.
func alignment(value any, ok bool) (int, error) {
	if !ok {
		return DefaultAlignment, nil
	}
	a, ok := value.(uint32)
	if !ok {
		return 0, fmt.Errorf("%w: %s is a %T, not a uint32", ErrFormat, AlignmentKey, value)
	}
	if a < MinAlignment || a > MaxAlignment || a&(a-1) != 0 {
		return 0, fmt.Errorf("%w: %s is %d, not a power of two from %d to %d", ErrFormat, AlignmentKey, a, MinAlignment, MaxAlignment)
	}
	return int(a), nil
}

// padded rounds n up to a multiple of alignment; ok is false if it wraps.
func padded(n int64, alignment int) (_ int64, ok bool) {
	if n > math.MaxInt64-int64(alignment) {
		return 0, false
	}
	return (n + int64(alignment) - 1) &^ (int64(alignment) - 1), true
}
