package gradient

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/kernel/backward"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// attentionBlock is how many queries meet how many keys at a time. Blocks begin
// at multiples of it in their document, so that it makes no difference to the
// bits what stands before it.
const attentionBlock = floats.Block

// heads is the attention of a group, with the shapes that all work shares.
type heads struct {
	*pass
	query, key []float32
	H, KV, D   int
	G          int // query heads that share a key
	window     int
	scale      float32
}

func (p *pass) heads(query, key []float32) *heads {
	c := p.m.config
	return &heads{
		pass: p, query: query, key: key, H: c.Heads, KV: c.KVHeads, D: c.HeadSize, G: c.Heads / c.KVHeads,
		window: c.SlidingWindow, scale: float32(1 / math.Sqrt(float64(c.HeadSize))),
	}
}

// ofQuery and ofKey return a head of [T,H·D] or [T,KV·D], from row t on.
func (a *heads) ofQuery(x []float32, t, head int) gemm.View {
	return gemm.View{Floats: x[(t*a.H+head)*a.D:], Stride: a.H * a.D}
}

func (a *heads) ofKey(x []float32, t, head int) gemm.View {
	return gemm.View{Floats: x[(t*a.KV+head)*a.D:], Stride: a.KV * a.D}
}

// turned returns the transpose of a view.
func turned(v gemm.View) gemm.View {
	v.Transposed = !v.Transposed
	return v
}

// oldest returns the first position that a query sees.
func (a *heads) oldest(position int) int {
	if a.window == 0 {
		return 0
	}
	return max(position-a.window+1, 0)
}

// seeing returns how many of n queries from position from on see any of the keys
// from base to base+keys-1; none does after one that does not.
func (a *heads) seeing(from, n, base, keys int) int {
	if a.window == 0 {
		return n
	}
	return max(min(n, base+keys+a.window-1-from), 0)
}

// hide makes scores minus infinity where a query sees nothing, up to n a row.
func (a *heads) hide(scores []float32, queries, from, base, n int) {
	for r := range queries {
		row := scores[r*attentionBlock:][:n]
		first := min(max(a.oldest(from+r)-base, 0), n)
		after := min(from+r+1-base, n)
		for i := range first {
			row[i] = float32(math.Inf(-1))
		}
		for i := after; i < n; i++ {
			row[i] = float32(math.Inf(-1))
		}
	}
}

// attend computes what every query sees, to k.attended, and the logarithms of the
// sums of its scores' exponentials. Pieces of work are a block of queries of a
// document and the heads that share a key.
//
// Source: Dao et al. 2022, arXiv:2205.14135, for the blocks.
func (p *pass) attend(query, key []float32) {
	if p.err != nil {
		return
	}
	a := p.heads(query, key)
	type item struct {
		d          document
		from, head int
	}
	var items []item
	for _, d := range p.g.documents {
		for from := 0; from < d.n; from += attentionBlock {
			for head := range a.KV {
				items = append(items, item{d, from, head})
			}
		}
	}
	p.do(p.m.pool.Do(len(items), func(w *tensor.Worker, i int) {
		for h := range a.G {
			a.see(w, items[i].d, items[i].from, items[i].head, items[i].head*a.G+h)
		}
	}))
}

// see lets a block of queries of one head see all that they may.
func (a *heads) see(w *tensor.Worker, d document, from, kv, h int) {
	memory := w.Floats(attentionBlock * (attentionBlock + 3))
	scores, memory := memory[:attentionBlock*attentionBlock], memory[attentionBlock*attentionBlock:]
	n := min(attentionBlock, d.n-from)
	top, total, factor := memory[:n], memory[attentionBlock:][:n], memory[2*attentionBlock:][:n]
	clear(total)
	for i := range top {
		top[i] = float32(math.Inf(-1))
	}
	q, out := a.ofQuery(a.query, d.from+from, h), a.ofQuery(a.k.attended, d.from+from, h)
	first := a.oldest(from) / attentionBlock * attentionBlock
	for base := first; base < from+n; base += attentionBlock {
		keys := min(attentionBlock, from+n-base)
		rows := a.seeing(from, n, base, keys)
		gemm.Multiply(w, gemm.View{Floats: scores, Stride: attentionBlock}, q, turned(a.ofKey(a.key, d.from+base, kv)), rows, keys, a.D, gemm.Options{})
		padded := (keys + floats.Lanes - 1) / floats.Lanes * floats.Lanes
		a.hide(scores, rows, from, base, padded)
		floats.Softmax(scores[:rows*attentionBlock], padded, a.scale, top[:rows], total[:rows], factor[:rows])
		for r := range n {
			row := out.Floats[r*out.Stride:][:a.D]
			switch {
			case base > first && r < rows:
				floats.Scale(row, row, factor[r])
			case base == first && r >= rows:
				clear(row)
			}
		}
		gemm.Multiply(w, out, gemm.View{Floats: scores, Stride: attentionBlock}, a.ofKey(a.k.value, d.from+base, kv), rows, a.D, keys, gemm.Options{Accumulate: base > first})
	}
	for r := range n {
		row := out.Floats[r*out.Stride:][:a.D]
		floats.Scale(row, row, 1/total[r])
		a.k.logSums[(d.from+from+r)*a.H+h] = float32(float64(top[r]) + backward.Log(float64(total[r])))
	}
}

// attendBack computes the gradients of queries, keys and values from that of what
// was attended. Pieces of work are a document and a key's head, whose queries'
// heads add to the key's and the value's gradient in their order.
func (p *pass) attendBack(query, key []float32) {
	if p.err != nil {
		return
	}
	a := p.heads(query, key)
	documents := p.g.documents
	p.do(p.m.pool.Do(len(documents)*a.KV, func(w *tensor.Worker, i int) {
		a.back(w, documents[i/a.KV], i%a.KV)
	}))
}

// back does one piece.
func (a *heads) back(w *tensor.Worker, d document, kv int) {
	const square = attentionBlock * attentionBlock
	s := &a.m.memory
	memory := w.Floats(2*square + d.n*a.G)
	p, dp, delta := memory[:square], memory[square:2*square], memory[2*square:]
	for t := d.from; t < d.from+d.n; t++ {
		clear(a.ofKey(s.dkey, t, kv).Floats[:a.D])
		clear(a.ofKey(s.dvalue, t, kv).Floats[:a.D])
		for g := range a.G {
			h := kv*a.G + g
			clear(a.ofQuery(s.dquery, t, h).Floats[:a.D])
			delta[g*d.n+t-d.from] = float32(backward.Dot(a.ofQuery(s.dattended, t, h).Floats[:a.D], a.ofQuery(a.k.attended, t, h).Floats))
		}
	}
	for base := 0; base < d.n; base += attentionBlock {
		keys := min(attentionBlock, d.n-base)
		for g := range a.G {
			for from := base; from < d.n; from += attentionBlock {
				rows := a.seeing(from, min(attentionBlock, d.n-from), base, keys)
				if rows == 0 {
					break
				}
				a.backBlock(w, block{d: d, kv: kv, h: kv*a.G + g, from: from, rows: rows, base: base, keys: keys}, p, dp, delta[g*d.n+from:])
			}
		}
	}
}

// block is queries that meet keys: rows of them from position from on, and keys
// from base on.
type block struct {
	d                      document
	kv, h                  int
	from, rows, base, keys int
}

// backBlock adds what a block gives to the gradients.
func (a *heads) backBlock(w *tensor.Worker, b block, p, dp, delta []float32) {
	s, n, N := &a.m.memory, b.rows, b.keys
	at, key := b.d.from+b.from, b.d.from+b.base
	weights, dweights := gemm.View{Floats: p, Stride: attentionBlock}, gemm.View{Floats: dp, Stride: attentionBlock}
	q, dattended := a.ofQuery(a.query, at, b.h), a.ofQuery(s.dattended, at, b.h)
	k := a.ofKey(a.key, key, b.kv)
	add := gemm.Options{Accumulate: true}

	gemm.Multiply(w, weights, q, turned(k), n, N, a.D, gemm.Options{})
	a.hide(p, n, b.from, b.base, N)
	for r := range n {
		row := p[r*attentionBlock:][:N]
		backward.Exponentials(row, row, a.scale, a.k.logSums[(at+r)*a.H+b.h])
	}
	gemm.Multiply(w, a.ofKey(s.dvalue, key, b.kv), turned(weights), dattended, N, a.D, n, add)
	gemm.Multiply(w, dweights, dattended, turned(a.ofKey(a.k.value, key, b.kv)), n, N, a.D, gemm.Options{})
	for r := range n {
		row := dp[r*attentionBlock:][:N]
		backward.Softmax(row, p[r*attentionBlock:], row, delta[r], a.scale)
	}
	gemm.Multiply(w, a.ofQuery(s.dquery, at, b.h), dweights, k, n, a.D, N, add)
	gemm.Multiply(w, a.ofKey(s.dkey, key, b.kv), turned(dweights), q, N, a.D, n, add)
}
