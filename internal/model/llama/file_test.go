package llama_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestFiles loads each architecture from a GGUF file and from a folder with the
// same numbers, and compares both with the float64 forward pass.
func TestFiles(t *testing.T) {
	for _, o := range []modeltest.Options{
		{Architecture: "llama", Type: quant.F32},
		{Architecture: "llama", Type: quant.BF16, Tied: true},
		{Architecture: "mistral", Type: quant.F16, SlidingWindow: 7},
		{Architecture: "qwen2", Type: quant.F32, Tied: true},
		{Architecture: "qwen3", Type: quant.F32, Shards: 2},
	} {
		for _, path := range []string{modeltest.GGUF(t, o), modeltest.Folder(t, o)} {
			f, err := modelfile.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			m := load(t, f, llama.Options{})
			ids := randomTokens(f.Config, 20, 1)
			got, hidden, _ := lastPosition(t, m, ids)
			ref := newReference(f, nil)
			var wantLogits, wantHidden []float64
			for _, id := range ids {
				wantLogits, wantHidden = ref.step(id)
			}
			if d := distance(got, wantLogits); !(d <= 3e-6) {
				t.Errorf("%s %s: logits are %.3g away", o.Architecture, f.Format, d)
			}
			if d := distance(hidden, wantHidden); !(d <= 3e-6) {
				t.Errorf("%s %s: hidden states are %.3g away", o.Architecture, f.Format, d)
			}
			m.Close()
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestFormats compares models of every format that can be written with the
// float64 forward pass over the weights as the file has them.
func TestFormats(t *testing.T) {
	for _, kind := range quant.Types() {
		if !kind.Writable() {
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			f, err := modelfile.Open(modeltest.GGUF(t, modeltest.Options{Type: kind, Width: 256, FeedForward: 256, Heads: 4, KVHeads: 2}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			var count compared
			compareRounded(t, &count, f, nil, 5)
			count.enough(t)
		})
	}
}

// TestFileChanges writes to a model's file while it is in use: the pass fails,
// and the cache is as before.
func TestFileChanges(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{})
	f, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := load(t, f, llama.Options{})
	cache, err := m.NewCache(0, quant.F32)
	if err != nil {
		t.Fatal(err)
	}
	logits(t, m, cache, 1, 2, 3)
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	r, err := m.Forward(context.Background(), []llama.Sequence{{Cache: cache, Tokens: []int{4}}})
	if err == nil || r != nil || cache.Len() != 3 {
		t.Errorf("a pass over a changed file: %v, %v, %d tokens in the cache", r, err, cache.Len())
	}
}

// TestAdapterRefused fails to load adapters that change what the model lacks, or
// what cannot be changed.
func TestAdapterRefused(t *testing.T) {
	m := randomModel(small(), quant.F32, 1)
	delta := func(name string, out, in int) *adapter.Delta {
		return &adapter.Delta{Name: name, Rank: 1, Out: out, In: in, Scale: 1, A: make([]float32, in), B: make([]float32, out)}
	}
	for _, d := range []*adapter.Delta{
		delta("blk.7.ffn_up.weight", 48, 32),
		delta("blk.0.ffn_up.weight", 48, 31),
		delta("token_embd.weight", 40, 32),
		{Name: "blk.0.ffn_up.weight", Rank: 2, Out: 48, In: 32, A: make([]float32, 3), B: make([]float32, 96)},
	} {
		l, err := llama.Load(m, llama.Options{Adapter: &adapter.Adapter{Path: "a", Deltas: []*adapter.Delta{d}}})
		if err == nil {
			l.Close()
			t.Errorf("an adapter of %q, [%d %d], was loaded", d.Name, d.Out, d.In)
		} else if !strings.Contains(err.Error(), d.Name) {
			t.Errorf("an adapter of %q: %v", d.Name, err)
		}
	}
	wrong := &adapter.Adapter{Path: "a", BaseDigest: "sha256:" + strings.Repeat("0", 64), Deltas: []*adapter.Delta{delta("blk.0.ffn_up.weight", 48, 32)}}
	if _, err := llama.Load(m, llama.Options{Adapter: wrong}); !errors.Is(err, adapter.ErrBase) {
		t.Errorf("an adapter of another model: %v", err)
	}
}
