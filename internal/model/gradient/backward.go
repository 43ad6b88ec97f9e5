package gradient

import (
	"context"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/kernel/backward"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// How far back through a layer gradients are needed.
const (
	backToInput  = iota // what comes in
	backToQuery         // queries, keys and values
	backToOut           // what attention puts out
	backToGate          // gate and up
	backToDown          // down
	backNotAtAll        // nothing is trained
)

// reach returns how far back layer i is to be gone through: the lowest layer only
// to its lowest adapter, for nothing below is trained.
func (m *Model) reach(i int) int {
	if m.o.Full || i > 0 {
		return backToInput
	}
	for j, x := range m.layers[i].matrices() {
		if x.lora != nil {
			return [targetCount]int{backToQuery, backToQuery, backToQuery, backToOut, backToGate, backToGate, backToDown}[j]
		}
	}
	return backNotAtAll
}

// back takes memory.dx, the gradient of what the last layer put out, through all
// layers, and adds to the gradients of parameters.
func (m *Model) back(ctx context.Context, g *group, u use) error {
	for i := len(m.layers) - 1; i >= 0; i-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := m.keep(i, u)
		if m.o.Checkpoint {
			out := []float32(nil)
			if m.layers[i].down.lora != nil {
				out = m.memory.last
			}
			if err := m.forward(i, g, k, out, u); err != nil {
				return err
			}
		}
		p := &pass{m: m, g: g, k: k, use: u, T: len(g.ids)}
		p.layerBack(i)
		if p.err != nil {
			return p.err
		}
	}
	if m.embedding.weight == nil {
		return nil
	}
	return m.embedBack(g)
}

// embedBack adds each token's gradient to its row of the embedding.
func (m *Model) embedBack(g *group) error {
	C, grad := m.config.Width, m.embedding.weight.Grad
	return m.eachStripe(C, func(from, to int) {
		for t, id := range g.ids {
			floats.Add(grad[id*C+from:id*C+to], m.memory.dx[t*C+from:t*C+to])
		}
	})
}

// layerBack takes memory.dx through layer i, from what it put out to what came
// in. Gate and up become their gradients.
func (p *pass) layerBack(i int) {
	m, k := p.m, p.k
	l, s, reach := &m.layers[i], &m.memory, m.reach(i)
	when := func(wanted bool, x []float32) []float32 {
		if wanted {
			return x
		}
		return nil
	}
	if l.down.learns() {
		p.activate()
	}
	p.pull(l.down, 6, when(reach <= backToGate, s.dactive), s.dx, s.active, false)
	if reach > backToGate {
		return
	}
	p.activateBack()
	if l.gate.learns() || l.up.learns() {
		p.normed(s.normed, k.middle, l.feedNorm)
	}
	dnormed := when(reach <= backToOut, s.dnormed)
	p.pull(l.gate, 4, dnormed, k.gate, s.normed, false)
	p.pull(l.up, 5, dnormed, k.up, s.normed, true)
	if reach > backToOut {
		return
	}
	p.normBack(s.dx, s.dnormed, k.middle, l.feedNorm)
	p.pull(l.attentionOut, 3, when(reach <= backToQuery, s.dattended), s.dx, k.attended, false)
	if reach > backToQuery {
		return
	}
	query, key := p.place(l, false)
	p.attendBack(query, key)
	p.placeBack(l)
	if l.query.learns() || l.key.learns() || l.value.learns() {
		p.normed(s.normed, k.x, l.attentionNorm)
	}
	dnormed = when(reach == backToInput, s.dnormed)
	p.pull(l.query, 0, dnormed, s.dquery, s.normed, false)
	p.pull(l.key, 1, dnormed, s.dkey, s.normed, true)
	p.pull(l.value, 2, dnormed, s.dvalue, s.normed, true)
	if dnormed != nil {
		p.normBack(s.dx, s.dnormed, k.x, l.attentionNorm)
	}
}

// learns says whether a matrix' input is needed in the backward pass.
func (x *matrix) learns() bool { return x.weight != nil || x.lora != nil }

// activateBack makes gate and up their gradients, given memory.dactive.
func (p *pass) activateBack() {
	if p.err != nil {
		return
	}
	F, k, s := p.m.config.FeedForward, p.k, &p.m.memory
	p.do(p.m.eachRow(p.T, func(from, to int) {
		backward.SwiGLU(k.gate[from*F:to*F], k.up[from*F:to*F], s.dactive[from*F:to*F])
	}))
}

// normBack adds to dx the gradient of a norm's input, and to the gain's its own.
func (p *pass) normBack(dx, dy, x []float32, w *gain) {
	if p.err != nil {
		return
	}
	m, C, eps := p.m, p.m.config.Width, p.m.config.NormEpsilon
	p.do(m.eachRow(p.T, func(from, to int) {
		backward.RMSNorm(dx[from*C:to*C], dy[from*C:to*C], x[from*C:to*C], w.value, eps)
	}))
	p.do(m.gainBack(w, dy, x, p.T, C))
}

// gainBack adds to a gain's gradient that of T rows of C numbers.
func (m *Model) gainBack(w *gain, dy, x []float32, T, C int) error {
	if w.param == nil {
		return nil
	}
	roots := floats32(&m.memory.roots, T)
	err := m.eachRow(T, func(from, to int) {
		for t := from; t < to; t++ {
			roots[t] = backward.Root(x[t*C:(t+1)*C], m.config.NormEpsilon)
		}
	})
	if err != nil {
		return err
	}
	return m.eachStripe(C, func(from, to int) {
		for t, f := range roots {
			backward.AddNormed(w.param.Grad[from:to], dy[t*C+from:t*C+to], x[t*C+from:t*C+to], f)
		}
	})
}

// placeBack turns the gradients of queries and keys back, and takes them through
// their norms.
func (p *pass) placeBack(l *layer) {
	if p.err != nil {
		return
	}
	m, k, c := p.m, p.k, p.m.config
	s, n, D := &m.memory, m.angles.Pairs(), c.HeadSize
	q, kv := c.Heads*D, c.KVHeads*D
	p.do(m.eachRow(p.T, func(from, to int) {
		for t := from; t < to; t++ {
			cos, sin := s.cos[t*n:(t+1)*n], s.back[t*n:(t+1)*n]
			m.angles.Rotate(s.dquery[t*q:(t+1)*q], D, cos, sin)
			m.angles.Rotate(s.dkey[t*kv:(t+1)*kv], D, cos, sin)
		}
	}))
	if l.queryNorm == nil || p.err != nil {
		return
	}
	p.do(m.gainBack(l.queryNorm, s.dquery, k.query, p.T*c.Heads, D))
	p.do(m.gainBack(l.keyNorm, s.dkey, k.key, p.T*c.KVHeads, D))
	if p.err != nil {
		return
	}
	// Normed queries and keys are not needed any more: their place is taken.
	p.do(m.eachRow(p.T, func(from, to int) {
		normTurn(s.dquery[from*q:to*q], s.query[from*q:to*q], k.query[from*q:to*q], l.queryNorm.value, c.NormEpsilon)
		normTurn(s.dkey[from*kv:to*kv], s.key[from*kv:to*kv], k.key[from*kv:to*kv], l.keyNorm.value, c.NormEpsilon)
	}))
}

// normTurn replaces the gradient of a norm's output by that of its input.
func normTurn(d, memory, x, w []float32, eps float64) {
	copy(memory, d)
	clear(d)
	backward.RMSNorm(d, memory, x, w, eps)
}

// pull takes the gradient dy of what matrix j put out to that of its input, which
// it writes or adds to dx, and adds to the gradients of what is trained of the
// matrix. dx may be nil if it is not needed, and in if nothing is trained.
func (p *pass) pull(x *matrix, j int, dx, dy, in []float32, add bool) {
	if p.err != nil {
		return
	}
	m, l := p.m, p.adapted(x)
	if x.bias != nil && x.bias.param != nil {
		p.do(m.eachStripe(x.rows, func(from, to int) {
			for t := range p.T {
				floats.Add(x.bias.param.Grad[from:to], dy[t*x.rows+from:t*x.rows+to])
			}
		}))
	}
	if l != nil && l.magnitude != nil {
		dy = p.stretchBack(x, j, dy)
	}
	if x.weight != nil && p.err == nil {
		p.do(gemm.Weight(m.pool, x.weight.Grad, dy, in, p.T, x.rows, x.cols, m.product(true)))
	}
	if dx != nil && p.err == nil {
		p.do(gemm.Input(m.pool, dx, dy, p.T, x.w, m.product(add)))
	}
	if l != nil && p.err == nil {
		p.loraBack(x, j, dx, dy, in)
	}
}

// stretchBack adds to the magnitudes' gradient and returns that of directions.
func (p *pass) stretchBack(x *matrix, j int, dy []float32) []float32 {
	m, l, N := p.m, x.lora, x.rows
	out := floats32(&m.memory.dout, p.T*N)
	p.do(m.eachStripe(N, func(from, to int) {
		grad, inverse, stretch := l.magnitude.Grad[from:to], l.inverse[from:to], l.stretch[from:to]
		for t := range p.T {
			d, direction, o := dy[t*N+from:t*N+to], p.k.directions[j][t*N+from:t*N+to], out[t*N+from:t*N+to]
			for i, v := range d {
				grad[i] += float32(v * float32(direction[i]*inverse[i]))
				o[i] = v * stretch[i]
			}
		}
	}))
	return out
}

// loraBack adds to the gradients of an adapter and, unless dx is nil, of its
// input.
func (p *pass) loraBack(x *matrix, j int, dx, dy, in []float32) {
	m, l, add := p.m, x.lora, gemm.Options{Accumulate: true}
	p.do(gemm.Weight(m.pool, l.b.Grad, dy, p.k.low[j], p.T, x.rows, l.rank, add))
	dlow := floats32(&m.memory.dlow, p.T*l.rank)
	p.do(gemm.Input(m.pool, dlow, dy, p.T, l.bWeights(), gemm.Options{}))
	if p.err != nil {
		return
	}
	floats.Scale(dlow, dlow, l.scale)
	from := p.drop(l, in, x.cols)
	p.do(gemm.Weight(m.pool, l.a.Grad, dlow, from, p.T, l.rank, x.cols, add))
	if dx == nil || p.err != nil {
		return
	}
	if m.o.LoRA.Dropout == 0 {
		p.do(gemm.Input(m.pool, dx, dlow, p.T, l.aWeights(), add))
		return
	}
	d, mask, C := floats32(&m.memory.dropped, p.T*x.cols), p.mask(l), x.cols
	p.do(gemm.Input(m.pool, d, dlow, p.T, l.aWeights(), gemm.Options{}))
	if p.err != nil {
		return
	}
	p.do(m.eachRow(p.T, func(from, to int) {
		for t := from; t < to; t++ {
			mask.apply(dx[t*C:(t+1)*C], d[t*C:(t+1)*C], p.g.numbers[t], true)
		}
	}))
}
