package llama

import (
	"runtime"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Memory is what a model needs, in bytes.
type Memory struct {
	Weights int64 // packed, and those of the file that are used as they are
	Cache   int64 // keys and values of one sequence
	Scratch int64 // activations of one pass
}

// Total returns the sum.
func (m Memory) Total() int64 { return m.Weights + m.Cache + m.Scratch }

// MemoryNeeded returns what a model needs for one sequence of so many tokens
// with keys and values of type t: quant.F32, quant.F16 or quant.Q8_0.
// Threads, Chunk and Exact of o count, and the adapter does not; it loads
// nothing.
func MemoryNeeded(m *modelfile.Model, o Options, tokens int, t quant.Type) Memory {
	c := m.Config
	need := Memory{Weights: weightBytes(m, o.Exact), Cache: CacheBytes(c, tokens, t)}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	T := min(o.chunk(), max(tokens, 1))
	row := 3*c.Width + 2*c.HeadSize*(c.Heads+c.KVHeads) + 2*c.FeedForward + ropeDims(c)
	padded := newCacheLayout(c, t).padded
	G := c.Heads / max(c.KVHeads, 1)
	attend := attendScratch(min(T, max(attendRows/max(G, 1), 1))*G, c.HeadSize, padded)
	need.Scratch = 4*int64(T)*int64(row) + 4*logitRows*int64(c.Vocabulary) + 4*int64(threads)*int64(attend) + 4*maxParts*int64(partSize(padded))
	need.Scratch += tensor.Scratch(threads, T, max(c.Width, c.Heads*c.HeadSize, c.FeedForward))
	return need
}

// weightBytes returns the memory of weights: packed matrices, and what of the
// file is read as it is: the rows of the embedding, which is packed as well where
// it is the output, vectors, and formats that are not packed. It can be paged
// out, and of the embedding most never comes in.
func weightBytes(m *modelfile.Model, exact bool) int64 {
	tied, sum := m.Tensor("output.weight") == nil, int64(0)
	for _, x := range m.Tensors {
		embedding, packed := x.Name == "token_embd.weight", int64(0)
		if len(x.Shape) == 2 && (!embedding || tied) {
			packed = tensor.PackedSize(x.Type, x.Shape[0], x.Shape[1], exact)
		}
		if packed == 0 || embedding {
			sum += int64(len(x.Data))
		}
		sum += packed
	}
	return sum
}

// CacheBytes returns the memory that a cache of so many tokens takes. It is a
// whole number of pages.
func CacheBytes(c modelfile.Config, tokens int, t quant.Type) int64 {
	pages := (int64(max(tokens, 0)) + PageTokens - 1) / PageTokens
	return pages * newCacheLayout(c, t).pageBytes
}
