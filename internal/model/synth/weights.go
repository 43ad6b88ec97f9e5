package synth

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

const (
	// deviation is the weights' standard deviation, about that of published
	// models: their mean is 0, so that neither activations nor logits run away.
	deviation = 0.02
	// gainSpread is how far a norm's gains are from 1.
	gainSpread = 0.05
	// jitter is the root mean square of what jittered multiplies by.
	jitter = 1.0103
)

// random makes a chunk of a tensor. Numbers are not made and then quantised:
// random bytes are blocks already, and only their scales are set.
func random(dst []byte, t *gguf.Tensor, chunk int, seed uint64) error {
	source(t.Name, chunk, seed).Read(dst) // never fails
	if len(t.Shape) == 1 {
		return gains(dst, t)
	}
	set, size := blockOf(t.Type)
	if set == nil {
		return fmt.Errorf("make tensor %q: random numbers of %v are not known", t.Name, t.Type)
	}
	for ; len(dst) > 0; dst = dst[size:] {
		set(dst[:size])
	}
	return nil
}

// source returns a generator for a chunk alone.
func source(name string, chunk int, seed uint64) *rand.ChaCha8 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], h.Sum64())
	binary.LittleEndian.PutUint64(key[16:], uint64(chunk))
	return rand.NewChaCha8(key)
}

// gains turns random bytes into the weights of a norm.
func gains(dst []byte, t *gguf.Tensor) error {
	if t.Type != quant.F32 {
		return fmt.Errorf("make tensor %q: a vector of %v", t.Name, t.Type)
	}
	for ; len(dst) > 0; dst = dst[4:] {
		x := 1 + float32(gainSpread*even(dst))
		binary.LittleEndian.PutUint32(dst, math.Float32bits(x))
	}
	return nil
}

// even returns a number that random bytes spread evenly over −1 to 1.
func even(b []byte) float32 {
	return (float32(int16(binary.LittleEndian.Uint16(b))) + 0.5) * 0x1p-15
}

// blockOf returns what makes a block of a format out of random bytes, and the
// block's size; nil where there is nothing.
func blockOf(t quant.Type) (set func(b []byte), size int) {
	_, size = t.Block()
	switch t {
	case quant.F32:
		return setF32, size
	case quant.F16:
		return func(b []byte) { binary.LittleEndian.PutUint16(b, quant.ToF16(evenWeight(b))) }, size
	case quant.BF16:
		return func(b []byte) { binary.LittleEndian.PutUint16(b, quant.ToBF16(evenWeight(b))) }, size
	case quant.Q8_0:
		return setQ8_0, size
	case quant.Q4_0:
		return setQ4_0, size
	case quant.Q4_K:
		return setQ4_K, size
	case quant.Q5_K:
		return setQ5_K, size
	case quant.Q6_K:
		return setQ6_K, size
	}
	return nil, 0
}

// evenWeight is even with the weights' deviation: that of even is 1/√3.
func evenWeight(b []byte) float32 { return float32(deviation*1.7320508) * even(b) }

func setF32(b []byte) { binary.LittleEndian.PutUint32(b, math.Float32bits(evenWeight(b))) }

// jittered replaces two random bytes by a binary16 scale up to a quarter more or
// less than d, and returns it.
func jittered(b []byte, d float32) float32 {
	h := quant.ToF16(float32(d*(1+even(b)*0.25)) * (1 / jitter))
	binary.LittleEndian.PutUint16(b, h)
	return quant.FromF16(h)
}

// setQ8_0 has whole numbers of −127 to 127, as quantising gives: their deviation
// is 73.5.
func setQ8_0(b []byte) {
	jittered(b, deviation/73.5)
	for i, q := range b[2:] {
		if q == 0x80 {
			b[2+i] = 0x81
		}
	}
}

// setQ4_0 has whole numbers of −8 to 7, with a deviation of 4.64 about 0. Their
// mean of −½ goes with the scale's sign, which is as often the one as the other.
func setQ4_0(b []byte) {
	negative := b[2]&1 == 1
	jittered(b, deviation/4.64)
	if negative {
		b[1] |= 0x80
	}
}

// setScales makes the scales and minima of a block of Q4_K or Q5_K, twelve bytes
// of six bits each, 32 or more: about 47.5, so that a group's numbers lie about 0
// where dmin is d times the mean of its whole numbers.
func setScales(b []byte) {
	for i := range b[:8] {
		b[i] |= 0xa0 // the highest of six bits of two of them
	}
}

// setQ4_K has whole numbers of 0 to 15. With scales and minima the deviation is
// √(E[s²]·Var[q] + 2·Var[s]·E[q]²) = √(2341.5·21.25 + 2·85.25·7.5²) = 243.6.
func setQ4_K(b []byte) {
	d := jittered(b, deviation/243.6)
	binary.LittleEndian.PutUint16(b[2:], quant.ToF16(d*7.5))
	setScales(b[4:])
}

// setQ5_K has whole numbers of 0 to 31: √(2341.5·85.25 + 2·85.25·15.5²) = 490.5.
func setQ5_K(b []byte) {
	d := jittered(b, deviation/490.5)
	binary.LittleEndian.PutUint16(b[2:], quant.ToF16(d*15.5))
	setScales(b[4:])
}

// setQ6_K has whole numbers of −32 to 31 and scales of 64 to 127 of either sign,
// so that the mean is 0: √(E[s²]·E[q²]) = √(9461.5·341.5) = 1797.5.
func setQ6_K(b []byte) {
	for i, s := range b[192:208] {
		scale := int8(64 + s&63)
		if s&0x80 != 0 {
			scale = -scale
		}
		b[192+i] = byte(scale)
	}
	jittered(b[208:], deviation/1797.5)
}
