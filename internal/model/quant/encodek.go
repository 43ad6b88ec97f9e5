package quant

import (
	"encoding/binary"
	"math"
)

// The spans are over how many steps the numbers of a group are spread at first.
var (
	spans15 = []float64{13.4, 13.8, 14.2, 14.6, 15, 15.4, 15.8, 16.2, 16.6, 17}
	spans31 = []float64{30, 30.4, 30.8, 31.2, 31.6, 32, 32.4}
)

// offsetSuper is the scales of a super-block of Q4_K or Q5_K while they are
// sought: number i of group g is scale·scales[g]·q − low·lows[g].
type offsetSuper struct {
	x                  []float64
	high               float64 // levels 0 to high
	scaleBits, lowBits uint16
	scale, low         float64
	scales, lows       [8]float64 // 0 to 63
	loss               [8]float64
}

const (
	maxCode = 63 // of the six-bit scales
	// topCode is the code that the largest group's scale gets at first: the
	// search may then make it larger.
	topCode = 60
	// codeReach is how far from the first code, both ways, others are tried.
	codeReach = 4
	refits    = 2
)

// fitSuper finds the scales of 256 numbers.
func fitSuper(x []float64, high float64, spans []float64) offsetSuper {
	s := offsetSuper{x: x, high: high}
	var scales, lows [8]float64
	for g := range scales {
		scales[g], lows[g] = fitOffset(x[32*g:32*g+32], high, spans, false)
	}
	s.scaleBits, s.scale = firstUnit(peak(scales[:]), topCode, maxCode)
	s.lowBits, s.low = firstUnit(peak(lows[:]), maxCode, maxCode)
	for g := range scales {
		s.choose(g, code(scales[g], s.scale), code(lows[g], s.low), codeReach)
	}
	for range refits {
		next := s
		next.refit()
		if next.total() >= s.total() {
			break
		}
		s = next
	}
	return s
}

// total returns the squared error of the super-block.
func (s *offsetSuper) total() float64 {
	sum := 0.0
	for _, l := range s.loss {
		sum += l
	}
	return sum
}

// code returns the whole number of units nearest to v, 0 to 63.
func code(v, unit float64) float64 {
	if unit == 0 {
		return 0
	}
	return levels{0, maxCode}.nearest(v / unit)
}

// choose tries codes for group g's scale within reach of the given one, each
// with the code of the low that suits it, and keeps the best.
func (s *offsetSuper) choose(g int, scale, low float64, reach int) {
	x := s.x[32*g : 32*g+32]
	s.loss[g] = math.Inf(1)
	first := max(scale-float64(reach), 0)
	for c := first; c <= min(scale+float64(reach), maxCode); c++ {
		l := low
		for range 2 {
			loss, mean := s.groupError(x, c, l)
			if loss < s.loss[g] {
				s.loss[g], s.scales[g], s.lows[g] = loss, c, l
			}
			next := code(float64(l*s.low)-mean, s.low)
			if next == l {
				break
			}
			l = next
		}
	}
}

// groupError is offsetError for the codes of a scale and a low.
func (s *offsetSuper) groupError(x []float64, scale, low float64) (loss, mean float64) {
	if unit := float64(s.scale * scale); unit > 0 {
		return offsetError(x, unit, float64(s.low*low), s.high)
	}
	for _, v := range x {
		e := v + float64(s.low*low)
		loss += float64(e * e)
		mean += e
	}
	return loss, mean / float64(len(x))
}

// refit sets the two units by least squares for the levels that the scales
// give, and chooses the scales anew.
func (s *offsetSuper) refit() {
	// x ≈ scale·a − low·b with a = scales·q and b = lows.
	var aa, ab, bb, xa, xb float64
	l := levels{0, s.high}
	for g := range s.scales {
		unit, low := float64(s.scale*s.scales[g]), float64(s.low*s.lows[g])
		if unit == 0 {
			continue
		}
		b := s.lows[g]
		for _, v := range s.x[32*g : 32*g+32] {
			a := s.scales[g] * l.nearest((v+low)/unit)
			aa += float64(a * a)
			ab += float64(a * b)
			bb += float64(b * b)
			xa += float64(v * a)
			xb += float64(v * b)
		}
	}
	scale, low := s.scale, s.low
	if d := float64(aa*bb) - float64(ab*ab); d > 0 {
		scale = (float64(xa*bb) - float64(ab*xb)) / d
		low = (float64(ab*xa) - float64(aa*xb)) / d
	} else if aa > 0 {
		scale = xa / aa
	}
	s.scaleBits, s.scale = toF16(max(scale, 0))
	s.lowBits, s.low = toF16(max(low, 0))
	for g := range s.scales {
		s.choose(g, s.scales[g], s.lows[g], 1)
	}
}

// level returns the level of number i.
func (s *offsetSuper) level(i int) byte {
	g := i / 32
	unit := float64(s.scale * s.scales[g])
	if unit == 0 {
		return 0
	}
	return byte(levels{0, s.high}.nearest((s.x[i] + float64(s.low*s.lows[g])) / unit))
}

// put writes the 16 bytes that Q4_K and Q5_K begin with.
func (s *offsetSuper) put(dst []byte) {
	binary.LittleEndian.PutUint16(dst, s.scaleBits)
	binary.LittleEndian.PutUint16(dst[2:], s.lowBits)
	b := (*[12]byte)(dst[4:])
	for i := range 4 {
		sc, lo := byte(s.scales[i+4]), byte(s.lows[i+4])
		b[i] = byte(s.scales[i]) | sc>>4<<6
		b[i+4] = byte(s.lows[i]) | lo>>4<<6
		b[i+8] = sc&15 | lo<<4
	}
}

func toQ4_K(dst []byte, x []float64) {
	s := fitSuper(x, 15, spans15)
	s.put(dst)
	for g := range 4 {
		for i := range 32 {
			dst[16+32*g+i] = s.level(64*g+i) | s.level(64*g+32+i)<<4
		}
	}
}

func toQ5_K(dst []byte, x []float64) {
	s := fitSuper(x, 31, spans31)
	s.put(dst)
	high := dst[16:48]
	clear(high)
	for g := range 4 {
		for i := range 32 {
			a, b := s.level(64*g+i), s.level(64*g+32+i)
			high[i] |= a>>4<<(2*g) | b>>4<<(2*g+1)
			dst[48+32*g+i] = a&15 | b<<4
		}
	}
}

func toQ4_1(dst []byte, x []float64) {
	q := offsetBlock(dst, x, 15, spans15)
	for i := range 16 {
		dst[4+i] = byte(q[i]) | byte(q[i+16])<<4
	}
}

func toQ5_1(dst []byte, x []float64) {
	q := offsetBlock(dst, x, 31, spans31)
	putFives(dst[4:], &q)
}
