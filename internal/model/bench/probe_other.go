//go:build !amd64 || purego

package bench

import "github.com/casemate-ai/casemate/internal/model/isa"

func probesOf(isa.Level) probes { return portable() }
