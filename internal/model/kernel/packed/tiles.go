package packed

import "github.com/casemate-ai/casemate/internal/model/quant"

// ScratchBytes is the memory that MultiplyTiles needs.
const ScratchBytes = 384<<10 + 64

// MultiplyTiles is Multiply for neighbouring tiles, from one to before another:
// out begins at the first one's first row. Every result has the same bits. With
// many tiles it is faster, for weights are brought once for all of them into the
// form in which they are multiplied, in scratch.
//
//	scratch  [ScratchBytes] which no other call uses at the same time
//
// A call takes long if there is much to do: about 2·R·K operations a row.
func MultiplyTiles(out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, from, to int, scratch []byte) {
	if R <= 0 || from >= to {
		return
	}
	_ = scratch[ScratchBytes-1]
	if chosen.tiles != nil && chosen.tiles(out, stride, R, t, panels, a, from, to, scratch) {
		return
	}
	multiplyEach(chosen.multiply, out, stride, R, t, panels, a, from, to)
}

// multiplyEach multiplies by one tile after another.
func multiplyEach(multiply func(product), out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, from, to int) {
	first, _ := a.Tile(from)
	for i := from; i < to; i++ {
		row, _ := a.Tile(i)
		multiply(newProduct(out[(row-first)*stride:], stride, R, t, panels, a, i))
	}
}
