package llama_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestDepth wants states of early layers to be the same bits whether the later
// layers are computed or not: alone, beside a sequence that needs all of them, and
// where earlier tokens went through with fewer.
func TestDepth(t *testing.T) {
	file, err := modelfile.Open(modeltest.GGUF(t, modeltest.Options{Layers: 4}))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	m, err := llama.Load(file, llama.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	forward := func(batch ...llama.Sequence) []llama.Result {
		t.Helper()
		r, err := m.Forward(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	tokens := []int{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4}
	hidden := []llama.HiddenRequest{{Layer: 2}, {Layer: 1, Pool: llama.PoolMean}}
	want := forward(llama.Sequence{Tokens: tokens, Hidden: hidden})[0]
	shallow := llama.Sequence{Tokens: tokens, Hidden: hidden, Depth: 2}
	if diff := cmp.Diff(want, forward(shallow)[0]); diff != "" {
		t.Errorf("alone (-want +got):\n%s", diff)
	}
	other := llama.Sequence{Tokens: tokens[:5], Logits: []int{-1}}
	whole := forward(other)[0]
	for _, batch := range [][]llama.Sequence{{shallow, other}, {other, shallow}} {
		got := forward(batch...)
		for i, s := range batch {
			if s.Depth == 0 {
				if diff := cmp.Diff(whole, got[i]); diff != "" {
					t.Errorf("beside a shallow one (-want +got):\n%s", diff)
				}
			} else if diff := cmp.Diff(want, got[i]); diff != "" {
				t.Errorf("beside a deep one (-want +got):\n%s", diff)
			}
		}
	}
	cache, err := m.NewCache(0, quant.F32)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Release()
	first := forward(llama.Sequence{Cache: cache, Tokens: tokens[:9], Hidden: hidden[:1], Depth: 2})[0]
	rest := forward(llama.Sequence{Cache: cache, Tokens: tokens[9:], Hidden: hidden[:1], Depth: 2}, other)[0]
	if diff := cmp.Diff(want.Hidden[0], append(first.Hidden[0], rest.Hidden[0]...)); diff != "" {
		t.Errorf("in two passes (-want +got):\n%s", diff)
	}
	for _, c := range []*llama.Cache{cache, cache.Fork()} {
		if _, err := m.Forward(context.Background(), []llama.Sequence{{Cache: c, Tokens: tokens[:1], Logits: []int{-1}}}); err == nil || !strings.Contains(err.Error(), "depth of 2, not 4") {
			t.Errorf("all layers after a cache of two: %v", err)
		}
	}
	cache.Truncate(0)
	forward(llama.Sequence{Cache: cache, Tokens: tokens[:1], Logits: []int{-1}})
	for _, s := range []llama.Sequence{{Depth: 5}, {Depth: -1}, {Depth: 1, Hidden: hidden}, {Depth: 2, Logits: []int{-1}},
		{Depth: 2, Hidden: []llama.HiddenRequest{{Layer: llama.OutputNorm}}}} {
		s.Tokens = tokens
		if _, err := m.Forward(context.Background(), []llama.Sequence{s}); err == nil {
			t.Errorf("depth %d, %v: no error", s.Depth, s.Hidden)
		}
	}
}
