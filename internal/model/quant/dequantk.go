package quant

// The K formats keep 256 numbers in a super-block: one or two float16 scales
// for all of it, and small integer scales for groups of 16 or 32, which are
// multiples of those.

func fromQ2_K(dst []float32, src []byte) {
	b := (*[84]byte)(src)
	d, dmin := f16At(b[80:]), f16At(b[82:])
	// Each half of 128 numbers has 32 bytes; bits 2k and 2k+1 of all of them are
	// the k-th run of 32, which is two groups of 16.
	for g := range 16 {
		s := b[g]
		scale, low := d*float32(s&15), dmin*float32(s>>4)
		var values [4]float32
		for q := range values {
			values[q] = float32(scale*float32(q)) - low
		}
		half, shift, part := g/8, g%8/2*2, g%2
		y := (*[16]float32)(dst[16*g:])
		for i, q := range (*[16]byte)(b[16+32*half+16*part:]) {
			y[i] = values[q>>shift&3]
		}
	}
}

// scalesQ3_K returns the 16 six-bit scales of a Q3_K super-block, less 32, from
// its 12 bytes: the low four bits are the nibbles of the first eight bytes, the
// high two are pairs of bits of the last four.
func scalesQ3_K(b *[12]byte) (s [16]int8) {
	for i := range s {
		s[i] = int8(b[i%8]>>(i/8*4)&15|b[8+i%4]>>(i/4*2)&3<<4) - 32
	}
	return s
}

func fromQ3_K(dst []float32, src []byte) {
	b := (*[110]byte)(src)
	d := f16At(b[108:])
	scales := scalesQ3_K((*[12]byte)(b[96:]))
	for g, s := range scales {
		scale := d * float32(s)
		var values [8]float32
		for q := range values {
			values[q] = scale * float32(q-4)
		}
		half, shift, part := g/8, g%8/2*2, g%2
		high := (*[16]byte)(b[16*part:])
		y := (*[16]float32)(dst[16*g:])
		for i, q := range (*[16]byte)(b[32+32*half+16*part:]) {
			y[i] = values[q>>shift&3|high[i]>>(g/2)&1<<2]
		}
	}
}

// scalesQ4_K returns the eight six-bit scales and minima that Q4_K and Q5_K
// keep in 12 bytes. The first four of each are the low six bits of a byte; the
// others have their low four bits in a nibble of the last four bytes and their
// high two on top of the first eight.
func scalesQ4_K(b *[12]byte) (scales, lows [8]uint8) {
	for i := range 4 {
		scales[i], lows[i] = b[i]&63, b[i+4]&63
		scales[i+4] = b[i+8]&15 | b[i]>>6<<4
		lows[i+4] = b[i+8]>>4 | b[i+4]>>6<<4
	}
	return scales, lows
}

func fromQ4_K(dst []float32, src []byte) {
	b := (*[144]byte)(src)
	d, dmin := f16At(b[:]), f16At(b[2:])
	scales, lows := scalesQ4_K((*[12]byte)(b[4:]))
	for g := range 4 {
		s0, m0 := d*float32(scales[2*g]), dmin*float32(lows[2*g])
		s1, m1 := d*float32(scales[2*g+1]), dmin*float32(lows[2*g+1])
		y := (*[64]float32)(dst[64*g:])
		for i, q := range (*[32]byte)(b[16+32*g:]) {
			y[i] = float32(s0*float32(q&15)) - m0
			y[i+32] = float32(s1*float32(q>>4)) - m1
		}
	}
}

func fromQ5_K(dst []float32, src []byte) {
	b := (*[176]byte)(src)
	d, dmin := f16At(b[:]), f16At(b[2:])
	scales, lows := scalesQ4_K((*[12]byte)(b[4:]))
	high := (*[32]byte)(b[16:])
	for g := range 4 {
		s0, m0 := d*float32(scales[2*g]), dmin*float32(lows[2*g])
		s1, m1 := d*float32(scales[2*g+1]), dmin*float32(lows[2*g+1])
		y := (*[64]float32)(dst[64*g:])
		for i, q := range (*[32]byte)(b[48+32*g:]) {
			h := high[i] >> (2 * g)
			y[i] = float32(s0*float32(q&15|h&1<<4)) - m0
			y[i+32] = float32(s1*float32(q>>4|h&2<<3)) - m1
		}
	}
}

func fromQ6_K(dst []float32, src []byte) {
	b := (*[210]byte)(src)
	d := f16At(b[208:])
	// Each half of 128 numbers has 64 bytes of low nibbles and 32 bytes with two
	// high bits for each of four runs of 32. A scale serves 16 numbers.
	for g := range 4 {
		half, part := g/2, g%2
		low := (*[48]byte)(b[64*half+16*part:])
		high := (*[16]byte)(b[128+32*half+16*part:])
		s := (*[8]byte)(b[192+8*half:])
		s0, s1 := d*float32(int8(s[part])), d*float32(int8(s[2+part]))
		s2, s3 := d*float32(int8(s[4+part])), d*float32(int8(s[6+part]))
		y := (*[112]float32)(dst[128*half+16*part:])
		for i, h := range high {
			a, c := low[i], low[i+32]
			y[i] = s0 * float32(int(a&15|h&3<<4)-32)
			y[i+32] = s1 * float32(int(c&15|h>>2&3<<4)-32)
			y[i+64] = s2 * float32(int(a>>4|h>>4&3<<4)-32)
			y[i+96] = s3 * float32(int(c>>4|h>>6<<4)-32)
		}
	}
}
