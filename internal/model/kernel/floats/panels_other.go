//go:build !amd64 || purego

package floats

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

func packVector(isa.Level, []byte, int, []byte, int, int) int { return 0 }

func addVector(isa.Level, []float64, []byte, []float32, Shape, []float64) bool { return false }

func roundVector(isa.Level, []float32, []float64) int { return 0 }

func widenVector(isa.Level, []float32, quant.Type, []byte) int { return 0 }

func narrowVector(isa.Level, []byte, quant.Type, []float32) int { return 0 }
