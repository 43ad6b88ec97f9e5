package tagger

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/gemm"
	"github.com/casemate-ai/casemate/internal/model/minimize"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// layout says where the weights of a model lie among all its numbers: those of
// features [F,K], of vectors [K,D], of the first tag [K] and of neighbours [K,K].
type layout struct{ features, width, tags int }

func (l layout) vectors() int { return l.features * l.tags }
func (l layout) start() int   { return l.vectors() + l.width*l.tags }
func (l layout) between() int { return l.start() + l.tags }
func (l layout) all() int     { return l.between() + l.tags*l.tags }

// fit is a model being trained on some rows.
type fit struct {
	layout
	pool     *tensor.Pool
	l2       float64 // of the mean loss of a row
	x        []float32
	standard standard

	hashes []uint64         // [F], ascending
	index  map[uint64]int32 // of a hash among them
	data   *sample          // trained on
	scores []float32        // [words,K]
	turned []float32        // [K,words]
	// Of each block of rows: the loss, and the gradients of start and between.
	losses  []float64
	parts   []float64 // [blocks, K + K·K]
	blocks  int
	inverse inverse
}

// sample is some rows of texts with features by number.
type sample struct {
	offset []int // [rows+1] of words
	tags   []int
	ids    []int32 // those of word i are ids[at[i]:at[i+1]]
	at     []int
	halves []byte // [words,D], standardised
}

// inverse is the words that have each feature: of feature f words[at[f]:at[f+1]].
type inverse struct {
	words []int32
	at    []int
}

// standard is the mean of each number of vectors, and what the rest is multiplied
// by: one over its deviation, and a factor that makes a vector as long as the
// features of a word are many, so that one strength of L2 fits both.
type standard struct{ mean, scale []float32 }

// vectorSquare is the squared length of a usual standardised vector.
const vectorSquare = 32

// rowsTogether is how many rows a worker takes at a time: sums are over such
// blocks, and the blocks' sums are added in order.
const rowsTogether = 8

// newFit makes rows ready to train on.
func (t *trainer) newFit(rows []int) (*fit, error) {
	f := &fit{pool: t.pool}
	f.choose(t.texts, rows, t.o.Least)
	if len(f.hashes) > MaxFeatures {
		return nil, fmt.Errorf("%w: %d features, more than %d", ErrInput, len(f.hashes), MaxFeatures)
	}
	f.layout = layout{features: len(f.hashes), width: t.texts.width, tags: 1 + 2*len(t.o.Labels)}
	if f.all() > MaxNumbers {
		return nil, fmt.Errorf("%w: %d weights, more than %d", ErrInput, f.all(), MaxNumbers)
	}
	f.standardise(t.texts, rows)
	var err error
	if f.data, err = f.sample(t.texts, rows); err != nil {
		return nil, err
	}
	words := len(f.data.tags)
	if words == 0 {
		return nil, fmt.Errorf("%w: the rows have no words", ErrInput)
	}
	f.x, f.scores = make([]float32, f.all()), make([]float32, words*f.tags)
	f.turned = make([]float32, min(f.width, 1)*words*f.tags)
	f.blocks = (len(rows) + rowsTogether - 1) / rowsTogether
	f.losses, f.parts = make([]float64, f.blocks), make([]float64, f.blocks*(f.tags+f.tags*f.tags))
	f.invert()
	return f, nil
}

// choose keeps the features that enough words of the rows have.
func (f *fit) choose(t *texts, rows []int, least int) {
	counts := map[uint64]int{}
	for _, r := range rows {
		for _, h := range t.hashes[t.at[t.offset[r]]:t.at[t.offset[r+1]]] {
			counts[h]++
		}
	}
	for h, n := range counts {
		if n >= least {
			f.hashes = append(f.hashes, h)
		}
	}
	slices.Sort(f.hashes)
	f.index = make(map[uint64]int32, len(f.hashes))
	for i, h := range f.hashes {
		f.index[h] = int32(i)
	}
}

// standardise learns mean and deviation of the rows' vectors.
func (f *fit) standardise(t *texts, rows []int) {
	D := t.width
	f.standard = standard{mean: make([]float32, D), scale: make([]float32, D)}
	sum, squares, row, n := make([]float64, D), make([]float64, D), make([]float32, D), 0
	for pass := range 2 {
		for _, r := range rows {
			for w := t.offset[r]; w < t.offset[r+1] && D > 0; w++ {
				t.vector(row, w)
				for k, v := range row {
					if pass == 0 {
						sum[k] += float64(v)
						continue
					}
					d := float64(v) - float64(f.standard.mean[k])
					squares[k] += d * d
				}
				if pass == 0 {
					n++
				}
			}
		}
		for k := range sum {
			if pass == 0 {
				f.standard.mean[k] = float32(sum[k] / float64(max(n, 1)))
				continue
			}
			deviation := math.Sqrt(squares[k] / float64(max(n, 1)))
			if deviation > 1e-6*math.Abs(float64(f.standard.mean[k])) && deviation > 1e-30 {
				f.standard.scale[k] = float32(math.Sqrt(vectorSquare/float64(D)) / deviation)
			}
		}
	}
}

// apply standardises a vector in place; a number far outside what training saw
// stays finite.
func (s *standard) apply(x []float32) {
	const most = 1e3
	for k, v := range x {
		z := float32(v-s.mean[k]) * s.scale[k]
		x[k] = max(-most, min(z, most))
	}
}

// sample takes some rows of texts, with the features that the fit knows.
func (f *fit) sample(t *texts, rows []int) (*sample, error) {
	s := &sample{offset: []int{0}, at: []int{0}}
	for _, r := range rows {
		for w := t.offset[r]; w < t.offset[r+1]; w++ {
			for _, h := range t.hashes[t.at[w]:t.at[w+1]] {
				if id, ok := f.index[h]; ok {
					s.ids = append(s.ids, id)
				}
			}
			s.at = append(s.at, len(s.ids))
			s.tags = append(s.tags, t.tags[w])
		}
		s.offset = append(s.offset, len(s.tags))
	}
	if t.width == 0 {
		return s, nil
	}
	s.halves = make([]byte, 2*len(s.tags)*t.width)
	at := make([]int, 0, len(s.tags)) // of each word of the sample, among all
	for _, r := range rows {
		for w := t.offset[r]; w < t.offset[r+1]; w++ {
			at = append(at, w)
		}
	}
	const together = 256
	return s, f.pool.Do((len(at)+together-1)/together, func(_ *tensor.Worker, b int) {
		row := make([]float32, t.width)
		for i := b * together; i < min(len(at), (b+1)*together); i++ {
			t.vector(row, at[i])
			f.standard.apply(row)
			to := s.halves[2*i*t.width:]
			for k, v := range row {
				h := quant.ToF16(v)
				to[2*k], to[2*k+1] = byte(h), byte(h>>8)
			}
		}
	})
}

// invert fills the words of each feature.
func (f *fit) invert() {
	s, v := f.data, &f.inverse
	v.at = make([]int, f.features+1)
	for _, id := range s.ids {
		v.at[id+1]++
	}
	for i := range f.features {
		v.at[i+1] += v.at[i]
	}
	v.words = make([]int32, len(s.ids))
	next := slices.Clone(v.at)
	for w := range s.tags {
		for _, id := range s.ids[s.at[w]:s.at[w+1]] {
			v.words[next[id]] = int32(w)
			next[id]++
		}
	}
}

// score computes the scores of all tags of a sample's words at x.
func (f *fit) score(s *sample, x, scores, turned []float32) error {
	K, words := f.tags, len(s.tags)
	if f.width > 0 {
		w := gemm.Weights{Type: quant.F16, Rows: words, Cols: f.width, Data: s.halves}
		if err := gemm.Forward(f.pool, turned, x[f.vectors():f.start()], K, w, gemm.Options{}); err != nil {
			return err
		}
	}
	const together = 256
	return f.pool.Do((words+together-1)/together, func(_ *tensor.Worker, b int) {
		for w := b * together; w < min(words, (b+1)*together); w++ {
			row := scores[w*K : (w+1)*K]
			for k := range row {
				row[k] = 0
				if f.width > 0 {
					row[k] = turned[k*words+w]
				}
			}
			for _, id := range s.ids[s.at[w]:s.at[w+1]] {
				for k, v := range x[int(id)*K : (int(id)+1)*K] {
					row[k] += v
				}
			}
		}
	})
}

// value is the objective: the mean negative log-likelihood of a row's tags, and
// half of l2 times the squared weights.
func (f *fit) value(x, g []float32) (float64, error) {
	s := f.data
	if err := f.score(s, x, f.scores, f.turned); err != nil {
		return 0, err
	}
	total, err := f.chains(x, g)
	if err != nil {
		return 0, err
	}
	if err := f.featureGradient(g); err != nil {
		return 0, err
	}
	if f.width > 0 {
		K, words := f.tags, len(s.tags)
		for w := range words {
			for k := range K {
				f.turned[k*words+w] = f.scores[w*K+k]
			}
		}
		weights := gemm.Weights{Type: quant.F16, Rows: words, Cols: f.width, Data: s.halves}
		if err := gemm.Input(f.pool, g[f.vectors():f.start()], f.turned, K, weights, gemm.Options{}); err != nil {
			return 0, err
		}
	}
	squares, err := f.decay(x, g)
	return total + f.l2/2*squares, err
}

// chains replaces scores by their gradient, and fills that of the transitions.
func (f *fit) chains(x, g []float32) (float64, error) {
	K, s := f.tags, f.data
	rows, size := len(s.offset)-1, f.tags+f.tags*f.tags
	clear(f.parts)
	err := f.pool.Do(f.blocks, func(_ *tensor.Worker, b int) {
		c := newChain(K)
		c.use(x[f.start():f.between()], x[f.between():f.all()])
		part, total := f.parts[b*size:(b+1)*size], 0.
		for r := b * rowsTogether; r < min(rows, (b+1)*rowsTogether); r++ {
			lo, hi := s.offset[r], s.offset[r+1]
			if lo < hi {
				total += c.gradient(f.scores[lo*K:hi*K], s.tags[lo:hi], 1/float64(rows), part[:K], part[K:])
			}
		}
		f.losses[b] = total
	})
	total, sums := 0., make([]float64, size)
	for b, v := range f.losses {
		total += v
		for k, d := range f.parts[b*size : (b+1)*size] {
			sums[k] += d
		}
	}
	for k, d := range sums {
		g[f.start()+k] = float32(d)
	}
	return total, err
}

// featureGradient adds up, for each feature, the gradients of its words' scores.
func (f *fit) featureGradient(g []float32) error {
	K := f.tags
	const together = 1024
	return f.pool.Do((f.features+together-1)/together, func(_ *tensor.Worker, b int) {
		sum := make([]float64, K)
		for id := b * together; id < min(f.features, (b+1)*together); id++ {
			clear(sum)
			for _, w := range f.inverse.words[f.inverse.at[id]:f.inverse.at[id+1]] {
				for k, v := range f.scores[int(w)*K : (int(w)+1)*K] {
					sum[k] += float64(v)
				}
			}
			for k, v := range sum {
				g[id*K+k] = float32(v)
			}
		}
	})
}

// decay adds that of the weights to the gradient and returns their squares' sum.
func (f *fit) decay(x, g []float32) (float64, error) {
	const together = 1 << 14
	sums := make([]float64, (len(x)+together-1)/together)
	err := f.pool.Do(len(sums), func(_ *tensor.Worker, b int) {
		for i := b * together; i < min(len(x), (b+1)*together); i++ {
			v := float64(x[i])
			sums[b] += v * v
			g[i] += float32(f.l2 * v)
		}
	})
	total := 0.
	for _, v := range sums {
		total += v
	}
	return total, err
}

// train finds the weights from where x is; l2 is of the summed loss.
func (f *fit) train(ctx context.Context, l2 float64) (minimize.Result, error) {
	f.l2 = l2 / float64(len(f.data.offset)-1)
	return minimize.LBFGS(ctx, f.pool, f.x, f.value, minimize.Options{Gradient: 1e-3, Decrease: 1e-5})
}

// lossesOf returns the negative log-likelihoods of the tags of other rows.
func (f *fit) lossesOf(t *texts, rows []int) ([]float64, error) {
	s, err := f.sample(t, rows)
	if err != nil {
		return nil, err
	}
	K, words := f.tags, len(s.tags)
	scores := make([]float32, words*K)
	if err := f.score(s, f.x, scores, make([]float32, min(f.width, 1)*words*K)); err != nil {
		return nil, err
	}
	losses := make([]float64, len(rows))
	return losses, f.pool.Do(len(rows), func(_ *tensor.Worker, r int) {
		lo, hi := s.offset[r], s.offset[r+1]
		if lo == hi {
			return
		}
		c := newChain(K)
		c.use(f.x[f.start():f.between()], f.x[f.between():f.all()])
		losses[r] = c.gradient(scores[lo*K:hi*K], s.tags[lo:hi], 1, make([]float64, K), make([]float64, K*K))
	})
}
