package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// kind is the id of a value's type.
type kind uint32

// The types of values, by their ids in files.
const (
	kindUint8   kind = 0
	kindInt8    kind = 1
	kindUint16  kind = 2
	kindInt16   kind = 3
	kindUint32  kind = 4
	kindInt32   kind = 5
	kindFloat32 kind = 6
	kindBool    kind = 7
	kindString  kind = 8
	kindArray   kind = 9
	kindUint64  kind = 10
	kindInt64   kind = 11
	kindFloat64 kind = 12
)

// size returns the bytes of a value, 0 for strings, arrays and unknown types.
func (k kind) size() int {
	switch k {
	case kindUint8, kindInt8, kindBool:
		return 1
	case kindUint16, kindInt16:
		return 2
	case kindUint32, kindInt32, kindFloat32:
		return 4
	case kindUint64, kindInt64, kindFloat64:
		return 8
	}
	return 0
}

// decode returns the value in b, of k.size() bytes.
func (k kind) decode(b []byte) (any, error) {
	switch k {
	case kindUint8:
		return b[0], nil
	case kindInt8:
		return int8(b[0]), nil
	case kindUint16:
		return binary.LittleEndian.Uint16(b), nil
	case kindInt16:
		return int16(binary.LittleEndian.Uint16(b)), nil
	case kindUint32:
		return binary.LittleEndian.Uint32(b), nil
	case kindInt32:
		return int32(binary.LittleEndian.Uint32(b)), nil
	case kindFloat32:
		return math.Float32frombits(binary.LittleEndian.Uint32(b)), nil
	case kindBool:
		return decodeBool(b[0])
	case kindUint64:
		return binary.LittleEndian.Uint64(b), nil
	case kindInt64:
		return int64(binary.LittleEndian.Uint64(b)), nil
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
}

func decodeBool(b byte) (bool, error) {
	if b > 1 {
		return false, fmt.Errorf("%w: a truth value of %d", ErrFormat, b)
	}
	return b == 1, nil
}

// decodeAll returns the values in b, a multiple of k.size() bytes.
func (k kind) decodeAll(b []byte) (any, error) {
	switch k {
	case kindUint8:
		return append([]uint8{}, b...), nil
	case kindInt8:
		return each(b, 1, func(b []byte) int8 { return int8(b[0]) }), nil
	case kindUint16:
		return each(b, 2, binary.LittleEndian.Uint16), nil
	case kindInt16:
		return each(b, 2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) }), nil
	case kindUint32:
		return each(b, 4, binary.LittleEndian.Uint32), nil
	case kindInt32:
		return each(b, 4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }), nil
	case kindFloat32:
		return each(b, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }), nil
	case kindBool:
		return decodeBools(b)
	case kindUint64:
		return each(b, 8, binary.LittleEndian.Uint64), nil
	case kindInt64:
		return each(b, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }), nil
	}
	return each(b, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }), nil
}

func each[T any](b []byte, size int, decode func([]byte) T) []T {
	values := make([]T, len(b)/size)
	for i := range values {
		values[i] = decode(b[i*size:])
	}
	return values
}

func decodeBools(b []byte) ([]bool, error) {
	values := make([]bool, len(b))
	for i, c := range b {
		v, err := decodeBool(c)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// kindOf returns the type of a value that is no slice.
func kindOf(value any) (kind, bool) {
	switch value.(type) {
	case uint8:
		return kindUint8, true
	case int8:
		return kindInt8, true
	case uint16:
		return kindUint16, true
	case int16:
		return kindInt16, true
	case uint32:
		return kindUint32, true
	case int32:
		return kindInt32, true
	case float32:
		return kindFloat32, true
	case bool:
		return kindBool, true
	case string:
		return kindString, true
	case uint64:
		return kindUint64, true
	case int64:
		return kindInt64, true
	case float64:
		return kindFloat64, true
	}
	return 0, false
}

// appendValue appends a value with its type before it; ok is false for a Go
// type that files have no type for.
func appendValue(b []byte, value any) (_ []byte, ok bool) {
	if k, ok := kindOf(value); ok {
		b = binary.LittleEndian.AppendUint32(b, uint32(k))
		return appendScalar(b, value), true
	}
	switch v := value.(type) {
	case []uint8:
		return appendArray(b, v), true
	case []int8:
		return appendArray(b, v), true
	case []uint16:
		return appendArray(b, v), true
	case []int16:
		return appendArray(b, v), true
	case []uint32:
		return appendArray(b, v), true
	case []int32:
		return appendArray(b, v), true
	case []float32:
		return appendArray(b, v), true
	case []bool:
		return appendArray(b, v), true
	case []string:
		return appendArray(b, v), true
	case []uint64:
		return appendArray(b, v), true
	case []int64:
		return appendArray(b, v), true
	case []float64:
		return appendArray(b, v), true
	}
	return b, false
}

func appendArray[T any](b []byte, values []T) []byte {
	var zero T
	k, _ := kindOf(zero)
	b = binary.LittleEndian.AppendUint32(b, uint32(kindArray))
	b = binary.LittleEndian.AppendUint32(b, uint32(k))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(values)))
	for _, v := range values {
		b = appendScalar(b, v)
	}
	return b
}

func appendScalar(b []byte, value any) []byte {
	switch v := value.(type) {
	case uint8:
		return append(b, v)
	case int8:
		return append(b, byte(v))
	case uint16:
		return binary.LittleEndian.AppendUint16(b, v)
	case int16:
		return binary.LittleEndian.AppendUint16(b, uint16(v))
	case uint32:
		return binary.LittleEndian.AppendUint32(b, v)
	case int32:
		return binary.LittleEndian.AppendUint32(b, uint32(v))
	case float32:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	case bool:
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case string:
		return appendText(b, v)
	case uint64:
		return binary.LittleEndian.AppendUint64(b, v)
	case int64:
		return binary.LittleEndian.AppendUint64(b, uint64(v))
	case float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(text))), text...)
}
