package lexical

import (
	"math"
	"math/rand/v2"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// Adagrad divides by the root of the squared gradients so far, and of this.
const (
	outputFloor = 1e-4
	rowFloor    = 1e-8
)

// styleValue is the value of the style's row, which every text has: small, or
// it would learn for the words.
const styleValue = 0.3

// negligible gradients of an output are not followed: most labels of most texts.
const negligible = 1e-4

// trainer trains one member.
type trainer struct {
	*lesson
	dim    int
	random *rand.Rand

	rows   []float32 // [F][dim]
	rowSum []float32 // [F] squared gradients so far, one a row
	style  layer     // [S][dim], one sum a row

	shared []layer       // of each group, for all styles
	own    [][][]float32 // of each group and style, [labels][dim], added to shared; none if there is one style
	bias   []layer       // of each group, [S][labels]

	hidden, slope []float32 // [dim]
	logits, want  []float32 // of the group at hand
	correction    []float32 // of the style at hand
	keep          []active
}

// layer is weights in training and their squared gradients so far.
type layer struct{ weight, sum []float32 }

func newLayer(n int) layer { return layer{make([]float32, n), make([]float32, n)} }

// train trains a member.
func (l *lesson) train(seed uint64, progress func(epoch int, loss float64)) *trainer {
	t := l.newTrainer(seed)
	epochs := l.model.config.Epochs
	order := make([]int, len(l.texts))
	for i := range order {
		order[i] = i
	}
	for epoch := range epochs {
		t.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		loss := 0.0
		for n, i := range order {
			left := 1 - (float32(epoch)+float32(n)/float32(len(order)))/float32(epochs)
			loss += t.step(&l.texts[i], left)
		}
		if progress != nil {
			progress(epoch+1, loss/float64(len(order)))
		}
	}
	return t
}

// newTrainer sets the first weights.
func (l *lesson) newTrainer(seed uint64) *trainer {
	c, f := &l.model.config, len(l.model.idf)
	d, styles := c.MemberDim, c.styles()
	t := &trainer{
		lesson: l, dim: d, random: rand.New(rand.NewPCG(seed, 0x1e81ca1)),
		rows: make([]float32, f*d), rowSum: make([]float32, f), style: newLayer(styles * d),
		hidden: make([]float32, d), slope: make([]float32, d),
	}
	spread := 1 / float32(math.Sqrt(float64(d)))
	for i := range t.rows {
		t.rows[i] = float32(t.random.Float32()-0.5) * spread
	}
	most := 0
	for i := range l.model.groups {
		n := l.model.groups[i].labels
		most = max(most, n)
		t.shared = append(t.shared, newLayer(n*d))
		t.bias = append(t.bias, newLayer(n*styles))
		var own [][]float32
		for s := 0; s < styles && styles > 1; s++ {
			own = append(own, make([]float32, n*d))
		}
		t.own = append(t.own, own)
	}
	t.logits, t.want, t.correction = make([]float32, most), make([]float32, most), make([]float32, most)
	return t
}

// step learns from one text and returns its loss. left is the share of the
// training still to come, which the rates follow.
func (t *trainer) step(x *trainText, left float32) float64 {
	c := &t.model.config
	t.drop(x)
	style := x.from.Style
	copy(t.hidden, t.style.weight[style*t.dim:][:t.dim])
	grow := 1 / (1 - c.Dropout)
	for i := range t.keep {
		a := &t.keep[i]
		kernel.Axpy(t.hidden, a.value*grow, t.rows[int(a.row)*t.dim:][:t.dim])
	}
	clear(t.slope)
	loss := 0.0
	for i := range t.model.groups {
		loss += t.learnGroup(i, x.from, c.Rate*left)
	}
	t.learnRows(style, grow, c.RowRate*left)
	return loss
}

// drop leaves out some of the features of a text.
func (t *trainer) drop(x *trainText) {
	t.keep = t.keep[:0]
	for _, a := range x.active {
		if t.random.Float32() >= t.model.config.Dropout {
			t.keep = append(t.keep, a)
		}
	}
}

// learnGroup moves an output layer, adds the slope of the loss to t.slope, and
// returns the loss.
func (t *trainer) learnGroup(i int, e *Example, rate float32) float64 {
	g := &t.model.groups[i]
	want := t.want[:g.labels]
	if !t.model.target(want, i, e) {
		return 0
	}
	out := t.logits[:g.labels]
	bias := t.bias[i].weight[e.Style*g.labels:][:g.labels]
	multiply(out, t.shared[i].weight, t.hidden)
	kernel.Axpy(out, 1, bias)
	if own := t.own[i]; len(own) > 0 {
		correction := t.correction[:g.labels]
		multiply(correction, own[e.Style], t.hidden)
		kernel.Axpy(out, 1, correction)
	}
	if prior := t.prior[i]; prior != nil {
		for k := range out {
			out[k] += prior[k]
		}
	}
	weight := e.weight()
	loss := lossOf(out, want, g.multi) * float64(weight)
	if w := t.model.config.Groups[i].Weight; w != 0 {
		weight *= w
	}
	for k := range out {
		if slope := (out[k] - want[k]) * weight; slope > negligible || slope < -negligible {
			t.learnOutput(i, e.Style, k, slope, rate)
		}
	}
	return loss
}

// target fills want with what the group ought to say; false if nothing is known.
func (m *Model) target(want []float32, i int, e *Example) bool {
	clear(want)
	known, total := false, float32(0)
	for _, x := range e.Targets {
		if x.Group != i {
			continue
		}
		known = true
		if x.Label < 0 {
			continue
		}
		share := x.Share
		if share == 0 {
			share = 1
		}
		want[x.Label] += share
		total += share
	}
	if !known || m.groups[i].multi {
		for k := range want {
			want[k] = min(1, want[k])
		}
		return known
	}
	smooth := m.config.Smooth
	for k := range want {
		want[k] = float32(want[k]/total*(1-smooth)) + smooth/float32(len(want))
	}
	return true
}

// lossOf replaces logits by probabilities and returns the cross entropy.
func lossOf(out, want []float32, multi bool) float64 {
	loss := 0.0
	if multi {
		for k, z := range out {
			out[k] = 1 / (1 + exp(-z))
			p := out[k]
			if want[k] < 0.5 {
				p = 1 - p
			}
			loss -= math.Log(float64(p) + 1e-9)
		}
		return loss
	}
	softmax(out, out)
	for k, w := range want {
		if w > 0 {
			loss -= float64(w) * math.Log(float64(out[k])+1e-9)
		}
	}
	return loss
}

// learnOutput moves the weights of one label, those of all styles and those of
// one alike, and adds the slope of the loss to t.slope.
func (t *trainer) learnOutput(i, style, k int, slope, rate float32) {
	b := style*t.model.groups[i].labels + k
	bias := &t.bias[i]
	bias.sum[b] += float32(slope * slope)
	bias.weight[b] -= rate * slope / root(bias.sum[b]+outputFloor)
	dim := t.dim
	w, sum := t.shared[i].weight[k*dim:][:dim], t.shared[i].sum[k*dim:][:dim]
	h, back := t.hidden[:dim], t.slope[:dim]
	if own := t.own[i]; len(own) > 0 {
		o := own[style][k*dim:][:dim]
		for d := range w {
			back[d] += float32(slope * (w[d] + o[d]))
			x := slope * h[d]
			s := sum[d] + float32(x*x)
			sum[d] = s
			x = rate * x / root(s+outputFloor)
			w[d] -= x
			o[d] -= x
		}
		return
	}
	for d := range w {
		back[d] += float32(slope * w[d])
		x := slope * h[d]
		s := sum[d] + float32(x*x)
		sum[d] = s
		w[d] -= rate * x / root(s+outputFloor)
	}
}

// learnRows moves the rows of the features that were kept, and the style's.
func (t *trainer) learnRows(style int, grow, rate float32) {
	dim := t.dim
	square := kernel.Dot(t.slope, t.slope) / float32(dim)
	move := func(row []float32, sum *float32, value float32) {
		*sum += float32(square*value) * value
		kernel.Axpy(row, -rate*value/root(*sum+rowFloor), t.slope)
	}
	for i := range t.keep {
		a := &t.keep[i]
		move(t.rows[int(a.row)*dim:][:dim], &t.rowSum[a.row], a.value*grow)
	}
	if t.model.config.styles() > 1 {
		move(t.style.weight[style*dim:][:dim], &t.style.sum[style], styleValue)
	}
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) }
