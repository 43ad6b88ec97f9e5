package llama_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// everything asks for all that a pass can compute of each token.
func everything(cache *llama.Cache, tokens []int, layers int) llama.Sequence {
	s := llama.Sequence{Cache: cache, Tokens: tokens, AllLogits: true, Hidden: []llama.HiddenRequest{{Layer: llama.OutputNorm}}}
	for i := range layers + 1 {
		s.Hidden = append(s.Hidden, llama.HiddenRequest{Layer: i})
	}
	return s
}

// answers is what was computed of each token, one slice a token.
type answers [][]float32

// flatten strings together all that was computed of each token.
func flatten(r llama.Result) answers {
	var a answers
	for i, row := range r.Logits {
		all := slices.Clone(row)
		for _, h := range r.Hidden {
			all = append(all, h[i]...)
		}
		a = append(a, all)
	}
	return a
}

// sameBits reports the first token whose answers differ in any bit.
func sameBits(t failer, what string, got, want answers) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d tokens, want %d", what, len(got), len(want))
	}
	for i := range want {
		for j := range want[i] {
			if math.Float32bits(got[i][j]) != math.Float32bits(want[i][j]) {
				t.Fatalf("%s: token %d, number %d is %v, want %v", what, i, j, got[i][j], want[i][j])
			}
		}
	}
}

// forward runs one pass and flattens its answers, one a sequence.
func forward(t failer, m *llama.Model, batch ...llama.Sequence) []answers {
	t.Helper()
	r, err := m.Forward(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var all []answers
	for i := range r {
		all = append(all, flatten(r[i]))
	}
	return all
}

func newCache(t failer, m *llama.Model, kind quant.Type) *llama.Cache {
	t.Helper()
	c, err := m.NewCache(4000, kind)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// drawModel draws a shape and a format, and makes a model of them.
func drawModel(t *rapid.T) *modelfile.Model {
	kind := rapid.SampledFrom([]quant.Type{quant.F32, quant.F16, quant.BF16, quant.Q8_0, quant.Q4_0, quant.Q5_1}).Draw(t, "type")
	return randomModel(drawConfig(t, kind), kind, rapid.Uint64().Draw(t, "seed"))
}

func drawCacheType(t *rapid.T) quant.Type {
	return rapid.SampledFrom([]quant.Type{quant.F32, quant.F16, quant.Q8_0}).Draw(t, "cache")
}

// TestInvariance draws a model and a text, computes it in one pass on one thread,
// and then in every other way: nothing may change a bit.
func TestInvariance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkInvariance(t, drawModel(t), 60) })
}

// TestInvarianceK is TestInvariance for formats of 256 numbers a block.
func TestInvarianceK(t *testing.T) {
	some(t, 10, func(t *rapid.T) {
		kind := rapid.SampledFrom([]quant.Type{quant.Q4_K, quant.Q5_K, quant.Q6_K}).Draw(t, "type")
		checkInvariance(t, randomModel(drawConfig(t, kind), kind, rapid.Uint64().Draw(t, "seed")), 30)
	})
}

func checkInvariance(t *rapid.T, m *modelfile.Model, most int) {
	kind, options := drawCacheType(t), llama.Options{}
	if rapid.Bool().Draw(t, "adapted") {
		options.Adapter = randomAdapter(m, 5)
	}
	base := options
	base.Threads = 1
	one := load(t, m, base)
	ids := randomTokens(m.Config, rapid.IntRange(2, most).Draw(t, "tokens"), 7)
	layers := m.Config.Layers
	want := forward(t, one, everything(newCache(t, one, kind), ids, layers))[0]

	options.Threads = rapid.SampledFrom([]int{2, 3, 5}).Draw(t, "threads")
	options.Chunk = rapid.SampledFrom([]int{1, 2, 3, 5, 16, 17, 31}).Draw(t, "chunk")
	other := load(t, m, options)
	sameBits(t, "other threads and chunks", forward(t, other, everything(newCache(t, other, kind), ids, layers))[0], want)
	checkPieces(t, one, kind, ids, want)
	checkBatch(t, one, kind, ids, want)
	checkForks(t, one, kind, ids, want)
}

// checkPieces computes a text token by token, and in pieces with parts forgotten
// and computed again.
func checkPieces(t *rapid.T, m *llama.Model, kind quant.Type, ids []int, want answers) {
	layers := m.Config().Layers
	var steps answers
	cache := newCache(t, m, kind)
	for _, id := range ids {
		steps = append(steps, forward(t, m, everything(cache, []int{id}, layers))[0]...)
	}
	sameBits(t, "token by token", steps, want)

	var pieces answers
	cache = newCache(t, m, kind)
	for cache.Len() < len(ids) {
		n := rapid.IntRange(1, len(ids)-cache.Len()).Draw(t, "piece")
		pieces = append(pieces, forward(t, m, everything(cache, ids[cache.Len():cache.Len()+n], layers))[0]...)
		back := rapid.IntRange(0, n-1).Draw(t, "forgotten")
		cache.Truncate(cache.Len() - back)
		pieces = pieces[:cache.Len()]
	}
	sameBits(t, "in pieces, some of them again", pieces, want)
}

// checkBatch computes a text among others.
func checkBatch(t *rapid.T, m *llama.Model, kind quant.Type, ids []int, want answers) {
	layers := m.Config().Layers
	var batch []llama.Sequence
	place := rapid.IntRange(0, 3).Draw(t, "place")
	for i := range 4 {
		tokens := ids
		if i != place {
			tokens = randomTokens(m.Config(), rapid.IntRange(1, 40).Draw(t, "others"), uint64(i))
		}
		batch = append(batch, everything(newCache(t, m, kind), tokens, layers))
	}
	sameBits(t, "among others", forward(t, m, batch...)[place], want)
}

// checkForks forks a prefix and computes the rest on two forks in turns, token by
// token, while the origin goes on with other tokens at the same positions.
func checkForks(t *rapid.T, m *llama.Model, kind quant.Type, ids []int, want answers) {
	layers := m.Config().Layers
	n := rapid.IntRange(1, len(ids)-1).Draw(t, "prefix")
	cache := newCache(t, m, kind)
	forward(t, m, everything(cache, ids[:n], layers))
	one, two := cache.Fork(), cache.Fork()
	forward(t, m, everything(two, randomTokens(m.Config(), 5, 12), layers))
	two.Truncate(n)
	others := randomTokens(m.Config(), len(ids), 11)
	var first, second answers
	for i, id := range ids[n:] {
		first = append(first, forward(t, m, everything(one, []int{id}, layers))[0]...)
		second = append(second, forward(t, m, everything(two, []int{id}, layers))[0]...)
		forward(t, m, everything(cache, others[i:i+1], layers))
	}
	sameBits(t, "on a fork", first, want[n:])
	sameBits(t, "on a fork that was written before", second, want[n:])
}
