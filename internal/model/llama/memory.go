package llama

import (
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Memory is what a model needs, in bytes.
type Memory struct {
	Weights int64 // of the file; mapped, so the system may page them out
	Cache   int64 // keys and values of one sequence
	Scratch int64 // activations of one pass
}

// Total returns the sum.
func (m Memory) Total() int64 { return m.Weights + m.Cache + m.Scratch }

// MemoryNeeded returns what a model needs for one sequence of so many tokens
// with keys and values of type t: quant.F32, quant.F16 or quant.Q8_0. Threads
// and Chunk of o count; it loads nothing.
func MemoryNeeded(m *modelfile.Model, o Options, tokens int, t quant.Type) Memory {
	panic("not written yet")
}

// CacheBytes returns the memory that a cache of so many tokens takes.
func CacheBytes(c modelfile.Config, tokens int, t quant.Type) int64 { panic("not written yet") }
