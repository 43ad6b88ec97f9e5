package quant

import "encoding/binary"

// The targets are where the scales tried map the number farthest from zero.
var (
	targets4 = []float64{-8.8, -8.6, -8.4, -8.2, -8, -7.8, -7.6, -7.4, -7.2, -7, 6.5, 6.8, 7.1, 7.4}
	targets5 = []float64{-16.5, -16.3, -16.1, -15.9, -15.7, -15.5, -15.3, -15.1, 14.8, 15, 15.2, 15.4}
	targets8 = []float64{127.4, 127.1, 126.8, 126.5, 126.2, 125.9, 125.6, 125.3, 125, 124.5, 124, 123.5, 123, 122, 121, 120}
)

// evenBlock finds the scale of x and the levels of its numbers, and writes the
// scale to the start of dst.
func (l levels) evenBlock(dst []byte, x, targets []float64) (q [32]int8) {
	bits, scale := l.settle(x, l.fitEven(x, targets))
	binary.LittleEndian.PutUint16(dst, bits)
	if scale != 0 {
		inverse := 1 / scale
		for i, v := range x {
			q[i] = int8(l.nearest(float64(v * inverse)))
		}
	}
	return q
}

func toQ8_0(dst []byte, x []float64) {
	// −128 stays unused, as everywhere: readers may rely on it.
	q := levels{-127, 127}.evenBlock(dst, x, targets8)
	for i, v := range q {
		dst[2+i] = byte(v)
	}
}

func toQ4_0(dst []byte, x []float64) {
	q := levels{-8, 7}.evenBlock(dst, x, targets4)
	for i := range 16 {
		dst[2+i] = byte(q[i]+8) | byte(q[i+16]+8)<<4
	}
}

func toQ5_0(dst []byte, x []float64) {
	q := levels{-16, 15}.evenBlock(dst, x, targets5)
	for i := range q {
		q[i] += 16
	}
	putFives(dst[2:], &q)
}

// putFives writes 32 numbers of five bits: the high bits, then the nibbles.
func putFives(dst []byte, q *[32]int8) {
	high := uint32(0)
	for i, v := range q {
		high |= uint32(v>>4) << i
	}
	binary.LittleEndian.PutUint32(dst, high)
	for i := range 16 {
		dst[4+i] = byte(q[i]&15) | byte(q[i+16]&15)<<4
	}
}
