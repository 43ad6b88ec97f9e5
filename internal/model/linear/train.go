package linear

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// trainer holds what training needs beside the model itself.
type trainer struct {
	model  *Model
	docs   []int32   // of each row
	weight []float32 // [rows+D][labels]
	texts  []trainText
	slope  []float32
	moved  []int32   // of step: the labels whose weights move,
	by     []float32 // and by how much for a feature of value 1
}

// trainText is an example as its features and its mean vector.
type trainText struct {
	rows   []int32
	values []float32
	from   *Example
}

// Train learns a model from examples. Progress, if not nil, is called after each
// pass with its number from 1 and the mean loss an example.
func Train(examples []Example, vectors *Vectors, config Config, progress func(epoch int, loss float64)) (*Model, error) {
	config = config.withDefaults()
	if err := checkConfig(&config); err != nil {
		return nil, err
	}
	if err := checkExamples(examples, &config); err != nil {
		return nil, err
	}
	if vectors == nil {
		return nil, fmt.Errorf("train %q: no vectors", config.Name)
	}
	t := &trainer{model: newModel(config, vectors)}
	t.model.info.Examples = len(examples)
	if err := t.collect(examples); err != nil {
		return nil, err
	}
	t.prepare(examples)
	t.weight = make([]float32, (len(t.docs)+vectors.dim)*t.model.labels)
	t.slope = make([]float32, t.model.labels)
	random := rand.New(rand.NewPCG(config.Seed, 0x11ea))
	order := make([]int, len(t.texts))
	for i := range order {
		order[i] = i
	}
	for epoch := range config.Epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		loss := 0.0
		for n, i := range order {
			left := 1 - (float32(epoch)+float32(n)/float32(len(order)))/float32(config.Epochs)
			loss += t.step(&t.texts[i], config.Rate*left)
		}
		if progress != nil {
			progress(epoch+1, loss/float64(len(order)))
		}
	}
	t.prior(examples)
	t.store()
	return t.model, nil
}

func newModel(c Config, v *Vectors) *Model {
	from := groupsFrom(c.Groups)
	m := &Model{config: c, from: from, labels: from[len(from)-1], vectors: v}
	m.bias = make([]float32, m.labels)
	m.dense = make([]float32, (m.labels+1)*v.dim)
	for range c.Groups {
		m.temper = append(m.temper, 1)
	}
	return m
}

func checkConfig(c *Config) error {
	labels := 0
	for _, g := range c.Groups {
		if len(g.Labels) == 0 || len(g.Labels) > MaxLabels {
			return fmt.Errorf("model %q: group %q has %d labels, 1 to %d can be", c.Name, g.Name, len(g.Labels), MaxLabels)
		}
		labels += len(g.Labels)
	}
	switch {
	case len(c.Groups) == 0 || len(c.Groups) > MaxGroups:
		return fmt.Errorf("model %q: %d groups, 1 to %d can be", c.Name, len(c.Groups), MaxGroups)
	case labels > MaxLabels:
		return fmt.Errorf("model %q: %d labels, at most %d can be", c.Name, labels, MaxLabels)
	case c.Epochs < 0 || c.Epochs > 1000 || c.MinDocs < 1 || c.Keep < 1:
		return fmt.Errorf("model %q: epochs %d, least documents %d or weights %d out of range", c.Name, c.Epochs, c.MinDocs, c.Keep)
	}
	for _, x := range []float32{c.Rate, c.Share, c.Prior} {
		if !(math.Abs(float64(x)) <= 100) { // a NaN fails as well
			return fmt.Errorf("model %q: rate, share or prior %v out of range", c.Name, x)
		}
	}
	return nil
}

func checkExamples(examples []Example, c *Config) error {
	if len(examples) == 0 {
		return fmt.Errorf("train %q: no examples", c.Name)
	}
	for i := range examples {
		e := &examples[i]
		if e.Group < 0 || e.Group >= len(c.Groups) || len(e.Labels) == 0 {
			return fmt.Errorf("train %q: example %d has no group or no label", c.Name, i)
		}
		for _, l := range e.Labels {
			if l < 0 || l >= len(c.Groups[e.Group].Labels) {
				return fmt.Errorf("train %q: example %d has label %d, which group %d lacks", c.Name, i, l, e.Group)
			}
		}
	}
	return nil
}

// collect chooses the features that get a row.
func (t *trainer) collect(examples []Example) error {
	docs := map[uint32]int32{}
	last := map[uint32]int32{}
	s := &scanner{}
	for i := range examples {
		s.scan(cut(examples[i].Text))
		for _, f := range s.features {
			if last[f.hash] != int32(i+1) {
				last[f.hash] = int32(i + 1)
				docs[f.hash]++
			}
		}
	}
	var keys []uint32
	for h, n := range docs {
		if int(n) >= t.model.config.MinDocs {
			keys = append(keys, h)
		}
	}
	if len(keys) == 0 || len(keys) > MaxRows {
		return errors.New("train: too few or too many features")
	}
	slices.Sort(keys)
	m := t.model
	m.table = newLookup(keys)
	for _, h := range keys {
		t.docs = append(t.docs, docs[h])
		r := math.Log(float64(len(examples))/float64(docs[h])) / rarityUnit
		m.rarity = append(m.rarity, uint8(min(255, max(1, math.Round(r)))))
	}
	m.start = make([]uint32, len(keys)+1)
	m.scale = make([]float32, len(keys))
	m.index()
	return nil
}

func cut(text string) string { return text[:min(len(text), MaxText)] }

// prepare turns the texts into what step reads.
func (t *trainer) prepare(examples []Example) {
	m, dim := t.model, t.model.vectors.dim
	s := m.NewScores()
	means := make([]float32, len(examples)*dim)
	all := m.dense[m.labels*dim:]
	for i := range examples {
		m.Read(s, examples[i].Text, examples[i].Group)
		x := trainText{from: &examples[i]}
		inverse := float32(1)
		if s.norm > 0 {
			inverse = float32(1 / math.Sqrt(float64(s.norm)))
		}
		for _, a := range s.active {
			x.rows, x.values = append(x.rows, a.row), append(x.values, a.value*inverse)
		}
		t.texts = append(t.texts, x)
		unit(means[i*dim:][:dim], s.sum)
	}
	for i := range examples {
		kernel.Axpy(all, 1/float32(len(examples)), means[i*dim:][:dim])
	}
	out := make([]float32, dim)
	for i := range t.texts {
		x := &t.texts[i]
		for d, v := range m.vectors.centre(out, means[i*dim:][:dim], all) {
			x.rows, x.values = append(x.rows, int32(len(t.docs)+d)), append(x.values, v*m.config.Share)
		}
	}
}

// step learns from one text and returns its loss.
func (t *trainer) step(x *trainText, rate float32) float64 {
	const (
		negligible = 1e-4 // slopes of most labels of most texts, not followed
		slow       = 0.1  // of the biases
	)
	m, e := t.model, x.from
	from, to := m.from[e.Group], m.from[e.Group+1]
	z := t.slope[:to-from]
	copy(z, m.bias[from:to])
	for i, row := range x.rows {
		kernel.Axpy(z, x.values[i], t.weight[int(row)*m.labels+from:][:to-from])
	}
	softmax(z, z)
	loss, share := 0.0, 1/float32(len(e.Labels))
	for _, l := range e.Labels {
		loss -= math.Log(float64(z[l])+1e-9) * float64(share)
	}
	for _, l := range e.Labels {
		z[l] -= share
	}
	if e.Weight != 0 {
		rate *= e.Weight
	}
	t.moved, t.by = t.moved[:0], t.by[:0]
	for k, g := range z {
		if g >= negligible || g <= -negligible {
			m.bias[from+k] -= slow * rate * g
			t.moved, t.by = append(t.moved, int32(k)), append(t.by, rate*g)
		}
	}
	for i, row := range x.rows {
		w, v := t.weight[int(row)*m.labels+from:][:to-from], x.values[i]
		by := t.by[:len(t.moved)]
		for j, k := range t.moved {
			w[k] -= float32(by[j] * v)
		}
	}
	return loss
}

// prior adds a share of how frequent the labels are to their biases.
func (t *trainer) prior(examples []Example) {
	m := t.model
	count := make([]float64, m.labels)
	for i := range examples {
		w := float64(examples[i].Weight)
		if w == 0 {
			w = 1
		}
		for _, l := range examples[i].Labels {
			count[m.from[examples[i].Group]+l] += w / float64(len(examples[i].Labels))
		}
	}
	for g := range m.config.Groups {
		total := 0.0
		for k := m.from[g]; k < m.from[g+1]; k++ {
			count[k] += 0.1
			total += count[k]
		}
		for k := m.from[g]; k < m.from[g+1]; k++ {
			m.bias[k] += m.config.Prior * float32(math.Log(count[k]/total))
		}
	}
}

// store keeps the weights that matter most, in a byte each, and lets go of the
// features that are left without any.
func (t *trainer) store() {
	m, rows := t.model, len(t.docs)
	least := t.least()
	for row := range rows {
		w := t.weight[row*m.labels:][:m.labels]
		matter := t.matter(row)
		top := float32(0)
		for _, x := range w {
			top = max(top, x, -x)
		}
		m.scale[row] = top / 127
		for k, x := range w {
			if !(max(x, -x)*matter > least) || top == 0 {
				continue
			}
			if q := int8(math.RoundToEven(float64(x / m.scale[row]))); q != 0 {
				m.weight = append(m.weight, packed(k, q))
			}
		}
		m.start[row+1] = uint32(len(m.weight))
	}
	dim := m.vectors.dim
	for d := range dim {
		for k := range m.labels {
			m.dense[k*dim+d] = t.weight[(rows+d)*m.labels+k] * m.config.Share
		}
	}
	m.index()
}

// matter is how much a weight of a row moves, and how often.
func (t *trainer) matter(row int) float32 {
	return float32(t.model.rarity[row]) * float32(math.Sqrt(float64(t.docs[row])))
}

// least returns what a weight must matter more than, so that Config.Keep are
// left, or a few fewer.
func (t *trainer) least() float32 {
	const shift, buckets = 14, 1 << 17
	var count [buckets]int
	m := t.model
	for row := range t.docs {
		matter := t.matter(row)
		for _, x := range t.weight[row*m.labels:][:m.labels] {
			if x != 0 {
				count[math.Float32bits(max(x, -x)*matter)>>shift]++
			}
		}
	}
	kept := 0
	for b := buckets - 1; b >= 0; b-- {
		if kept += count[b]; kept > m.config.Keep {
			return math.Float32frombits(uint32(b)<<shift | (1<<shift - 1))
		}
	}
	return 0
}
