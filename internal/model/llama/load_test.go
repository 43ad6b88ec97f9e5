package llama_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// TestLoadProgress is told of more and more, and of all at the end: of every
// matrix once, and not of vectors nor of an embedding that is no output.
func TestLoadProgress(t *testing.T) {
	for _, tied := range []bool{false, true} {
		f, err := modelfile.Open(modeltest.GGUF(t, modeltest.Options{Type: quant.Q8_0, Tied: tied}))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want := int64(0)
		for _, x := range f.Tensors {
			if len(x.Shape) == 2 && (tied || x.Name != "token_embd.weight") {
				want += int64(len(x.Data))
			}
		}
		last := int64(0)
		load(t, f, llama.Options{Threads: 2, Progress: func(done, total int64) {
			if done <= last || total != want {
				t.Errorf("%d of %d bytes after %d, want %d at the end", done, total, last, want)
			}
			last = done
		}})
		if last != want {
			t.Errorf("the last progress is %d bytes, want %d", last, want)
		}
	}
}

// TestLoadCutShort loads a model whose file has been cut since it was opened.
func TestLoadCutShort(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be cut")
	}
	for _, kind := range []quant.Type{quant.F32, quant.Q4_0} {
		path := modeltest.GGUF(t, modeltest.Options{Type: kind, Layers: 4, Width: 128, FeedForward: 256})
		f, err := modelfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()/2); err != nil {
			t.Fatal(err)
		}
		m, err := llama.Load(f, llama.Options{Threads: 2})
		var fault *tensor.FaultError
		if !errors.As(err, &fault) {
			t.Errorf("%v: a file cut short: %v, want a FaultError", kind, err)
		}
		if err == nil {
			m.Close()
		}
	}
}

// TestExactOption computes in float32 what the file has, to the precision of the
// reference, where otherwise activations are rounded.
func TestExactOption(t *testing.T) {
	f, err := modelfile.Open(modeltest.GGUF(t, modeltest.Options{Type: quant.Q4_K, Width: 256, FeedForward: 512}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ids := randomTokens(f.Config, 5, 1)
	ref := newReference(f, nil)
	clear(ref.types) // it rounds nothing then
	var want []float64
	for _, id := range ids {
		want, _ = ref.step(id)
	}
	exact, _, _ := lastPosition(t, load(t, f, llama.Options{Exact: true}), ids)
	fast, _, _ := lastPosition(t, load(t, f, llama.Options{}), ids)
	if d := distance(exact, want); !(d <= 3e-6) {
		t.Errorf("with Exact logits are %.3g away", d)
	}
	if d := distance(fast, want); !(d > 1e-5 && d < 0.1) {
		t.Errorf("without Exact logits are %.3g away, want what 8 bits cost", d)
	}
}
