// Package llama computes language models of the Llama family: llama, mistral,
// qwen2 and qwen3, told apart by their configuration and by the tensors they
// have. Weights stay where the model file has them, in the format they have
// there, and are multiplied with float32 activations; nothing is rounded that
// the file does not round.
//
// A token's results depend on the tokens before it and on nothing else: their
// bits are the same for any number of threads, alone or among other sequences,
// in one pass or token by token, in a cache of one's own or a forked one.
package llama

import (
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// Options is how a model is run. The zero value works.
type Options struct {
	// Threads is how many processors work at a time; 0 means all.
	Threads int
	// Chunk is how many tokens go through the layers together; more take more
	// scratch memory and read the weights fewer times. 0 means DefaultChunk.
	Chunk int
}

// DefaultChunk is how many tokens go through the layers together.
const DefaultChunk = 128

// Model is a model that is ready to run. Its methods may be called from several
// goroutines at once; passes wait for one another.
type Model struct {
	config modelfile.Config
}

// Load makes a model ready to run. It reads no weights but checks that all are
// there and have the shape that the configuration asks for. m must stay open as
// long as the model is used.
func Load(m *modelfile.Model, o Options) (*Model, error) { panic("not written yet") }

// Close ends the model's workers. It waits for a pass under way and does not
// close the file.
func (m *Model) Close() error { panic("not written yet") }

// Config returns the model's shape.
func (m *Model) Config() modelfile.Config { return m.config }
