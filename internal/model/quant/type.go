// Package quant holds the number formats that weights are kept in: which there
// are, how many bytes a block of each takes, and the way from blocks to float32
// and back.
package quant

import (
	"fmt"
	"strings"
)

// Type is a number format, by its id in GGUF files.
type Type uint32

// The formats that can be read. Q8_0, Q4_0, Q4_K, Q5_K, Q6_K, F32, F16 and BF16
// can be written, too.
const (
	F32    Type = 0
	F16    Type = 1
	Q4_0   Type = 2
	Q4_1   Type = 3
	Q5_0   Type = 6
	Q5_1   Type = 7
	Q8_0   Type = 8
	Q2_K   Type = 10
	Q3_K   Type = 11
	Q4_K   Type = 12
	Q5_K   Type = 13
	Q6_K   Type = 14
	IQ4_NL Type = 20
	IQ4_XS Type = 23
	BF16   Type = 30
)

// format is what is known of a type.
type format struct {
	name            string
	elements, bytes int // of a block
}

// describe returns the zero format for a type that is not known.
func (t Type) describe() format {
	switch t {
	case F32:
		return format{"F32", 1, 4}
	case F16:
		return format{"F16", 1, 2}
	case BF16:
		return format{"BF16", 1, 2}
	case Q4_0:
		return format{"Q4_0", 32, 18}
	case Q4_1:
		return format{"Q4_1", 32, 20}
	case Q5_0:
		return format{"Q5_0", 32, 22}
	case Q5_1:
		return format{"Q5_1", 32, 24}
	case Q8_0:
		return format{"Q8_0", 32, 34}
	case Q2_K:
		return format{"Q2_K", 256, 84}
	case Q3_K:
		return format{"Q3_K", 256, 110}
	case Q4_K:
		return format{"Q4_K", 256, 144}
	case Q5_K:
		return format{"Q5_K", 256, 176}
	case Q6_K:
		return format{"Q6_K", 256, 210}
	case IQ4_NL:
		return format{"IQ4_NL", 32, 18}
	case IQ4_XS:
		return format{"IQ4_XS", 256, 136}
	}
	return format{}
}

// Types returns every known type, in the order of their ids.
func Types() []Type {
	return []Type{F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, BF16}
}

// Parse returns the type of a name like "Q4_K", in any case.
func Parse(name string) (Type, error) {
	for _, t := range Types() {
		if strings.EqualFold(name, t.describe().name) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("number format %q is not known", name)
}

// Known says whether the type can be read.
func (t Type) Known() bool { return t.describe().elements > 0 }

// String returns the name that people use, like "Q4_K".
func (t Type) String() string {
	if f := t.describe(); f.elements > 0 {
		return f.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Block returns how many numbers a block holds, and in how many bytes. Both are
// 0 for a type that is not known.
func (t Type) Block() (elements, bytes int) {
	f := t.describe()
	return f.elements, f.bytes
}

// Size returns the bytes of n numbers. It panics if n is no multiple of the
// block: a reader of files checks that first.
func (t Type) Size(n int) int {
	f := t.describe()
	if f.elements == 0 || n%f.elements != 0 {
		panic(fmt.Sprintf("quant: %d numbers of %v", n, t))
	}
	return n / f.elements * f.bytes
}
