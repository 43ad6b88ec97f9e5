package quant

import "encoding/binary"

const (
	minCode8 = -128 // of Q6_K's scales
	maxCode8 = 127
	// topCode8 is the code that the largest group's scale gets at first: the
	// search may then make it larger.
	topCode8   = -119
	codeReach8 = 8
)

var levels6 = levels{-32, 31}

// evenSuper is the scales of a super-block of Q6_K while they are sought:
// number i of group g is scale·scales[g]·q.
type evenSuper struct {
	x      []float64
	bits   uint16
	scale  float64
	scales [16]float64 // minCode8 to maxCode8
	loss   [16]float64
}

// fitEvenSuper finds the scales of 256 numbers.
func fitEvenSuper(x []float64) evenSuper {
	s := evenSuper{x: x}
	var scales [16]float64
	for g := range scales {
		scales[g] = peak(x[16*g:16*g+16]) / levels6.low
	}
	s.bits, s.scale = firstUnit(peak(scales[:]), topCode8, minCode8)
	if s.scale == 0 {
		return s
	}
	for g, want := range scales {
		s.choose(g, levels{minCode8, maxCode8}.nearest(want/s.scale), codeReach8)
	}
	next := s
	next.refit()
	if next.total() < s.total() {
		return next
	}
	return s
}

// total returns the squared error of the super-block.
func (s *evenSuper) total() float64 {
	sum := 0.0
	for _, l := range s.loss {
		sum += l
	}
	return sum
}

// choose tries codes for group g's scale within reach of the given one, and
// keeps the best.
func (s *evenSuper) choose(g int, near float64, reach int) {
	x := s.x[16*g : 16*g+16]
	s.scales[g], s.loss[g] = 0, 0
	for _, v := range x {
		s.loss[g] += float64(v * v)
	}
	last := min(near+float64(reach), maxCode8)
	for c := max(near-float64(reach), minCode8); c <= last; c++ {
		unit := float64(s.scale * c)
		if unit == 0 {
			continue
		}
		if loss, _ := levels6.evenError(x, unit); loss < s.loss[g] {
			s.scales[g], s.loss[g] = c, loss
		}
	}
}

// refit sets the unit by least squares for the levels that the scales give, and
// chooses the scales anew.
func (s *evenSuper) refit() {
	var aa, xa float64
	for i, v := range s.x {
		a := s.scales[i/16] * float64(int(s.level(i))-32)
		aa += float64(a * a)
		xa += float64(v * a)
	}
	if aa == 0 {
		return
	}
	s.bits, s.scale = toF16(xa / aa)
	for g := range s.scales {
		s.choose(g, s.scales[g], 1)
	}
}

// level returns the level of number i as it is written, 0 to 63.
func (s *evenSuper) level(i int) byte {
	unit := float64(s.scale * s.scales[i/16])
	if unit == 0 {
		return 32
	}
	return byte(levels6.nearest(s.x[i]/unit) - levels6.low)
}

func toQ6_K(dst []byte, x []float64) {
	s := fitEvenSuper(x)
	for half := range 2 {
		low, high := dst[64*half:64*half+64], dst[128+32*half:128+32*half+32]
		for i := range 32 {
			a, b := s.level(128*half+i), s.level(128*half+32+i)
			c, d := s.level(128*half+64+i), s.level(128*half+96+i)
			low[i] = a&15 | c<<4
			low[i+32] = b&15 | d<<4
			high[i] = a>>4 | b>>4<<2 | c>>4<<4 | d>>4<<6
		}
	}
	for g, c := range s.scales {
		dst[192+g] = byte(int8(c))
	}
	binary.LittleEndian.PutUint16(dst[208:], s.bits)
}
