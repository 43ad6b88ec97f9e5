// Package gemm multiplies matrices for training: many rows of activations by
// weights of any number format, by their transpose, and activations by
// activations. Weights are read as the file has them and put in panels as they
// are used, so that one copy serves forward and backward.
//
// Every number of a result is one sum in a fixed order, whoever computes it:
// bits depend neither on the threads nor on the processor.
package gemm

import (
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Weights is a matrix of any number format, [Rows,Cols] row-major: of Type F32
// either Floats or Data is set, of other types Data.
type Weights struct {
	Type       quant.Type
	Rows, Cols int
	Floats     []float32
	Data       []byte
}
