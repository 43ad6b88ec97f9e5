package llama

import (
	"context"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// run is neighbouring tokens of one sequence within a chunk.
type run struct {
	sequence int // of the batch
	cache    *Cache
	adapter  *Adapter
	index    int // of the first token in Sequence.Tokens
	position int // of the first token in the cache
	row      int // of the first token in the chunk
	n        int
}

// chunk is the tokens that go through the layers together.
type chunk struct {
	runs  []run
	ids   []int // [T]
	owner []int // [T] index into runs

	attention *attention
	groups    []group // rows by adapter
}

// scratch is the activations of a chunk of T tokens.
type scratch struct {
	x, normed, added []float32 // [T,C]
	query, attended  []float32 // [T,H·D]
	key, value       []float32 // [T,KV·D]
	gate, up         []float32 // [T,F]
	cos, sin         []float32 // [T,dims/2]
	low, change      []float32 // [rows,rank], [rows,map's rows]: of a group's maps
	gathered         []float32 // [rows,cols]: of a group
	parts            []float32 // of attention
	logits           []float32 // [logitRows,V]
}

// floats32 returns n numbers of *s, which grows as needed.
func floats32(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}

// fit makes room for T tokens.
func (s *scratch) fit(m *Model, T int) {
	c := m.config
	for _, b := range []*[]float32{&s.x, &s.normed, &s.added} {
		floats32(b, T*c.Width)
	}
	for _, b := range []*[]float32{&s.query, &s.attended} {
		floats32(b, T*c.Heads*c.HeadSize)
	}
	for _, b := range []*[]float32{&s.key, &s.value} {
		floats32(b, T*c.KVHeads*c.HeadSize)
	}
	for _, b := range []*[]float32{&s.gate, &s.up} {
		floats32(b, T*c.FeedForward)
	}
	for _, b := range []*[]float32{&s.cos, &s.sin} {
		floats32(b, T*len(m.rope.frequencies))
	}
}

// through takes tokens through embedding and the first layers, depth of them. tap
// is given the output of each: 0 is the embedding's.
func (m *Model) through(ctx context.Context, k *chunk, depth int, tap func(layer int, x []float32)) error {
	T, s, C := len(k.ids), &m.scratch, m.config.Width
	s.fit(m, T)
	k.attention = m.planAttention(k.runs)
	k.groups = groupRows(T, func(t int) *Adapter { return k.runs[k.owner[t]].adapter })
	n := len(m.rope.frequencies)
	err := m.pool.Do(T, func(_ *tensor.Worker, t int) {
		m.embedding.Row(s.x[t*C:(t+1)*C], k.ids[t])
		r := &k.runs[k.owner[t]]
		m.rope.table(s.cos[t*n:(t+1)*n], s.sin[t*n:(t+1)*n], r.position+t-r.row)
	})
	if err != nil {
		return err
	}
	tap(0, s.x)
	for i := range depth {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.block(i, k); err != nil {
			return err
		}
		tap(i+1, s.x)
	}
	return ctx.Err()
}

// activated is how many numbers of SwiGLU make a piece of work.
const activated = 4096

// block is one layer: attention, then feed-forward, each added to what came in.
func (m *Model) block(i int, k *chunk) error {
	l, s, T := &m.layers[i], &m.scratch, len(k.ids)
	if err := m.norm(l.attentionNorm, T); err != nil {
		return err
	}
	if err := m.project(s.normed, T, k.groups, into{&l.query, s.query}, into{&l.key, s.key}, into{&l.value, s.value}); err != nil {
		return err
	}
	if err := m.place(i, k); err != nil {
		return err
	}
	if err := m.attendAll(i, k.attention); err != nil {
		return err
	}
	if err := m.project(s.attended, T, k.groups, into{&l.attentionOut, s.added}); err != nil {
		return err
	}
	if err := m.addNorm(l.feedNorm, T); err != nil {
		return err
	}
	if err := m.project(s.normed, T, k.groups, into{&l.gate, s.gate}, into{&l.up, s.up}); err != nil {
		return err
	}
	F := m.config.FeedForward
	pieces := (T*F + activated - 1) / activated
	err := m.pool.Do(pieces, func(_ *tensor.Worker, i int) {
		from, to := i*activated, min((i+1)*activated, T*F)
		floats.SwiGLU(s.gate[from:to], s.gate[from:to], s.up[from:to])
	})
	if err != nil {
		return err
	}
	if err := m.project(s.gate, T, k.groups, into{&l.down, s.added}); err != nil {
		return err
	}
	return m.addNorm(nil, T)
}

// norm writes the norm of x to normed.
func (m *Model) norm(gain []float32, T int) error {
	C, s := m.config.Width, &m.scratch
	return m.pool.Do(T, func(_ *tensor.Worker, t int) {
		floats.RMSNorm(s.normed[t*C:(t+1)*C], s.x[t*C:(t+1)*C], gain, m.config.NormEpsilon)
	})
}

// addNorm adds added to x and, with a gain, writes the norm of that to normed.
func (m *Model) addNorm(gain []float32, T int) error {
	C, s := m.config.Width, &m.scratch
	return m.pool.Do(T, func(_ *tensor.Worker, t int) {
		x := s.x[t*C : (t+1)*C]
		floats.Add(x, s.added[t*C:(t+1)*C])
		if gain != nil {
			floats.RMSNorm(s.normed[t*C:(t+1)*C], x, gain, m.config.NormEpsilon)
		}
	})
}

// placed is how many tokens it takes for place to divide its work by tokens, not
// by heads.
const placed = 16

// place norms and turns queries and keys, and stores keys and values.
func (m *Model) place(i int, k *chunk) error {
	T, KV := len(k.ids), m.config.KVHeads
	if T < placed {
		return m.pool.Do(T*KV, func(_ *tensor.Worker, j int) { m.placeHeads(i, k, j/KV, j%KV, 1) })
	}
	return m.pool.Do(T, func(_ *tensor.Worker, t int) { m.placeHeads(i, k, t, 0, KV) })
}

// placeHeads does so for a token and the queries that share n key heads.
func (m *Model) placeHeads(i int, k *chunk, t, head, n int) {
	l, s, c := &m.layers[i], &m.scratch, m.config
	D, G, N := c.HeadSize, c.Heads/c.KVHeads, len(m.rope.frequencies)
	query := s.query[(t*c.KVHeads+head)*G*D:][:n*G*D]
	key, value := s.key[(t*c.KVHeads+head)*D:][:n*D], s.value[(t*c.KVHeads+head)*D:][:n*D]
	if l.queryNorm != nil {
		floats.RMSNorm(query, query, l.queryNorm, c.NormEpsilon)
		floats.RMSNorm(key, key, l.keyNorm, c.NormEpsilon)
	}
	cos, sin := s.cos[t*N:(t+1)*N], s.sin[t*N:(t+1)*N]
	m.rope.rotate(query, D, cos, sin)
	m.rope.rotate(key, D, cos, sin)
	r := &k.runs[k.owner[t]]
	for h := range n {
		r.cache.put(i, head+h, r.position+t-r.row, key[h*D:(h+1)*D], value[h*D:(h+1)*D])
	}
}

// into is a linear map and where its result goes, [T,rows].
type into struct {
	l   *linear
	out []float32
}

// project applies maps that share their input, [T,cols]: three at most. groups
// says which rows have adapters.
func (m *Model) project(x []float32, T int, groups []group, maps ...into) error {
	var products [3]tensor.Product
	for i, p := range maps {
		products[i] = tensor.Product{Matrix: p.l.w, Out: p.out}
	}
	if err := m.pool.Multiply(x, T, products[:len(maps)]...); err != nil {
		return err
	}
	for i := range groups {
		if err := m.adapt(&groups[i], x, maps); err != nil {
			return err
		}
	}
	return m.biased(T, maps)
}
