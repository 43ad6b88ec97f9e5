package lexical

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel"
)

// mergeTexts bounds the texts that merge looks at.
const mergeTexts = 20000

// merge makes one model of the members: the mean of their outputs, by a middle
// layer of Dim numbers. If that is narrower than all their middle layers side
// by side, it keeps the directions that change the outputs of the training
// texts most (reduced-rank regression of the outputs on the middle layers).
//
// Source: Izenman 1975, Journal of Multivariate Analysis 5.
func (l *lesson) merge(members []*trainer) {
	m := l.model
	wide := len(members) * members[0].dim
	joined := l.join(members)
	if wide == m.dim {
		l.install(joined, nil, nil)
		return
	}
	down, up := l.narrow(members, joined)
	l.install(joined, down, up)
}

// joined is all members side by side.
type joined struct {
	wide int
	rows []*trainer
	out  [][]float32 // of each group [S][labels][wide]
	bias [][]float32 // of each group [S][labels], the style's row in it
}

func (l *lesson) join(members []*trainer) *joined {
	d, styles := members[0].dim, l.model.config.styles()
	j := &joined{wide: d * len(members), rows: members}
	share := 1 / float32(len(members))
	for i := range l.model.groups {
		n := l.model.groups[i].labels
		out, bias := make([]float32, styles*n*j.wide), make([]float32, styles*n)
		for at, t := range members {
			for k := range styles * n {
				s, label := k/n, k%n
				w := out[k*j.wide+at*d:][:d]
				kernel.Axpy(w, 1, t.shared[i].weight[label*d:][:d])
				if len(t.own[i]) > 0 {
					kernel.Axpy(w, 1, t.own[i][s][label*d:][:d])
				}
				bias[k] += share * (t.bias[i].weight[k] + kernel.Dot(w, t.style.weight[s*d:][:d]))
				for c := range w {
					w[c] *= share
				}
			}
		}
		j.out, j.bias = append(j.out, out), append(j.bias, bias)
	}
	return j
}

// row fills out with a feature's row of all members.
func (j *joined) row(out []float32, f int) {
	d := j.wide / len(j.rows)
	for at, t := range j.rows {
		copy(out[at*d:][:d], t.rows[f*d:][:d])
	}
}

// install writes rows times down, and outputs times up, into the model. Both
// are [wide][Dim]; nil stands for the identity.
func (l *lesson) install(j *joined, down, up []float64) {
	m := l.model
	project := func(out, in []float32, by []float64) {
		if by == nil {
			copy(out, in)
			return
		}
		for c := range out {
			total := 0.0
			for w, x := range in {
				total += float64(float64(x) * by[w*m.dim+c])
			}
			out[c] = float32(total)
		}
	}
	rows, wide := make([]float32, len(m.idf)*m.dim), make([]float32, j.wide)
	for f := range m.idf {
		j.row(wide, f)
		project(rows[f*m.dim:][:m.dim], wide, down)
	}
	m.store(rows)
	for i := range m.groups {
		g := &m.groups[i]
		copy(g.bias, j.bias[i])
		for k := range g.bias {
			project(g.weight[k*m.dim:][:m.dim], j.out[i][k*j.wide:][:j.wide], up)
		}
	}
}

// narrow returns how the wide middle layer becomes a narrow one, and how the
// output layers follow. With C the second moment of the middle layer over the
// texts and V the strongest directions of root(C) W'W root(C), these are
// root(C)^-1 V and root(C) V.
func (l *lesson) narrow(members []*trainer, j *joined) (down, up []float64) {
	n, dim := j.wide, l.model.dim
	values, vectors := eigen(l.moment(members, j), n)
	half, inverse := make([]float64, n*n), make([]float64, n*n)
	for a := range n {
		for b := range n {
			for k, v := range values {
				r := math.Sqrt(max(v, 1e-9))
				x := vectors[a*n+k] * vectors[b*n+k]
				half[a*n+b] += float64(x * r)
				inverse[a*n+b] += x / r
			}
		}
	}
	strength, best := eigen(product(product(half, l.effect(j), n), half, n), n)
	down, up = columns(product(inverse, best, n), n, dim), columns(product(half, best, n), n, dim)
	balance(down, up, strength[:dim])
	return down, up
}

// balance divides what a direction does between rows and outputs, so that
// rounding the rows, which have one scale for all directions, disturbs the
// outputs least: by the root of its strength, itself a square.
func balance(down, up, strength []float64) {
	dim := len(strength)
	for k, v := range strength {
		into, outOf := 0.0, 0.0
		if v > 1e-12*strength[0] {
			into = math.Sqrt(math.Sqrt(v))
			outOf = 1 / into
		}
		for i := k; i < len(down); i += dim {
			down[i] *= into
			up[i] *= outOf
		}
	}
}

// moment returns the mean of h h' over training texts, h the wide middle layer.
func (l *lesson) moment(members []*trainer, j *joined) []float64 {
	n := j.wide
	out, h := make([]float64, n*n), make([]float32, n)
	stride := (len(l.texts) + mergeTexts - 1) / mergeTexts
	d := members[0].dim
	for i := 0; i < len(l.texts); i += stride {
		clear(h)
		for _, a := range l.texts[i].active {
			for at, t := range members {
				kernel.Axpy(h[at*d:][:d], a.value, t.rows[int(a.row)*d:][:d])
			}
		}
		for a, x := range h {
			row := out[a*n:][:a+1]
			for b := range row {
				row[b] += float64(float64(x) * float64(h[b]))
			}
		}
	}
	for a := range n {
		for b := range a {
			out[b*n+a] = out[a*n+b]
		}
	}
	scale := 1 / float64((len(l.texts)+stride-1)/stride)
	for i := range out {
		out[i] *= scale
	}
	return out
}

// effect returns W'W of all outputs; those of a style count by its share of the
// examples, and those of a softmax relative to one another.
func (l *lesson) effect(j *joined) []float64 {
	n, styles := j.wide, l.model.config.styles()
	share := make([]float64, styles)
	for i := range l.texts {
		share[l.texts[i].from.Style] += float64(l.texts[i].from.weight())
	}
	out, mean := make([]float64, n*n), make([]float32, n)
	for i := range l.model.groups {
		g := &l.model.groups[i]
		for s := range styles {
			w := j.out[i][s*g.labels*n:][:g.labels*n]
			clear(mean)
			for k := 0; k < g.labels && !g.multi; k++ {
				kernel.Axpy(mean, 1/float32(g.labels), w[k*n:][:n])
			}
			for k := range g.labels {
				addSquare(out, w[k*n:][:n], mean, share[s])
			}
		}
	}
	return out
}

// addSquare adds v (w-mean)(w-mean)' to out.
func addSquare(out []float64, w, mean []float32, v float64) {
	n := len(w)
	for a := range w {
		x := v * float64(w[a]-mean[a])
		row := out[a*n:][:n]
		for b := range row {
			row[b] += float64(x * float64(w[b]-mean[b]))
		}
	}
}
