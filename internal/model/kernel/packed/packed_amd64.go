//go:build !purego

package packed

import "github.com/casemate-ai/casemate/internal/model/isa"

// implementations returns the arithmetic of a level.
func implementations(l isa.Level) implementation {
	if l >= isa.AVX512VNNI {
		return vnni
	}
	return generic
}
