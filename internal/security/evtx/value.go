package evtx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// The types of a substitution value. An array of a type has the bit typeArray.
const (
	typeNull       = 0x00
	typeString     = 0x01
	typeANSI       = 0x02
	typeInt8       = 0x03
	typeUint8      = 0x04
	typeInt16      = 0x05
	typeUint16     = 0x06
	typeInt32      = 0x07
	typeUint32     = 0x08
	typeInt64      = 0x09
	typeUint64     = 0x0a
	typeReal32     = 0x0b
	typeReal64     = 0x0c
	typeBool       = 0x0d
	typeBinary     = 0x0e
	typeGUID       = 0x0f
	typeSize       = 0x10
	typeFiletime   = 0x11
	typeSystemtime = 0x12
	typeSID        = 0x13
	typeHex32      = 0x14
	typeHex64      = 0x15
	typeHandle     = 0x20
	typeBinXML     = 0x21
	typeXML        = 0x23
	typeArray      = 0x80
)

// value is one value of a template instance. Its bytes lie in the chunk, so
// that a fragment in it can refer to the names and templates around it.
type value struct {
	start, size int32
	typ         byte
}

// fixedSize returns the size of a type whose values all have one, otherwise 0.
func fixedSize(typ byte) int {
	switch typ {
	case typeInt8, typeUint8:
		return 1
	case typeInt16, typeUint16:
		return 2
	case typeInt32, typeUint32, typeReal32, typeHex32:
		return 4
	case typeInt64, typeUint64, typeReal64, typeFiletime, typeHex64:
		return 8
	case typeGUID, typeSystemtime:
		return 16
	case typeBool:
		return 4
	}
	return 0
}

// appendValue appends the text of a value that is neither an array nor a
// fragment. A value without bytes is Null, but for text, which is then empty.
func appendValue(dst []byte, typ byte, b []byte) ([]byte, Kind, error) {
	switch typ {
	case typeString, typeXML:
		return appendUTF16(dst, b), String, nil
	case typeANSI:
		return appendANSI(dst, b), String, nil
	case typeNull:
		return dst, Null, nil
	}
	if len(b) == 0 {
		return dst, Null, nil
	}
	switch typ {
	case typeBinary:
		return appendBinary(dst, b), String, nil
	case typeBool:
		return appendBool(dst, b)
	case typeSID:
		if sidSize(b) != len(b) {
			return dst, Null, fmt.Errorf("read a SID: %d bytes", len(b))
		}
		return appendSID(dst, b), String, nil
	case typeSize, typeHandle:
		if len(b) != 4 && len(b) != 8 {
			return dst, Null, fmt.Errorf("read a pointer: %d bytes", len(b))
		}
		return appendHex(dst, b), String, nil
	}
	size := fixedSize(typ)
	if size == 0 {
		return dst, Null, fmt.Errorf("read a value: unknown type 0x%02x", typ)
	}
	if len(b) != size {
		return dst, Null, fmt.Errorf("read a value of type 0x%02x: %d bytes, want %d", typ, len(b), size)
	}
	return appendFixed(dst, typ, b)
}

// appendFixed appends a value whose size is that of its type.
func appendFixed(dst []byte, typ byte, b []byte) ([]byte, Kind, error) {
	le := binary.LittleEndian
	switch typ {
	case typeInt8:
		return strconv.AppendInt(dst, int64(int8(b[0])), 10), Number, nil
	case typeUint8:
		return strconv.AppendUint(dst, uint64(b[0]), 10), Number, nil
	case typeInt16:
		return strconv.AppendInt(dst, int64(int16(le.Uint16(b))), 10), Number, nil
	case typeUint16:
		return strconv.AppendUint(dst, uint64(le.Uint16(b)), 10), Number, nil
	case typeInt32:
		return strconv.AppendInt(dst, int64(int32(le.Uint32(b))), 10), Number, nil
	case typeUint32:
		return strconv.AppendUint(dst, uint64(le.Uint32(b)), 10), Number, nil
	case typeInt64:
		return strconv.AppendInt(dst, int64(le.Uint64(b)), 10), Number, nil
	case typeUint64:
		return strconv.AppendUint(dst, le.Uint64(b), 10), Number, nil
	case typeReal32:
		return appendFloat(dst, float64(math.Float32frombits(le.Uint32(b))), 32)
	case typeReal64:
		return appendFloat(dst, math.Float64frombits(le.Uint64(b)), 64)
	case typeGUID:
		return appendGUID(dst, b), String, nil
	case typeFiletime:
		return appendFiletime(dst, le.Uint64(b)), String, nil
	case typeSystemtime:
		return appendSystemtime(dst, b), String, nil
	}
	return appendHex(dst, b), String, nil // typeHex32, typeHex64
}

// appendFloat appends the shortest decimal that reads back as the same number.
// JSON has no infinity and no NaN, so those are strings.
func appendFloat(dst []byte, v float64, bits int) ([]byte, Kind, error) {
	kind := Number
	if math.IsNaN(v) || math.IsInf(v, 0) {
		kind = String
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits), kind, nil
}

// appendBool appends a truth value. It has four bytes; some providers write one.
func appendBool(dst, b []byte) ([]byte, Kind, error) {
	if len(b) != 4 && len(b) != 1 {
		return dst, Null, fmt.Errorf("read a bool: %d bytes", len(b))
	}
	return strconv.AppendBool(dst, len(bytes.Trim(b, "\x00")) > 0), Bool, nil
}

// appendHex appends four or eight bytes as 0x and the digits that matter.
func appendHex(dst, b []byte) []byte {
	v := uint64(binary.LittleEndian.Uint32(b))
	if len(b) == 8 {
		v = binary.LittleEndian.Uint64(b)
	}
	return strconv.AppendUint(append(dst, "0x"...), v, 16)
}

// itemType returns the type of the items of an array of size bytes. The file
// does not tell the width of a pointer; 64 bits are usual.
func itemType(array byte, size int) byte {
	typ := array &^ typeArray
	switch {
	case typ == typeSize && size%8 == 0:
		return typeHex64
	case typ == typeSize:
		return typeHex32
	}
	return typ
}

// nextItem takes the first item off an array of itemType typ. The format defines no
// items for arrays of binary data, handles and fragments: those are one item of
// binary data. b is not empty.
func nextItem(typ byte, b []byte) (is byte, item, rest []byte) {
	size := fixedSize(typ)
	switch typ {
	case typeString:
		for i := 0; i+1 < len(b); i += 2 {
			if b[i] == 0 && b[i+1] == 0 {
				return typ, b[:i], b[i+2:]
			}
		}
		return typ, b, nil
	case typeANSI:
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return typ, b[:i], b[i+1:]
		}
		return typ, b, nil
	case typeSID:
		size = sidSize(b)
	}
	if size == 0 || len(b) < size {
		return typeBinary, b, nil
	}
	return typ, b[:size], b[size:]
}
