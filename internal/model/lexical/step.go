package lexical

import "math"

// Adagrad divides by the root of the squared gradients so far, and of this.
const (
	outputFloor = 1e-4
	rowFloor    = 1e-8
)

// styleValue is the value of the style's row, which every text has: small, or
// it would learn for the words.
const styleValue = 0.3

// negligible gradients of an output are not followed: most labels of most texts.
const negligible = 1e-5

// step learns from one text and returns its loss. left is the share of the
// training still to come, which the rates follow.
func (t *trainer) step(x *trainText, left float32) float64 {
	m, c := t.model, &t.model.config
	t.drop(x)
	style := x.from.Style
	copy(t.hidden, m.style[style*m.dim:][:m.dim])
	grow := 1 / (1 - c.Dropout)
	for i := range t.keep {
		a := &t.keep[i]
		axpy(t.hidden, a.value*grow, t.rows[int(a.row)*m.dim:][:m.dim])
	}
	clear(t.slope)
	loss := 0.0
	for i := range m.groups {
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
	if !t.target(want, i, e) {
		return 0
	}
	out := t.logits[:g.labels]
	bias := g.bias[e.Style*g.labels:][:g.labels]
	for k := range out {
		out[k] = dot(g.weight[k*t.model.dim:][:t.model.dim], t.hidden) + bias[k]
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
func (t *trainer) target(want []float32, i int, e *Example) bool {
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
	if !known || t.model.groups[i].multi {
		for k := range want {
			want[k] = min(1, want[k])
		}
		return known
	}
	smooth := t.model.config.Smooth
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

// learnOutput moves the weights of one label.
func (t *trainer) learnOutput(i, style, k int, slope, rate float32) {
	g, dim := &t.model.groups[i], t.model.dim
	b := style*g.labels + k
	t.biasSum[i][b] += float32(slope * slope)
	g.bias[b] -= rate * slope / root(t.biasSum[i][b]+outputFloor)
	w, sum := g.weight[k*dim:][:dim], t.weightSum[i][k*dim:][:dim]
	h, back := t.hidden[:dim], t.slope[:dim]
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
	dim := t.model.dim
	square := dot(t.slope, t.slope) / float32(dim)
	move := func(row []float32, sum *float32, value float32) {
		*sum += float32(square*value) * value
		axpy(row, -rate*value/root(*sum+rowFloor), t.slope)
	}
	for i := range t.keep {
		a := &t.keep[i]
		move(t.rows[int(a.row)*dim:][:dim], &t.rowSum[a.row], a.value*grow)
	}
	if t.model.config.styles() > 1 {
		move(t.model.style[style*dim:][:dim], &t.styleSum[style], styleValue)
	}
}

func root(x float32) float32 { return float32(math.Sqrt(float64(x))) }
