package lexical

import "math"

// The scale of a row is a byte: 2 to the (b/8 - 24).
var rowScale = func() (t [256]float32) {
	for b := range t {
		t[b] = float32(math.Exp2(float64(b)/8 - 24))
	}
	return t
}()

// store rounds the rows to Config.Bits.
func (m *Model) store(rows []float32) {
	most := float32(127)
	if m.config.Bits == 4 {
		most = 7
	}
	m.scale = make([]uint8, len(m.idf))
	m.rows = make([]byte, len(m.idf)*m.rowBytes())
	for i := range m.scale {
		row := rows[i*m.dim:][:m.dim]
		top := float32(0)
		for _, x := range row {
			top = max(top, x, -x)
		}
		b := 0
		if top > 0 {
			b = int(math.Ceil((math.Log2(float64(top/most)) + 24) * 8))
		}
		b = min(255, max(0, b))
		m.scale[i] = uint8(b)
		m.storeRow(i, row, rowScale[b], most)
	}
}

func (m *Model) storeRow(i int, row []float32, unit, most float32) {
	out := m.rows[i*m.rowBytes():][:m.rowBytes()]
	for d, x := range row {
		q := int8(min(most, max(-most, float32(math.RoundToEven(float64(x/unit))))))
		if m.config.Bits == 8 {
			out[d] = byte(q)
			continue
		}
		out[d/2] |= (byte(q+8) & 15) << (4 * (d % 2))
	}
}

func (m *Model) rowBytes() int { return m.dim * m.config.Bits / 8 }

// addRow adds a row times v to sum.
func (m *Model) addRow(sum []float32, row int32, v float32) {
	n := m.rowBytes()
	x := m.rows[int(row)*n:][:n]
	v *= rowScale[m.scale[row]]
	if m.config.Bits == 4 {
		addNibbles(sum, v, x)
		return
	}
	x = x[:len(sum)]
	for len(sum) >= 4 && len(x) >= 4 {
		sum[0] += float32(v * float32(int8(x[0])))
		sum[1] += float32(v * float32(int8(x[1])))
		sum[2] += float32(v * float32(int8(x[2])))
		sum[3] += float32(v * float32(int8(x[3])))
		sum, x = sum[4:], x[4:]
	}
}

// rowAlong returns the product of a row and slope.
func (m *Model) rowAlong(row int32, slope []float32) float32 {
	n := m.rowBytes()
	x := m.rows[int(row)*n:][:n]
	var sum float32
	if m.config.Bits == 4 {
		for len(slope) >= 2 && len(x) >= 1 {
			a := int32(x[0])
			sum += float32(slope[0]*float32(a&15-8)) + float32(slope[1]*float32(a>>4-8))
			slope, x = slope[2:], x[1:]
		}
	} else {
		for d, v := range slope[:len(x)] {
			sum += float32(v * float32(int8(x[d])))
		}
	}
	return sum * rowScale[m.scale[row]]
}

func addNibbles(sum []float32, v float32, x []byte) {
	for len(sum) >= 4 && len(x) >= 2 {
		a, b := int32(x[0]), int32(x[1])
		sum[0] += float32(v * float32(a&15-8))
		sum[1] += float32(v * float32(a>>4-8))
		sum[2] += float32(v * float32(b&15-8))
		sum[3] += float32(v * float32(b>>4-8))
		sum, x = sum[4:], x[2:]
	}
}
