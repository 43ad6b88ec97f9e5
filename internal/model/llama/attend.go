package llama

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// attendTokens is how many queries of a head share a reading of keys and values.
const attendTokens = 32

// attention is one piece of work: the queries of some positions of a run, of the
// heads that share one key and value head.
type attention struct {
	run     *run
	head    int // of KV
	from, n int // of the run's tokens
}

// attendAll computes what every token's heads see and writes it to
// scratch.attended.
func (m *Model) attendAll(layer int, runs []run) error {
	var work []attention
	for i := range runs {
		for from := 0; from < runs[i].n; from += attendTokens {
			for head := range m.config.KVHeads {
				work = append(work, attention{&runs[i], head, from, min(attendTokens, runs[i].n-from)})
			}
		}
	}
	return m.pool.Do(len(work), func(w *tensor.Worker, i int) { m.attend(w, layer, work[i]) })
}

// attend reads keys and values page by page, in the order of positions, from the
// cache, in the precision they have there: so that it is the same whether they
// were written just now or long ago. Rows are tokens and, within, heads.
func (m *Model) attend(w *tensor.Worker, layer int, a attention) {
	c, s, cache := m.config, &m.scratch, a.run.cache
	D, P, G := c.HeadSize, cache.layout.padded, c.Heads/c.KVHeads
	rows := a.n * G
	f, d := attendScratch(rows, D, P)
	floats, doubles := w.Floats(f), w.Doubles(d)
	queries, floats := floats[:rows*P], floats[rows*P:]
	keys, floats := floats[:PageTokens*P], floats[PageTokens*P:]
	values, floats := floats[:PageTokens*P], floats[PageTokens*P:]
	sums, score := doubles[:rows*D], doubles[rows*D:]

	seen := make([]kernel.Attention, rows)
	clear(queries)
	for r := range seen {
		q := s.query[(a.run.row+a.from+r/G)*c.Heads*D+(a.head*G+r%G)*D:]
		copy(queries[r*P:r*P+D], q[:D])
		seen[r].Reset(sums[r*D : (r+1)*D])
	}
	scale := 1 / math.Sqrt(float64(D))
	first := a.run.position + a.from
	last := first + a.n - 1
	for page := m.oldest(first) / PageTokens; page*PageTokens <= last; page++ {
		base := page * PageTokens
		n := min(PageTokens, last+1-base)
		k := cache.get(keys, layer, 0, a.head, page, n)
		v := cache.get(values, layer, 1, a.head, page, n)
		clear(score[:rows*n])
		kernel.AddProducts(score, k, queries, n, rows, P, P)
		for r := range seen {
			position := first + r/G
			from, to := max(m.oldest(position)-base, 0), min(position+1-base, n)
			if from >= to {
				continue
			}
			s := score[r*n+from : r*n+to]
			for i := range s {
				s[i] *= scale
			}
			seen[r].Add(s, v[from*P:], P, floats)
		}
	}
	for r := range seen {
		seen[r].Result(s.attended[(a.run.row+a.from+r/G)*c.Heads*D+(a.head*G+r%G)*D:])
	}
}

// attendScratch returns how many float32 and float64 attend needs for so many
// rows: queries, a page of keys, one of values and what Attention.Add needs; the
// rows' sums and scores.
func attendScratch(rows, D, padded int) (floats, doubles int) {
	return rows*padded + 2*PageTokens*padded + D + PageTokens, rows * (D + PageTokens)
}

// oldest returns the first position that a query sees.
func (m *Model) oldest(position int) int {
	if m.config.SlidingWindow == 0 {
		return 0
	}
	return max(position-m.config.SlidingWindow+1, 0)
}
