package packed

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// QuantizeAt is Activations.Quantize with the instructions of a level.
func QuantizeAt(l isa.Level, a *Activations, i int, x []float32) {
	a.quantize(implementations(l), i, x)
}

// MultiplyAt is Multiply with the instructions of a level.
func MultiplyAt(l isa.Level, out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, i int) {
	implementations(l).multiply(newProduct(out, stride, R, t, panels, a, i))
}

// TileBytes returns the memory of a tile.
func TileBytes(a *Activations, i int) []byte { return a.bytes(i) }

// PackAt is Pack with the instructions of a level.
func PackAt(l isa.Level, dst []byte, t quant.Type, src []byte, n, cols int) {
	pack(implementations(l), dst, t, src, n, cols)
}

// MultiplyTilesAt is MultiplyTiles with the instructions of a level.
func MultiplyTilesAt(l isa.Level, out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, from, to int, scratch []byte) {
	by := implementations(l)
	newTiling(out, stride, R, t, panels, a, from, to).multiply(&by, scratch)
}
