package tiles

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Numbers is quant.Dequantize, faster for the formats of most files.
//
//	dst  n numbers; n must be a multiple of t's block
//	src  t.Size(n) bytes; must not overlap dst
//
// It panics as quant.Dequantize does.
func Numbers(dst []float32, t quant.Type, src []byte) { numbers(chosen, dst, t, src) }

func numbers(l isa.Level, dst []float32, t quant.Type, src []byte) {
	if elements, _ := t.Block(); elements > 0 && len(dst)%elements == 0 && t.Size(len(dst)) == len(src) {
		n := numbersVector(l, dst, t, src)
		dst, src = dst[n:], src[t.Size(n):]
	}
	quant.Dequantize(dst, t, src)
}

// scaleBlocks is of how many blocks scales are made at a time.
const scaleBlocks = 16

// scalesQ4K writes the scale and the minimum, in turn, of the 8 groups of a block
// of Q4_K.
func scalesQ4K(to *[16]float32, block []byte) {
	b := (*[16]byte)(block)
	d := quant.FromF16(uint16(b[0]) | uint16(b[1])<<8)
	low := quant.FromF16(uint16(b[2]) | uint16(b[3])<<8)
	for i := range 4 {
		s, m, high := b[4+i], b[8+i], b[12+i]
		to[2*i], to[2*i+1] = d*float32(s&63), low*float32(m&63)
		to[8+2*i], to[9+2*i] = d*float32(high&15|s>>6<<4), low*float32(high>>4|m>>6<<4)
	}
}
