package packed

import (
	"encoding/binary"
	"math"
)

const (
	bitsInf  = 0x7f800000
	roundF32 = 0x1.8p23 // adding it to a small number rounds that to an integer
)

// generic is the portable arithmetic: what the others must equal.
var generic = implementation{quantize: quantizeGeneric, multiply: multiplyGeneric}

func quantizeGeneric(dst []byte, x []float32, height, K, group int) {
	if len(x) < height*K {
		clear(dst)
	}
	quantize, size := quantizeBy32, height*perRow(group)
	if group == eight {
		quantize = quantizeBy8
	}
	for t := 0; t*K < len(x); t++ {
		row := x[t*K:][:K]
		for g := range K / Group {
			quantize(dst[g*size:][:size], (*[Group]float32)(row[g*Group:]), t, height)
		}
	}
}

// quantizeBy32 fills row t of 32 columns of a tile, which share a unit.
func quantizeBy32(dst []byte, x *[Group]float32, t, height int) {
	unit, inverse := scale(x[:])
	var half [2]int32
	put := func(at int, bits uint32) { binary.LittleEndian.PutUint32(dst[at*height+4*t:], bits) }
	for k := 0; k < Group; k += 4 {
		four, sum := round4((*[4]float32)(x[k:]), inverse)
		put(k, four)
		half[k/16] += sum
	}
	sum := half[0] + half[1]
	put(atUnit, math.Float32bits(unit))
	put(atSum, math.Float32bits(float32(unit*float32(sum))))
	put(at32Low, uint32(-32*half[0]))
	put(at32High, uint32(-32*half[1]))
}

// quantizeBy8 fills row t of 32 columns of a tile, of which 8 share a unit.
func quantizeBy8(dst []byte, x *[Group]float32, t, height int) {
	put := func(at int, bits uint32) { binary.LittleEndian.PutUint32(dst[at*height+4*t:], bits) }
	for j := range Group / eight {
		eights := x[j*eight:][:eight]
		unit, inverse := scale(eights)
		low, sum := round4((*[4]float32)(eights), inverse)
		high, rest := round4((*[4]float32)(eights[4:]), inverse)
		sum += rest
		put(8*j, low)
		put(8*j+4, high)
		put(atUnit+4*j, math.Float32bits(unit))
		put(at128By8+4*j, uint32(-128*sum))
		put(at8By8+4*j, uint32(-8*sum))
	}
}

// round4 returns four rounded numbers, a byte each, and their sum.
func round4(x *[4]float32, inverse float32) (four uint32, sum int32) {
	if inverse == 0 {
		return 0, 0
	}
	for j, v := range x {
		q := int32(math.Float32bits(float32(v*inverse)+roundF32) - roundBits)
		four |= uint32(uint8(q)) << (8 * j)
		sum += q
	}
	return four, sum
}

// Where the parts of 32 columns are in a tile of height 1; they are as many times
// as far in a higher one. There is a unit and what follows it for each 32 or for
// each 8.
const (
	atUnit   = Group + 4*iota
	atSum    // by 32
	at32Low  // by 32
	at32High // by 32

	at128By8 = Group + 4*4
	at8By8   = Group + 8*4
)

const roundBits = 0x4b400000 // of roundF32

// scale returns the unit d of a group and what to multiply its numbers by; 0 if
// all become zeros.
func scale(x []float32) (unit, inverse float32) {
	var most uint32 // bits without the sign are in the order of magnitudes, NaNs last
	for _, v := range x {
		most = max(most, math.Float32bits(v)&^(1<<31))
	}
	if most >= bitsInf {
		return float32(math.NaN()), 0
	}
	m := math.Float32frombits(most)
	inverse = 127 / m
	if math.Float32bits(inverse) >= bitsInf {
		return 0, 0
	}
	return m / 127, inverse
}

// multiplyGeneric takes a group of a panel at a time, turned into bytes, through
// all rows of the tile. Three rows of activations share each product of
// integers: their sums are less than 2^20, so they fit into 21 bits each.
func multiplyGeneric(p product) {
	var w groupOfPanel
	var columns [maxHeight / 3][Group]int64
	var acc [maxHeight][Lanes]float32
	f, size := describe(p.weight), p.height*perRow(GroupOf(p.weight))
	for r := 0; r < p.R; r += Lanes {
		panel := p.panels[r/Lanes*p.size:][:p.size]
		clear(acc[:])
		for g := range p.K / Group {
			x := p.tile[g*size:][:size]
			w.read(panel[g/f.groups*f.block:][:f.block], p.weight, g%f.groups)
			combine(&columns, x, p.rows, p.height)
			for t := 0; t < p.rows; t += 3 {
				w.multiply(acc[t:min(t+3, p.rows)], &columns[t/3], x, t, p.height)
			}
		}
		for t := range p.rows {
			copy(p.out[t*p.stride+r:t*p.stride+p.R], acc[t][:])
		}
	}
}

// combine puts the numbers of three rows of a tile at a time into one integer,
// 21 bits apart.
func combine(columns *[maxHeight / 3][Group]int64, x []byte, rows, height int) {
	for t := 0; t < rows; t += 3 {
		c := &columns[t/3]
		for k := 0; k < Group; k += 4 {
			four := x[k*height+4*t:][:4*min(3, rows-t)]
			for j := range 4 {
				var v int64
				for i := len(four) - 4 + j; i >= 0; i -= 4 {
					v = v<<21 + int64(int8(four[i]))
				}
				c[k+j] = v
			}
		}
	}
}

// part returns the signed number in the lowest 21 bits, and the rest.
func part(v int64) (int32, int64) {
	low := v << 43 >> 43
	return int32(low), (v - low) >> 21
}

// multiply adds a group's products with up to three rows of activations, the
// first of which is row t of the tile, to their sums.
func (w *groupOfPanel) multiply(acc [][Lanes]float32, x *[Group]int64, tile []byte, t, height int) {
	word := func(at, i int) uint32 { return binary.LittleEndian.Uint32(tile[at*height+4*(t+i):]) }
	if w.offset > 0 {
		w.multiplyBy8(acc, x, word)
		return
	}
	var units, sums [3]float32
	var first, second [3]int32
	for i := range acc {
		units[i] = math.Float32frombits(word(atUnit, i))
		sums[i] = math.Float32frombits(word(atSum, i))
		if w.halves {
			first[i], second[i] = int32(word(at32Low, i)), int32(word(at32High, i))
		}
	}
	for r := range Lanes {
		u := &w.numbers[r]
		low, high := dot16((*[16]uint8)(u[:]), (*[16]int64)(x[:])), dot16((*[16]uint8)(u[16:]), (*[16]int64)(x[16:]))
		if !w.halves {
			low += high
		}
		for i := range acc {
			var s, s1 int32
			s, low = part(low)
			s += first[i]
			if w.halves {
				s1, high = part(high)
				s = s*w.scale0[r] + (s1+second[i])*w.scale1[r]
			}
			a := acc[i][r] + float32(float32(s)*float32(w.scale[r]*units[i]))
			if w.hasLow {
				a -= float32(w.low[r] * sums[i])
			}
			acc[i][r] = a
		}
	}
}

// multiplyBy8 is multiply for activations of which 8 share a unit; word is a word
// of the tile.
func (w *groupOfPanel) multiplyBy8(acc [][Lanes]float32, x *[Group]int64, word func(at, i int) uint32) {
	const parts = Group / eight
	var units [3][parts]float32
	var first [3][parts]int32
	for i := range acc {
		for j := range parts {
			units[i][j] = math.Float32frombits(word(atUnit+4*j, i))
			first[i][j] = int32(word(w.offset+4*j, i))
		}
	}
	for r := range Lanes {
		var dots [parts]int64
		for j := range dots {
			dots[j] = dot8((*[eight]uint8)(w.numbers[r][j*eight:]), (*[eight]int64)(x[j*eight:]))
		}
		for i := range acc {
			var f [parts]float32
			for j := range f {
				var s int32
				s, dots[j] = part(dots[j])
				f[j] = float32(float32(s+first[i][j]) * units[i][j])
			}
			sum := (f[0] + f[1]) + (f[2] + f[3])
			acc[i][r] += float32(sum * w.scale[r])
		}
	}
}

// dot8 returns Σ w·x.
func dot8(w *[eight]uint8, x *[eight]int64) int64 {
	a := int64(w[0])*x[0] + int64(w[1])*x[1] + int64(w[2])*x[2] + int64(w[3])*x[3]
	b := int64(w[4])*x[4] + int64(w[5])*x[5] + int64(w[6])*x[6] + int64(w[7])*x[7]
	return a + b
}

// dot16 returns Σ w·x.
func dot16(w *[16]uint8, x *[16]int64) int64 {
	return dot8((*[eight]uint8)(w[:]), (*[eight]int64)(x[:])) + dot8((*[eight]uint8)(w[8:]), (*[eight]int64)(x[8:]))
}
