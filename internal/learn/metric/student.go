package metric

import "math"

// Groups are often few, and a figure of few is less sure than a normal distribution
// of it has it. So intervals and tests over groups go by Student's distribution with
// as many degrees of freedom as there are groups, less one.

// student95 returns what Student's t with free degrees of freedom exceeds in size
// once in twenty times: 1.96 for infinitely many.
//
// Source: the expansion of Cornish and Fisher, Abramowitz and Stegun 1964, 26.7.5;
// for one and two degrees, where it is far off, the closed forms.
func student95(free int) float64 {
	const inside = 0.95
	switch {
	case free < 1:
		return math.Inf(1)
	case free == 1:
		return math.Tan(math.Pi * inside / 2)
	case free == 2:
		return inside * math.Sqrt(2/(1-float64(inside*inside)))
	}
	const (
		z  = z95
		z3 = z * z * z
		z5 = z3 * z * z
		z7 = z5 * z * z
		z9 = z7 * z * z
	)
	f := float64(free)
	return z + (z3+z)/(4*f) + (5*z5+16*z3+3*z)/(96*f*f) + (3*z7+19*z5+17*z3-15*z)/(384*f*f*f) +
		(79*z9+776*z7+1482*z5-1920*z3-945*z)/(92160*f*f*f*f)
}

// manyFree is from how many degrees of freedom on Student's distribution is taken to
// be the normal one.
const manyFree = 1000

// studentTail returns how often Student's t exceeds t in size.
//
// Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.
func studentTail(t float64, free int) float64 {
	if free < 1 {
		return 1
	}
	if free >= manyFree {
		return math.Erfc(t / math.Sqrt2)
	}
	theta := math.Atan(t / math.Sqrt(float64(free)))
	sin, cos := math.Sincos(theta)
	odd := free%2 == 1
	term, sum := 1.0, 1.0
	first := 2 // of the products 1/2, 3/4, …, or, with odd degrees, 2/3, 4/5, …
	if odd {
		term, sum, first = cos, cos, 3
	}
	if free == 1 {
		sum = 0
	}
	for k := first; k <= free-2; k += 2 {
		term *= float64(k-1) / float64(k) * cos * cos
		sum += term
	}
	if odd {
		return max(0, 1-float64(2/math.Pi*(theta+float64(sin*sum))))
	}
	return max(0, 1-float64(sin*sum))
}

// few corrects a two-sided probability from a bootstrap over so many groups, which
// goes by the normal distribution and by a variance that is too small.
//
// Source: Hesterberg 2015, What Teachers Should Know About the Bootstrap, The
// American Statistician 69, section 3.3.
func few(p float64, groups int) float64 {
	z := math.Sqrt2 * math.Erfinv(1-p)
	return studentTail(z*math.Sqrt(float64(groups-1)/float64(groups)), groups-1)
}

// outer returns the share of resamples outside of either end of the interval at 95 %
// over so many groups, 0.025 for infinitely many. Source: as few.
func outer(groups int) float64 {
	if groups < 2 {
		return 0
	}
	return math.Erfc(student95(groups-1)*math.Sqrt(float64(groups)/float64(groups-1))/math.Sqrt2) / 2
}
