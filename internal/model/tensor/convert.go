package tensor

import (
	"encoding/binary"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// convert writes blocks of a type as blocks of another that stand for the same
// numbers: Q5_0 and IQ4_NL as Q8_0, Q3_K as Q6_K. docs/formats/quantization.md
// describes all of them.
func convert(dst []byte, kind quant.Type, src []byte, t quant.Type) {
	var one func(dst, src []byte)
	switch t {
	case quant.Q5_0:
		one = q8FromQ5_0
	case quant.IQ4_NL:
		one = q8FromIQ4_NL
	case quant.Q3_K:
		one = q6FromQ3_K
	}
	_, from := t.Block()
	_, to := kind.Block()
	for len(src) >= from {
		one(dst[:to], src[:from])
		src, dst = src[from:], dst[to:]
	}
}

func q8FromQ5_0(dst, src []byte) {
	b, s := (*[34]byte)(dst), (*[22]byte)(src)
	b[0], b[1] = s[0], s[1]
	high := binary.LittleEndian.Uint32(s[2:])
	for i, q := range (*[16]byte)(s[6:]) {
		b[2+i] = q&15 + byte(high<<4)&16 - 16
		b[18+i] = q>>4 + byte(high>>12)&16 - 16
		high >>= 1
	}
}

// codebook is the numbers that the nibbles of IQ4_NL stand for.
var codebook = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func q8FromIQ4_NL(dst, src []byte) {
	b, s := (*[34]byte)(dst), (*[18]byte)(src)
	b[0], b[1] = s[0], s[1]
	for i, q := range (*[16]byte)(s[2:]) {
		b[2+i] = byte(codebook[q&15])
		b[18+i] = byte(codebook[q>>4])
	}
}

// q6FromQ3_K moves the two low bits, the high bit and the scales of each group
// of 16. A number of Q3_K is q-4, one of Q6_K is q-32: so q+28 is written.
func q6FromQ3_K(dst, src []byte) {
	b, s := (*[210]byte)(dst), (*[110]byte)(src)
	clear(b[:192])
	for g := range 16 {
		// Both formats have halves of 128; in Q3_K the bits 2k and 2k+1 of 32
		// bytes are the k-th run of 32.
		half, run, part := g/8, g%8/2, g%2
		low := s[32+32*half+16*part:][:16]
		high := s[16*part:][:16]
		nibbles := b[64*half+32*(run%2)+16*part:][:16]
		pairs := b[128+32*half+16*part:][:16]
		for i, v := range low {
			q := v>>(2*run)&3 + high[i]>>(g/2)&1<<2 + 28
			nibbles[i] |= q & 15 << (run / 2 * 4)
			pairs[i] |= q >> 4 << (2 * run)
		}
		b[192+g] = s[96+g%8]>>(g/8*4)&15 | s[104+g%4]>>(g/4*2)&3<<4 - 32
	}
	b[208], b[209] = s[108], s[109]
}
