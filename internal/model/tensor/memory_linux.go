package tensor

import (
	"fmt"
	"syscall"
	"unsafe"
)

const (
	hugePage     = 2 << 20
	madvHugepage = 14 // MADV_HUGEPAGE
)

// memory is bytes that begin a cache line, outside the Go heap. Those that are
// not written take no memory.
type memory struct {
	bytes   []byte
	mapping []byte // with room to begin at a huge page
}

// newMemory asks for huge pages: 8 billion weights lie in a million small ones,
// far more than the processor remembers the addresses of.
func newMemory(size int64) (memory, error) {
	if size == 0 {
		return memory{}, nil
	}
	length := size + hugePage
	if int64(int(length)) != length {
		return memory{}, fmt.Errorf("weights of %d bytes are more than this machine can address", size)
	}
	m, err := syscall.Mmap(-1, 0, int(length), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return memory{}, fmt.Errorf("reserve %d bytes for weights: %w", size, err)
	}
	// The address is asked for to align, and never followed.
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(m)))) & (hugePage - 1)
	b := m[skip : skip+int(size) : skip+int(size)]
	// A hint: a system without huge pages does with small ones.
	_ = syscall.Madvise(m[skip:len(m):len(m)], madvHugepage)
	return memory{b, m}, nil
}

func (m *memory) free() {
	if m.mapping != nil {
		// It fails for what is no mapping, and this is one.
		_ = syscall.Munmap(m.mapping)
	}
	*m = memory{}
}
