package bench

import "encoding/binary"

// probes are the loops that measure one thread. Each call is short: nothing can
// interrupt assembly.
type probes struct {
	name    string
	read    func(b []byte) // reads b, a positive multiple of readUnit
	int8    loop
	float32 loop
}

// loop takes n turns of so many operations; a multiplication and an addition are
// two.
type loop struct {
	run        func(n int)
	operations int
}

// readUnit is what a part of memory to be read is a multiple of, in bytes.
const readUnit = 512

// portable returns loops in Go. What they reach is what portable code reaches,
// and not what the processor could do.
func portable() probes {
	return probes{name: "generic", read: readGeneric, int8: loop{int8Generic, 8 * 2}, float32: loop{floatGeneric, 8 * 2}}
}

// readGeneric adds up 64-bit words.
func readGeneric(b []byte) {
	var s0, s1, s2, s3 uint64
	for ; len(b) >= 32; b = b[32:] {
		s0 += binary.LittleEndian.Uint64(b)
		s1 += binary.LittleEndian.Uint64(b[8:])
		s2 += binary.LittleEndian.Uint64(b[16:])
		s3 += binary.LittleEndian.Uint64(b[24:])
	}
	keep(float64(s0 + s1 + s2 + s3))
}

// int8Generic multiplies 8-bit integers and adds up the products.
func int8Generic(n int) {
	var s [8]int32
	a := [8]int8{1, -2, 3, -4, 5, -6, 7, -8}
	for i := range n {
		b := int32(int8(i))
		for k := range s {
			s[k] += int32(a[k]) * b
		}
	}
	keep(float64(s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7]))
}

// floatGeneric multiplies and adds float32.
func floatGeneric(n int) {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	x := float32(n)
	for range n {
		s0 += float32(x * 1.5)
		s1 += float32(x * 2.5)
		s2 += float32(x * 3.5)
		s3 += float32(x * 4.5)
		s4 += float32(x * 5.5)
		s5 += float32(x * 6.5)
		s6 += float32(x * 7.5)
		s7 += float32(x * 8.5)
		x++
	}
	keep(float64(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7))
}

// keep takes a result, so that the work for it is done.
//
//go:noinline
func keep(float64) {}
