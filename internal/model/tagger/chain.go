package tagger

import (
	"math"
)

// chain is the arithmetic of one text: scores of tags for each word, and of tags
// that follow each other. It is used by one goroutine at a time.
type chain struct {
	tags       int
	transition []float64 // [tags,tags] e to the score; 0 where a tag cannot follow
	start      []float64 // [tags], likewise
	score      []float64 // [tags,tags] and start's, for Viterbi
	startScore []float64

	n               int
	emission        []float64 // [n,tags] e to the score, less the word's largest
	alpha, beta     []float64 // [n,tags], scaled so that alpha of a word sums to 1
	scale           []float64 // [n] what alpha was divided by
	largest         []float64 // [n]
	viterbi         []float64
	from            []int
	marginal, pairs []float64
}

// most bounds scores of transitions, and how far a tag's score may be below the
// largest of its word: beyond, probabilities would be too small for float64.
const (
	mostTransition = 40
	mostEmission   = 200
)

func newChain(tags int) *chain {
	return &chain{tags: tags, transition: make([]float64, tags*tags), start: make([]float64, tags), score: make([]float64, tags*tags),
		startScore: make([]float64, tags), marginal: make([]float64, tags), pairs: make([]float64, tags*tags)}
}

// use sets the scores of transitions.
//
//	start  [tags]; between  [tags,tags], from row to column
func (c *chain) use(start, between []float32) {
	hold := func(v float32) float64 { return max(-mostTransition, min(float64(v), mostTransition)) }
	for b := range c.tags {
		c.startScore[b], c.start[b] = math.Inf(-1), 0
		if follows(-1, b) {
			c.startScore[b] = hold(start[b])
			c.start[b] = math.Exp(c.startScore[b])
		}
		for a := range c.tags {
			i := a*c.tags + b
			c.score[i], c.transition[i] = math.Inf(-1), 0
			if follows(a, b) {
				c.score[i] = hold(between[i])
				c.transition[i] = math.Exp(c.score[i])
			}
		}
	}
}

// grow makes room for n words.
func (c *chain) grow(n int) {
	c.n = n
	for _, s := range []*[]float64{&c.emission, &c.alpha, &c.beta, &c.viterbi} {
		if cap(*s) < n*c.tags {
			*s = make([]float64, n*c.tags)
		}
		*s = (*s)[:n*c.tags]
	}
	for _, s := range []*[]float64{&c.scale, &c.largest} {
		if cap(*s) < n {
			*s = make([]float64, n)
		}
		*s = (*s)[:n]
	}
	if cap(c.from) < n*c.tags {
		c.from = make([]int, n*c.tags)
	}
	c.from = c.from[:n*c.tags]
}

// forwardBackward computes alpha and beta from the scores of tags, and returns the
// logarithm of the sum over all sequences of tags.
//
//	scores  [n,tags]
func (c *chain) forwardBackward(scores []float32) float64 {
	K := c.tags
	n := len(scores) / K
	c.grow(n)
	total := 0.
	for i := range n {
		row, e, alpha := scores[i*K:(i+1)*K], c.emission[i*K:(i+1)*K], c.alpha[i*K:(i+1)*K]
		top := row[0]
		for _, v := range row {
			top = max(top, v)
		}
		c.largest[i] = float64(top)
		sum := 0.
		for b, v := range row {
			e[b] = math.Exp(max(float64(v)-float64(top), -mostEmission))
			if i == 0 {
				alpha[b] = c.start[b] * e[b]
			} else {
				alpha[b] = c.into(c.alpha[(i-1)*K:i*K], b) * e[b]
			}
			sum += alpha[b]
		}
		for b := range alpha {
			alpha[b] /= sum
		}
		c.scale[i] = sum
		total += math.Log(sum) + float64(top)
	}
	c.backward()
	return total
}

// into is the sum over the tags before a tag.
func (c *chain) into(alpha []float64, b int) float64 {
	sum := 0.
	for a, v := range alpha {
		sum += v * c.transition[a*c.tags+b]
	}
	return sum
}

// backward computes beta.
func (c *chain) backward() {
	K := c.tags
	for i := c.n - 1; i >= 0; i-- {
		beta := c.beta[i*K : (i+1)*K]
		if i == c.n-1 {
			for b := range beta {
				beta[b] = 1
			}
			continue
		}
		e, next := c.emission[(i+1)*K:(i+2)*K], c.beta[(i+1)*K:(i+2)*K]
		for a := range beta {
			sum := 0.
			for b, t := range c.transition[a*K : (a+1)*K] {
				sum += t * e[b] * next[b]
			}
			beta[a] = sum / c.scale[i+1]
		}
	}
}

// gradient adds to those of the transitions, and replaces scores by the gradient
// of the negative log-likelihood of tags, times weight. It returns the negative
// log-likelihood, times weight. forwardBackward is part of it.
func (c *chain) gradient(scores []float32, tags []int, weight float64, dStart, dBetween []float64) float64 {
	K, n := c.tags, len(tags)
	own := c.startScore[tags[0]]
	for i, tag := range tags {
		own += float64(scores[i*K+tag])
		if i > 0 {
			own += c.score[tags[i-1]*K+tag]
		}
	}
	total := c.forwardBackward(scores)
	for i := range n {
		row := scores[i*K : (i+1)*K]
		for b := range row {
			p := c.alpha[i*K+b] * c.beta[i*K+b]
			if i == 0 {
				dStart[b] += weight * p
			}
			if b == tags[i] {
				p--
			}
			row[b] = float32(weight * p)
		}
		if i == 0 {
			dStart[tags[0]] -= weight
			continue
		}
		dBetween[tags[i-1]*K+tags[i]] -= weight
		e, beta := c.emission[i*K:(i+1)*K], c.beta[i*K:(i+1)*K]
		for a, v := range c.alpha[(i-1)*K : i*K] {
			by := weight * v / c.scale[i]
			for b, t := range c.transition[a*K : (a+1)*K] {
				dBetween[a*K+b] += by * t * e[b] * beta[b]
			}
		}
	}
	return weight * (total - own)
}

// best returns the most probable tags; of two equally probable ones the lower.
func (c *chain) best(scores []float32) []int {
	K := c.tags
	n := len(scores) / K
	c.grow(n)
	for i := range n {
		for b, v := range scores[i*K : (i+1)*K] {
			if i == 0 {
				c.viterbi[b] = c.startScore[b] + float64(v)
				continue
			}
			top, from := math.Inf(-1), 0
			for a := range K {
				if s := c.viterbi[(i-1)*K+a] + c.score[a*K+b]; s > top {
					top, from = s, a
				}
			}
			c.viterbi[i*K+b], c.from[i*K+b] = top+float64(v), from
		}
	}
	tags := make([]int, n)
	if n == 0 {
		return tags
	}
	last := c.viterbi[(n-1)*K:]
	for b, v := range last {
		if v > last[tags[n-1]] {
			tags[n-1] = b
		}
	}
	for i := n - 1; i > 0; i-- {
		tags[i-1] = c.from[i*K+tags[i]]
	}
	return tags
}

// spanP returns the probability that words from first to last, and no more, are a
// span of a label. forwardBackward has been called.
func (c *chain) spanP(first, last, label int) float64 {
	K, b := c.tags, begin(label)
	// In the scaled terms of alpha and beta each step is divided by its scale.
	p := c.alpha[first*K+b]
	for i := first + 1; i <= last; i++ {
		before := b
		if i > first+1 {
			before = inside(label)
		}
		in := inside(label)
		p *= c.transition[before*K+in] * c.emission[i*K+in] / c.scale[i]
	}
	end := b
	if last > first {
		end = inside(label)
	}
	if last == c.n-1 {
		return p
	}
	after := 0.
	for next, t := range c.transition[end*K : (end+1)*K] {
		if next == inside(label) {
			continue // the span would go on
		}
		after += t * c.emission[(last+1)*K+next] * c.beta[(last+1)*K+next] / c.scale[last+1]
	}
	return min(1, p*after)
}
