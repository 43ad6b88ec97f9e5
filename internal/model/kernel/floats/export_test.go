package floats

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// The functions with the level of instructions handed in.
var (
	AddProductsAt = addProducts
	MultiplyAt    = multiply
	PackAt        = pack
	NarrowAt      = narrow
)

// WidenAt writes the numbers of src, of t, as float32: as vectors, as far as they
// go, and the rest in portable Go.
func WidenAt(l isa.Level, dst []float32, t quant.Type, src []byte) {
	size := numberSize("WidenAt", t)
	for n := widenVector(l, dst, t, src); n > 0; n = widenVector(l, dst, t, src) {
		dst, src = dst[n:], src[n*size:]
	}
	widenPortable(dst, t, src)
}
