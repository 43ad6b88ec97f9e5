package packed

import (
	"encoding/binary"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// groupOfPanel is a group of 32 columns of a panel, made ready.
type groupOfPanel struct {
	numbers        [Lanes][Group]uint8 // without a sign
	scale          [Lanes]float32
	hasLow         bool
	low            [Lanes]float32 // taken off for each unit of activation, if hasLow
	offset         int            // by 8: where the tile has what corrects the offset
	halves         bool           // Q6_K: two sums of 16 columns, multiplied by
	scale0, scale1 [Lanes]int32
}

// Where the parts of a panel's block are.
const (
	scalesK   = 1 * unit
	numbersK  = 4 * unit
	highQ5K   = 4 * unit
	lowQ5K    = 12 * unit
	scalesQ6K = 2 * Lanes
	highQ6K   = scalesQ6K + 4*unit
	lowQ6K    = highQ6K + 16*unit
)

// nibbles is a mask of the low half of each of four bytes.
const nibbles = 0x0f0f0f0f

// read fills w with group g of a block.
func (w *groupOfPanel) read(b []byte, t quant.Type, g int) {
	switch t {
	case quant.Q8_0:
		w.offset = at128By8
		w.readScales(b)
		for r := range Lanes {
			for k := range 8 {
				w.put(r, k, wordAt(b, 2*Lanes+k*unit, r))
			}
		}
	case quant.Q4_0:
		w.offset = at8By8
		w.readScales(b)
		for r := range Lanes {
			for k := range 4 {
				v := wordAt(b, 2*Lanes+k*unit, r)
				w.put(r, k, v&nibbles)
				w.put(r, k+4, v>>4&nibbles)
			}
		}
	case quant.Q4_K:
		w.readK(b, g)
		w.readNibbles(b[numbersK+g/2*8*unit:], g%2*4)
	case quant.Q5_K:
		w.readK(b, g)
		w.readNibbles(b[lowQ5K+g/2*8*unit:], g%2*4)
		w.addHigh(b[highQ5K:], g, 0x01010101)
	case quant.Q6_K:
		w.halves = true
		w.readScales(b)
		h, j := g/4, g%4
		for r := range Lanes {
			s := wordAt(b, scalesQ6K+g/2*unit, r) >> (g % 2 * 16)
			w.scale0[r], w.scale1[r] = int32(int8(s)), int32(int8(s>>8))
		}
		w.readNibbles(b[lowQ6K+(16*h+j%2*8)*unit:], j/2*4)
		w.addHigh(b[highQ6K+8*h*unit:], 2*j, 0x03030303)
	}
}

// wordAt returns the four bytes of row r of the unit at a byte.
func wordAt(b []byte, at, r int) uint32 { return binary.LittleEndian.Uint32(b[at+4*r:]) }

// put sets four numbers of a row.
func (w *groupOfPanel) put(r, k int, v uint32) {
	binary.LittleEndian.PutUint32(w.numbers[r][4*k:], v)
}

// readScales takes 16 float16 scales from the beginning of a block.
func (w *groupOfPanel) readScales(b []byte) {
	for r := range Lanes {
		w.scale[r] = quant.FromF16(binary.LittleEndian.Uint16(b[2*r:]))
	}
}

// readNibbles takes one nibble of each byte of 8 units.
func (w *groupOfPanel) readNibbles(b []byte, shift int) {
	for r := range Lanes {
		for k := range 8 {
			w.put(r, k, wordAt(b, k*unit, r)>>shift&nibbles)
		}
	}
}

// addHigh puts bits of each byte of 8 units on top of the nibbles.
func (w *groupOfPanel) addHigh(b []byte, shift int, mask uint32) {
	for r := range Lanes {
		for k := range 8 {
			n := w.numbers[r][4*k:][:4]
			binary.LittleEndian.PutUint32(n, binary.LittleEndian.Uint32(n)|wordAt(b, k*unit, r)>>shift&mask<<4)
		}
	}
}

// readK takes scales and minima of group g of Q4_K and Q5_K.
func (w *groupOfPanel) readK(b []byte, g int) {
	w.hasLow = true
	for r := range Lanes {
		d := quant.FromF16(binary.LittleEndian.Uint16(b[4*r:]))
		dmin := quant.FromF16(binary.LittleEndian.Uint16(b[4*r+2:]))
		u0, u1 := wordAt(b, scalesK, r), wordAt(b, scalesK+unit, r)
		sc, m := u0>>(8*g)&63, u1>>(8*g)&63
		if g >= 4 {
			at := 8 * (g - 4)
			u2 := wordAt(b, scalesK+2*unit, r) >> at
			sc = u2&15 | u0>>(at+6)&3<<4
			m = u2>>4&15 | u1>>(at+6)&3<<4
		}
		w.scale[r] = d * float32(sc)
		w.low[r] = dmin * float32(m)
	}
}
