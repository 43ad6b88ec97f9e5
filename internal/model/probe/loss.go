package probe

import (
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
)

// loss is how far the outputs of a head's last layer are from the answers.
// Beside the outputs it has numbers of its own that are learnt: biases, or the
// thresholds between ordered classes.
type loss struct {
	task    Task
	outputs int // M, of the last layer
	extras  int // E
	targets *answers
	huber   float64 // regression: where squares end; 0 means never
}

// answers are the targets of the rows of a design, in its order.
type answers struct {
	class  []int
	sets   [][]int
	values []float64 // standardised
	weight []float64 // sums to 1
}

func newLoss(task Task, classes int, huber float64) *loss {
	l := &loss{task: task, outputs: classes, extras: classes, huber: huber}
	switch task {
	case Ordinal:
		l.outputs, l.extras = 1, classes-1
	case Regression:
		l.outputs, l.extras = 1, 1
	}
	return l
}

// work is the memory of the loss of a row.
type work struct {
	z, e []float32 // [M]
}

func (l *loss) work() *work {
	return &work{z: make([]float32, l.outputs), e: make([]float32, l.outputs)}
}

// row returns the loss of row i, times its weight. It replaces w.z, the row's
// outputs before the biases, by their gradient, and adds to dExtra that of the
// extras.
func (l *loss) row(w *work, i int, extra []float64, dExtra []float64) float64 {
	weight := l.targets.weight[i]
	switch l.task {
	case Single:
		return weight * l.single(w, l.targets.class[i], weight, extra, dExtra)
	case Multi:
		return weight * l.multi(w, l.targets.sets[i], weight, extra, dExtra)
	case Ordinal:
		return weight * ordinal(w, l.targets.class[i], weight, extra, dExtra)
	}
	return weight * l.regression(w, l.targets.values[i], weight, extra, dExtra)
}

// single is the cross-entropy of a softmax.
func (l *loss) single(w *work, class int, weight float64, extra, dExtra []float64) float64 {
	z := w.z
	top := float32(math.Inf(-1))
	for k := range z {
		z[k] += float32(extra[k])
		top = max(top, z[k])
	}
	own := float64(z[class] - top)
	for k := range z {
		z[k] -= top
	}
	floats.Exp(w.e, z)
	sum := 0.
	for _, v := range w.e {
		sum += float64(v)
	}
	for k, v := range w.e {
		d := weight * (float64(v) / sum)
		if k == class {
			d -= weight
		}
		z[k] = float32(d)
		dExtra[k] += d
	}
	return math.Log(sum) - own
}

// multi is the mean over the classes of the cross-entropy of each for itself.
func (l *loss) multi(w *work, set []int, weight float64, extra, dExtra []float64) float64 {
	z, sum := w.z, 0.
	for k := range z {
		z[k] += float32(extra[k])
		w.e[k] = -max(z[k], -z[k])
	}
	floats.Exp(w.e, w.e) // e^-|z|
	each := weight / float64(len(z))
	for k, v := range z {
		e := float64(w.e[k])
		sum += max(float64(v), 0) + math.Log1p(e)
		p := 1 / (1 + e)
		if v < 0 {
			p = e / (1 + e)
		}
		w.e[k] = float32(p * each)
	}
	for _, k := range set {
		sum -= float64(z[k])
		w.e[k] -= float32(each)
	}
	for k, d := range w.e {
		z[k] = d
		dExtra[k] += float64(d)
	}
	return sum / float64(len(z))
}

// thresholds turns the extras of ordered classes into thresholds, which ascend:
// the first as it is, and the logarithms of the distances to the next.
func thresholds(extra []float64) []float64 {
	t := make([]float64, len(extra))
	t[0] = extra[0]
	for k := 1; k < len(t); k++ {
		t[k] = t[k-1] + math.Exp(max(-maxLogGap, min(extra[k], maxLogGap)))
	}
	return t
}

// maxLogGap keeps distances between thresholds positive and finite.
const maxLogGap = 20

// ordinal is the cross-entropy of cumulative logits: the probability of a class
// no higher than k is the logistic function of threshold k less the output.
//
// Source: McCullagh 1980, Journal of the Royal Statistical Society B 42.
func ordinal(w *work, class int, weight float64, extra, dExtra []float64) float64 {
	t := thresholds(extra)
	z := float64(w.z[0])
	upper, lower := 1., 0. // P(y ≤ class), P(y < class)
	if class < len(t) {
		upper = logistic(t[class] - z)
	}
	if class > 0 {
		lower = logistic(t[class-1] - z)
	}
	p := max(upper-lower, 1e-12)
	du, dl := upper*(1-upper)/p, lower*(1-lower)/p // derivatives of log p by the two thresholds
	w.z[0] = float32(weight * (du - dl))
	// Threshold k moves with the first extra and with all distances up to it.
	addThreshold := func(k int, d float64) {
		for j := 0; j <= k; j++ {
			by := 1.
			if j > 0 {
				if extra[j] < -maxLogGap || extra[j] > maxLogGap {
					continue
				}
				by = math.Exp(extra[j])
			}
			dExtra[j] += weight * d * by
		}
	}
	if class < len(t) {
		addThreshold(class, -du)
	}
	if class > 0 {
		addThreshold(class-1, dl)
	}
	return -math.Log(p)
}

// regression is half of the squared distance, or beyond l.huber its linear
// continuation.
//
// Source: Huber 1964, Annals of Mathematical Statistics 35.
func (l *loss) regression(w *work, value, weight float64, extra, dExtra []float64) float64 {
	r := float64(w.z[0]) + extra[0] - value
	d, loss := r, r*r/2
	if h := l.huber; h > 0 && math.Abs(r) > h {
		d = math.Copysign(h, r)
		loss = h * (math.Abs(r) - h/2)
	}
	w.z[0] = float32(weight * d)
	dExtra[0] += weight * d
	return loss
}

func logistic(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}
