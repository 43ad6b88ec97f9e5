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

// Bytes are worked on eight at a time, as one number.
const (
	each01 = 0x0101010101010101
	each80 = 0x80 * each01
)

// q8FromQ5_0 writes nibble + 16·bit - 16, which is the nibble where the bit is
// set and the nibble with four ones before it where it is not.
func q8FromQ5_0(dst, src []byte) {
	b, s := (*[34]byte)(dst), (*[22]byte)(src)
	b[0], b[1] = s[0], s[1]
	for i := range 2 {
		nibbles := binary.LittleEndian.Uint64(s[6+8*i:])
		low, high := unset(s[2+i]), unset(s[4+i])
		binary.LittleEndian.PutUint64(b[2+8*i:], nibbles&(0x0f*each01)|low)
		binary.LittleEndian.PutUint64(b[18+8*i:], nibbles>>4&(0x0f*each01)|high)
	}
}

// unset returns eight bytes: 0xf0 for a bit that is not set, 0 for one that is.
func unset(bits byte) uint64 {
	// Byte i keeps bit i alone; what is added carries it to the top.
	v := uint64(bits) * each01 & 0x8040201008040201
	v = ^(v + 0x00406070787c7e7f) & each80
	return v | v>>1 | v>>2 | v>>3
}

// codebook is the numbers that the nibbles of IQ4_NL stand for.
var codebook = quant.Codebook()

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
		low, high := s[32+32*half+16*part:][:16], s[16*part:][:16]
		nibbles, pairs := b[64*half+32*(run%2)+16*part:][:16], b[128+32*half+16*part:][:16]
		for i := 0; i < 16; i += 8 {
			q := binary.LittleEndian.Uint64(low[i:]) >> (2 * run) & (3 * each01)
			q |= binary.LittleEndian.Uint64(high[i:]) >> (g / 2) & each01 << 2
			q += 28 * each01
			or(nibbles[i:], q&(0x0f*each01)<<(run/2*4))
			or(pairs[i:], q>>4&(3*each01)<<(2*run))
		}
		b[192+g] = s[96+g%8]>>(g/8*4)&15 | s[104+g%4]>>(g/4*2)&3<<4 - 32
	}
	b[208], b[209] = s[108], s[109]
}

// or sets bits of eight bytes.
func or(b []byte, bits uint64) {
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)|bits)
}
