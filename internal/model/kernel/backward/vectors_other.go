//go:build !amd64 || purego

package backward

import "github.com/casemate-ai/casemate/internal/model/isa"

// These do nothing here: they return how many numbers they did.

func productVectors(isa.Level, *[sumLanes]float64, []float32, []float32) int { return 0 }

func dotVectors(isa.Level, []float32, []float32) (float64, bool) { return 0, false }

func gainedVectors(isa.Level, *[sumLanes]float64, []float32, []float32, []float32) int { return 0 }

func normedVectors(isa.Level, []float32, []float32, []float32, []float32, float32, float32) int {
	return 0
}

func addNormedVectors(isa.Level, []float32, []float32, []float32, float32) int { return 0 }

func swiGLUVectors(isa.Level, []float32, []float32, []float32) int { return 0 }

func exponentialVectors(isa.Level, *[sumLanes]float64, []float32, []float32, float32, float32) int {
	return 0
}

func softmaxVectors(isa.Level, []float32, []float32, []float32, float32, float32) int { return 0 }

func largestVectors(isa.Level, *float32, []float32) int { return 0 }

func adamWVectors(isa.Level, []float32, []float32, []float32, []float32, *AdamWFactors) int { return 0 }
