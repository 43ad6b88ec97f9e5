//go:build !purego

package tiles

import (
	"sync"
	"unsafe"
)

// dots says whether this processor's VDPBF16PS rounds as Pairs is defined, which
// manuals leave open: whether it fuses, what comes first, what becomes zero. If it
// does not, sums are made without it.
//
// Numbers of one row and half of the lanes are around 1, the others' products
// around the smallest normal number.
var dots = sync.OnceValue(func() bool {
	const steps = 64
	var a [2 * steps]uint32
	var b [steps * Lanes]uint32
	x := uint32(1)
	random := func(small bool) uint32 {
		x = x*1664525 + 1013904223
		bits := x&0x87ff_87ff | 0x3800_3800 // exponents from 112 to 127
		if small {
			bits = x&0x87ff_87ff | 0x1c00_1c00 // from 56 to 71
		}
		return bits ^ x>>16&0x7f // the low bits of this sequence are not random
	}
	for i := range a {
		a[i] = random(i >= steps)
	}
	for i := range b {
		b[i] = random(i%Lanes >= Lanes/2)
	}
	a[1], b[Lanes] = 0x7f00, 1 // 2^127 and a denormal number
	var got, want [2 * Lanes]float32
	pairsPortable(want[:], a[:], b[:], Shape{M: 2, Panels: 1, K: steps, AStride: steps, OutStride: Lanes})
	at := (*byte)(unsafe.Pointer(&a[0]))
	pairsx1AVX512BF16(&got[0], at, (*byte)(unsafe.Pointer(&b[0])), steps, 4*Lanes, 4*steps, 2, 1, 0, at, 0, 0)
	return got == want
})
