package packed

import (
	"fmt"
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

// Activations are rows of numbers rounded to 8 bits, in tiles. The zero value is
// ready to be resized, and its memory is used again.
//
// The numbers of a group of 8 or 32 neighbours are multiples q·d of d = m/127, where
// m is the largest magnitude among them: q is x·(127/m) rounded to the nearest
// integer, to even in the middle; quotients and product are rounded to float32
// first. If m is so small that 127/m overflows, all are zero. If one is infinite
// or not a number, d is NaN, and so is every result of that row.
type Activations struct {
	k      int
	group  int
	tiles  []tile
	memory []byte
}

// tile is where some rows are.
type tile struct {
	first, rows int
	height      int // rows with those that fill it up
	start       int // its first byte in memory
}

// heights are the tiles that kernels exist for.
var heights = [...]int{1, 2, 3, 4, 6, 8, maxHeight}

// height returns the smallest that holds n rows.
func height(n int) int {
	for _, h := range heights {
		if h >= n {
			return h
		}
	}
	return maxHeight
}

// Bytes returns what activations of T rows of K numbers hold, if so many share a
// unit.
func Bytes(T, K, group int) int64 {
	full, rest := T/maxHeight, T%maxHeight
	rows := full * maxHeight
	if rest > 0 {
		rows += height(rest)
	}
	return int64(rows)*int64(K/Group)*int64(perRow(group)) + int64(full+1)*int64(unsafe.Sizeof(tile{}))
}

// Resize makes room for T rows of K numbers, of which groups of 8 or 32 share a
// unit, as GroupOf says; their values are then any. It allocates only if it never
// had as much. It panics if T is negative, K is no multiple of 32 or the group is
// another.
func (a *Activations) Resize(T, K, group int) {
	if T < 0 || K < 0 || K%Group != 0 || group != eight && group != Group {
		panic(fmt.Sprintf("packed: Resize: %d rows of %d by %d", T, K, group))
	}
	a.k, a.group = K, group
	a.tiles = a.tiles[:0]
	start := 0
	for first := 0; first < T; first += maxHeight {
		rows := min(maxHeight, T-first)
		h := height(rows)
		a.tiles = append(a.tiles, tile{first: first, rows: rows, height: h, start: start})
		start += h * K / Group * perRow(group)
	}
	if start > cap(a.memory) {
		a.memory = make([]byte, start)
	}
	a.memory = a.memory[:start]
}

// Tiles returns how many tiles the rows are in.
func (a *Activations) Tiles() int { return len(a.tiles) }

// Tile returns the first row of tile i, and how many there are.
func (a *Activations) Tile(i int) (first, n int) { return a.tiles[i].first, a.tiles[i].rows }

// bytes returns the memory of tile i.
func (a *Activations) bytes(i int) []byte {
	t := a.tiles[i]
	size := t.height * a.k / Group * perRow(a.group)
	return a.memory[t.start : t.start+size : t.start+size]
}

// Quantize rounds the rows of tile i.
//
//	x  [T,K] row-major: all rows, of which it reads those of the tile
//
// Different tiles may be filled at the same time. It panics if x is too short.
func (a *Activations) Quantize(i int, x []float32) {
	a.quantize(chosen, i, x)
}

func (a *Activations) quantize(by implementation, i int, x []float32) {
	t := a.tiles[i]
	by.quantize(a.bytes(i), x[t.first*a.k:(t.first+t.rows)*a.k], t.height, a.k, a.group)
}

// chosen is what the processor does best. It never changes.
var chosen = implementations(isa.Chosen())
