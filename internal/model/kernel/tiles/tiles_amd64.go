//go:build !purego

package tiles

import (
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

//go:generate go -C ../../../../_asm run ./tiles -part products -pkg tiles -out ../internal/model/kernel/tiles/products_amd64.s -stubs ../internal/model/kernel/tiles/products_stubs_amd64.go

// function is one of the assembly's products.
type function func(out *float32, a, b *byte, steps, outStride, aStride, rows, groups, add int, next *byte, nextStride, nextStep int)

// kernels are the functions for one panel and for two at a time, if there is one,
// and the most rows that they take. A step is one number of each row or a pair.
type kernels struct {
	one, two function
	rows     int
}

func floatsVector(l isa.Level, out, a, b []float32, s Shape) bool {
	if l < isa.AVX2 || s.K == 0 {
		return false
	}
	k := kernels{floatsx1AVX2, nil, 6}
	if l >= isa.AVX512 {
		k = kernels{floatsx1AVX512, floatsx2AVX512, 14}
	}
	k.run(out, (*byte)(unsafe.Pointer(&a[0])), (*byte)(unsafe.Pointer(&b[0])), s)
	return true
}

func pairsVector(l isa.Level, out []float32, a, b []uint32, s Shape) bool {
	var k kernels
	switch {
	case l < isa.AVX2 || s.K == 0:
		return false
	case l >= isa.AVX512BF16 && dots():
		k = kernels{pairsx1AVX512BF16, pairsx2AVX512BF16, 14}
	case l >= isa.AVX512:
		k = kernels{pairsx1AVX512, pairsx2AVX512, 12}
	default:
		k = kernels{pairsx1AVX2, nil, 5}
	}
	k.run(out, (*byte)(unsafe.Pointer(&a[0])), (*byte)(unsafe.Pointer(&b[0])), s)
	return true
}

// run takes the rows as they come, and with each group of them all panels. The
// slices have been checked, so that what it points to lies within them.
func (k kernels) run(out []float32, a, b *byte, s Shape) {
	pairs := s.Panels / 2
	if k.two == nil {
		pairs = 0
	}
	single := s.Panels - 2*pairs
	add := 0
	if s.Add {
		add = 1
	}
	rest := b
	if single > 0 { // else it would lie beyond the end
		rest = (*byte)(unsafe.Add(unsafe.Pointer(b), 2*pairs*s.K*4*Lanes))
	}
	next := (*byte)(unsafe.Pointer(unsafe.SliceData(s.Next)))
	if next == nil {
		next = a
	}
	for m := 0; m < s.M; m += k.rows {
		rows := min(k.rows, s.M-m)
		row := (*byte)(unsafe.Add(unsafe.Pointer(a), m*4*s.AStride))
		to := out[m*s.OutStride:]
		if pairs > 0 {
			k.two(&to[0], row, b, s.K, 4*s.OutStride, 4*s.AStride, rows, pairs, add, next, 4*s.NextStride, 4*s.NextStep)
		}
		if single > 0 {
			k.one(&to[2*pairs*Lanes], row, rest, s.K, 4*s.OutStride, 4*s.AStride, rows, single, add, next, 4*s.NextStride, 4*s.NextStep)
		}
	}
}
