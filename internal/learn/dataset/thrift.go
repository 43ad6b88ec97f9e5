package dataset

import (
	"encoding/binary"
	"fmt"
)

const (
	maxHeader      = 1 << 20 // bytes of a page's header, its statistics included
	maxThriftDepth = 24
	// maxThriftElements bounds the elements of all lists together: each may take
	// some hundred times the bytes in memory that it has in the file.
	maxThriftElements = 200_000
)

// The types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// checkThrift walks a struct of Thrift's compact protocol at the beginning of data,
// and holds the lengths of its lists and texts against the bytes that there are: a
// decoder makes room by them before it looks.
//
// Source: Apache Thrift, doc/specs/thrift-compact-protocol.md.
func checkThrift(data []byte) error {
	w := thriftWalk{data: data}
	w.object(0)
	if w.bad != "" {
		return fmt.Errorf("%s in its description: %w", w.bad, errParquet)
	}
	return nil
}

// thriftWalk is a place in a struct that is walked.
type thriftWalk struct {
	data     []byte
	bad      string
	elements uint64
}

func (w *thriftWalk) fail(what string) {
	if w.bad == "" {
		w.bad = what
	}
	w.data = nil
}

func (w *thriftWalk) skip(n uint64) {
	if n > uint64(len(w.data)) {
		w.fail("a length beyond its end")
		return
	}
	w.data = w.data[n:]
}

func (w *thriftWalk) next() byte {
	if len(w.data) == 0 {
		w.fail("an early end")
		return 0
	}
	b := w.data[0]
	w.data = w.data[1:]
	return b
}

func (w *thriftWalk) number() uint64 {
	v, n := binary.Uvarint(w.data)
	if n <= 0 {
		w.fail("a broken number")
		return 0
	}
	w.data = w.data[n:]
	return v
}

func (w *thriftWalk) object(depth int) {
	if depth > maxThriftDepth {
		w.fail("too many nested parts")
	}
	for w.bad == "" {
		head := w.next()
		kind := head & 15
		if kind == 0 || w.bad != "" {
			return
		}
		if head>>4 == 0 {
			w.number() // the field's number in full
		}
		if kind != thriftTrue && kind != thriftFalse {
			w.value(kind, depth)
		}
	}
}

func (w *thriftWalk) value(kind byte, depth int) {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		w.next()
	case 4, 5, 6: // whole numbers
		w.number()
	case thriftDouble:
		w.skip(8)
	case thriftUUID:
		w.skip(16)
	case thriftBinary:
		w.skip(w.number())
	case thriftList, thriftSet:
		head := w.next()
		n := uint64(head >> 4)
		if n == 15 {
			n = w.number()
		}
		w.each(n, depth, head&15)
	case thriftMap:
		n := w.number()
		if n > 0 {
			kinds := w.next()
			w.each(n, depth, kinds>>4, kinds&15)
		}
	case thriftStruct:
		w.object(depth + 1)
	default:
		w.fail("an unknown type")
	}
}

// each walks n elements, each of as many values as kinds. Every value has a byte at
// least, so n is bounded by what is left.
func (w *thriftWalk) each(n uint64, depth int, kinds ...byte) {
	if w.elements += n; depth > maxThriftDepth || n > uint64(len(w.data)) || w.elements > maxThriftElements {
		w.fail("a list longer than its bytes")
		return
	}
	for ; n > 0 && w.bad == ""; n-- {
		for _, k := range kinds {
			w.value(k, depth+1)
		}
	}
}
