package tagger

// Chain is what tests see of the arithmetic of one text.
type Chain struct{ c *chain }

// NewChain returns one with these scores of transitions.
func NewChain(tags int, start, between []float32) Chain {
	c := newChain(tags)
	c.use(start, between)
	return Chain{c}
}

func (c Chain) Best(scores []float32) []int          { return c.c.best(scores) }
func (c Chain) Total(scores []float32) float64       { return c.c.forwardBackward(scores) }
func (c Chain) SpanP(first, last, label int) float64 { return c.c.spanP(first, last, label) }
func (c Chain) Gradient(scores []float32, tags []int, dStart, dBetween []float64) float64 {
	return c.c.gradient(scores, tags, 1, dStart, dBetween)
}

// Follows is follows.
func Follows(before, tag int) bool { return follows(before, tag) }

// Words returns the stretches of a text's words.
func Words(text string) [][2]int {
	words, _ := split(text)
	var out [][2]int
	for _, w := range words {
		out = append(out, [2]int{w.start, w.end})
	}
	return out
}
