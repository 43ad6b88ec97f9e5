package linear

// wideShare: a row that has weights for one label in wideShare of a group, or
// more, is also kept as a byte for each label of it, wherein any label is found
// at once.
const wideShare = 4

// asFloat holds each weight, taken as an unsigned byte, as a float: a load from
// it is faster than a conversion.
var asFloat = func() (t [256]float32) {
	for i := range t {
		t[i] = float32(int8(uint8(i)))
	}
	return t
}()

// span is a row within a group: all that adding it needs, side by side.
type span struct {
	from, to uint32 // among the weights
	wide     int32  // where it is among the bytes, plus one; 0 for nowhere
	scale    float32
}

// index derives from start and weight where the weights of each group are, and
// which rows are wide. Train and Decode call it last.
func (m *Model) index() {
	groups := len(m.config.Groups)
	m.spans = make([]span, len(m.scale)*groups)
	m.bytes = nil
	at := uint32(0)
	for row, scale := range m.scale {
		for g := range groups {
			from := at
			for at < m.start[row+1] && labelOf(m.weight[at]) < m.from[g+1] {
				at++
			}
			m.spans[row*groups+g] = span{from, at, m.widen(g, m.weight[from:at]), scale}
		}
	}
}

// widen keeps a row of a group as bytes if it is dense enough, and returns where,
// plus one. A damaged file can name a label twice: such rows stay as they are.
func (m *Model) widen(group int, weights []uint32) int32 {
	from, to := m.from[group], m.from[group+1]
	if wideShare*len(weights) < to-from {
		return 0
	}
	at, last := len(m.bytes), -1
	m.bytes = append(m.bytes, make([]uint8, to-from)...)
	for _, w := range weights {
		if labelOf(w) == last {
			m.bytes = m.bytes[:at]
			return 0
		}
		last = labelOf(w)
		m.bytes[at+last-from] = uint8(w)
	}
	return int32(at + 1)
}

// span returns where the weights of a row for the labels of a group are.
func (m *Model) span(row int32, group int) span {
	return m.spans[int(row)*len(m.config.Groups)+group]
}

func (m *Model) list(s span) []uint32 { return m.weight[s.from:s.to] }

// wide returns the weights of a wide row of a group, one for each label.
func (m *Model) wide(s span, group int) []uint8 {
	return m.bytes[s.wide-1:][:m.from[group+1]-m.from[group]]
}

// sums has a place for each label of all groups, and as many as labelOf can
// give, so that no index needs a check.
type sums [MaxLabels]float32

// addRow adds the weights of a feature within a group, times v, to sum. Bytes
// are added faster than a list, but more of them.
func (m *Model) addRow(sum *sums, s span, v float32, group int) {
	v *= s.scale
	if from, to := m.from[group], m.from[group+1]; s.wide > 0 && 2*int(s.to-s.from) >= to-from {
		addBytes(sum[from:to], m.wide(s, group), v)
		return
	}
	addList(sum, m.list(s), v)
}

func addList(sum *sums, list []uint32, v float32) {
	for len(list) >= 8 {
		w := (*[8]uint32)(list)
		w0, w1, w2, w3, w4, w5, w6, w7 := w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
		sum[labelOf(w0)%MaxLabels] += float32(v * asFloat[uint8(w0)])
		sum[labelOf(w1)%MaxLabels] += float32(v * asFloat[uint8(w1)])
		sum[labelOf(w2)%MaxLabels] += float32(v * asFloat[uint8(w2)])
		sum[labelOf(w3)%MaxLabels] += float32(v * asFloat[uint8(w3)])
		sum[labelOf(w4)%MaxLabels] += float32(v * asFloat[uint8(w4)])
		sum[labelOf(w5)%MaxLabels] += float32(v * asFloat[uint8(w5)])
		sum[labelOf(w6)%MaxLabels] += float32(v * asFloat[uint8(w6)])
		sum[labelOf(w7)%MaxLabels] += float32(v * asFloat[uint8(w7)])
		list = list[8:]
	}
	for _, w := range list {
		sum[labelOf(w)%MaxLabels] += float32(v * asFloat[uint8(w)])
	}
}

func addBytes(sum []float32, bytes []uint8, v float32) {
	for len(sum) >= 8 && len(bytes) >= 8 {
		s, b := (*[8]float32)(sum), (*[8]uint8)(bytes)
		s[0] += float32(v * asFloat[b[0]])
		s[1] += float32(v * asFloat[b[1]])
		s[2] += float32(v * asFloat[b[2]])
		s[3] += float32(v * asFloat[b[3]])
		s[4] += float32(v * asFloat[b[4]])
		s[5] += float32(v * asFloat[b[5]])
		s[6] += float32(v * asFloat[b[6]])
		s[7] += float32(v * asFloat[b[7]])
		sum, bytes = sum[8:], bytes[8:]
	}
	for k, b := range bytes[:len(sum)] {
		sum[k] += float32(v * asFloat[b])
	}
}

// addRowAt is addRow for some labels of a group only; the others are left with
// what is of no use.
func (m *Model) addRowAt(sum *sums, s span, v float32, group int, labels []int32) {
	v *= s.scale
	if s.wide == 0 {
		addList(sum, m.list(s), v)
		return
	}
	part, bytes := sum[m.from[group]:m.from[group+1]], m.wide(s, group)
	bytes = bytes[:len(part)]
	for _, k := range labels {
		part[k] += float32(v * asFloat[bytes[k]])
	}
}

// weightFor returns the weight of a feature for a label of a group, scaled.
func (m *Model) weightFor(s span, group, label int) float32 {
	if s.wide > 0 {
		return s.scale * asFloat[m.wide(s, group)[label]]
	}
	label += m.from[group]
	list := m.list(s)
	low := 0
	for n := len(list); n > 1; {
		half := n / 2
		if labelOf(list[low+half-1]) < label { // the compiler makes no branch of it
			low += half
		}
		n -= half
	}
	if low < len(list) && labelOf(list[low]) == label {
		return s.scale * asFloat[uint8(list[low])]
	}
	return 0
}
