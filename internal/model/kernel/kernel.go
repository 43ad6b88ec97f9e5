// Package kernel holds the arithmetic on slices that models share. Products are
// rounded before they are added, float32(x*y), so that no processor fuses the
// two, and sums have a fixed order: all processors give the same bits.
package kernel

// Dot returns the product of two vectors.
//
//	a, b  [N]; b may be longer
//
// Four sums run side by side, over every fourth number each, and are added as
// (0+1)+(2+3); what a last quartet lacks goes to the first. It panics if b is
// shorter than a.
func Dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for len(a) >= 4 && len(b) >= 4 {
		s0 += float32(a[0] * b[0])
		s1 += float32(a[1] * b[1])
		s2 += float32(a[2] * b[2])
		s3 += float32(a[3] * b[3])
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += float32(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// Axpy adds v times x to y.
//
//	y, x  [N]; x may be longer, and must not overlap y unless it is y itself
//
// It panics if x is shorter than y.
func Axpy(y []float32, v float32, x []float32) {
	x = x[:len(y)]
	for len(y) >= 4 && len(x) >= 4 {
		y[0] += float32(v * x[0])
		y[1] += float32(v * x[1])
		y[2] += float32(v * x[2])
		y[3] += float32(v * x[3])
		y, x = y[4:], x[4:]
	}
	for i := range y {
		y[i] += float32(v * x[i])
	}
}
