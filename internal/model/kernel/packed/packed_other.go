//go:build !amd64 || purego

package packed

import "github.com/casemate-ai/casemate/internal/model/isa"

// implementations returns the arithmetic of a level: the portable one.
func implementations(isa.Level) implementation { return generic }
