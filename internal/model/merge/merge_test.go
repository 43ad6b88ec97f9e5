package merge_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/merge"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

var ctx = context.Background()

func open(t *testing.T, path string) *modelfile.Model {
	t.Helper()
	m, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func ready(t *testing.T, m *modelfile.Model) *llama.Model {
	t.Helper()
	l, err := llama.Load(m, llama.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// random makes an adapter of queries and down projections.
func random(m *modelfile.Model, decomposed bool) *adapter.Adapter {
	r := rand.New(rand.NewPCG(1, 2))
	var deltas []*adapter.Delta
	for _, t := range m.Tensors {
		if !strings.HasSuffix(t.Name, "attn_q.weight") && !strings.HasSuffix(t.Name, "ffn_down.weight") {
			continue
		}
		d := &adapter.Delta{Name: t.Name, Rank: 3, In: t.Shape[1], Out: t.Shape[0], Scale: 0.5}
		for range d.Rank * d.In {
			d.A = append(d.A, float32(r.NormFloat64()/8))
		}
		for range d.Rank * d.Out {
			d.B = append(d.B, float32(r.NormFloat64()/8))
		}
		if decomposed {
			for range d.Out {
				d.Magnitude = append(d.Magnitude, float32(0.2+r.Float64()))
			}
		}
		deltas = append(deltas, d)
	}
	return adapter.New(m, deltas)
}

// What is merged answers as the base with the adapter does, but for rounding, in
// either order of rows, and with decomposed adapters, too.
func TestWriteIsBaseAndAdapter(t *testing.T) {
	o := modeltest.Options{Layers: 2}
	texts := [][]int{{1, 5, 9, 200, 3, 77}, {1, 8, 8, 4}}
	for name, path := range map[string]string{"GGUF": modeltest.GGUF(t, o), "folder": modeltest.Folder(t, o)} {
		for _, decomposed := range []bool{false, true} {
			m := open(t, path)
			l := ready(t, m)
			a := random(m, decomposed)
			x, err := l.NewAdapter(a)
			if err != nil {
				t.Fatal(err)
			}
			both, err := merge.NewReference(ctx, l, x, texts)
			if err != nil {
				t.Fatal(err)
			}
			alone, err := both.Against(ctx, l, nil)
			if err != nil || alone.Mean < 0.01 {
				t.Fatalf("%s: the adapter changes almost nothing: %+v, %v", name, alone, err)
			}
			out := filepath.Join(t.TempDir(), "merged.gguf")
			if _, err := merge.Write(ctx, m, a, out, merge.Options{Mixture: quantize.F32}); err != nil {
				t.Fatal(err)
			}
			d, err := both.Against(ctx, ready(t, open(t, out)), nil)
			if err != nil || d.Tokens != 8 || d.Max > 1e-4 || d.Agreement != 1 || d.Divergence > 1e-6 {
				t.Errorf("%s, decomposed %v: %+v, %v", name, decomposed, d, err)
			}
		}
	}
}

// The bytes do not depend on threads; tensors that are not changed are those of
// the base; the file says what it was made of.
func TestWriteBytes(t *testing.T) {
	m := open(t, modeltest.GGUF(t, modeltest.Options{Layers: 2}))
	m.Digest = "sha256:" + strings.Repeat("ab", 32)
	a := random(m, true)
	a.Digest = "sha256:" + strings.Repeat("cd", 32)
	dir := t.TempDir()
	var files [2][]byte
	for i, threads := range []int{1, 5} {
		path := filepath.Join(dir, "m.gguf")
		if _, err := merge.Write(ctx, m, a, path, merge.Options{Mixture: quantize.F16, Threads: threads}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = data
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("threads change bytes")
	}
	merged := open(t, filepath.Join(dir, "m.gguf"))
	said := map[string]any{}
	for _, p := range merged.Properties {
		said[p.Key] = p.Value
	}
	if said[merge.BaseKey] != m.Digest || said[merge.AdapterKey] != a.Digest {
		t.Errorf("the file says %v and %v", said[merge.BaseKey], said[merge.AdapterKey])
	}
	for _, before := range m.Tensors {
		after := merged.Tensor(before.Name)
		changed := strings.HasSuffix(before.Name, "attn_q.weight") || strings.HasSuffix(before.Name, "ffn_down.weight")
		x, y := numbers(before), numbers(after)
		same := true
		for i := range x {
			same = same && math.Abs(float64(x[i]-y[i])) <= 1e-3*math.Abs(float64(x[i]))+1e-6
		}
		if same == changed {
			t.Errorf("%s: same %v, in the adapter %v", before.Name, same, changed)
		}
	}
}

func numbers(t *modelfile.Tensor) []float32 {
	n := 1
	for _, side := range t.Shape {
		n *= side
	}
	x := make([]float32, n)
	quant.Dequantize(x, t.Type, t.Data)
	return x
}

func TestWriteRefuses(t *testing.T) {
	m := open(t, modeltest.GGUF(t, modeltest.Options{Layers: 2}))
	out := filepath.Join(t.TempDir(), "m.gguf")
	a := random(m, false)
	a.BaseDigest = "sha256:" + strings.Repeat("ab", 32)
	if _, err := merge.Write(ctx, m, a, out, merge.Options{}); !errors.Is(err, adapter.ErrBase) {
		t.Errorf("an adapter of another base: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := merge.Write(ended, m, random(m, true), out, merge.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, _ := filepath.Glob(out + "*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Figures worked out by hand: two positions of a vocabulary of two.
func TestDifference(t *testing.T) {
	p, q := math.Log(0.5), math.Log(0.25)
	reference, err := merge.NewReference(ctx, fixed{{0, 0}, {float32(math.Log(3)), 0}}, nil, [][]int{{0, 1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := reference.Against(ctx, fixed{{float32(math.Log(3)), 0}, {float32(math.Log(3)), 0}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Position 0: token 1 had 0.5 and has 0.25; position 1: the same 0.75.
	want := merge.Difference{Tokens: 2, Mean: (p - q) / 2, Max: p - q, Divergence: (0.5*math.Log(0.5/0.75) + 0.5*math.Log(0.5/0.25)) / 2, Agreement: 1,
		Reference: -(p + math.Log(0.75)) / 2, Model: -(q + math.Log(0.75)) / 2}
	for what, x := range map[string][2]float64{"mean": {d.Mean, want.Mean}, "max": {d.Max, want.Max}, "divergence": {d.Divergence, want.Divergence},
		"agreement": {d.Agreement, want.Agreement}, "reference": {d.Reference, want.Reference}, "model": {d.Model, want.Model}} {
		if math.Abs(x[0]-x[1]) > 1e-6 {
			t.Errorf("%s is %v, want %v", what, x[0], x[1])
		}
	}
	other, err := merge.NewReference(ctx, fixed{{float32(math.Log(3)), 0}, {float32(math.Log(3)), 0}}, nil, [][]int{{0, 1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := reference.To(other); again != d || err != nil {
		t.Errorf("To: %+v, %v, want what Against says: %+v", again, err, d)
	}
	if _, err := reference.To(&merge.Reference{}); err == nil {
		t.Error("a reference without positions was compared")
	}
	if _, err := merge.NewReference(ctx, fixed{}, nil, [][]int{{1}}); err == nil {
		t.Error("a text of one token was measured")
	}
	if _, err := merge.NewReference(ctx, wide{}, nil, [][]int{make([]int, 257)}); err == nil || !strings.Contains(err.Error(), "give fewer") {
		t.Errorf("more than a GiB of log-probabilities: %v", err)
	}
	if _, err := reference.Against(ctx, fixed{{0, 0, 0}, {0, 0, 0}}, nil); err == nil {
		t.Error("another vocabulary was compared")
	}
}

// wide has a vocabulary of which 256 positions fill a GiB.
type wide struct{ fixed }

func (wide) Config() modelfile.Config { return modelfile.Config{Vocabulary: 1 << 20} }

// fixed answers with the same logits whatever it is asked.
type fixed [][]float32

func (f fixed) Config() modelfile.Config { return modelfile.Config{Vocabulary: 2} }

func (f fixed) Forward(context.Context, []llama.Sequence) ([]llama.Result, error) {
	var r llama.Result
	for _, row := range f {
		r.Logits = append(r.Logits, append([]float32(nil), row...))
	}
	return []llama.Result{r}, nil
}
