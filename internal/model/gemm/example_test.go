package gemm_test

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// A linear layer of two inputs and three outputs goes forward and back.
func Example() {
	pool := tensor.NewPool(0)
	defer pool.Close()
	w := gemm.Weights{Type: quant.F32, Rows: 3, Cols: 2, Floats: []float32{1, 2, 3, 4, 5, 6}}
	x, dy := []float32{1, 10}, []float32{1, 0, -1}
	y, dx, dw := make([]float32, 3), make([]float32, 2), make([]float32, 6)
	for _, err := range []error{
		gemm.Forward(pool, y, x, 1, w, gemm.Options{}),
		gemm.Input(pool, dx, dy, 1, w, gemm.Options{}),
		gemm.Weight(pool, dw, dy, x, 1, 3, 2, gemm.Options{Accumulate: true}),
	} {
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(y, dx, dw)
	// Output: [21 43 65] [-4 -4] [1 10 0 0 -1 -10]
}
