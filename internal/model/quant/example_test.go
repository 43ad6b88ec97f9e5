package quant_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// A block of Q8_0 holds 32 numbers in 34 bytes.
func ExampleQuantize() {
	x := make([]float32, 32)
	for i := range x {
		x[i] = float32(i-16) / 10
	}
	block := make([]byte, quant.Q8_0.Size(len(x)))
	quant.Quantize(block, quant.Q8_0, x)

	y := make([]float32, len(x))
	quant.Dequantize(y, quant.Q8_0, block)
	fmt.Printf("%d bytes: %.2f became %.2f, %.2f became %.2f\n", len(block), x[0], y[0], x[31], y[31])
	// Output: 34 bytes: -1.60 became -1.60, 1.50 became 1.50
}
