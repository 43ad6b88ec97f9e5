//go:build !amd64 || purego

package floats

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// These do nothing here: they return how many numbers they did.

func addVectors(isa.Level, []float32, []float32) int { return 0 }

func scaleVectors(isa.Level, []float32, []float32, float32) int { return 0 }

func blendVectors(isa.Level, []float32, []float32, float32, float32) int { return 0 }

func squareVectors(isa.Level, *[normLanes]float64, []float32) int { return 0 }

func gainVectors(isa.Level, []float32, []float32, []float32, float32) int { return 0 }

func swiGLUVectors(isa.Level, []float32, []float32, []float32) int { return 0 }

func expVectors(isa.Level, []float32, []float32) int { return 0 }

func pairVectors(isa.Level, []float32, []float32, []float32) int { return 0 }

func halfVectors(isa.Level, []float32, []float32, []float32, []float32) int { return 0 }

func softmaxVectors(isa.Level, []float32, int, float32, []float32, []float32, []float32) bool {
	return false
}

func scoresVectors(isa.Level, []float32, quant.Type, [][]byte, []float32, int, [][]byte) bool {
	return false
}

func valuesVectors(isa.Level, []float32, quant.Type, [][]byte, int, []float32, int, int, []float32, [][]byte) bool {
	return false
}

func prefetchVectors([][]byte, int) {}
