package llama_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// sick are tokens of poisoned models whose embedding is no number, infinite, near
// the largest, all zeros, and below the smallest normal number. No other token
// may change because one of them is near.
var sick = []float32{float32(math.NaN()), float32(math.Inf(1)), 3e38, 0, 1e-42}

// poisoned is a model whose first tokens are sick.
func poisoned(c modelfile.Config, kind quant.Type) *modelfile.Model {
	m := randomModel(c, kind, 8)
	remove(m, "token_embd.weight")
	remove(m, "output.weight")
	add := func(name string) []byte {
		x := &modelfile.Tensor{Name: name, Type: quant.F32, Shape: []int{c.Vocabulary, c.Width}, Data: make([]byte, 4*c.Vocabulary*c.Width)}
		for i := range c.Vocabulary * c.Width {
			v := float32(math.Sin(float64(i*i%1000 + i)))
			binary.LittleEndian.PutUint32(x.Data[4*i:], math.Float32bits(v))
		}
		m.Tensors = append(m.Tensors, x)
		return x.Data
	}
	add("output.weight")
	embedding := add("token_embd.weight")
	for token, v := range sick {
		for i := range c.Width {
			if i%3 == 0 && v != v {
				continue // some of them numbers
			}
			binary.LittleEndian.PutUint32(embedding[4*(token*c.Width+i):], math.Float32bits(v))
		}
	}
	return m
}

// TestIsolation puts sick tokens wherever they must not be seen: in other
// sequences of a pass, later in the same one, in memory that a cache shares or
// used before.
func TestIsolation(t *testing.T) {
	check := func(kind, cache quant.Type, window int) {
		t.Run(fmt.Sprintf("%v cache %v window %d", kind, cache, window), func(t *testing.T) {
			c := wide("qwen3")
			c.SlidingWindow = window
			checkIsolation(t, load(t, poisoned(c, kind), llama.Options{Threads: 1}), cache)
		})
	}
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.BF16, quant.Q8_0, quant.Q4_0, quant.Q4_K, quant.Q5_K, quant.Q6_K, quant.Q5_1} {
		check(kind, quant.F32, 0)
	}
	for _, cache := range []quant.Type{quant.F32, quant.F16, quant.Q8_0} {
		check(quant.Q8_0, cache, 9)
	}
	check(quant.Q4_0, quant.F16, 0)
	check(quant.Q4_0, quant.Q8_0, 0)
}

func checkIsolation(t *testing.T, m *llama.Model, kind quant.Type) {
	const tokens, prefix = 41, 21 // the prefix ends inside a page
	layers := m.Config().Layers
	ids := randomTokens(m.Config(), tokens, 2)
	for i := range ids {
		ids[i] = len(sick) + ids[i]%(m.Config().Vocabulary-len(sick))
	}
	ill := []int{0, 1, 2, 3, 4, 0, 1, 2}
	want := forward(t, m, everything(newCache(t, m, kind), ids, layers))[0]
	for i, row := range want {
		if slices.ContainsFunc(row, func(v float32) bool { return v != v }) {
			t.Fatalf("token %d has no number before any sick one", i)
		}
	}

	fresh := func(tokens []int) llama.Sequence { return everything(newCache(t, m, kind), tokens, layers) }
	got := forward(t, m, fresh(ill), fresh(ids), fresh(ill), fresh(ids[:3]))
	sameBits(t, "among sick sequences", got[1], want)
	sameBits(t, "after sick sequences", got[3], want[:3])

	for at := 1; at < tokens; at += 6 {
		mixed := slices.Concat(ids[:at], ill, ids[at:])
		sameBits(t, "before sick tokens", forward(t, m, fresh(mixed))[0][:at], want[:at])
	}

	cache := newCache(t, m, kind)
	forward(t, m, everything(cache, ids[:prefix], layers))
	fork := cache.Fork()
	forward(t, m, everything(fork, ill, layers))
	forward(t, m, everything(cache, slices.Concat(ill, ill, ill), layers))
	cache.Truncate(prefix)
	sameBits(t, "where sick tokens were forgotten", forward(t, m, everything(cache, ids[prefix:prefix+1], layers))[0], want[prefix:prefix+1])
	sameBits(t, "and on", forward(t, m, everything(cache, ids[prefix+1:], layers))[0], want[prefix+1:])
	fork.Truncate(prefix)
	sameBits(t, "on a fork", forward(t, m, everything(fork, ids[prefix:], layers))[0], want[prefix:])
}

// TestSick fails if numbers come out where a token is none, or where one before
// is, whatever the cache keeps of it.
func TestSick(t *testing.T) {
	check := func(kind, cache quant.Type) {
		m := load(t, poisoned(wide("llama"), kind), llama.Options{Threads: 1})
		for token, v := range sick {
			healthy := v == v && !math.IsInf(float64(v), 0)
			for _, tokens := range [][]int{{token}, {7, token}, {token, 7, 8}} {
				out := logits(t, m, newCache(t, m, cache), tokens...)
				numbers := 0
				for _, x := range out {
					if x == x {
						numbers++
					}
				}
				if healthy && numbers < len(out) || !healthy && numbers > 0 {
					t.Errorf("%v, cache of %v: after tokens %v, of which %d is all %v, %d logits of %d are numbers", kind, cache, tokens, token, v, numbers, len(out))
				}
			}
		}
	}
	for _, kind := range []quant.Type{quant.F32, quant.F16, quant.Q8_0, quant.Q4_0, quant.Q4_K, quant.Q5_K, quant.Q6_K} {
		check(kind, quant.F32)
	}
	check(quant.F32, quant.F16)
	check(quant.F32, quant.Q8_0)
}
