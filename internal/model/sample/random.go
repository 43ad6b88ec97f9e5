package sample

import "math/bits"

// Random returns the number in [0,1) that draws the token at an index of an
// answer, 0 for the first. It depends on nothing else: not on earlier draws, not
// on the prompt, not on what runs beside it. It is part of the contract with
// users and never changes.
//
// It is Philox4x32-10 with the seed as key and the index as counter, each
// with its low half first. Of the four words, the first and the second are the
// low and the high half of a 64-bit number, whose upper 53 bits are the fraction.
//
// Source: Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy
// as 1, 2, 3", doi:10.1145/2063384.2063405.
func Random(seed, index uint64) float64 {
	out := philox([4]uint32{uint32(index), uint32(index >> 32)}, [2]uint32{uint32(seed), uint32(seed >> 32)})
	return float64((uint64(out[1])<<32|uint64(out[0]))>>11) * 0x1p-53
}

// philox mixes a counter under a key in ten rounds.
func philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		multiply0, multiply1 = 0xD2511F53, 0xCD9E8D57
		weyl0, weyl1         = 0x9E3779B9, 0xBB67AE85
		rounds               = 10
	)
	for range rounds {
		high0, low0 := bits.Mul32(multiply0, counter[0])
		high1, low1 := bits.Mul32(multiply1, counter[2])
		counter = [4]uint32{high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0}
		key[0] += weyl0
		key[1] += weyl1
	}
	return counter
}
