package quantize_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

// wide is a model whose embedding takes several pieces of work.
var wide = modeltest.Options{Width: 256, Vocabulary: 1100, Type: quant.BF16, RopeFreqs: true, ChatTemplate: modeltest.ChatTemplate, Seed: 7}

func open(t *testing.T, path string) *modelfile.Model {
	t.Helper()
	m, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// numbers returns what a tensor's bytes stand for.
func numbers(t *testing.T, tensor *modelfile.Tensor) []float32 {
	t.Helper()
	n := 1
	for _, d := range tensor.Shape {
		n *= d
	}
	x := make([]float32, n)
	quant.Dequantize(x, tensor.Type, tensor.Data)
	return x
}

func byName(m *modelfile.Model) map[string]*modelfile.Tensor {
	all := map[string]*modelfile.Tensor{}
	for _, t := range m.Tensors {
		all[t.Name] = t
	}
	return all
}

// entries returns the names in a folder, so that a test sees what is left.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestQuantize(t *testing.T) {
	source := open(t, modeltest.GGUF(t, wide))
	for _, mixture := range quantize.Mixtures() {
		t.Run(string(mixture), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "out.gguf")
			report, err := quantize.Quantize(t.Context(), source, path, quantize.Options{Mixture: mixture, Threads: 3})
			if err != nil {
				t.Fatal(err)
			}
			if got := entries(t, dir); !slices.Equal(got, []string{"out.gguf"}) {
				t.Errorf("the folder holds %q", got)
			}
			m := open(t, path)
			types, err := mixture.Types(&source.Config, source.Tensors)
			if err != nil {
				t.Fatal(err)
			}
			checkTensors(t, source, m, types)
			checkReport(t, m, report)
			if info, err := os.Stat(path); err != nil || info.Size() != report.FileBytes {
				t.Errorf("the file has %d bytes, reported %d, %v", info.Size(), report.FileBytes, err)
			}
			if d := cmp.Diff(source.Config, m.Config); d != "" {
				t.Errorf("configuration (-source +written):\n%s", d)
			}
			if d := cmp.Diff(source.Tokenizer, m.Tokenizer); d != "" {
				t.Errorf("tokenizer (-source +written):\n%s", d)
			}
			if m.ChatTemplate != source.ChatTemplate {
				t.Errorf("chat template %q", m.ChatTemplate)
			}
		})
	}
}

// checkTensors compares each tensor with what quant makes of all of it at once.
func checkTensors(t *testing.T, source, m *modelfile.Model, types map[string]quant.Type) {
	t.Helper()
	if len(m.Tensors) != len(source.Tensors) {
		t.Errorf("%d tensors, want %d", len(m.Tensors), len(source.Tensors))
	}
	from := byName(source)
	for _, got := range m.Tensors {
		s := from[got.Name]
		if got.Type != types[got.Name] {
			t.Errorf("tensor %q is %v, want %v", got.Name, got.Type, types[got.Name])
			continue
		}
		x := numbers(t, s)
		want := make([]byte, got.Type.Size(len(x)))
		quant.Quantize(want, got.Type, x)
		if !slices.Equal(got.Data, want) {
			t.Errorf("tensor %q is not its source in %v", got.Name, got.Type)
		}
	}
}

func checkReport(t *testing.T, m *modelfile.Model, r *quantize.Report) {
	t.Helper()
	var numbers, bytes, tensors int64
	for _, typ := range r.Types {
		numbers, bytes, tensors = numbers+typ.Numbers, bytes+typ.Bytes, tensors+int64(typ.Tensors)
		lossless := typ.Type == quant.F32 || typ.Type == quant.BF16
		if lossless && typ.Error != 0 || !lossless && (typ.Error <= 0 || typ.Error > 0.1) {
			t.Errorf("%v has a relative error of %v", typ.Type, typ.Error)
		}
	}
	want := int64(0)
	for _, tensor := range m.Tensors {
		want += int64(len(tensor.Data))
	}
	if numbers != r.Parameters || bytes != r.TensorBytes || bytes != want || tensors != int64(len(m.Tensors)) {
		t.Errorf("report %+v does not add up to %d bytes", r, want)
	}
}

func TestMetadata(t *testing.T) {
	o := wide
	o.Shards = 3
	o.Properties = []gguf.Property{
		{Key: "general.file_type", Value: uint32(32)},
		{Key: "general.alignment", Value: uint32(128)},
		{Key: "of.somebody", Value: []int16{-1, 2}},
	}
	source := open(t, modeltest.GGUF(t, o))
	path := filepath.Join(t.TempDir(), "out.gguf")
	if _, err := quantize.Quantize(t.Context(), source, path, quantize.Options{}); err != nil {
		t.Fatal(err)
	}
	var want []modelfile.Property
	for _, p := range source.Properties {
		if !strings.HasPrefix(p.Key, "split.") && p.Key != "general.file_type" {
			want = append(want, p)
		}
	}
	want = append(want, modelfile.Property{Key: "general.quantization_version", Value: uint32(2)},
		modelfile.Property{Key: "general.file_type", Value: uint32(15)})
	if d := cmp.Diff(want, open(t, path).Properties); d != "" {
		t.Errorf("properties (-want +got):\n%s", d)
	}
}

func TestThreadsChangeNothing(t *testing.T) {
	source := open(t, modeltest.GGUF(t, wide))
	dir := t.TempDir()
	var first []byte
	var reported *quantize.Report
	for i, threads := range []int{1, 2, 7} {
		path := filepath.Join(dir, "out.gguf") // replaced each time
		done, calls := int64(0), 0
		r, err := quantize.Quantize(t.Context(), source, path, quantize.Options{Mixture: quantize.Q5_K_M, Threads: threads,
			Progress: func(n, all int64) {
				if calls++; n <= done || n > all {
					t.Errorf("progress went from %d to %d of %d", done, n, all)
				}
				done = n
			}})
		if err != nil {
			t.Fatal(err)
		}
		if done != r.Parameters || calls < len(source.Tensors) {
			t.Errorf("progress ended at %d of %d after %d calls", done, r.Parameters, calls)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first, reported = b, r
		} else if !slices.Equal(b, first) {
			t.Errorf("%d threads write another file", threads)
		} else if d := cmp.Diff(reported, r); d != "" {
			t.Errorf("%d threads report (-1 +%d):\n%s", threads, threads, d)
		}
	}
}

func TestRequantize(t *testing.T) {
	o := wide
	o.Type = quant.Q8_0
	source := open(t, modeltest.GGUF(t, o))
	path := filepath.Join(t.TempDir(), "out.gguf")
	if _, err := quantize.Quantize(t.Context(), source, path, quantize.Options{Mixture: quantize.Q4_0}); !errors.Is(err, quantize.ErrQuantized) {
		t.Errorf("a quantised model was taken: %v", err)
	}
	// Nothing is lost where nothing changes.
	if _, err := quantize.Quantize(t.Context(), source, path, quantize.Options{Mixture: quantize.Q8_0}); err != nil {
		t.Error(err)
	}
	for name, tensor := range byName(open(t, path)) {
		if !slices.Equal(tensor.Data, byName(source)[name].Data) {
			t.Errorf("tensor %q changed", name)
		}
	}
	if _, err := quantize.Quantize(t.Context(), source, path, quantize.Options{Mixture: quantize.Q4_0, AllowRequantize: true}); err != nil {
		t.Error(err)
	}
}

// poison puts bits into number 300 of a tensor.
func poison(name string, bits uint32) func([]gguf.Tensor) []gguf.Tensor {
	return func(tensors []gguf.Tensor) []gguf.Tensor {
		for i := range tensors {
			if tensors[i].Name == name {
				binary.LittleEndian.PutUint32(tensors[i].Data[1200:], bits)
			}
		}
		return tensors
	}
}

func TestRefusesNumbers(t *testing.T) {
	for _, tt := range []struct {
		mixture quantize.Mixture
		name    string
		number  float32
	}{
		{quantize.Q4_K_M, "blk.1.ffn_up.weight", float32(math.NaN())},
		{quantize.Q8_0, "output.weight", float32(math.Inf(-1))},
		{quantize.F32, "token_embd.weight", float32(math.NaN())}, // only copied
		{quantize.F16, "blk.0.attn_q.weight", 1e5},
		{quantize.BF16, "blk.0.attn_q.weight", math.MaxFloat32},
	} {
		path := modeltest.GGUF(t, modeltest.Options{Width: 256, Edit: poison(tt.name, math.Float32bits(tt.number))})
		dir := t.TempDir()
		_, err := quantize.Quantize(t.Context(), open(t, path), filepath.Join(dir, "out.gguf"), quantize.Options{Mixture: tt.mixture})
		if err == nil || !strings.Contains(err.Error(), tt.name) || !strings.Contains(err.Error(), "300") {
			t.Errorf("%v, %v in %q: error %v", tt.mixture, tt.number, tt.name, err)
		}
		if got := entries(t, dir); len(got) != 0 {
			t.Errorf("%v: %q are left", tt.mixture, got)
		}
	}
}

func TestInterrupted(t *testing.T) {
	source := open(t, modeltest.GGUF(t, wide))
	ctx, stop := context.WithCancel(t.Context())
	dir := t.TempDir()
	path := filepath.Join(dir, "out.gguf")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	calls := 0
	_, err := quantize.Quantize(ctx, source, path, quantize.Options{Threads: 1, Progress: func(int64, int64) {
		if calls++; calls == 3 {
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) || calls != 3 {
		t.Errorf("after %d pieces: %v", calls, err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "before" {
		t.Errorf("the file that was there became %q, %v", b, err)
	}
	if got := entries(t, dir); !slices.Equal(got, []string{"out.gguf"}) {
		t.Errorf("the folder holds %q", got)
	}
}

func TestRefusesTargets(t *testing.T) {
	from := modeltest.GGUF(t, modeltest.Options{})
	source := open(t, from)
	dir := t.TempDir()
	link := filepath.Join(dir, "link.gguf")
	hard := filepath.Join(dir, "hard.gguf")
	if err := errors.Join(os.Symlink(from, link), os.Link(from, hard)); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{from, link, hard, dir, filepath.Join(dir, "absent", "out.gguf")} {
		if _, err := quantize.Quantize(t.Context(), source, path, quantize.Options{Mixture: quantize.Q8_0}); err == nil {
			t.Errorf("%q was written", path)
		}
	}
	if got := entries(t, dir); !slices.Equal(got, []string{"hard.gguf", "link.gguf"}) {
		t.Errorf("the folder holds %q", got)
	}
}

// TestRefusesTensors has tensors whose bytes are not what their shapes say: a
// model may be made by other means than opening a file.
func TestRefusesTensors(t *testing.T) {
	good := modelfile.Tensor{Name: "token_embd.weight", Type: quant.F32, Shape: []int{4, 32}, Data: make([]byte, 512)}
	if err := write(t, good); err != nil {
		t.Fatalf("a good tensor: %v", err)
	}
	for what, edit := range map[string]func(*modelfile.Tensor){
		"one byte short":       func(t *modelfile.Tensor) { t.Data = t.Data[1:] },
		"one byte long":        func(t *modelfile.Tensor) { t.Data = append(t.Data, 0) },
		"no bytes":             func(t *modelfile.Tensor) { t.Data = nil },
		"no dimensions":        func(t *modelfile.Tensor) { t.Shape = nil },
		"a dimension of 0":     func(t *modelfile.Tensor) { t.Shape = []int{0, 32} },
		"a negative one":       func(t *modelfile.Tensor) { t.Shape = []int{-4, -32} },
		"a product that wraps": func(t *modelfile.Tensor) { t.Shape = []int{1 << 32, 1 << 32} },
		"a size that wraps":    func(t *modelfile.Tensor) { t.Shape = []int{1 << 31, 1 << 31} },
		"an unknown type":      func(t *modelfile.Tensor) { t.Type = 255 },
		"half a block":         func(t *modelfile.Tensor) { t.Type, t.Shape = quant.Q4_0, []int{2, 16} },
		"no name":              func(t *modelfile.Tensor) { t.Name = "" },
	} {
		bad := good
		edit(&bad)
		if err := write(t, bad); err == nil {
			t.Errorf("%s: it was written", what)
		}
	}
	if err := write(t, good, good); err == nil {
		t.Error("one name twice: it was written")
	}
	if err := write(t); err == nil {
		t.Error("no tensors: it was written")
	}
}

func write(t *testing.T, tensors ...modelfile.Tensor) error {
	m := &modelfile.Model{Format: "gguf"}
	for i := range tensors {
		m.Tensors = append(m.Tensors, &tensors[i])
	}
	dir := t.TempDir()
	_, err := quantize.Quantize(t.Context(), m, filepath.Join(dir, "out.gguf"), quantize.Options{Mixture: quantize.Q8_0, AllowRequantize: true})
	if left := entries(t, dir); err != nil && len(left) > 0 {
		t.Errorf("%q are left", left)
	}
	return err
}

// TestCutShort has the source lose its end while it is read.
func TestCutShort(t *testing.T) {
	path := modeltest.GGUF(t, wide)
	source := open(t, path)
	dir := t.TempDir()
	_, err := quantize.Quantize(t.Context(), source, filepath.Join(dir, "out.gguf"), quantize.Options{Threads: 2, Progress: func(done, _ int64) {
		if err := os.Truncate(path, 4096); err != nil {
			t.Error(err)
		}
	}})
	if err == nil {
		t.Error("half a model was quantised")
	}
	if left := entries(t, dir); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}
