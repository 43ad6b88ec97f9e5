package floats

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

const (
	// q8Group is how many numbers of 8 bits share a scale.
	q8Group = 32
	// q8KeyBytes is a group of keys of a page: Lanes scales of F16, then q8Group
	// rows of Lanes bytes.
	q8KeyBytes = 2*Lanes + q8Group*Lanes
	// q8ValueBytes is a group of a value: a scale of F16, then q8Group bytes.
	q8ValueBytes = 2 + q8Group
)

// Padded returns how many numbers a value of D numbers takes in a page: D rounded
// up to a multiple of Lanes, or of 32 for Q8_0.
func Padded(t quant.Type, D int) int {
	unit := Lanes
	if t == quant.Q8_0 {
		unit = q8Group
	}
	return (D + unit - 1) / unit * unit
}

// KeyPage returns the bytes of a page of keys of D numbers.
func KeyPage(t quant.Type, D int) int {
	if t == quant.Q8_0 {
		return Padded(t, D) / q8Group * q8KeyBytes
	}
	return D * Lanes * pageNumberSize(t)
}

// ValuePage returns the bytes of a page of values of D numbers.
func ValuePage(t quant.Type, D int) int { return Lanes * valueRow(t, D) }

// valueRow returns the bytes of a value.
func valueRow(t quant.Type, D int) int {
	if t == quant.Q8_0 {
		return Padded(t, D) / q8Group * q8ValueBytes
	}
	return Padded(t, D) * pageNumberSize(t)
}

// pageNumberSize returns the bytes of a number of keys or values.
func pageNumberSize(t quant.Type) int {
	switch t {
	case quant.F32:
		return 4
	case quant.F16:
		return 2
	}
	panic(fmt.Sprintf("floats: keys and values of %v are not possible: want F32, F16 or Q8_0", t))
}

// PutKey writes the key of a position into a page.
//
//	page      [KeyPage(t,D)]
//	position  within the page, less than Lanes
//	key       [D]
//
// The page is [D,Lanes] numbers of F32 or F16, little-endian: number k of all
// positions lies side by side. For Q8_0 it is, for each 32 numbers of a key, the
// scales of F16 of all positions and then [32,Lanes] bytes. A scale is a 127th of
// the largest magnitude of 32 numbers, rounded to F16, and a byte the number over
// the scale, rounded to the nearest, of two equally near ones the even one. If
// the scale is not finite all 32 are NaN. It panics if page is too short.
func PutKey(page []byte, t quant.Type, position int, key []float32) {
	page = page[:KeyPage(t, len(key))]
	switch t {
	case quant.F32:
		at := page[4*position:]
		for k, v := range key {
			binary.LittleEndian.PutUint32(at[4*Lanes*k:], math.Float32bits(v))
		}
	case quant.F16:
		var half [2 * q8Group]byte
		at := page[2*position:]
		for ; len(key) > 0; key, at = key[min(q8Group, len(key)):], at[min(2*Lanes*q8Group, len(at)):] {
			n := min(q8Group, len(key))
			Narrow(half[:2*n], t, key[:n])
			for k := range n {
				at[2*Lanes*k], at[2*Lanes*k+1] = half[2*k], half[2*k+1]
			}
		}
	default:
		var group [q8Group]byte
		for ; len(key) > 0; key, page = key[min(q8Group, len(key)):], page[q8KeyBytes:] {
			n := min(q8Group, len(key))
			binary.LittleEndian.PutUint16(page[2*position:], toQ8(group[:n], key[:n]))
			at := page[2*Lanes+position:]
			for k := range n {
				at[Lanes*k] = group[k]
			}
		}
	}
}

// PutValue writes the value of a position into a page.
//
//	page      [ValuePage(t,D)]
//	position  within the page, less than Lanes
//	value     [D]
//
// The page is [Lanes,Padded(t,D)] numbers, little-endian: the numbers of one
// position after those of another, followed by zeros. Q8_0 is as quant has it,
// rounded as PutKey does. It panics if page is too short.
func PutValue(page []byte, t quant.Type, position int, value []float32) {
	size := valueRow(t, len(value))
	row := page[position*size : (position+1)*size]
	if t != quant.Q8_0 {
		n := len(value) * pageNumberSize(t)
		Narrow(row[:n], t, value)
		clear(row[n:])
		return
	}
	for ; len(value) > 0; value, row = value[min(q8Group, len(value)):], row[q8ValueBytes:] {
		n := min(q8Group, len(value))
		binary.LittleEndian.PutUint16(row, toQ8(row[2:2+n], value[:n]))
		clear(row[2+n : q8ValueBytes])
	}
}

// toQ8 writes numbers as bytes, and returns the scale.
func toQ8(dst []byte, x []float32) uint16 {
	largest := float32(0)
	for _, v := range x {
		if a := math.Float32frombits(math.Float32bits(v) &^ (1 << 31)); a > largest || a != a {
			largest = a
		}
		if largest != largest {
			break
		}
	}
	half := quant.ToF16(largest / 127)
	scale := quant.FromF16(half)
	if scale-scale != 0 { // infinite or not a number
		clear(dst)
		return quant.ToF16(float32(math.NaN()))
	}
	if scale == 0 {
		clear(dst)
		return 0
	}
	inverse := 1 / scale
	for i, v := range x {
		// Adding 1.5·2^23 rounds; a scale that is small for F16 may be too small.
		n := float32(v*inverse) + expShift - expShift
		dst[i] = byte(int8(min(max(n, -127), 127)))
	}
	return half
}
