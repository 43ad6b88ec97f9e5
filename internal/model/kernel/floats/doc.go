// Package floats is the arithmetic of a forward pass in float32: products with
// panels of 16 rows of numbers of 4 or 2 bytes, conversions, and the functions
// between the products.
//
// Portable Go, AVX2 and AVX-512 give the same bits. So each function is defined
// by the order of its operations, which its comment states, and every operation
// is one rounded addition, subtraction, multiplication or division of float32 or
// float64: no multiplication is fused with an addition. What may differ between
// them is the payload of a NaN, never whether there is one.
package floats

import "github.com/casemate-ai/casemate/internal/model/isa"

const (
	// Lanes is how many rows make a panel.
	Lanes = 16
	// Run is how many products are added in float32 before their sum is added to
	// one in float64.
	Run = 64
)

// chosen are the instructions that the exported functions use. Each hands it to
// its unexported namesake, so that tests can hand in every other level.
var chosen = isa.Chosen()
