// Package number computes with integers and floats as Python does, and reads and
// writes them so. Integers have 64 bits: what does not fit is an error.
package number

import (
	"errors"
	"math"
	"math/bits"
	"strings"
)

// ErrOverflow is the fault of an integer that Python would hold and we do not.
var ErrOverflow = errors.New("integer does not fit 64 bits")

// Int computes with integers; y is not negative for "**".
func Int(op string, x, y int64) (int64, error) {
	switch op {
	case "+":
		if z := x + y; (z > x) == (y > 0) {
			return z, nil
		}
	case "-":
		if z := x - y; (z < x) == (y > 0) {
			return z, nil
		}
	case "*":
		if z, ok := mulInt(x, y); ok {
			return z, nil
		}
	case "//", "%":
		return intDivide(op, x, y)
	case "**":
		return intPower(x, y)
	}
	return 0, ErrOverflow
}

// mulInt multiplies and reports whether the product fits.
func mulInt(x, y int64) (int64, bool) {
	if x == 0 || y == 0 {
		return 0, true
	}
	hi, lo := bits.Mul64(Magnitude(x), Magnitude(y))
	if hi != 0 {
		return 0, false
	}
	if (x < 0) != (y < 0) {
		return -int64(lo), lo <= 1<<63
	}
	return int64(lo), lo < 1<<63
}

// Magnitude is |x|.
func Magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// intDivide rounds the quotient down; the remainder has the sign of y.
func intDivide(op string, x, y int64) (int64, error) {
	if y == 0 {
		return 0, errors.New("division by zero")
	}
	if y == -1 { // the one quotient that overflows
		if op == "%" {
			return 0, nil
		}
		return Int("-", 0, x)
	}
	q, r := x/y, x%y
	if r != 0 && (r < 0) != (y < 0) {
		q, r = q-1, r+y
	}
	if op == "%" {
		return r, nil
	}
	return q, nil
}

// intPower raises x to a power that is not negative.
func intPower(x, y int64) (int64, error) {
	switch {
	case x == 1 || y == 0:
		return 1, nil
	case x == 0:
		return 0, nil
	case x == -1:
		return 1 - 2*(y&1), nil
	case y > 63:
		return 0, ErrOverflow
	}
	z, ok := int64(1), true
	for ; y > 0 && ok; y-- {
		z, ok = mulInt(z, x)
	}
	if !ok {
		return 0, ErrOverflow
	}
	return z, nil
}

// Float computes with floats.
func Float(op string, x, y float64) (float64, error) {
	if y == 0 && strings.Contains("/ // %", op) || op == "**" && x == 0 && y < 0 {
		return 0, errors.New("division by zero")
	}
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return float64(x * y), nil
	case "/":
		return x / y, nil
	case "%":
		return floatMod(x, y), nil
	case "//":
		q := (x - floatMod(x, y)) / y
		if r := math.Floor(q); q-r > 0.5 {
			return r + 1, nil
		}
		return math.Floor(q), nil
	}
	z := math.Pow(x, y)
	if math.IsNaN(z) && !math.IsNaN(x) && !math.IsNaN(y) {
		return 0, errors.New("a negative number to a fractional power")
	}
	if math.IsInf(z, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return 0, errors.New("number is too large")
	}
	return z, nil
}

// floatMod is the remainder with the sign of y.
func floatMod(x, y float64) float64 {
	r := math.Mod(x, y)
	if r != 0 && (r < 0) != (y < 0) {
		return r + y
	}
	if r == 0 {
		return math.Copysign(0, y)
	}
	return r
}
