//go:build !purego

package tiles_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
)

// TestDots fails where the instruction for pairs is there and not used: results
// are right, and slow.
func TestDots(t *testing.T) {
	if isa.Chosen() < isa.AVX512BF16 {
		t.Skip("no avx512bf16")
	}
	if !tiles.Dots() {
		t.Error("VDPBF16PS rounds otherwise than Pairs is defined")
	}
}
