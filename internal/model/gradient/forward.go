package gradient

import (
	"context"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

const (
	// rowsEach is how many tokens make a piece of work between products.
	rowsEach = 8
	// stripe is how many columns make a piece of work where sums run over tokens.
	stripe = 64
)

// eachRow calls run for pieces of T rows.
func (m *Model) eachRow(T int, run func(from, to int)) error {
	return m.pool.Do((T+rowsEach-1)/rowsEach, func(_ *tensor.Worker, i int) {
		run(i*rowsEach, min((i+1)*rowsEach, T))
	})
}

// eachStripe calls run for pieces of n columns.
func (m *Model) eachStripe(n int, run func(from, to int)) error {
	return m.pool.Do((n+stripe-1)/stripe, func(_ *tensor.Worker, i int) {
		run(i*stripe, min((i+1)*stripe, n))
	})
}

// through takes a group through embedding and layers to memory.last.
func (m *Model) through(ctx context.Context, g *group, u use) error {
	T, s, C, n := len(g.ids), &m.memory, m.config.Width, m.angles.Pairs()
	m.fit(T, u)
	first := m.keep(0, u).x
	err := m.eachRow(T, func(from, to int) {
		for t := from; t < to; t++ {
			m.embedding.row(first[t*C:(t+1)*C], g.ids[t])
			cos, sin := s.cos[t*n:(t+1)*n], s.sin[t*n:(t+1)*n]
			m.angles.Table(cos, sin, g.positions[t])
			floats.Scale(s.back[t*n:(t+1)*n], sin, -1)
		}
	})
	if err != nil {
		return err
	}
	for i := range m.layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		k, out := m.keep(i, u), s.last
		if u.training && i+1 < len(m.layers) {
			out = m.keep(i+1, u).x
		}
		if err := m.forward(i, g, k, out, u); err != nil {
			return err
		}
		if !u.training {
			k.x, s.last = s.last, k.x
		}
	}
	if !u.training {
		s.last, s.layers[0].x = s.layers[0].x, s.last
	}
	return ctx.Err()
}

// forward computes layer i from k.x to out, and fills k.
func (m *Model) forward(i int, g *group, k *kept, out []float32, u use) error {
	l, s, T := &m.layers[i], &m.memory, len(g.ids)
	if err := m.norm(s.normed, k.x, l.attentionNorm, T); err != nil {
		return err
	}
	p := pass{m: m, g: g, k: k, use: u, T: T}
	p.project(l.query, 0, k.query, s.normed, false)
	p.project(l.key, 1, k.key, s.normed, false)
	p.project(l.value, 2, k.value, s.normed, false)
	query, key := p.place(l, true)
	p.attend(query, key)
	if p.err != nil {
		return p.err
	}
	copy(k.middle, k.x)
	p.project(l.attentionOut, 3, k.middle, k.attended, true)
	p.normed(s.normed, k.middle, l.feedNorm)
	p.project(l.gate, 4, k.gate, s.normed, false)
	p.project(l.up, 5, k.up, s.normed, false)
	if out == nil {
		return p.err
	}
	p.activate()
	if p.err != nil {
		return p.err
	}
	copy(out, k.middle)
	p.project(l.down, 6, out, s.active, true)
	return p.err
}

// norm writes the norm of x to out.
func (m *Model) norm(out, x []float32, w *gain, T int) error {
	C := m.config.Width
	return m.eachRow(T, func(from, to int) {
		floats.RMSNorm(out[from*C:to*C], x[from*C:to*C], w.value, m.config.NormEpsilon)
	})
}

// pass is a group's way through a layer, and the first error on it: after one,
// nothing is computed.
type pass struct {
	m *Model
	g *group
	k *kept
	use
	T   int
	err error
}

func (p *pass) do(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *pass) normed(out, x []float32, w *gain) {
	if p.err == nil {
		p.do(p.m.norm(out, x, w, p.T))
	}
}

// activate writes SwiGLU to memory.active.
func (p *pass) activate() {
	if p.err != nil {
		return
	}
	F, s := p.m.config.FeedForward, &p.m.memory
	p.do(p.m.eachRow(p.T, func(from, to int) {
		floats.SwiGLU(s.active[from*F:to*F], p.k.gate[from*F:to*F], p.k.up[from*F:to*F])
	}))
}

// adapted returns a matrix' adapter, nil if it is not used.
func (p *pass) adapted(x *matrix) *lora {
	if p.plain {
		return nil
	}
	return x.lora
}

// project writes what matrix j of the layer makes of in, or adds it to out.
func (p *pass) project(x *matrix, j int, out, in []float32, add bool) {
	if p.err != nil {
		return
	}
	m, l := p.m, p.adapted(x)
	to, accumulate := out, add
	decomposed := l != nil && l.magnitude != nil
	if decomposed {
		to, accumulate = p.k.directions[j], false
	}
	p.do(gemm.Forward(m.pool, to, in, p.T, x.w, m.product(accumulate)))
	if l != nil && p.err == nil {
		low := p.k.low[j]
		p.do(gemm.Forward(m.pool, low, p.drop(l, in, x.cols), p.T, l.aWeights(), gemm.Options{}))
		floats.Scale(low, low, l.scale)
		p.do(gemm.Forward(m.pool, to, low, p.T, l.bWeights(), gemm.Options{Accumulate: true}))
	}
	if p.err != nil || !decomposed && x.bias == nil {
		return
	}
	N := x.rows
	p.do(m.eachRow(p.T, func(from, to int) {
		for t := from; t < to; t++ {
			row := out[t*N : (t+1)*N]
			if decomposed {
				stretchRow(row, p.k.directions[j][t*N:(t+1)*N], l.stretch, add)
			}
			if x.bias != nil {
				floats.Add(row, x.bias.value)
			}
		}
	}))
}

// stretchRow writes directions times stretch, or adds it to out.
func stretchRow(out, directions, stretch []float32, add bool) {
	for i, d := range directions {
		v := float32(d * stretch[i])
		if add {
			v = out[i] + v
		}
		out[i] = v
	}
}

// drop returns an adapter's inputs: in itself, or what dropout leaves of it.
func (p *pass) drop(l *lora, in []float32, cols int) []float32 {
	share := p.m.o.LoRA.Dropout
	if !p.training || share == 0 || p.err != nil {
		return in
	}
	out := floats32(&p.m.memory.dropped, p.T*cols)
	mask := p.mask(l)
	p.do(p.m.eachRow(p.T, func(from, to int) {
		for t := from; t < to; t++ {
			mask.apply(out[t*cols:(t+1)*cols], in[t*cols:(t+1)*cols], p.g.numbers[t], false)
		}
	}))
	return out
}

// mask returns an adapter's dropout in this step.
func (p *pass) mask(l *lora) dropout {
	o := p.m.o.LoRA
	return newDropout(o.Dropout, mix(mix(o.Seed, p.m.step), l.key))
}

// place norms and turns queries and keys, and returns them: where the layer has
// norms, apart from what they are made of, which is kept; else in place, and
// then they are turned once only.
func (p *pass) place(l *layer, first bool) (query, key []float32) {
	m, k := p.m, p.k
	c, s := m.config, &m.memory
	q, kv, n := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize, m.angles.Pairs()
	query, key = k.query, k.key
	if l.queryNorm != nil {
		query, key = s.query, s.key
	} else if !first {
		return query, key
	}
	if p.err != nil {
		return query, key
	}
	p.do(m.eachRow(p.T, func(from, to int) {
		if l.queryNorm != nil {
			floats.RMSNorm(query[from*q:to*q], k.query[from*q:to*q], l.queryNorm.value, c.NormEpsilon)
			floats.RMSNorm(key[from*kv:to*kv], k.key[from*kv:to*kv], l.keyNorm.value, c.NormEpsilon)
		}
		for t := from; t < to; t++ {
			cos, sin := s.cos[t*n:(t+1)*n], s.sin[t*n:(t+1)*n]
			m.angles.Rotate(query[t*q:(t+1)*q], c.HeadSize, cos, sin)
			m.angles.Rotate(key[t*kv:(t+1)*kv], c.HeadSize, cos, sin)
		}
	}))
	return query, key
}
