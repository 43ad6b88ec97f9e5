package batch

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/model/llama"
)

// gathering collects the hidden states of a prompt over the passes that compute
// it. Each layer of which more than the last token is wanted is taken from the
// model once, whatever is made of it.
type gathering struct {
	requests []llama.HiddenRequest
	layers   []int // of which all rows are taken
	sums     [][]float64
	counts   []int // of the positions that a sum has
	pooled   [][]float32
	states   [][][]float32
}

func newGathering(requests []llama.HiddenRequest) *gathering {
	g := &gathering{requests: requests, sums: make([][]float64, len(requests)), counts: make([]int, len(requests)),
		pooled: make([][]float32, len(requests)), states: make([][][]float32, len(requests))}
	for _, h := range requests {
		if h.Pool != llama.PoolLast && !slices.Contains(g.layers, h.Layer) {
			g.layers = append(g.layers, h.Layer)
		}
	}
	return g
}

// depth returns how many layers must be computed for a prompt of which nothing but
// these hidden states is wanted; 0 means all.
func (g *gathering) depth() int {
	most := 0
	for _, h := range g.requests {
		if h.Layer == llama.OutputNorm {
			return 0
		}
		most = max(most, h.Layer)
	}
	return most
}

// wants returns what to ask of the model for the next tokens of the prompt: all
// rows of some layers, and of the last tokens what is wanted of the last one.
func (g *gathering) wants(last bool) []llama.HiddenRequest {
	var out []llama.HiddenRequest
	for _, layer := range g.layers {
		out = append(out, llama.HiddenRequest{Layer: layer})
	}
	if last {
		for _, h := range g.requests {
			if h.Pool == llama.PoolLast {
				out = append(out, h)
			}
		}
	}
	return out
}

// take keeps the answer to wants for tokens from the given one on. Positions
// come in their order, so that a mean is the sum that one pass would make.
func (g *gathering) take(from int, rows [][][]float32, last bool) {
	for i, h := range g.requests {
		switch at := slices.Index(g.layers, h.Layer); h.Pool {
		case llama.PoolNone:
			g.states[i] = append(g.states[i], rows[at]...)
		case llama.PoolMean:
			g.add(i, from, rows[at])
		}
	}
	if !last {
		return
	}
	next := len(g.layers)
	for i, h := range g.requests {
		if h.Pool == llama.PoolLast {
			g.pooled[i] = rows[next][0]
			next++
		}
	}
}

// add adds rows to the sum of a request.
func (g *gathering) add(i, from int, rows [][]float32) {
	h := g.requests[i]
	for k, row := range rows {
		if h.Positions != nil {
			if n := g.counts[i]; n >= len(h.Positions) || h.Positions[n] != from+k {
				continue
			}
		}
		if g.sums[i] == nil {
			g.sums[i] = make([]float64, len(row))
		}
		sum := g.sums[i]
		for c, v := range row {
			sum[c] += float64(v)
		}
		g.counts[i]++
	}
}

// done returns the vector or the states of each request.
func (g *gathering) done() ([][]float32, [][][]float32) {
	for i, sum := range g.sums {
		if sum == nil {
			continue
		}
		g.pooled[i] = make([]float32, len(sum))
		for c, v := range sum {
			g.pooled[i][c] = float32(v / float64(g.counts[i]))
		}
	}
	return g.pooled, g.states
}
