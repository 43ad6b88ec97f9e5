//go:build !purego

package packed

import "github.com/casemate-ai/casemate/internal/model/isa"

// implementations returns the arithmetic of a level.
func implementations(isa.Level) implementation {
	return generic
}
