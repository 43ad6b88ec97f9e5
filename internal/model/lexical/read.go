package lexical

import (
	"math"
)

// Scores is what a model reads off one text, and the memory for it. It is not
// safe for concurrent use; keep one a goroutine, or take it from a pool.
type Scores struct {
	Bytes int // of the text that were read
	Words int // in them
	Known int // of the features of the text, those that the model has a row for
	Total int // features of the text

	model    *Model
	style    int
	text     string
	words    []word
	features []feature
	active   []active  // the features with a row, once each
	at       []int32   // for each feature, its index in active, or -1
	table    []int32   // open addressing, index in active plus one
	norm     float32   // sum of squared values of active
	sum      []float32 // [D] not yet divided by the length
	hidden   []float32 // [D]
	logits   []float32 // of all outputs, calibrated
	p        []float32
	spare    []float32 // [outputs] of Because

	reasoning reasoning
}

// active is a feature with a row.
type active struct {
	row   int32
	count int32
	value float32
}

// NewScores returns room for Read.
func (m *Model) NewScores() *Scores {
	n := m.outputs()
	return &Scores{
		model: m, table: make([]int32, 1<<10),
		sum: make([]float32, m.dim), hidden: make([]float32, m.dim),
		logits: make([]float32, n), p: make([]float32, n), spare: make([]float32, n),
	}
}

func (m *Model) outputs() int {
	g := &m.groups[len(m.groups)-1]
	return g.from + g.labels
}

// Borrow returns Scores from a pool of the model's own; give them back with
// Return.
func (m *Model) Borrow() *Scores {
	if s, ok := m.known.Get().(*Scores); ok {
		return s
	}
	return m.NewScores()
}

// Return gives Scores back to the pool. They are not to be used afterwards.
func (m *Model) Return(s *Scores) {
	s.text = ""
	m.known.Put(s)
}

// Read fills s with what the model says of text in a style. It reads MaxText
// bytes and MaxWords words at most. It panics if the style is not one of the
// model's, which is a fault of the caller.
func (m *Model) Read(s *Scores, text string, style int) {
	if style < 0 || style >= m.config.styles() {
		panic("lexical: Read: no such style")
	}
	s.text, s.style = text[:min(len(text), MaxText)], style
	s.words = splitWords(s.words[:0], s.text)
	s.Bytes, s.Words = len(s.text), len(s.words)
	if len(s.words) == MaxWords {
		s.Bytes = int(s.words[MaxWords-1].end)
	}
	s.features = m.config.Features.appendFeatures(s.features[:0], s.text, s.words)
	s.Total = len(s.features)
	m.activate(s)
	clear(s.sum)
	s.norm = 0
	for i := range s.active {
		a := &s.active[i]
		m.value(a)
		s.norm += float32(a.value * a.value)
		m.addRow(s.sum, a.row, a.value)
	}
	m.outputsOf(s, s.sum, s.norm, s.logits)
	m.probabilities(s.p, s.logits)
}

// activate looks up the rows of the features and counts them.
func (m *Model) activate(s *Scores) {
	s.active, s.at, s.Known = s.active[:0], s.at[:0], 0
	for len(s.table) < 2*len(s.features) {
		s.table = make([]int32, 2*len(s.table))
	}
	mask := uint32(len(s.table) - 1)
	clear(s.table)
	for i := range s.features {
		row := m.index.row(s.features[i].hash)
		if row < 0 {
			s.at = append(s.at, -1)
			continue
		}
		s.Known++
		slot := finish(uint32(row)) & mask
		for s.table[slot] != 0 && s.active[s.table[slot]-1].row != row {
			slot = (slot + 1) & mask
		}
		if s.table[slot] == 0 {
			s.active = append(s.active, active{row: row})
			s.table[slot] = int32(len(s.active))
		}
		k := s.table[slot] - 1
		s.active[k].count++
		s.at = append(s.at, k)
	}
}

// value weighs a feature by its count and its rarity.
func (m *Model) value(a *active) {
	a.value = float32(m.idf[a.row]) * logCount[min(int(a.count), len(logCount)-1)] * idfUnit
}

// hiddenOf scales the sum of a text's rows to the unit length of its features.
func (m *Model) hiddenOf(s *Scores, sum []float32, norm float32) []float32 {
	inverse := float32(0)
	if norm > 0 {
		inverse = float32(1 / math.Sqrt(float64(norm)))
	}
	hidden := s.hidden[:m.dim]
	for d := range hidden {
		hidden[d] = sum[d] * inverse
	}
	return hidden
}

// outputsOf computes the calibrated logits of a text from the sum of its rows.
func (m *Model) outputsOf(s *Scores, sum []float32, norm float32, logits []float32) {
	hidden := m.hiddenOf(s, sum, norm)
	for i := range m.groups {
		g := &m.groups[i]
		out := logits[g.from:][:g.labels]
		bias := g.bias[s.style*g.labels:][:g.labels]
		weight := g.weightOf(s.style, m.dim)
		temper, shift := g.temper[s.style], g.shift[s.style]
		multiply(out, weight, hidden)
		for k := range out {
			out[k] = float32((out[k]+bias[k])*temper) + shift
		}
	}
}

// weightOf returns the output layer of a style.
func (g *group) weightOf(style, dim int) []float32 {
	n := g.labels * dim
	return g.weight[style*n:][:n]
}

// probabilities turns logits into probabilities.
func (m *Model) probabilities(p, logits []float32) {
	for i := range m.groups {
		g := &m.groups[i]
		out := p[g.from:][:g.labels]
		in := logits[g.from:][:g.labels]
		if g.multi {
			for k := range out {
				out[k] = 1 / (1 + exp(-in[k]))
			}
			continue
		}
		softmax(out, in)
	}
}

// negligibleLogit under the top one, a label adds nothing to a float32 sum.
const negligibleLogit = -17

// softmax sets out to the probabilities of logits in; out may be in itself.
func softmax(out, in []float32) {
	top := in[0]
	for _, x := range in {
		top = max(top, x)
	}
	total := float32(0)
	out = out[:len(in)]
	for k, x := range in {
		e := float32(0)
		if x -= top; x > negligibleLogit {
			e = exp(x)
		}
		out[k] = e
		total += e
	}
	inverse := 1 / total
	for k := range out {
		out[k] *= inverse
	}
}

// P returns the probabilities of a group's labels. They hold until s is used
// again.
func (s *Scores) P(groupIndex int) []float32 {
	g := &s.model.groups[groupIndex]
	return s.p[g.from:][:g.labels:g.labels]
}

// All returns the probabilities of all outputs, where those of a group begin at
// Model.Offset. They hold until s is used again.
func (s *Scores) All() []float32 { return s.p }

// Style returns the style that the text was read in.
func (s *Scores) Style() int { return s.style }

// Text returns what was read. It holds until s is used again.
func (s *Scores) Text() string { return s.text }

// Logits returns the calibrated logits of a group's labels. They hold until s
// is used again.
func (s *Scores) Logits(groupIndex int) []float32 {
	g := &s.model.groups[groupIndex]
	return s.logits[g.from:][:g.labels:g.labels]
}

// Best returns the likeliest label of a group; of equals, the first.
func (s *Scores) Best(groupIndex int) (label int, p float32) {
	for k, x := range s.P(groupIndex) {
		if k == 0 || x > p {
			label, p = k, x
		}
	}
	return label, p
}

// Top fills labels with the likeliest labels of a group, best first, and
// returns as many as there are. Of equals the earlier comes first.
func (s *Scores) Top(groupIndex int, labels []int) []int {
	p := s.P(groupIndex)
	n := 0
	for k := range p {
		if n == len(labels) && (n == 0 || p[k] <= p[labels[n-1]]) {
			continue
		}
		if n < len(labels) {
			n++
		}
		i := n - 1
		for i > 0 && p[k] > p[labels[i-1]] {
			labels[i] = labels[i-1]
			i--
		}
		labels[i] = k
	}
	return labels[:n]
}
