package llama

import (
	"math"
	"sync/atomic"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

const (
	// segmentTokens is how many positions are attended to one block after the
	// other; what segments make of their positions is then put together in their
	// order. Segments begin at multiples, so that it makes no difference to the
	// bits who attends to which, or when.
	segmentTokens = 8 * floats.Block
	// attendRows is how many queries share a reading of keys and values, if there
	// are so many: their scores and sums should fit a processor's own cache.
	attendRows = 128
	// attendShare is how many pieces of work a worker should get, at least, so
	// that none waits long for another.
	attendShare = 4
	// aheadRows is up to how many queries wait for memory more than they compute.
	aheadRows = 16
	// maxParts bounds the rows of what segments make that wait for one another.
	maxParts = 8192
)

// attention is the work of a chunk, the same for all layers.
type attention struct {
	groups []queryGroup
	items  []attentionItem
	parts  []float32 // of all groups that are divided
	rows   int       // of the largest group
}

// queryGroup is the queries of some positions of a run, of the heads that share
// one key and value head.
type queryGroup struct {
	run      *run
	head     int // of KV
	from, n  int // of the run's tokens
	segments segments
	parts    []float32 // what each segment makes; nil if one worker does them all
	left     atomic.Int32
}

// segments are those from first to last-1.
type segments struct{ first, last int }

// attentionItem is some segments of a group.
type attentionItem struct {
	group *queryGroup
	segments
}

// planAttention divides the attention of runs among workers: by runs, heads and
// positions of queries, and, if that is too little, by segments.
func (m *Model) planAttention(runs []run) *attention {
	a := &attention{}
	c := m.config
	G, share := c.Heads/c.KVHeads, attendShare*m.pool.Threads()
	tokens := max(attendRows/G, 1)
	for tokens > 8 && tokens*G > 16 && groupCount(runs, tokens)*c.KVHeads < share {
		tokens /= 2
	}
	a.groups = make([]queryGroup, groupCount(runs, tokens)*c.KVHeads)
	next, items, parts := 0, 0, 0
	for i := range runs {
		r := &runs[i]
		for from := 0; from < r.n; from += tokens {
			for head := range c.KVHeads {
				g := &a.groups[next]
				next++
				g.run, g.head, g.from, g.n = r, head, from, min(tokens, r.n-from)
				first := r.position + from
				g.segments = segments{m.oldest(first) / segmentTokens, (first+g.n-1)/segmentTokens + 1}
				items += g.count()
				parts += g.count() * g.n * G
				a.rows = max(a.rows, g.n*G)
			}
		}
	}
	divided := len(a.groups) < share && items > len(a.groups) && parts <= maxParts
	if divided {
		a.parts = floats32(&m.scratch.parts, parts*partSize(m.valueSize(runs)))
	}
	a.divide(divided, G, m.valueSize(runs))
	return a
}

// divide makes the items of groups.
func (a *attention) divide(divided bool, G, P int) {
	rest := a.parts
	for i := range a.groups {
		g := &a.groups[i]
		if !divided || g.count() == 1 {
			a.items = append(a.items, attentionItem{g, g.segments})
			continue
		}
		n := g.count() * g.n * G * partSize(P)
		g.parts, rest = rest[:n:n], rest[n:]
		for s := g.segments.first; s < g.segments.last; s++ {
			a.items = append(a.items, attentionItem{g, segments{s, s + 1}})
		}
	}
}

func (g *queryGroup) count() int { return g.segments.last - g.segments.first }

// groupCount returns how many pieces of so many tokens runs have.
func groupCount(runs []run, tokens int) int {
	n := 0
	for i := range runs {
		n += (runs[i].n + tokens - 1) / tokens
	}
	return n
}

// valueSize returns how many numbers a value takes in the caches of runs, at
// most.
func (m *Model) valueSize(runs []run) int {
	P := 0
	for i := range runs {
		P = max(P, runs[i].cache.layout.padded)
	}
	return P
}

// seen is what some queries have seen of positions: the sum of values, by the
// weight that e to the score over the largest is, those scores, and the sum of
// weights.
type seen struct {
	sum        []float32 // [rows,P]
	top, total []float32 // [rows]
}

// partSize returns the numbers that a row of seen takes.
func partSize(P int) int { return P + 2 }

// newSeen divides memory for rows, and makes it say that nothing was seen.
func newSeen(memory []float32, rows, P int) seen {
	s := seen{memory[:rows*P], memory[rows*P : rows*P+rows], memory[rows*P+rows : rows*partSize(P)]}
	clear(s.sum)
	clear(s.total)
	for i := range s.top {
		s.top[i] = float32(math.Inf(-1))
	}
	return s
}

// attendAll computes what every token's heads see and writes it to
// scratch.attended.
func (m *Model) attendAll(layer int, a *attention) error {
	for i := range a.groups {
		a.groups[i].left.Store(int32(a.groups[i].count()))
	}
	return m.pool.Do(len(a.items), func(w *tensor.Worker, i int) { m.attend(w, layer, a.items[i]) })
}

// attend does one item. Who does the last one of a group puts its segments
// together.
func (m *Model) attend(w *tensor.Worker, layer int, item attentionItem) {
	g := item.group
	D, P, rows := m.config.HeadSize, g.run.cache.layout.padded, g.n*m.config.Heads/m.config.KVHeads
	memory := w.Floats(attendScratch(rows, D, P))
	size := rows * partSize(P)
	a := attending{m: m, group: g, layer: layer, P: P, scores: memory[:rows*floats.Block], factor: memory[rows*floats.Block:][:rows]}
	memory = memory[rows*floats.Block+rows:]
	a.query, memory = m.queries(g, memory)
	if g.parts == nil {
		whole := newSeen(memory[:size], rows, P)
		a.segment(item.first, whole)
		for s := item.first + 1; s < item.last; s++ {
			part := newSeen(memory[size:2*size], rows, P)
			a.segment(s, part)
			a.join(whole, part, s)
		}
		a.write(whole)
		return
	}
	part := func(s int) []float32 { return g.parts[(s-g.segments.first)*size:][:size] }
	a.segment(item.first, newSeen(part(item.first), rows, P))
	if g.left.Add(-1) > 0 {
		return
	}
	whole := oldSeen(part(g.segments.first), rows, P)
	for s := g.segments.first + 1; s < g.segments.last; s++ {
		a.join(whole, oldSeen(part(s), rows, P), s)
	}
	a.write(whole)
}

// oldSeen is newSeen of what is there.
func oldSeen(memory []float32, rows, P int) seen {
	return seen{memory[:rows*P], memory[rows*P : rows*P+rows], memory[rows*P+rows : rows*partSize(P)]}
}

// queries returns a group's queries, token by token, [rows,D]: where they lie, or
// copied to memory, and what is left of that.
func (m *Model) queries(g *queryGroup, memory []float32) (q, rest []float32) {
	H, D, G := m.config.Heads, m.config.HeadSize, m.config.Heads/m.config.KVHeads
	at := func(t int) []float32 { return m.scratch.query[((g.run.row+g.from+t)*H+g.head*G)*D:][:G*D] }
	if g.n == 1 {
		return at(0), memory
	}
	q, rest = memory[:g.n*G*D], memory[g.n*G*D:]
	for t := range g.n {
		copy(q[t*G*D:], at(t))
	}
	return q, rest
}

// attending is a worker's attention to the positions of a group's queries.
type attending struct {
	m              *Model
	group          *queryGroup
	layer, P       int
	query          []float32 // [rows,D]
	scores, factor []float32 // [rows,Block], [rows]
}

// attendScratch returns how many numbers attend needs for so many rows: scores,
// factors, queries, and what they have seen twice.
func attendScratch(rows, D, P int) int {
	return rows * (floats.Block + 1 + D + 2*partSize(P))
}

// segment lets the queries see the positions of a segment.
func (a *attending) segment(s int, to seen) {
	m, g := a.m, a.group
	first := g.run.position + g.from
	end := min((s+1)*segmentTokens, first+g.n)
	start := max(s*segmentTokens, m.oldest(first)/floats.Block*floats.Block)
	for base := start; base < end; base += floats.Block {
		a.block(base, start, to)
	}
}

// block lets those queries that see positions of a block see them: those of
// tokens low to high-1. The block at start is the first.
func (a *attending) block(base, start int, to seen) {
	m, g := a.m, a.group
	first := g.run.position + g.from
	low, high := max(base-first, 0), g.n
	if window := m.config.SlidingWindow; window > 0 {
		high = min(high, base+floats.Block+window-1-first)
	}
	if low >= high {
		return
	}
	D, G, scale := m.config.HeadSize, m.config.Heads/m.config.KVHeads, float32(1/math.Sqrt(float64(m.config.HeadSize)))
	n := min(floats.Block, first+high-base) // positions that any of them sees
	var memory blockPages
	kind := g.run.cache.layout.kind
	keys, values, next := g.run.cache.block(&memory, a.layer, g.head, base, n)
	rows := func(x []float32, size int) []float32 { return x[low*G*size : high*G*size] }
	scores, factor := rows(a.scores, floats.Block), rows(a.factor, 1)
	if base == start && len(factor) <= aheadRows {
		floats.Prefetch(keys, g.run.cache.layout.key)
	}
	floats.Scores(scores, kind, keys, rows(a.query, D), D, values)
	whole := a.hide(scores, base, first+low, len(keys)*floats.Lanes)
	floats.Softmax(scores, len(keys)*floats.Lanes, scale, rows(to.top, 1), rows(to.total, 1), factor)
	sum := rows(to.sum, a.P)
	if whole {
		floats.AddValues(sum, kind, values, a.P, scores, 0, n, factor, next)
		return
	}
	for t := range high - low {
		from, until := m.visible(first+low+t, base)
		floats.AddValues(sum[t*G*a.P:(t+1)*G*a.P], kind, values, a.P, scores[t*G*floats.Block:], from, until, factor[t*G:(t+1)*G], next)
	}
}

// visible returns which positions of a block a query sees.
func (m *Model) visible(position, base int) (from, until int) {
	return max(m.oldest(position)-base, 0), min(position+1-base, floats.Block)
}

// hide makes scores minus infinity where a query sees nothing, and says whether
// every query sees all n positions. Rows are those of tokens from position on.
func (a *attending) hide(scores []float32, base, position, n int) (whole bool) {
	G := a.m.config.Heads / a.m.config.KVHeads
	whole = true
	for t := 0; len(scores) > 0; t++ {
		from, until := a.m.visible(position+t, base)
		whole = whole && from == 0 && until == n
		for range G {
			for i := range from {
				scores[i] = float32(math.Inf(-1))
			}
			for i := until; i < n; i++ {
				scores[i] = float32(math.Inf(-1))
			}
			scores = scores[floats.Block:]
		}
	}
	return whole
}

// join adds to whole what queries have seen in segment s. Those that see nothing
// there, which positions say and not numbers, are left alone.
func (a *attending) join(whole, part seen, s int) {
	m, g, P := a.m, a.group, a.P
	G := m.config.Heads / m.config.KVHeads
	for r := range g.n * G {
		position := g.run.position + g.from + r/G
		if position < s*segmentTokens || m.oldest(position) >= (s+1)*segmentTokens {
			continue
		}
		top := max(whole.top[r], part.top[r])
		var f [2]float32
		floats.Exp(f[:], []float32{whole.top[r] - top, part.top[r] - top})
		floats.Blend(whole.sum[r*P:(r+1)*P], part.sum[r*P:(r+1)*P], f[0], f[1])
		whole.total[r] = float32(whole.total[r]*f[0]) + float32(part.total[r]*f[1])
		whole.top[r] = top
	}
}

// write writes the weighted means to scratch.attended.
func (a *attending) write(s seen) {
	c, g := a.m.config, a.group
	D, G := c.HeadSize, c.Heads/c.KVHeads
	for r := range g.n * G {
		out := a.m.scratch.attended[((g.run.row+g.from+r/G)*c.Heads+g.head*G+r%G)*D:][:D]
		floats.Scale(out, s.sum[r*a.P:][:D], 1/s.total[r])
	}
}

// oldest returns the first position that a query sees.
func (m *Model) oldest(position int) int {
	if m.config.SlidingWindow == 0 {
		return 0
	}
	return max(position-m.config.SlidingWindow+1, 0)
}
