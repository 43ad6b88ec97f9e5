// Package gguf reads and writes the GGUF file format, versions 2 and 3, little
// end first: typed metadata under keys, and the names, shapes and bytes of
// tensors. It knows nothing of what the metadata mean.
//
// The format is described byte by byte in docs/formats/gguf.md.
package gguf

import (
	"errors"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Magic is the first four bytes of every GGUF file.
const Magic = "GGUF"

// Limits on what a file may hold. The largest models that are published stay
// below a tenth of each.
const (
	// MaxMetadata bounds the bytes before the tensors' data: magic, metadata and
	// descriptions of tensors.
	MaxMetadata = 256 << 20
	// MaxKeys and MaxTensors bound the entries of one file.
	MaxKeys    = 1 << 16
	MaxTensors = 1 << 16
	// MaxKeyBytes and MaxNameBytes bound a key and the name of a tensor.
	MaxKeyBytes  = 1 << 16
	MaxNameBytes = 255
	// MaxStringBytes bounds a value.
	MaxStringBytes = 64 << 20
	// MaxStrings bounds the strings in all arrays of a file together.
	MaxStrings = 8 << 20
	// MaxDimensions bounds a tensor's.
	MaxDimensions = 4
	// MinAlignment and MaxAlignment bound general.alignment, a power of two.
	MinAlignment = 8
	MaxAlignment = 64 << 10
)

// AlignmentKey is the key, a uint32, of what offsets of tensors are multiples
// of; DefaultAlignment holds where it is missing.
const (
	AlignmentKey     = "general.alignment"
	DefaultAlignment = 32
)

// Errors that callers tell apart; they come wrapped.
var (
	// ErrMagic is the error of a file that is no GGUF file at all.
	ErrMagic = errors.New("not a GGUF file")
	// ErrVersion is the error of a version or byte order that is not read.
	ErrVersion = errors.New("unsupported GGUF version")
	// ErrFormat is the error of a file that says what cannot be.
	ErrFormat = errors.New("malformed GGUF file")
)

// Property is one entry of a file's metadata. The value's Go type is the file's
// own: uint8, int8, uint16, int16, uint32, int32, float32, bool, string, uint64,
// int64, float64, or a slice of one of them.
type Property struct {
	Key   string
	Value any
}

// Tensor is one array of numbers. Shape has the slowest dimension first (GGUF
// writes the fastest first), so that a matrix is [rows, columns].
type Tensor struct {
	Name  string
	Type  quant.Type
	Shape []int
	// Data is the tensor's bytes: for a tensor that was read, a part of what
	// Parse was given.
	Data []byte
}

// File is a parsed file.
type File struct {
	Version    int // 2 or 3
	Alignment  int // bytes
	DataStart  int // offset of the first tensor's data in the file
	Properties []Property
	Tensors    []Tensor

	index map[string]int // of Properties by key
}

// Value returns the value under key, and whether there is one.
func (f *File) Value(key string) (any, bool) {
	i, ok := f.index[key]
	if !ok {
		return nil, false
	}
	return f.Properties[i].Value, true
}
