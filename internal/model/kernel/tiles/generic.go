package tiles

import "math"

// floatsPortable is Floats by its definition.
func floatsPortable(out, a, b []float32, s Shape) {
	for p := range s.Panels {
		panel := b[p*s.K*Lanes:][:s.K*Lanes]
		for m := range s.M {
			var sum [Lanes]float32
			row := a[m*s.AStride:][:s.K]
			for k, x := range row {
				w := (*[Lanes]float32)(panel[k*Lanes:])
				for r := range sum {
					// The conversion keeps the compiler from fusing.
					sum[r] += float32(x * w[r])
				}
			}
			to := (*[Lanes]float32)(out[m*s.OutStride+p*Lanes:])
			put(to, &sum, s.Add)
		}
	}
}

// put adds a run's sums to the results, or makes them the results.
func put(to, sum *[Lanes]float32, add bool) {
	if !add {
		*to = *sum
		return
	}
	for r := range sum {
		to[r] += sum[r]
	}
}

// pairsPortable is Pairs by its definition.
func pairsPortable(out []float32, a, b []uint32, s Shape) {
	for p := range s.Panels {
		panel := b[p*s.K*Lanes:][:s.K*Lanes]
		for m := range s.M {
			var sum [Lanes]float32
			row := a[m*s.AStride:][:s.K]
			for k, x := range row {
				first, second := split(x)
				w := (*[Lanes]uint32)(panel[k*Lanes:])
				for r := range sum {
					w0, w1 := split(w[r])
					sum[r] = addExactly(sum[r], float64(second*w1))
					sum[r] = addExactly(sum[r], float64(first*w0))
				}
			}
			put((*[Lanes]float32)(out[m*s.OutStride+p*Lanes:]), &sum, s.Add)
		}
	}
}

// split returns the numbers of a pair, zeros for those that are too small to be
// normal ones.
func split(pair uint32) (first, second float64) { return normal(pair << 16), normal(pair &^ 0xffff) }

// normal is the number of these bits of a float32, or zero.
func normal(bits uint32) float64 {
	if bits&0x7f800000 == 0 {
		bits &= 0x80000000
	}
	return float64(math.Float32frombits(bits))
}

const (
	smallestNormal = 0x1p-126
	// roundsToIt is the least that 24 bits would round to the smallest normal
	// number.
	roundsToIt = smallestNormal * (1 - 0x1p-25)
)

// addExactly returns the float32 nearest to sum and product, whose own rounding
// has been none.
//
// Their sum is made a float64 with what is lost being told by its last bit:
// rounded to odd, after which rounding to 24 bits is as if there had been no
// rounding before. Source: Boldo and Melquiond 2008, "Emulation of FMA and
// correctly rounded sums".
func addExactly(sum float32, product float64) float32 {
	x := float64(sum)
	s := x + product
	y := s - x
	lost := (x - (s - y)) + (product - y)
	if lost != 0 && !math.IsInf(s, 0) { // false for what is not a number, too
		bits := math.Float64bits(s)
		if bits&1 == 0 {
			if lost > 0 == (s > 0) {
				bits++
			} else {
				bits--
			}
			s = math.Float64frombits(bits)
		}
	}
	if math.Abs(s) < roundsToIt {
		return float32(math.Copysign(0, s))
	}
	return float32(s)
}
