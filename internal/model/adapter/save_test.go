package adapter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// random makes an adapter of some of m's matrices, whose numbers F16 holds.
func random(m *modelfile.Model, seed uint64, decomposed bool) *adapter.Adapter {
	r := rand.New(rand.NewPCG(seed, 4))
	draw := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.IntN(2001)-1000) / 512
		}
		return x
	}
	var deltas []*adapter.Delta
	for _, t := range m.Tensors {
		if len(t.Shape) != 2 || t.Name == "token_embd.weight" || r.IntN(3) == 0 && len(deltas) > 0 {
			continue
		}
		rank := 1 + r.IntN(4)
		d := &adapter.Delta{Name: t.Name, Rank: rank, In: t.Shape[1], Out: t.Shape[0], Scale: float32(1+r.IntN(40)) / float32(rank)}
		d.A, d.B = draw(rank*d.In), draw(rank*d.Out)
		if decomposed {
			d.Magnitude = draw(d.Out)
		}
		deltas = append(deltas, d)
	}
	return adapter.New(m, deltas)
}

// models are two files of one model whose rows have different orders.
func models(t testing.TB) []*modelfile.Model {
	o := modeltest.Options{Layers: 2}
	return []*modelfile.Model{model(t, modeltest.GGUF(t, o)), model(t, modeltest.Folder(t, o))}
}

// What is written is read again as the same change of either order of rows.
func TestSavePEFTRoundTrip(t *testing.T) {
	both := models(t)
	rapid.Check(t, func(r *rapid.T) {
		m := both[rapid.IntRange(0, 1).Draw(r, "model")]
		a := random(m, rapid.Uint64().Draw(r, "seed"), rapid.Bool().Draw(r, "decomposed"))
		a.Stabilised = rapid.Bool().Draw(r, "stabilised")
		a.BaseDigest = digest
		m.Digest = digest
		defer func() { m.Digest = "" }()
		kind := rapid.SampledFrom([]quant.Type{quant.F32, quant.F16}).Draw(r, "type")
		dir := filepath.Join(t.TempDir(), "new", "folder")
		if err := adapter.SavePEFT(dir, a, m, adapter.Meta{Base: "org/base", Type: kind, Dropout: 0.05}); err != nil {
			r.Fatal(err)
		}
		b := load(t, dir)
		got, err := b.For(m)
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(a.Deltas, got); diff != "" {
			r.Errorf("changes (-saved +loaded):\n%s", diff)
		}
		if b.BaseDigest != digest || b.Base != "org/base" || b.Stabilised != a.Stabilised || b.Decomposed() != a.Decomposed() {
			r.Errorf("loaded %+v of %+v", b, a)
		}
	})
}

func TestSaveGGUFRoundTrip(t *testing.T) {
	both := models(t)
	rapid.Check(t, func(r *rapid.T) {
		m := both[rapid.IntRange(0, 1).Draw(r, "model")]
		a := random(m, rapid.Uint64().Draw(r, "seed"), false)
		path := filepath.Join(t.TempDir(), "a.gguf")
		if err := adapter.SaveGGUF(path, a, m, adapter.Meta{Base: "base"}); err != nil {
			r.Fatal(err)
		}
		b := load(t, path)
		got, err := b.For(m)
		if err != nil {
			r.Fatal(err)
		}
		for i, d := range got {
			want := change(a.Deltas[i])
			most := max(slices.Max(want), -slices.Min(want))
			for k, v := range change(d) { // B may have been multiplied, and rounded
				if math.Abs(v-want[k]) > 1e-6*most {
					r.Fatalf("%s: number %d of the change is %v, want %v", d.Name, k, v, want[k])
				}
			}
		}
		if b.Base != "base" || b.Architecture != "llama" {
			r.Errorf("loaded %+v", b)
		}
	})
}

// The same scale for all needs no multiplication: numbers stay what they are.
func TestSaveGGUFKeepsNumbers(t *testing.T) {
	m := models(t)[0]
	a := random(m, 1, false)
	for _, d := range a.Deltas {
		d.Scale = float32(16 / float64(d.Rank))
	}
	path := filepath.Join(t.TempDir(), "a.gguf")
	if err := adapter.SaveGGUF(path, a, m, adapter.Meta{}); err != nil {
		t.Fatal(err)
	}
	got, err := load(t, path).For(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Deltas, got); diff != "" {
		t.Errorf("changes (-saved +loaded):\n%s", diff)
	}
}

func TestSavePEFTWritesWhatPEFTReads(t *testing.T) {
	m := models(t)[0]
	delta := func(name string, rank int, scale float32) *adapter.Delta {
		shape := m.Tensor(name).Shape
		return &adapter.Delta{Name: name, Rank: rank, In: shape[1], Out: shape[0], Scale: scale, A: counted(rank*shape[1], 0), B: counted(rank*shape[0], 0)}
	}
	read := func(deltas ...*adapter.Delta) map[string]any {
		dir := filepath.Join(t.TempDir(), "a")
		if err := adapter.SavePEFT(dir, adapter.New(m, deltas), m, adapter.Meta{Base: "org/base"}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]any
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	all := read(delta("blk.0.attn_q.weight", 2, 16.0/3), delta("blk.1.attn_q.weight", 3, 16.0/3), delta("output.weight", 2, 16.0/3))
	for key, want := range map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2.0, "lora_alpha": 10.666667, "bias": "none", "use_dora": false, "use_rslora": false,
		"target_modules": []any{"lm_head", "q_proj"}, "base_model_name_or_path": "org/base",
		"rank_pattern": map[string]any{"model.layers.1.self_attn.q_proj": 3.0}, "alpha_pattern": map[string]any{"model.layers.1.self_attn.q_proj": 16.0},
	} {
		if diff := cmp.Diff(want, all[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	part := read(delta("blk.1.ffn_up.weight", 2, 1))
	if diff := cmp.Diff([]any{"model.layers.1.mlp.up_proj"}, part["target_modules"]); diff != "" {
		t.Errorf("modules of one layer (-want +got):\n%s", diff)
	}
}

// The same adapter gives the same bytes, and names that modelfile knows.
func TestSavePEFTBytes(t *testing.T) {
	m := models(t)[0]
	a := random(m, 3, true)
	var files [2][2][]byte
	for i := range files {
		dir := filepath.Join(t.TempDir(), "a")
		if err := adapter.SavePEFT(dir, a, m, adapter.Meta{}); err != nil {
			t.Fatal(err)
		}
		for k, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[i][k] = data
		}
	}
	for k := range files[0] {
		if !bytes.Equal(files[0][k], files[1][k]) {
			t.Errorf("file %d differs between two writings", k)
		}
	}
	f, err := safetensors.Parse(files[0][1])
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tensors {
		rest := strings.TrimPrefix(x.Name, "base_model.model.")
		module := rest[:strings.Index(rest, ".lora_")]
		if _, ok := modelfile.TranslateName(module + ".weight"); !ok {
			t.Errorf("tensor %q is of no module that is known", x.Name)
		}
	}
}

func TestSaveRefuses(t *testing.T) {
	m := models(t)[0]
	dir := t.TempDir()
	if err := adapter.SaveGGUF(filepath.Join(dir, "a.gguf"), random(m, 1, true), m, adapter.Meta{}); !errors.Is(err, adapter.ErrDecomposed) {
		t.Errorf("SaveGGUF of DoRA: %v, want ErrDecomposed", err)
	}
	a := random(m, 1, false)
	for _, save := range []func(a *adapter.Adapter, m *modelfile.Model, meta adapter.Meta) error{
		func(a *adapter.Adapter, m *modelfile.Model, meta adapter.Meta) error {
			return adapter.SavePEFT(filepath.Join(dir, "p"), a, m, meta)
		},
		func(a *adapter.Adapter, m *modelfile.Model, meta adapter.Meta) error {
			return adapter.SaveGGUF(filepath.Join(dir, "a.gguf"), a, m, meta)
		},
	} {
		if err := save(a, m, adapter.Meta{Type: quant.Q8_0}); err == nil {
			t.Error("Q8_0 was written")
		}
		if err := save(adapter.New(m, nil), m, adapter.Meta{}); err == nil {
			t.Error("an adapter without changes was written")
		}
		broken := *a.Deltas[0]
		broken.A = broken.A[1:]
		if err := save(adapter.New(m, []*adapter.Delta{&broken}), m, adapter.Meta{}); err == nil {
			t.Error("an adapter that lacks a number was written")
		}
		large := *a.Deltas[0]
		large.A = slices.Clone(large.A)
		large.A[7] = 1e6
		if err := save(adapter.New(m, []*adapter.Delta{&large}), m, adapter.Meta{Type: quant.F16}); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("1e6 as F16: %v", err)
		}
		large.A[7] = float32(math.NaN())
		if err := save(adapter.New(m, []*adapter.Delta{&large}), m, adapter.Meta{}); err == nil {
			t.Error("NaN was written")
		}
		bound := random(m, 1, false)
		bound.BaseDigest = digest
		if err := save(bound, m, adapter.Meta{}); !errors.Is(err, adapter.ErrBase) {
			t.Errorf("an adapter of another model: %v", err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("refusals left %v, %v", left, err)
	}
	if err := adapter.SavePEFT(dir, a, m, adapter.Meta{}); err != nil {
		t.Fatal(err)
	}
	if err := adapter.SavePEFT(dir, a, m, adapter.Meta{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another adapter: %v, want ErrExist", err)
	}
}

func TestLoadPEFTDecomposed(t *testing.T) {
	with := func(magnitudes ...safetensors.Tensor) ([]safetensors.Tensor, object) {
		return append(plain(), magnitudes...), config(object{"use_dora": true})
	}
	flat := func(name string, x []float32) safetensors.Tensor {
		return safetensors.Tensor{Name: layer0 + name, Shape: []int{len(x)}, Data: bytesOf(quant.F32, x)}
	}
	tensors, c := with(flat("self_attn.q_proj.lora_magnitude_vector", counted(64, 1)), flat("mlp.down_proj.lora_magnitude_vector.weight", counted(64, 2)))
	a := load(t, folder(t, c, tensors, nil))
	if !a.Decomposed() || !slices.Equal(a.Deltas[0].Magnitude, counted(64, 1)) || !slices.Equal(a.Deltas[1].Magnitude, counted(64, 2)) {
		t.Errorf("magnitudes %v and %v", a.Deltas[0].Magnitude, a.Deltas[1].Magnitude)
	}
	nan := counted(64, 1)
	nan[5] = float32(math.NaN())
	for what, x := range map[string]struct {
		q    []float32
		want string
	}{
		"too few": {counted(63, 1), "63"},
		"NaN":     {nan, "number 5"},
	} {
		tensors, c := with(flat("self_attn.q_proj.lora_magnitude_vector", x.q), flat("mlp.down_proj.lora_magnitude_vector", counted(64, 2)))
		if _, err := adapter.Load(folder(t, c, tensors, nil)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: Load: %v, want %q in it", what, err, x.want)
		}
	}
	tensors, c = with(flat("self_attn.q_proj.lora_magnitude_vector", counted(64, 1)))
	if _, err := adapter.Load(folder(t, c, tensors, nil)); err == nil || !strings.Contains(err.Error(), "blk.0.ffn_down") {
		t.Errorf("one target without magnitudes: %v", err)
	}
}

// Rows of W', worked out with float64: W + sBA, then the length that is asked for.
func TestAddAndStretch(t *testing.T) {
	d := &adapter.Delta{Rank: 2, In: 3, Out: 2, Scale: 0.5, A: []float32{1, 2, 3, -1, 0, 1}, B: []float32{2, 4, 1, -2}, Magnitude: []float32{10, -3}}
	w := []float32{1, 1, 1}
	d.Add(w[:2], 1, 0)
	d.Add(w[2:], 1, 2)
	// row 1 of BA: 1·(1,2,3) - 2·(-1,0,1) = (3,2,1)
	if want := []float32{2.5, 2, 1.5}; !slices.Equal(w, want) {
		t.Errorf("row 1 of W + sBA is %v, want %v", w, want)
	}
	if got, want := d.Stretch(w, 1), float32(-3/math.Sqrt(2.5*2.5+4+1.5*1.5)); got != want {
		t.Errorf("Stretch = %v, want %v", got, want)
	}
	if got := d.Stretch([]float32{0, 0, 0}, 0); got != 1 {
		t.Errorf("Stretch of zeros = %v, want 1", got)
	}
	d.Magnitude = nil
	if got := d.Stretch(w, 1); got != 1 {
		t.Errorf("Stretch without magnitudes = %v, want 1", got)
	}
}
