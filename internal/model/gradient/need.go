package gradient

import (
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// Memory is what training needs, in bytes.
type Memory struct {
	Weights     int64 // of the file, which are read in place
	Parameters  int64 // that are trained, with their gradients and what AdamW keeps of them
	Activations int64 // of the tokens that go through the layers together
}

// Total returns the sum.
func (m Memory) Total() int64 { return m.Weights + m.Parameters + m.Activations }

// trainedBytes is what a trained number takes: itself, its gradient and AdamW's two
// means, of 4 bytes each.
const trainedBytes = 16

// MemoryNeeded foresees what it takes to train a model on documents of so many
// tokens at most: about as much as it will be, for it loads nothing. Of a model
// that begins at random only the Config of m and the numbers of its tensors count,
// which may have no Data.
func MemoryNeeded(m *modelfile.Model, o Options, longest int) Memory {
	c, need, T := m.Config, Memory{}, int64(max(longest, groupTokens))
	for _, t := range m.Tensors {
		need.Weights += int64(len(t.Data))
		n := int64(1)
		for _, d := range t.Shape {
			n *= int64(d)
		}
		if o.Full {
			need.Parameters += trainedBytes * n
		}
	}
	q, kv, width, forward := int64(c.Heads*c.HeadSize), int64(c.KVHeads*c.HeadSize), int64(c.Width), int64(c.FeedForward)
	layer := 2*width + 2*q + 2*kv + int64(c.Heads) + 2*forward
	kept := int64(c.Layers) * layer
	if o.Checkpoint {
		kept = layer + int64(c.Layers)*width
	}
	scratch := 2*layer + 3*width + 2*forward
	need.Activations = 4*T*(kept+scratch) + 8*min(logitNumbers, T*int64(c.Vocabulary))
	if o.LoRA != nil {
		need.Parameters = trainedBytes * o.LoRA.numbers(int64(c.Layers), q, kv, width, forward)
	}
	return need
}

// numbers is how many a LoRA has that adapts these matrices of each layer.
func (l *LoRA) numbers(layers, q, kv, width, forward int64) int64 {
	rank, named := int64(l.Rank), l.Targets
	if rank == 0 {
		rank = 8
	}
	if len(named) == 0 {
		named = []string{"q", "v"}
	}
	sum := int64(0)
	for _, t := range named {
		switch t {
		case "q", "o":
			sum += rank * (q + width)
		case "k", "v":
			sum += rank * (kv + width)
		default:
			sum += rank * (forward + width)
		}
	}
	return layers * sum
}
