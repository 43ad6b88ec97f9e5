package linear

import (
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// Vectors say of stems how they are used: stems with vectors close to each
// other stand among the same words. They are read-only.
type Vectors struct {
	dim   int
	table lookup
	keys  []uint32  // hashes of stems
	gain  []float32 // what the bytes of a vector are multiplied by: its scale and how little common the stem is
	data  []int8    // [V][D]
}

// VectorConfig says how to learn vectors. Zero values take the defaults in
// parentheses.
type VectorConfig struct {
	Dim    int // numbers a vector (64)
	Window int // words to either side that count as neighbours (6)
	Least  int // occurrences that a stem needs (5)
}

// LearnVectors learns vectors from running text: the factors of the matrix of
// how much oftener two stems are neighbours than chance would have it.
func LearnVectors(texts []string, c VectorConfig) *Vectors {
	if c.Dim == 0 {
		c.Dim = 64
	}
	if c.Window == 0 {
		c.Window = 6
	}
	if c.Least == 0 {
		c.Least = 5
	}
	keys, counts, total := vocabulary(texts, c.Least)
	v := &Vectors{dim: c.Dim, keys: keys, table: newLookup(keys)}
	m := v.neighbours(texts, c.Window)
	m.information()
	v.quantise(m.factors(c.Dim), counts, total)
	return v
}

// Len returns the number of stems that have a vector.
func (v *Vectors) Len() int { return len(v.keys) }

// vocabulary returns the stems that occur often enough in the order of their
// hashes, how often each does, and how many words there are.
func vocabulary(texts []string, least int) (keys []uint32, counts []int, total int) {
	count := map[uint32]int{}
	s := &scanner{}
	for _, t := range texts {
		s.scan(t[:min(len(t), MaxText)])
		for _, w := range s.words {
			count[w.stem]++
		}
	}
	for k, n := range count {
		if n >= least {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if len(keys) > MaxVectors {
		keys = keys[:MaxVectors]
	}
	for _, k := range keys {
		counts = append(counts, count[k])
		total += count[k]
	}
	return keys, counts, total
}

// matrix is sparse, by rows.
type matrix struct {
	n     int
	start []int32
	col   []int32
	value []float32
}

// neighbours counts how often stems stand near each other, near ones for more.
func (v *Vectors) neighbours(texts []string, window int) *matrix {
	const distanceBits, keyBits = 8, 28
	var pairs []uint64
	var row []int32
	s := &scanner{}
	for _, t := range texts {
		s.scan(t[:min(len(t), MaxText)])
		row = row[:0]
		for _, w := range s.words {
			if !w.function {
				row = append(row, v.table.find(w.stem))
			}
		}
		for i, a := range row {
			for d := 1; d <= window && i+d < len(row); d++ {
				if b := row[i+d]; a >= 0 && b >= 0 {
					pairs = append(pairs,
						uint64(a)<<(keyBits+distanceBits)|uint64(b)<<distanceBits|uint64(d),
						uint64(b)<<(keyBits+distanceBits)|uint64(a)<<distanceBits|uint64(d))
				}
			}
		}
	}
	slices.Sort(pairs)
	m := &matrix{n: len(v.keys), start: make([]int32, len(v.keys)+1)}
	last := uint64(math.MaxUint64)
	for _, p := range pairs {
		if p>>distanceBits != last {
			last = p >> distanceBits
			m.col = append(m.col, int32(last&(1<<keyBits-1)))
			m.value = append(m.value, 0)
			m.start[last>>keyBits+1]++
		}
		m.value[len(m.value)-1] += float32(1 / math.Sqrt(float64(p&(1<<distanceBits-1))))
	}
	for i := range m.n {
		m.start[i+1] += m.start[i]
	}
	return m
}

// information replaces counts by positive pointwise mutual information, with the
// frequency of neighbours smoothed.
func (m *matrix) information() {
	const smooth = 0.75
	sum := make([]float64, m.n)
	total, smoothed := 0.0, 0.0
	for i := range m.n {
		for j := m.start[i]; j < m.start[i+1]; j++ {
			sum[i] += float64(m.value[j])
		}
		total += sum[i]
		smoothed += math.Pow(sum[i], smooth)
	}
	for i := range m.n {
		for j := m.start[i]; j < m.start[i+1]; j++ {
			chance := sum[i] * math.Pow(sum[m.col[j]], smooth) / smoothed
			m.value[j] = float32(max(0, math.Log(float64(m.value[j])/chance)))
		}
	}
}

// times returns m x for x of n rows and the given width; transposed, if asked.
func (m *matrix) times(x []float32, width int, transposed bool) []float32 {
	out := make([]float32, m.n*width)
	for i := range m.n {
		for j := m.start[i]; j < m.start[i+1]; j++ {
			to, from := i, int(m.col[j])
			if transposed {
				to, from = from, to
			}
			kernel.Axpy(out[to*width:][:width], m.value[j], x[from*width:][:width])
		}
	}
	return out
}

// quantise stores the vectors at unit length.
func (v *Vectors) quantise(x []float32, counts []int, total int) {
	const common = 1e-3 // share of all words at which a stem weighs half
	v.data = make([]int8, len(x))
	v.gain = make([]float32, len(v.keys))
	for i := range v.keys {
		row := x[i*v.dim:][:v.dim]
		top := float32(0)
		for _, y := range row {
			top = max(top, y, -y)
		}
		length := math.Sqrt(float64(kernel.Dot(row, row)))
		if top == 0 || length == 0 {
			continue
		}
		for d, y := range row {
			v.data[i*v.dim+d] = int8(math.RoundToEven(float64(y / top * 127)))
		}
		rare := common / (common + float64(counts[i])/float64(total))
		v.gain[i] = float32(rare * float64(top) / 127 / length)
	}
}

// add adds the vector of a stem times sign to sum and says whether it has one.
func (v *Vectors) add(sum []float32, stem uint32, sign float32) bool {
	i := v.table.find(stem)
	if i < 0 {
		return false
	}
	g := v.gain[i] * sign
	x := v.data[int(i)*v.dim:][:v.dim]
	sum = sum[:len(x)]
	for d, y := range x {
		sum[d] += float32(g * float32(y))
	}
	return true
}
