package probe

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/minimize"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// How a network is trained, beside Options.
const (
	plainDecay   = .05
	plainSteps   = 2000
	warmup       = .05 // part of all steps
	floorRate    = .05 // part of the rate at the end
	maxNorm      = 1.  // of gradients
	patientFor   = 6   // epochs without a smaller loss of validation rows
	leastProfile = 1e-3
)

// network is one being trained on a design.
type network struct {
	t          *trainer
	design     *design
	loss       *loss
	head       *Head
	parameters []*optimizer.Parameter // w1, b1, w, extra
	adam       *optimizer.AdamW
	schedule   optimizer.Schedule

	x, hidden, dHidden, z []float32 // of a step: [B,D], [B,H], [B,H], [B,M]
	before                []float32 // [B,H] hidden numbers before the activation
	kept                  []bool    // [B,H] by dropout
}

// network trains a network.
func (t *trainer) network() (*Head, error) {
	if t.o.Folds != nil {
		return t.networkFolds()
	}
	h, _, err := t.networkOn(t.rows, t.o.Validation, t.o.Epochs)
	return h, err
}

// networkFolds finds after how many epochs rows that are left out do best, by
// leaving out each fold in turn, and trains on all rows for as many.
func (t *trainer) networkFolds() (*Head, error) {
	losses := make([][]float64, t.o.Epochs)
	for _, held := range folds(t.o.Folds) {
		train := without(t.rows, held)
		if len(train) == 0 {
			return nil, errOneFold
		}
		_, each, err := t.networkOn(train, pick(t.rows, held), t.o.Epochs)
		if err != nil {
			return nil, err
		}
		for e, l := range each {
			losses[e] = append(losses[e], l...)
		}
	}
	// Folds may have ended early: only epochs that all have are compared.
	n := 0
	for n < len(losses) && len(losses[n]) == len(t.rows) {
		n++
	}
	best := minimize.Simplest(losses[:n])
	h, _, err := t.networkOn(t.rows, nil, best+1)
	if err == nil {
		h.trained.Tried = tried(losses[:n])
	}
	return h, err
}

func tried(losses [][]float64) []Tried {
	var out []Tried
	for e, l := range losses {
		mean, deviation := minimize.MeanError(l)
		out = append(out, Tried{Epoch: e + 1, Loss: mean, Error: deviation})
	}
	return out
}

// networkOn trains on rows for so many epochs, or until the held ones do no better.
// It returns the head of the best epoch, the last without held rows, and the held
// rows' losses after each.
func (t *trainer) networkOn(rows, held []int, epochs int) (*Head, [][]float64, error) {
	t.centreValues(rows)
	n, err := t.newNetwork(rows, epochs)
	if err != nil {
		return nil, nil, err
	}
	var design *design
	measure := newLoss(t.o.Task, len(t.o.Labels), t.o.Huber)
	if held != nil {
		if design, err = newDesign(t.pool, t.matrix, held, &n.head.standard, t.o.round); err != nil {
			return nil, nil, err
		}
		if measure.targets, err = t.answersOf(held); err != nil {
			return nil, nil, err
		}
	}
	var losses [][]float64
	var best *Head
	bestMean, worse := math.Inf(1), 0
	for epoch := range epochs {
		mean, err := n.epoch(epoch)
		if err != nil {
			return nil, nil, err
		}
		n.head.trained.Loss, n.head.trained.Iterations = mean, epoch+1
		t.tell(float64(epoch+1) / float64(epochs))
		if held == nil {
			continue
		}
		z, err := n.head.outputs(t.pool, design)
		if err != nil {
			return nil, nil, err
		}
		losses = append(losses, measure.fair(z, n.head.extra))
		now, _ := minimize.MeanError(losses[epoch])
		if worse++; now < bestMean-leastProfile*math.Abs(bestMean) || best == nil {
			bestMean, worse, best = now, 0, n.head.clone()
		}
		if worse >= patientFor {
			break
		}
	}
	if best == nil {
		best = n.head
	}
	best.trained.Rows, best.trained.L2, best.trained.Tried = len(rows), n.decay(), tried(losses)
	best.trained.Converged = held != nil && worse >= patientFor
	return best, losses, nil
}

// clone copies what training changes.
func (h *Head) clone() *Head {
	c := *h
	c.w1, c.b1, c.w, c.extra = slices.Clone(h.w1), slices.Clone(h.b1), slices.Clone(h.w), slices.Clone(h.extra)
	return &c
}

func (n *network) decay() float64 {
	if l2 := n.t.o.L2; len(l2) > 0 {
		return l2[0]
	}
	return plainDecay
}

// newNetwork makes rows ready to train a network on. Weights begin uniform, with a
// deviation of √(2/inputs) in the hidden layer and √(1/inputs) in the last.
//
// Source: He et al. 2015, arXiv:1502.01852.
func (t *trainer) newNetwork(rows []int, epochs int) (*network, error) {
	s, err := newStandard(t.pool, t.matrix, rows)
	if err != nil {
		return nil, err
	}
	n := &network{t: t, head: t.empty(s), loss: newLoss(t.o.Task, len(t.o.Labels), t.o.Huber)}
	if n.design, err = newDesign(t.pool, t.matrix, rows, &s, t.o.round); err != nil {
		return nil, err
	}
	if n.loss.targets, err = t.answersOf(rows); err != nil {
		return nil, err
	}
	h, D, H, M, E := n.head, t.matrix.Width, t.o.Hidden, n.loss.outputs, n.loss.extras
	r := rand.New(rand.NewPCG(t.o.Seed, 1))
	uniform := func(count int, deviation float64) []float32 {
		x := make([]float32, count)
		for i := range x {
			x[i] = float32((2*r.Float64() - 1) * deviation * math.Sqrt(3))
		}
		return x
	}
	h.w1, h.b1 = uniform(H*D, math.Sqrt(2/float64(D))), make([]float32, H)
	h.w, h.extra = uniform(M*H, math.Sqrt(1/float64(H))), make([]float32, E)
	n.loss.begin(h.extra)
	n.parameters = []*optimizer.Parameter{
		{Name: tensorIn, Shape: []int{H, D}, Value: h.w1, Grad: make([]float32, H*D)},
		{Name: tensorBias, Shape: []int{H}, Value: h.b1, Grad: make([]float32, H), NoDecay: true},
		{Name: tensorOut, Shape: []int{M, H}, Value: h.w, Grad: make([]float32, M*H)},
		{Name: tensorExtra, Shape: []int{E}, Value: h.extra, Grad: make([]float32, E), NoDecay: true},
	}
	n.adam = optimizer.NewAdamW(n.parameters, optimizer.AdamWOptions{Decay: n.decay()})
	B := min(t.o.Batch, len(rows))
	steps := epochs * ((len(rows) + B - 1) / B)
	n.schedule = optimizer.Schedule{Rate: t.o.Rate, Floor: floorRate, Warmup: int(warmup * float64(steps)), Steps: steps}
	n.x, n.z = make([]float32, B*D), make([]float32, B*M)
	n.hidden, n.dHidden, n.before, n.kept = make([]float32, B*H), make([]float32, B*H), make([]float32, B*H), make([]bool, B*H)
	return n, nil
}

// epoch trains on all rows once, in an order of its own, and returns their mean
// loss.
func (n *network) epoch(epoch int) (float64, error) {
	order := rand.New(rand.NewPCG(n.t.o.Seed, uint64(epoch)+2)).Perm(n.design.n)
	B, total := min(n.t.o.Batch, len(order)), 0.
	for lo := 0; lo < len(order); lo += B {
		if err := n.t.ctx.Err(); err != nil {
			return 0, err
		}
		batch := order[lo:min(len(order), lo+B)]
		part, err := n.gradient(batch, epoch)
		if err != nil {
			return 0, err
		}
		total += part
		// Weights of all rows sum to 1: those of a step are made to.
		share := float64(n.design.n) / float64(len(batch))
		norm, err := optimizer.Norm(n.t.pool, n.parameters)
		if err != nil {
			return 0, err
		}
		scale := share * optimizer.Clip(norm*share, maxNorm)
		if err := n.adam.Step(n.t.pool, n.schedule.At(n.adam.Steps()), scale); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// gradient computes that of the losses of a batch, and returns their weighted sum.
func (n *network) gradient(batch []int, epoch int) (float64, error) {
	h, B := n.head, len(batch)
	D, H, M := n.design.width, n.t.o.Hidden, n.loss.outputs
	for k, i := range batch {
		n.design.row(n.x[k*D:(k+1)*D], i)
	}
	pool, x, hidden, z := n.t.pool, n.x[:B*D], n.hidden[:B*H], n.z[:B*M]
	if err := gemm.Forward(pool, hidden, x, B, gemm.Weights{Type: quant.F32, Rows: H, Cols: D, Floats: h.w1}, gemm.Options{}); err != nil {
		return 0, err
	}
	n.activate(batch, epoch)
	out := gemm.Weights{Type: quant.F32, Rows: M, Cols: H, Floats: h.w}
	if err := gemm.Forward(pool, z, hidden, B, out, gemm.Options{}); err != nil {
		return 0, err
	}
	total := n.losses(batch, z)
	if err := gemm.Weight(pool, n.parameters[2].Grad, z, hidden, B, M, H, gemm.Options{}); err != nil {
		return 0, err
	}
	dHidden := n.dHidden[:B*H]
	if err := gemm.Input(pool, dHidden, z, B, out, gemm.Options{}); err != nil {
		return 0, err
	}
	n.deactivate(dHidden)
	return total, gemm.Weight(pool, n.parameters[0].Grad, dHidden, x, B, H, D, gemm.Options{})
}

// activate adds biases to hidden numbers, applies the activation, and leaves some
// out: which, depends on the seed, the epoch and the row alone.
func (n *network) activate(batch []int, epoch int) {
	o, H := &n.t.o, n.t.o.Hidden
	up := float32(1 / (1 - o.Dropout))
	for k, i := range batch {
		var r *rand.Rand
		if o.Dropout > 0 {
			r = rand.New(rand.NewPCG(o.Seed, uint64(epoch+1)<<32|uint64(i)))
		}
		for j := range H {
			at := k*H + j
			n.before[at] = n.hidden[at] + n.head.b1[j]
			n.hidden[at] = o.Activation.of(n.before[at])
			if n.kept[at] = r == nil || r.Float64() >= o.Dropout; n.kept[at] {
				n.hidden[at] *= up
			} else {
				n.hidden[at] = 0
			}
		}
	}
}

// deactivate turns the gradient of hidden numbers into that of what is before the
// activation, and sums that of the biases.
func (n *network) deactivate(d []float32) {
	o, H := &n.t.o, n.t.o.Hidden
	up := float32(1 / (1 - o.Dropout))
	sums := make([]float64, H)
	for at := range d {
		if !n.kept[at] {
			d[at] = 0
			continue
		}
		d[at] *= up * o.Activation.slope(n.before[at])
		sums[at%H] += float64(d[at])
	}
	for j, v := range sums {
		n.parameters[1].Grad[j] = float32(v)
	}
}

// losses replaces outputs by their gradient, and returns the sum of the rows'
// losses.
func (n *network) losses(batch []int, z []float32) float64 {
	M := n.loss.outputs
	extra, dExtra := make([]float64, n.loss.extras), make([]float64, n.loss.extras)
	for e, v := range n.head.extra {
		extra[e] = float64(v)
	}
	work, total := n.loss.work(), 0.
	for k, i := range batch {
		work.z = z[k*M : (k+1)*M]
		total += n.loss.row(work, i, extra, dExtra)
	}
	for e, v := range dExtra {
		n.parameters[3].Grad[e] = float32(v)
	}
	return total
}
