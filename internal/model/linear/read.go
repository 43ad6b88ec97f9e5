package linear

import "math"

// Scores is what a model reads off one text, and the memory for it. It is not
// safe for concurrent use; take it from Model.Borrow.
type Scores struct {
	Bytes int // of the text that were read
	Words int // in them
	Known int // of the words, those that the model has a feature of its own for
	Found int // features of the text that the model has: pieces of unknown words, too

	model  *Model
	group  int
	scan   scanner
	active []active // the features with a row, once each
	at     []int32  // for each feature of the text its index in active, or -1
	slots  []int32  // open addressing, index in active plus one
	stems  []int32  // for each word the first word with its stem
	norm   float32  // of the features, squared
	sparse []float32
	sum    []float32 // of vectors
	mean   []float32
	logits []float32 // calibrated
	p      []float32
}

// active is a feature with a row.
type active struct {
	row   int32
	count int32
	value float32
}

// NewScores returns room for Read.
func (m *Model) NewScores() *Scores {
	most := 0
	for _, g := range m.config.Groups {
		most = max(most, len(g.Labels))
	}
	room := func() []float32 { return make([]float32, most) }
	return &Scores{
		model: m, slots: make([]int32, 1<<10),
		sparse: room(), logits: room(), p: room(),
		sum: make([]float32, m.vectors.dim), mean: make([]float32, m.vectors.dim),
	}
}

// Borrow returns Scores from a pool of the model's own; give them back with
// Return.
func (m *Model) Borrow() *Scores {
	if s, ok := m.pool.Get().(*Scores); ok {
		return s
	}
	return m.NewScores()
}

// Return gives Scores back to the pool. They are not to be used afterwards.
func (m *Model) Return(s *Scores) { m.pool.Put(s) }

// Read fills s with what the model says of text as an answer to a group. It
// reads MaxText bytes and MaxWords words at most. It panics if there is no such
// group, which is a fault of the caller.
func (m *Model) Read(s *Scores, text string, group int) {
	n := len(m.config.Groups[group].Labels)
	s.group = group
	s.scan.scan(text[:min(len(text), MaxText)])
	s.Bytes, s.Words = s.scan.read, len(s.scan.words)
	m.activate(s)
	m.firstStems(s)
	sparse := s.sparse[:n]
	clear(sparse)
	s.norm = 0
	for _, a := range s.active {
		s.norm += float32(a.value * a.value)
		m.addRow(sparse, a.row, a.value, group)
	}
	clear(s.sum)
	for i, first := range s.stems {
		if int(first) == i && !s.scan.words[i].function {
			m.vectors.add(s.sum, s.scan.words[i].stem, 1)
		}
	}
	m.finish(s.logits[:n], s, sparse, s.norm, s.sum)
	softmax(s.p[:n], s.logits[:n])
}

// activate looks up the features of the text and counts them.
func (m *Model) activate(s *Scores) {
	s.active, s.at, s.Known = s.active[:0], s.at[:0], 0
	for len(s.slots) < 2*len(s.scan.features) {
		s.slots = make([]int32, 2*len(s.slots))
	}
	mask := uint32(len(s.slots) - 1)
	clear(s.slots)
	for _, f := range s.scan.features {
		row := m.table.find(f.hash)
		if row < 0 {
			s.at = append(s.at, -1)
			continue
		}
		if f.hash == s.scan.words[f.last].stem && f.first == f.last {
			s.Known++
		}
		slot := finish(uint32(row)) & mask
		for s.slots[slot] != 0 && s.active[s.slots[slot]-1].row != row {
			slot = (slot + 1) & mask
		}
		if s.slots[slot] == 0 {
			s.active = append(s.active, active{row: row})
			s.slots[slot] = int32(len(s.active))
		}
		k := s.slots[slot] - 1
		s.active[k].count++
		s.at = append(s.at, k)
	}
	s.Found = len(s.active)
	for i := range s.active {
		s.active[i].value = value(m.rarity[s.active[i].row], s.active[i].count)
	}
}

// firstStems finds for each word the first that has its stem.
func (m *Model) firstStems(s *Scores) {
	s.stems = s.stems[:0]
	mask := uint32(len(s.slots) - 1)
	clear(s.slots)
	for i, w := range s.scan.words {
		slot := w.stem & mask
		for s.slots[slot] != 0 && s.scan.words[s.slots[slot]-1].stem != w.stem {
			slot = (slot + 1) & mask
		}
		if s.slots[slot] == 0 {
			s.slots[slot] = int32(i + 1)
		}
		s.stems = append(s.stems, s.slots[slot]-1)
	}
}

// rarityUnit is the unit of a stored rarity, ln(texts/docs).
const rarityUnit = 1.0 / 16

// logCount[n] is 1+ln(n), the weight of a feature that a text has n times.
var logCount = func() (t [64]float32) {
	for i := 1; i < len(t); i++ {
		t[i] = float32(1 + math.Log(float64(i)))
	}
	return t
}()

func value(rarity uint8, count int32) float32 {
	return float32(rarity) * rarityUnit * logCount[min(int(count), len(logCount)-1)]
}

// addRow adds the weights of a feature within a group, times v, to sum.
func (m *Model) addRow(sum []float32, row int32, v float32, group int) {
	v *= m.scale[row]
	from, to := m.from[group], m.from[group+1]
	sum = sum[:to-from]
	for _, w := range m.weight[m.start[row]:m.start[row+1]] {
		if k := labelOf(w) - from; uint(k) < uint(len(sum)) {
			sum[k] += float32(v * float32(weightOf(w)))
		} else if k >= 0 {
			return // the labels are in order
		}
	}
}

// finish computes calibrated logits from the sums over the features and over the
// vectors.
func (m *Model) finish(logits []float32, s *Scores, sparse []float32, norm float32, sum []float32) {
	mean, inverse := m.centred(s, norm, sum)
	for k := range logits {
		logits[k] = m.logit(s.group, k, sparse[k]*inverse, mean)
	}
}

// centred returns the mean vector of a text and what its features are to be
// multiplied by.
func (m *Model) centred(s *Scores, norm float32, sum []float32) (mean []float32, inverse float32) {
	if norm > 0 {
		inverse = float32(1 / math.Sqrt(float64(norm)))
	}
	return m.vectors.centre(s.mean, sum, m.dense[m.labels*m.vectors.dim:]), inverse
}

// logit returns the calibrated logit of a label of a group.
func (m *Model) logit(group, k int, sparse float32, mean []float32) float32 {
	k += m.from[group]
	z := dot(m.dense[k*len(mean):][:len(mean)], mean) + m.bias[k]
	return float32(m.temper[group] * (z + sparse))
}

// centre writes the mean vector of a text into out: sum at unit length, less the
// mean of all texts, at unit length.
func (v *Vectors) centre(out, sum, all []float32) []float32 {
	unit(out, sum)
	for d := range out {
		out[d] -= all[d]
	}
	unit(out, out)
	return out
}

func unit(out, x []float32) {
	length := math.Sqrt(float64(dot(x, x)))
	inverse := float32(0)
	if length > 1e-9 {
		inverse = float32(1 / length)
	}
	for d := range out {
		out[d] = x[d] * inverse
	}
}

func softmax(out, in []float32) {
	top := in[0]
	for _, x := range in {
		top = max(top, x)
	}
	total := float32(0)
	out = out[:len(in)]
	const far = 20 // below the likeliest: e to the -20 is nothing
	for k, x := range in {
		e := float32(0)
		if x > top-far {
			e = exp(x - top)
		}
		out[k] = e
		total += e
	}
	inverse := 1 / total
	for k := range out {
		out[k] *= inverse
	}
}

// P returns the probabilities of the group's labels. They hold until s is used
// again.
func (s *Scores) P() []float32 { return s.p[:len(s.model.config.Groups[s.group].Labels)] }

// Logits returns the calibrated logits of the group's labels, likewise.
func (s *Scores) Logits() []float32 { return s.logits[:len(s.P())] }
