package gradient

import "github.com/casemate-ai/casemate/internal/model/modelfile"

// kept is what a layer's backward pass needs of its forward pass, for T tokens.
type kept struct {
	x          []float32              // [T,C] what came in
	middle     []float32              // [T,C] after attention
	query      []float32              // [T,H·D] turned, or before its norm if it has one
	key        []float32              // [T,KV·D] likewise
	value      []float32              // [T,KV·D]
	attended   []float32              // [T,H·D]
	logSums    []float32              // [T,H] of the scores' exponentials
	gate, up   []float32              // [T,F]
	low        [targetCount][]float32 // [T,rank] scale·A·x
	directions [targetCount][]float32 // [T,Out] of decomposed adapters: before they are stretched
}

// memory is what passes need, kept from one to the next.
type memory struct {
	layers  []kept // one if only inputs are kept
	inputs  [][]float32
	last    []float32 // [T,C] what the last layer puts out
	normed  []float32 // [T,C]
	active  []float32 // [T,F] of SwiGLU
	query   []float32 // [T,H·D] normed and turned, where it is not kept
	key     []float32 // [T,KV·D]
	cos     []float32 // [T,pairs]
	sin     []float32
	back    []float32 // [T,pairs] minus sin
	dropped []float32 // [T,In]
	lengths []float32 // of stretch

	dx        []float32 // [T,C] of the residual stream
	dnormed   []float32 // [T,C]
	dactive   []float32 // [T,F]
	dattended []float32 // [T,H·D]
	dquery    []float32
	dkey      []float32
	dvalue    []float32
	dlow      []float32 // [T,rank]
	dout      []float32 // [T,Out] of decomposed adapters
	roots     []float32 // [T]

	head   []float32 // [R,C] normed rows that have targets
	dhead  []float32
	logits []float32 // [some of R,V]
}

// floats32 returns n numbers of *s, which grows as needed.
func floats32(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	*s = (*s)[:n]
	return *s
}

// fit makes room for T tokens in what one layer keeps.
func (k *kept) fit(c modelfile.Config, l *layer, T int) {
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	floats32(&k.x, T*c.Width)
	floats32(&k.middle, T*c.Width)
	floats32(&k.query, T*q)
	floats32(&k.key, T*kv)
	floats32(&k.value, T*kv)
	floats32(&k.attended, T*q)
	floats32(&k.logSums, T*c.Heads)
	floats32(&k.gate, T*c.FeedForward)
	floats32(&k.up, T*c.FeedForward)
	for i, x := range l.matrices() {
		if x.lora != nil {
			floats32(&k.low[i], T*x.lora.rank)
		}
		if x.lora != nil && x.lora.magnitude != nil {
			floats32(&k.directions[i], T*x.rows)
		}
	}
}

// fit makes room for a pass of T tokens.
func (m *Model) fit(T int, u use) {
	s, c := &m.memory, m.config
	n := 1
	if u.training && !m.o.Checkpoint {
		n = len(m.layers)
	}
	for len(s.layers) < n {
		s.layers = append(s.layers, kept{})
	}
	for i := range n {
		s.layers[i].fit(c, &m.layers[i], T)
	}
	if u.training && m.o.Checkpoint {
		if s.inputs == nil {
			s.inputs = make([][]float32, len(m.layers))
		}
		for i := range s.inputs {
			floats32(&s.inputs[i], T*c.Width)
		}
	}
	q, kv, pairs := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize, m.angles.Pairs()
	floats32(&s.last, T*c.Width)
	floats32(&s.normed, T*c.Width)
	floats32(&s.active, T*c.FeedForward)
	floats32(&s.cos, T*pairs)
	floats32(&s.sin, T*pairs)
	floats32(&s.back, T*pairs)
	if m.layers[0].queryNorm != nil {
		floats32(&s.query, T*q)
		floats32(&s.key, T*kv)
	}
	if !u.training {
		return
	}
	floats32(&s.dx, T*c.Width)
	floats32(&s.dnormed, T*c.Width)
	floats32(&s.dactive, T*c.FeedForward)
	floats32(&s.dattended, T*q)
	floats32(&s.dquery, T*q)
	floats32(&s.dkey, T*kv)
	floats32(&s.dvalue, T*kv)
	floats32(&s.roots, T)
}

// keep returns where layer i finds what comes in, and keeps what its backward
// pass needs.
func (m *Model) keep(i int, u use) *kept {
	s := &m.memory
	switch {
	case !u.training:
		return &s.layers[0]
	case m.o.Checkpoint:
		k := s.layers[0]
		k.x = s.inputs[i]
		return &k
	}
	return &s.layers[i]
}
