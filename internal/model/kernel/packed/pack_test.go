package packed_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
)

// TestPackLevels compares panels packed with every set of instructions with those
// of the portable code.
func TestPackLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, q := range types {
		elements, _ := q.Block()
		for blocks := range 40 {
			cols := (blocks + 1) * elements
			n := []int{packed.Lanes, packed.Lanes, 1 + r.IntN(packed.Lanes)}[blocks%3]
			data := weights(r, q, n, cols, true)
			for _, l := range isa.Levels()[1:] {
				want, got := filled(packed.PanelSize(q, cols), 1), filled(packed.PanelSize(q, cols), 2)
				packed.PackAt(isa.Generic, want, q, data, n, cols)
				packed.PackAt(l, got, q, data, n, cols)
				if !bytes.Equal(got, want) {
					t.Fatalf("%v %v: %d rows of %d columns are packed otherwise than by the portable code", l, q, n, cols)
				}
			}
		}
	}
}

// filled returns n bytes of a value.
func filled(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }
