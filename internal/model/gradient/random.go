package gradient

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/backward"
)

// golden is 2⁶⁴ over the golden ratio: multiples of it are spread evenly.
const golden = 0x9e3779b97f4a7c15

// hash mixes the bits of a number: SplitMix64's finaliser, Steele et al. 2014.
func hash(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// mix makes one key of two.
func mix(a, b uint64) uint64 { return hash(hash(a+golden) ^ b*golden) }

// random is numbers by a counter.
type random struct{ seed, at uint64 }

// uniform returns a number from 0 to less than 1, a multiple of 2⁻⁵³.
func (r *random) uniform() float64 {
	r.at++
	return float64(hash(r.seed+r.at*golden)>>11) * 0x1p-53
}

// normal returns a number of the normal distribution: the sum of twelve even
// ones would be cheaper and have no tails, so it is Marsaglia's polar method.
func (r *random) normal() float64 {
	for {
		u, v := 2*r.uniform()-1, 2*r.uniform()-1
		s := float64(u*u) + float64(v*v)
		if s > 0 && s < 1 {
			return u * math.Sqrt(-2*backward.Log(s)/s)
		}
	}
}

// dropBits is how finely the share that is dropped is rounded: to 2⁻¹⁶.
const dropBits = 16

// dropout says which of a target's inputs are left out. Whether one is depends
// on the key, the token and the column alone: four columns share a hash.
type dropout struct {
	key   uint64 // of seed, step, layer and target
	limit uint64 // of 2¹⁶: what is below is left out
	keep  float32
}

// newDropout returns the mask of a share for a key.
func newDropout(share float64, key uint64) dropout {
	limit := math.Round(share * (1 << dropBits))
	limit = min(limit, 1<<dropBits-1)
	return dropout{key: key, limit: uint64(limit), keep: float32(1 / (1 - limit/(1<<dropBits)))}
}

// apply writes a token's inputs, those that are kept divided by their share, or
// adds them to out.
//
//	out, x  [C]; out may be x itself
func (d dropout) apply(out, x []float32, token int, add bool) {
	row := hash(d.key + uint64(token)*golden)
	for c := 0; c < len(x); c += 4 {
		bits := hash(row + uint64(c/4+1)*golden)
		for i := c; i < min(c+4, len(x)); i++ {
			v := float32(0)
			if bits&(1<<dropBits-1) >= d.limit {
				v = x[i] * d.keep
			}
			if add {
				v = out[i] + v
			}
			out[i] = v
			bits >>= dropBits
		}
	}
}
