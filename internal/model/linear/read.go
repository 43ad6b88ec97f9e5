package linear

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

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
	sparse sums
	sum    []float32 // of vectors
	mean   []float32
	dense  []float32 // logits of the vectors and the bias alone
	logits []float32 // calibrated
	p      []float32

	speaks   []float32 // of each active feature, for a label
	gain     []float32 // of each word, likewise
	order    []int     // words
	deletion deletion
}

// active is a feature with a row.
type active struct {
	row   int32
	count int32
	value float32
	span  span
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
		dense: room(), logits: room(), p: room(),
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
	clear(s.sparse[m.from[group]:m.from[group+1]])
	s.norm = 0
	for _, a := range s.active {
		s.norm += float32(a.value * a.value)
		m.addRow(&s.sparse, a.span, a.value, group)
	}
	clear(s.sum)
	for i, first := range s.stems {
		if int(first) == i && !s.scan.words[i].function {
			m.vectors.add(s.sum, s.scan.words[i].stem, 1)
		}
	}
	m.finish(s, n)
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
		a := &s.active[i]
		a.value = value(m.rarity[a.row], a.count)
		a.span = m.span(a.row, s.group)
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

// finish computes the calibrated logits of n labels.
func (m *Model) finish(s *Scores, n int) {
	mean, inverse := m.centred(s, s.norm, s.sum)
	from, temper := m.from[s.group], m.temper[s.group]
	m.denseAll(s.dense[:n], mean, from)
	sparse := s.sparse[from:][:n]
	logits := s.logits[:n]
	for k, z := range s.dense[:n] {
		logits[k] = float32(temper * (z + float32(sparse[k]*inverse)))
	}
}

// denseAll fills out with the logits of the labels from the given one on, as
// far as vectors and biases go, two labels at a time.
func (m *Model) denseAll(out, mean []float32, from int) {
	dim := len(mean)
	rows, bias := m.dense[from*dim:], m.bias[from:][:len(out)]
	k := 0
	for ; k+2 <= len(out); k += 2 {
		a, b := dots(rows[:dim], rows[dim:2*dim], mean)
		out[k], out[k+1] = a+bias[k], b+bias[k+1]
		rows = rows[2*dim:]
	}
	if k < len(out) {
		out[k] = kernel.Dot(rows[:dim], mean) + bias[k]
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
	length := math.Sqrt(float64(kernel.Dot(x, x)))
	inverse := float32(0)
	if length > 1e-9 {
		inverse = float32(1 / length)
	}
	for d := range out {
		out[d] = x[d] * inverse
	}
}

// highest returns the largest of x, which is not empty and holds no NaN.
func highest(x []float32) float32 {
	top := x[0]
	for _, y := range x {
		if y > top {
			top = y
		}
	}
	return top
}

func softmax(out, in []float32) {
	top := highest(in)
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
