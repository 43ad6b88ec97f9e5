//go:build !amd64 || purego

package tiles

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

func floatsVector(isa.Level, []float32, []float32, []float32, Shape) bool { return false }

func pairsVector(isa.Level, []float32, []uint32, []uint32, Shape) bool { return false }

func transposeVector[W Word](isa.Level, []W, []W, int, int, int, int) (cols, rows int) { return 0, 0 }

func spreadVector(isa.Level, []float32, []float32, int, int) int { return 0 }

func spreadPairsVector(isa.Level, []uint32, []float32, []float32, int, int) int { return 0 }

func spreadHalvesVector(isa.Level, []uint32, []byte, []byte, int, int) int { return 0 }

func pairRowVector(isa.Level, []uint32, []float32) int { return 0 }

func numbersVector(isa.Level, []float32, quant.Type, []byte) int { return 0 }
