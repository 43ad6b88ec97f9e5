package packed

import "github.com/casemate-ai/casemate/internal/model/quant"

const (
	// ScratchBytes is the memory that MultiplyTiles needs.
	ScratchBytes = 384<<10 + 64
	// nearBytes of panels stay in the second cache while tiles go by.
	nearBytes = 384 << 10
)

// MultiplyTiles is Multiply for neighbouring tiles, from one to before another:
// out begins at the first one's first row. Every result has the same bits. It is
// faster, for it takes as many panels at a time as stay near, and brings weights
// once for all of many tiles into the form in which they are multiplied.
//
//	scratch  [ScratchBytes] which no other call uses at the same time
//
// A call takes long if there is much to do: about 2·R·K operations a row.
func MultiplyTiles(out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, from, to int, scratch []byte) {
	if R > 0 && from < to {
		newTiling(out, stride, R, t, panels, a, from, to).multiply(&chosen, scratch[:ScratchBytes])
	}
}

// tiling is what MultiplyTiles is asked for.
type tiling struct {
	out       []float32
	stride, R int
	weight    quant.Type
	panels    []byte
	size      int // bytes of a panel
	a         *Activations
	from, to  int
}

// newTiling checks the arguments of MultiplyTiles.
func newTiling(out []float32, stride, R int, t quant.Type, panels []byte, a *Activations, from, to int) tiling {
	m := tiling{out: out, stride: stride, R: R, weight: t, panels: panels, size: PanelSize(t, a.k), a: a, from: from, to: to}
	for i := from; i < to; i++ {
		m.product(i)
	}
	return m
}

// product is the part of one tile.
func (m *tiling) product(i int) product {
	row := m.a.tiles[i].first - m.a.tiles[m.from].first
	return newProduct(m.out[row*m.stride:], m.stride, m.R, m.weight, m.panels, m.a, i)
}

// rows is the part of n rows of weights from row r on, the first of a panel.
func (m *tiling) rows(r, n int) tiling {
	n = min(n, m.R-r)
	part := *m
	part.out, part.R = m.out[r:], n
	part.panels = m.panels[r/Lanes*m.size : (r+n+Lanes-1)/Lanes*m.size]
	return part
}

// near returns how many rows of weights stay near, if so many bytes of each panel
// are used at a time: panels come in pairs.
func near(bytes int) int { return max(1, nearBytes/(2*bytes)) * 2 * Lanes }

func (m tiling) multiply(by *implementation, scratch []byte) {
	if by.tiles != nil {
		by.tiles(m, scratch)
		return
	}
	n := near(m.size)
	for r := 0; r < m.R; r += n {
		part := m.rows(r, n)
		for i := m.from; i < m.to; i++ {
			by.multiply(part.product(i))
		}
	}
}
