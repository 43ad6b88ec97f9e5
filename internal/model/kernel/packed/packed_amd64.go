//go:build !purego

package packed

import "github.com/casemate-ai/casemate/internal/model/isa"

// implementations returns the arithmetic of a level.
func implementations(l isa.Level) implementation {
	switch {
	case l >= isa.AVX512VNNI:
		return vnni
	case l == isa.AVX512:
		return avx512
	case l == isa.AVX2:
		return avx2
	}
	return generic
}
