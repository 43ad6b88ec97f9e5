//go:build !linux

package tensor

import (
	"fmt"
	"unsafe"
)

// memory is bytes that begin a cache line.
type memory struct {
	bytes []byte
}

func newMemory(size int64) (memory, error) {
	if int64(int(size)) != size {
		return memory{}, fmt.Errorf("weights of %d bytes are more than this machine can address", size)
	}
	if size == 0 {
		return memory{}, nil
	}
	b := make([]byte, size+64)
	// The address is asked for to align, and never followed.
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 63
	return memory{b[skip : skip+int(size) : skip+int(size)]}, nil
}

func (m *memory) free() { *m = memory{} }
