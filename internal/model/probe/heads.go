package probe

import (
	"fmt"
	"slices"
)

// Heads are heads that read hidden states of one model: what they need is asked
// for once, of one pass, however many they are.
type Heads struct {
	heads  []*Head
	layers []int
	pools  []string
	at     [][2]int // of each head: index of its layer and of its pool
}

// NewHeads puts heads together.
func NewHeads(heads ...*Head) *Heads {
	s := &Heads{heads: heads}
	for _, h := range heads {
		s.layers, s.pools = append(s.layers, h.config.Reads.Layer), append(s.pools, h.config.Reads.Pool)
	}
	slices.Sort(s.layers)
	slices.Sort(s.pools)
	s.layers, s.pools = slices.Compact(s.layers), slices.Compact(s.pools)
	for _, h := range heads {
		s.at = append(s.at, [2]int{slices.Index(s.layers, h.config.Reads.Layer), slices.Index(s.pools, h.config.Reads.Pool)})
	}
	return s
}

// Layers returns those that any head reads, ascending: what to ask a model for. The
// slice is not to be changed.
func (s *Heads) Layers() []int { return s.layers }

// Pools returns the poolings that any head reads, likewise.
func (s *Heads) Pools() []string { return s.pools }

// Logits returns those of each head for a text's hidden states.
//
//	pooled  [layer][pool] vectors, in the order of Layers and Pools
//
// A vector that a head cannot read is refused with an error that wraps ErrInput.
func (s *Heads) Logits(pooled [][][]float32) ([][]float64, error) {
	out := make([][]float64, len(s.heads))
	for i, h := range s.heads {
		layer, pool := s.at[i][0], s.at[i][1]
		if layer >= len(pooled) || pool >= len(pooled[layer]) {
			return nil, fmt.Errorf("%w: no vector of layer %d, pooling %q", ErrInput, s.layers[layer], s.pools[pool])
		}
		if err := h.Check(pooled[layer][pool]); err != nil {
			return nil, fmt.Errorf("head %d: %w", i, err)
		}
		out[i] = h.Logits(pooled[layer][pool])
	}
	return out, nil
}
