//go:build !purego

package packed

import "github.com/casemate-ai/casemate/internal/model/quant"

//go:generate go -C ../../../../_asm run ./packed -part maddubs -pkg packed -out ../internal/model/kernel/packed/maddubs_amd64.s -stubs ../internal/model/kernel/packed/maddubs_stubs_amd64.go

// The arithmetic for processors without VNNI.
var (
	avx2   = implementation{quantize: quantizeRows, multiply: multiplyAVX2, pack: packAVX2}
	avx512 = implementation{quantize: quantizeRows, multiply: multiplyAVX512, pack: packAVX2}
)

func multiplyAVX512(p product) {
	var out [maxHeight][Lanes]float32
	blocks := p.K / (describe(p.weight).groups * Group)
	for r := 0; r < p.R; r += Lanes {
		panel := &p.panels[r/Lanes*p.size]
		kernelAVX512(p.weight, &out[0][0], panel, panel, &p.tile[0], blocks, p.height, p.height)
		p.store(out[:p.rows], 0, r)
	}
}

// store writes results of rows of the tile, from row t on, with panel row r and
// those after it.
func (p *product) store(from [][Lanes]float32, t, r int) {
	for i := range from {
		copy(p.out[(t+i)*p.stride+r:(t+i)*p.stride+p.R], from[i][:])
	}
}

// rowsAVX2 is how many rows of a tile a kernel for AVX2 takes at most, and
// wholeAVX2 with how many it takes both halves of a panel at once.
const rowsAVX2, wholeAVX2 = 4, 2

func multiplyAVX2(p product) {
	var out [rowsAVX2][Lanes]float32
	blocks := p.K / (describe(p.weight).groups * Group)
	for r := 0; r < p.R; r += Lanes {
		panel := p.panels[r/Lanes*p.size:]
		for t := 0; t < p.rows; t += rowsAVX2 {
			x, rows := &p.tile[4*t], min(rowsAVX2, p.rows-t)
			kernelAVX2(p.weight, &out[0][0], &panel[0], &panel[0], x, blocks, p.height, rows)
			if rows > wholeAVX2 {
				kernelAVX2(p.weight, &out[0][Lanes/2], &panel[unit/2], &panel[Lanes], x, blocks, p.height, rows)
			}
			p.store(out[:rows], t, r)
		}
	}
}

// kernelAVX512 multiplies a panel by some rows of a tile. Kernels are called by
// name, so that the compiler sees that out may stay on the stack.
//
//	out     [rows][16] results
//	panel   its first unit
//	scales  the float16 numbers it begins with, where it does
//	x       the first of the rows in the first group of the tile
//	blocks  of a panel
//	height  of the tile, which has so many rows
func kernelAVX512(t quant.Type, out *float32, panel, scales, x *byte, blocks, height, rows int) {
	switch t {
	case quant.Q8_0:
		q8_0AVX512(out, panel, scales, x, blocks, height, rows)
	case quant.Q4_0:
		q4_0AVX512(out, panel, scales, x, blocks, height, rows)
	case quant.Q4_K:
		q4_KAVX512(out, panel, scales, x, blocks, height, rows)
	case quant.Q5_K:
		q5_KAVX512(out, panel, scales, x, blocks, height, rows)
	case quant.Q6_K:
		q6_KAVX512(out, panel, scales, x, blocks, height, rows)
	default:
		panic("packed: no kernel")
	}
}

// kernelAVX2 multiplies a panel, or half of one, by some rows of a tile; see
// kernelAVX512.
//
//	out     [rows][16] results, or the first of the half
//	panel   its first unit, or that of the half
//	scales  the float16 numbers it begins with, where it does, or those of the half
//	x       the first of the rows in the first group of the tile
//	blocks  of a panel
//	height  of the tile
func kernelAVX2(t quant.Type, out *float32, panel, scales, x *byte, blocks, height, rows int) {
	switch t {
	case quant.Q8_0:
		q8_0AVX2(out, panel, scales, x, blocks, height, rows)
	case quant.Q4_0:
		q4_0AVX2(out, panel, scales, x, blocks, height, rows)
	case quant.Q4_K:
		q4_KAVX2(out, panel, scales, x, blocks, height, rows)
	case quant.Q5_K:
		q5_KAVX2(out, panel, scales, x, blocks, height, rows)
	case quant.Q6_K:
		q6_KAVX2(out, panel, scales, x, blocks, height, rows)
	default:
		panic("packed: no kernel")
	}
}

// quantizeRows fills a tile, row by row.
func quantizeRows(dst []byte, x []float32, height, K, group int) {
	if len(x) < height*K {
		clear(dst)
	}
	round := roundBy32AVX2
	if group == eight {
		round = roundBy8AVX2
	}
	for t := 0; t*K < len(x); t++ {
		round(&dst[4*t], &x[t*K], height, K/Group)
	}
}
