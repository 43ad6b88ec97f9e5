package modelfile

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// finiteChunk is how many bytes are looked at between two calls of progress.
const finiteChunk = 8 << 20

// CheckFinite reads all weights and returns an error that names the first tensor
// with a number that is infinite or not a number. For blocks of quantised
// numbers it looks at their scales: the rest are integers.
//
// progress, which may be nil, is told the bytes that are done and that there are.
func (m *Model) CheckFinite(progress func(done, total int64)) error {
	total, done := int64(0), int64(0)
	for _, t := range m.Tensors {
		total += int64(len(t.Data))
	}
	for _, t := range m.Tensors {
		_, block := t.Type.Block()
		for at := 0; at < len(t.Data); {
			n := min(len(t.Data)-at, finiteChunk/block*block)
			part := t.Data[at : at+n]
			err := m.Guard(func() error { return checkFinite(t, at, part) })
			if err != nil {
				return err
			}
			m.Release(part)
			at += n
			done += int64(n)
			if progress != nil {
				progress(done, total)
			}
		}
	}
	return nil
}

// checkFinite looks at whole blocks of a tensor, from byte at on.
func checkFinite(t *Tensor, at int, part []byte) error {
	i := infinite(t.Type, part)
	if i < 0 {
		return nil
	}
	elements, size := t.Type.Block()
	first := (at/size + i) * elements
	if elements == 1 {
		return fmt.Errorf("tensor %q: number %d is infinite or not a number", t.Name, first)
	}
	return fmt.Errorf("tensor %q: numbers %d to %d have a scale that is infinite or not a number", t.Name, first, first+elements-1)
}

// infinite returns the index of the first block in b with a number that is not
// finite, or -1.
func infinite(t quant.Type, b []byte) int {
	switch t {
	case quant.F32:
		return allExponents(b, 4, 0x7f800000_7f800000, 0x00800000_00800000)
	case quant.F16:
		return allExponents(b, 2, 0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400)
	case quant.BF16:
		return allExponents(b, 2, 0x7f80_7f80_7f80_7f80, 0x0080_0080_0080_0080)
	}
	const exponent = 0x7c00 // of F16
	scales := scalesAt(t)
	_, size := t.Block()
	for i := 0; len(b) > 0; i++ {
		for _, at := range scales {
			if binary.LittleEndian.Uint16(b[at:])&exponent == exponent {
				return i
			}
		}
		b = b[size:]
	}
	return -1
}

// allExponents returns the index of the first number whose exponent is all ones,
// or -1. The numbers have size bytes; exponent masks theirs in eight bytes, and
// one is the lowest bit of each: added, it carries into the sign only if all are
// set.
func allExponents(b []byte, size int, exponent, one uint64) int {
	sign := (exponent + one) &^ exponent
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if (binary.LittleEndian.Uint64(b[i:])&exponent+one)&sign != 0 {
			break
		}
	}
	for ; i+size <= len(b); i += size {
		x := uint64(binary.LittleEndian.Uint16(b[i+size-2:])) << (16 * (size/2 - 1))
		mask := exponent & (math.MaxUint64 >> (64 - 8*size))
		if x&mask == mask {
			return i / size
		}
	}
	return -1
}

// scalesAt returns where in a block the scales are that all its numbers are
// multiplied by, each of type F16.
func scalesAt(t quant.Type) []int {
	switch t {
	case quant.Q4_0, quant.Q5_0, quant.Q8_0, quant.IQ4_NL, quant.IQ4_XS:
		return []int{0}
	case quant.Q4_1, quant.Q5_1, quant.Q4_K, quant.Q5_K:
		return []int{0, 2}
	case quant.Q2_K:
		return []int{80, 82}
	case quant.Q3_K:
		return []int{108}
	case quant.Q6_K:
		return []int{208}
	}
	return nil
}
