package gemm

import (
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// memory is what a worker needs for a strip: pieces of its scratch.
type memory struct {
	a, b, edge []float32
	row        []float32 // of weights that are turned into numbers
	aStride    int
}

// apart keeps packed rows from lying a power of two apart, whose multiples share
// one set of the first cache.
const apart = 16

// newMemory divides a worker's scratch.
func newMemory(w *tensor.Worker, q *product, panels, rows, length int) memory {
	mem := memory{aStride: length + apart}
	edge := rows * tiles.Lanes
	if q.out.Transposed {
		edge *= panels
	}
	row := 0
	if q.b.data != nil {
		elements, _ := q.b.format.Block()
		row = max(tiles.Lanes*(length+2*elements), panels*tiles.Lanes+2*elements)
	}
	sizes := []int{rows * mem.aStride, panels * tiles.Lanes * length, edge, row}
	total := 16
	for _, n := range sizes {
		total += roundUp(n, 16)
	}
	all := w.Bytes(4 * total)
	// Cache lines begin at multiples of 64 bytes.
	skip := int(-uintptr(unsafe.Pointer(&all[0])) % 64)
	free := unsafe.Slice((*float32)(unsafe.Pointer(&all[skip])), total-16)
	for i, to := range []*[]float32{&mem.a, &mem.b, &mem.edge, &mem.row} {
		*to, free = free[:sizes[i]], free[roundUp(sizes[i], 16):]
	}
	return mem
}

// packLeft copies K numbers from k on of M lines of a.
func (q *product) packLeft(mem *memory, m, M, k, K int) {
	if q.a.along {
		for i := range M {
			copy(mem.a[i*mem.aStride:][:K], q.a.floats[(m+i)*q.a.stride+k:])
		}
		return
	}
	for j := range K {
		for i, v := range q.a.floats[(k+j)*q.a.stride+m:][:M] {
			mem.a[i*mem.aStride+j] = v
		}
	}
}

// packRight makes panels of K numbers from k on of lines n to n1 of b.
func (q *product) packRight(mem *memory, n, n1, k, K int) {
	if !q.b.along {
		for j := range K {
			row := q.b.numbers(mem.row, k+j, n, n1-n)
			for at := 0; at < len(row); at += tiles.Lanes {
				to := mem.b[(at*K)+j*tiles.Lanes:][:tiles.Lanes]
				clear(to[copy(to, row[at:]):])
			}
		}
		return
	}
	for i := n; i < n1; i += tiles.Lanes {
		to := mem.b[(i-n)*K:][:tiles.Lanes*K]
		for r := range tiles.Lanes {
			if i+r >= n1 {
				for j := range K {
					to[j*tiles.Lanes+r] = 0
				}
				continue
			}
			for j, v := range q.b.numbers(mem.row, i+r, k, K) {
				to[j*tiles.Lanes+r] = v
			}
		}
	}
}

// numbers returns n numbers from column at on of a row that is stored: in place,
// or in memory.
func (s side) numbers(memory []float32, row, at, n int) []float32 {
	if s.data == nil {
		return s.floats[row*s.stride+at:][:n]
	}
	elements, bytes := s.format.Block()
	skip := at % elements
	blocks := (skip + n + elements - 1) / elements
	from := s.data[row*s.format.Size(s.stride)+at/elements*bytes:]
	quant.Dequantize(memory[:blocks*elements], s.format, from[:blocks*bytes])
	return memory[skip:][:n]
}
