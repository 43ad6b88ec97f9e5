package gemm

import (
	"encoding/binary"
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// memory is what a worker needs for a strip: pieces of its scratch.
type memory struct {
	a, b           []float32 // packed
	aPairs, bPairs []uint32  // the same memory
	aStride        int       // from a packed row to the next
	edge           []float32 // results that do not lie as they should
	rows           []float32 // weights that are turned into numbers, Lanes rows or two
	pairs          []uint32  // what becomes packed
}

// rowsAhead is how many rows before they are packed rows of weights are asked for.
const rowsAhead = 16

// apart keeps packed rows from lying a power of two apart, whose multiples share
// one set of the first cache.
const apart = 16

// newMemory divides a worker's scratch, for sums of at most length products.
func newMemory(w *tensor.Worker, q *product, panels, rows, length int) memory {
	steps := (length + q.step() - 1) / q.step()
	mem := memory{aStride: steps + apart}
	width := panels * tiles.Lanes
	edge := rows * tiles.Lanes
	if q.out.Transposed {
		edge = rows * width
	}
	sizes := [5]int{rows * mem.aStride, width * steps, edge}
	if q.b.data != nil {
		elements, _ := q.b.format.Block()
		sizes[3] = max(tiles.Lanes*(length+2*elements), 2*(width+2*elements))
	}
	if q.bf16 {
		sizes[4] = max(tiles.Lanes*steps, steps*roundUp(rows, tiles.Lanes))
	}
	total := 0
	for _, n := range sizes {
		total += roundUp(n, tiles.Lanes)
	}
	all := w.Bytes(4*total + cacheLine)
	skip := int(-uintptr(unsafe.Pointer(&all[0])) % cacheLine)
	free := unsafe.Slice((*float32)(unsafe.Pointer(&all[skip])), total)
	var parts [5][]float32
	for i, n := range sizes {
		parts[i], free = free[:n], free[roundUp(n, tiles.Lanes):]
	}
	mem.a, mem.b, mem.edge, mem.rows = parts[0], parts[1], parts[2], parts[3]
	mem.aPairs, mem.bPairs, mem.pairs = asPairs(parts[0]), asPairs(parts[1]), asPairs(parts[4])
	return mem
}

const cacheLine = 64

// asPairs returns the memory of numbers as that of pairs.
func asPairs(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// asFloats is the other way.
func asFloats(x []uint32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// packLeft packs M rows of K numbers from k on of lines of a.
func (q *product) packLeft(mem *memory, m, M, k, K int) {
	from := q.a.floats
	switch {
	case q.a.along && q.bf16:
		for i := range M {
			tiles.PairRow(mem.aPairs[i*mem.aStride:], from[(m+i)*q.a.stride+k:][:K])
		}
	case q.a.along:
		for i := range M {
			copy(mem.a[i*mem.aStride:][:K], from[(m+i)*q.a.stride+k:])
		}
	case q.bf16:
		steps := q.packPairs(mem, from[k*q.a.stride+m:], M, K)
		tiles.Transpose(mem.aPairs, mem.pairs, mem.aStride, roundUp(M, tiles.Lanes), steps, M)
	default:
		tiles.Transpose(mem.a, from[k*q.a.stride+m:], mem.aStride, q.a.stride, K, M)
	}
}

// packPairs makes pairs of K rows of M numbers, two rows at a time.
func (q *product) packPairs(mem *memory, from []float32, M, K int) (steps int) {
	width := roundUp(M, tiles.Lanes)
	for j := 0; j < K; j += 2 {
		first, second := from[j*q.a.stride:][:M], []float32(nil)
		if j+1 < K {
			second = from[(j+1)*q.a.stride:][:M]
		}
		tiles.SpreadPairs(mem.pairs[j/2*width:], first, second, tiles.Lanes, rowsAhead*q.a.stride)
	}
	return (K + 1) / 2
}

// packRight makes panels of K numbers from k on of lines n to n1 of b.
func (q *product) packRight(mem *memory, n, n1, k, K int) {
	if q.b.along {
		for i := n; i < n1; i += tiles.Lanes {
			q.packPanel(mem, (i-n)/tiles.Lanes, i, min(tiles.Lanes, n1-i), k, K)
		}
		return
	}
	next := 0
	if q.b.data == nil {
		next = rowsAhead * q.b.stride
	}
	if !q.bf16 {
		for j := range K {
			tiles.Spread(mem.b[j*tiles.Lanes:], q.b.numbers(mem.rows, k+j, n, n1-n), K*tiles.Lanes, next)
		}
		return
	}
	steps := (K + 1) / 2
	half := len(mem.rows) / 2
	for j := range steps {
		to := mem.bPairs[j*tiles.Lanes:]
		if q.b.format == quant.BF16 && 2*j+1 < K {
			tiles.SpreadHalves(to, q.b.halves(k+2*j, n, n1-n), q.b.halves(k+2*j+1, n, n1-n), steps*tiles.Lanes, rowsAhead*q.b.stride)
			continue
		}
		first, second := q.b.numbers(mem.rows[:half], k+2*j, n, n1-n), []float32(nil)
		if 2*j+1 < K {
			second = q.b.numbers(mem.rows[half:], k+2*j+1, n, n1-n)
		}
		tiles.SpreadPairs(to, first, second, steps*tiles.Lanes, next)
	}
}

// packPanel makes a panel of lines of b whose numbers follow one another.
func (q *product) packPanel(mem *memory, panel, n, lines, k, K int) {
	steps := (K + q.step() - 1) / q.step()
	at := panel * steps * tiles.Lanes
	if lines < tiles.Lanes {
		clear(mem.b[at:][:steps*tiles.Lanes])
	}
	if !q.bf16 && q.b.data == nil {
		tiles.Transpose(mem.b[at:], q.b.floats[n*q.b.stride+k:], tiles.Lanes, q.b.stride, lines, K)
		return
	}
	if pairs, stride := q.b.pairs(n, k); pairs != nil && q.bf16 && K%2 == 0 {
		tiles.Transpose(mem.bPairs[at:], pairs, tiles.Lanes, stride, lines, steps)
		return
	}
	apart := len(mem.rows) / tiles.Lanes
	for r := range lines {
		row := q.b.numbers(mem.rows[r*apart:], n+r, k, K)
		if q.bf16 {
			tiles.PairRow(mem.pairs[r*steps:][:steps], row)
		} else {
			copy(mem.rows[r*apart:][:K], row)
		}
	}
	if q.bf16 {
		tiles.Transpose(mem.bPairs[at:], mem.pairs, tiles.Lanes, steps, lines, steps)
	} else {
		tiles.Transpose(mem.b[at:], mem.rows, tiles.Lanes, apart, lines, K)
	}
}

// pairs returns what is stored from number k of row n on, if it is pairs of
// bfloat16 as they are packed, and the distance of rows.
func (s side) pairs(n, k int) (pairs []uint32, stride int) {
	if s.format != quant.BF16 || s.stride%2 != 0 || k%2 != 0 {
		return nil, 0
	}
	return words[uint32](s.data[2*(n*s.stride+k):]), s.stride / 2
}

// halves returns the bytes of n numbers of bfloat16 of a row.
func (s side) halves(row, at, n int) []byte { return s.data[2*(row*s.stride+at):][:2*n] }

// words returns bytes as the numbers of 4 bytes that they are to this processor;
// nil if they do not lie as it wants them, or files have another order.
func words[W tiles.Word](data []byte) []W {
	p := unsafe.Pointer(unsafe.SliceData(data))
	if uintptr(p)%4 != 0 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil
	}
	return unsafe.Slice((*W)(p), len(data)/4)
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
	tiles.Numbers(memory[:blocks*elements], s.format, from[:blocks*bytes])
	return memory[skip:][:n]
}
