package synth_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/model/synth"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

func write(t *testing.T, o synth.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.gguf")
	if _, err := synth.Write(t.Context(), path, o); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *modelfile.Model {
	t.Helper()
	m, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSameBytes(t *testing.T) {
	one := read(t, write(t, synth.Options{Seed: 7, Threads: 1}))
	if !bytes.Equal(one, read(t, write(t, synth.Options{Seed: 7, Threads: 3, Shape: "Tiny", Mixture: quantize.Q4_K_M}))) {
		t.Error("the same options gave other bytes")
	}
	if bytes.Equal(one, read(t, write(t, synth.Options{Seed: 8}))) {
		t.Error("another seed gave the same bytes")
	}
}

// TestMixtures opens a model of each mixture, compares the types of its tensors
// with those that quantising gives, and measures the numbers.
func TestMixtures(t *testing.T) {
	for _, mixture := range quantize.Mixtures() {
		m := open(t, write(t, synth.Options{Mixture: mixture}))
		want, err := mixture.Types(&m.Config, m.Tensors)
		if err != nil {
			t.Fatal(err)
		}
		for _, tensor := range m.Tensors {
			if tensor.Type != want[tensor.Name] {
				t.Errorf("%v: %s is %v, want %v", mixture, tensor.Name, tensor.Type, want[tensor.Name])
			}
			if len(tensor.Shape) == 2 {
				checkNumbers(t, tensor)
			}
		}
	}
}

// checkNumbers compares the mean and the deviation with what they are to be. Of
// n numbers the mean strays by σ/√n; those of a group share a scale.
func checkNumbers(t *testing.T, tensor *modelfile.Tensor) {
	t.Helper()
	x := make([]float32, tensor.Shape[0]*tensor.Shape[1])
	quant.Dequantize(x, tensor.Type, tensor.Data)
	sum, squares := 0.0, 0.0
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(x))
	mean, deviation := sum/n, math.Sqrt(squares/n)
	if bound := 0.02 * 25 / math.Sqrt(n); math.Abs(mean) > bound {
		t.Errorf("%s of %v: mean %.6f, at most %.6f from 0", tensor.Name, tensor.Type, mean, bound)
	}
	if math.Abs(deviation-0.02) > 0.0005 {
		t.Errorf("%s of %v: deviation %.5f, want 0.02", tensor.Name, tensor.Type, deviation)
	}
}

// TestRuns has a model compute: its logits are finite and differ.
func TestRuns(t *testing.T) {
	m := open(t, write(t, synth.Options{Layers: 12}))
	if m.Config.Layers != 12 {
		t.Fatalf("%d layers, want 12", m.Config.Layers)
	}
	l, err := llama.Load(m, llama.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := l.Forward(t.Context(), []llama.Sequence{{Tokens: []int{768, 9, 300, 41}, Logits: []int{-1}}})
	if err != nil {
		t.Fatal(err)
	}
	squares := 0.0
	for _, x := range out[0].Logits[0] {
		squares += float64(x) * float64(x)
	}
	// Rows of 256 numbers of 0.02 times a vector of unit root mean square.
	size := math.Sqrt(squares / float64(len(out[0].Logits[0])))
	if want := 0.02 * 16; !(size > want/2 && size < want*2) {
		t.Errorf("logits of size %v, want about %v", size, want)
	}
}

// TestShapes compares the parameters with those that the authors of the models
// tell, and has the vocabularies make tokens of text and text of tokens.
func TestShapes(t *testing.T) {
	published := map[string]int{"llama-3.1-8b": 8_030_261_248, "llama-3.2-1b": 1_235_814_400}
	for _, shape := range synth.Shapes() {
		m, err := synth.Outline(synth.Options{Shape: shape})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, tensor := range m.Tensors {
			product := 1
			for _, d := range tensor.Shape {
				product *= d
			}
			n += product
		}
		if want, ok := published[shape]; ok && n != want {
			t.Errorf("%s: %d parameters, want %d", shape, n, want)
		}
		checkVocabulary(t, shape, m)
	}
}

func checkVocabulary(t *testing.T, shape string, m *modelfile.Model) {
	t.Helper()
	tok, err := tokenizer.New(m.Tokenizer)
	if err != nil {
		t.Fatalf("%s: %v", shape, err)
	}
	if tok.Size() != m.Config.Vocabulary {
		t.Errorf("%s: %d tokens for a vocabulary of %d", shape, tok.Size(), m.Config.Vocabulary)
	}
	const text = "The service was stopped at 03:14 → who stopped it?\n\n\x00\xff"
	ids := tok.Encode(text)
	if got := string(tok.Decode(ids)); got != text {
		t.Errorf("%s: %q came back as %q", shape, text, got)
	}
	if len(ids) >= len(text)*4/5 {
		t.Errorf("%s: %d tokens of %d bytes: the merges do little", shape, len(ids), len(text))
	}
	seen := map[string]bool{}
	for _, token := range m.Tokenizer.Tokens {
		if seen[token] {
			t.Fatalf("%s: token %q stands twice", shape, token)
		}
		seen[token] = true
	}
}

func TestProgress(t *testing.T) {
	var last, all int64
	path := filepath.Join(t.TempDir(), "out.gguf")
	r, err := synth.Write(t.Context(), path, synth.Options{Progress: func(done, of int64) {
		if done <= last {
			t.Errorf("%d after %d", done, last)
		}
		last, all = done, of
	}})
	if err != nil || last != all || all != r.TensorBytes {
		t.Errorf("%d of %d bytes, %d in the report, error %v", last, all, r.TensorBytes, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != r.FileBytes {
		t.Errorf("the file has %v bytes, %d in the report (%v)", info.Size(), r.FileBytes, err)
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for what, o := range map[string]synth.Options{
		"shape":    {Shape: "llama-4"},
		"mixture":  {Mixture: "Q3_K_M"},
		"negative": {Layers: -1},
		"many":     {Layers: synth.MaxLayers + 1},
	} {
		if _, err := synth.Write(t.Context(), filepath.Join(dir, "out.gguf"), o); err == nil {
			t.Errorf("%s: it was written", what)
		}
	}
	if _, err := synth.Write(t.Context(), dir, synth.Options{}); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("onto a folder: %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left (%v)", left, err)
	}
}
