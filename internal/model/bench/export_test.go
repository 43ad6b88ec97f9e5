package bench

import (
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Pass is the cost of one pass: bytes, and operations of the two kinds.
func Pass(m *modelfile.Model, cache quant.Type, tokens, logits, seen, kept int) [3]float64 {
	return price(m, cache).pass(tokens, logits, seen, kept).numbers()
}

// Decode is the cost of tokens one by one.
func Decode(m *modelfile.Model, cache quant.Type, sequences, before, n int) [3]float64 {
	return price(m, cache).decode(sequences, before, n).numbers()
}

func (c cost) numbers() [3]float64 { return [3]float64{c.bytes, c.int8, c.float32} }

// Seconds is a roofline of a cost.
func Seconds(bytes, int8, float32 float64, m Machine) (float64, Limit) {
	return cost{bytes, int8, float32}.seconds(m)
}

// Probe calls each loop of a level for a moment.
func Probe(l isa.Level, memory []byte) string {
	p := probesOf(l)
	p.read(memory)
	p.int8.run(3)
	p.float32.run(3)
	return p.name
}

// Median is the median.
var Median = median
