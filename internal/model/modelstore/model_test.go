package modelstore_test

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// TestRealModels imports GGUF files that can be opened, from one and from several
// files, and opens them from the store.
func TestRealModels(t *testing.T) {
	data := t.TempDir()
	s := modelstore.New(data)
	for name, o := range map[string]modeltest.Options{
		"whole": {}, "split": {Shards: 3, Architecture: "qwen2"}, "quantised": {Type: quant.Q8_0},
	} {
		path := modeltest.GGUF(t, o)
		want, err := modelfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		m := add(t, s, path, name, modelstore.ImportOptions{}).Manifest
		stored, again, err := s.Open(name)
		if err != nil || again.Digest != m.Digest {
			t.Fatalf("Open(%q) = %v", name, err)
		}
		got, err := modelfile.Open(stored)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Tensors, got.Tensors); diff != "" || want.Config != got.Config {
			t.Errorf("%s: another model comes out", name)
		}
		if m.Architecture != want.Config.Architecture || m.Parameters != modelstore.Parameters(want) || len(m.Files) != max(1, o.Shards) {
			t.Errorf("%s: manifest %+v", name, m)
		}
		if wantType := o.Type.String(); m.Quantisation != wantType {
			t.Errorf("%s: quantisation %q, want %q", name, m.Quantisation, wantType)
		}
		if err := errors.Join(want.Close(), got.Close()); err != nil {
			t.Error(err)
		}
		if _, err := s.Verify(t.Context(), name, nil); err != nil {
			t.Error(err)
		}
	}
	noGarbage(t, data)
}

// TestNotANumber wants a model refused by the name of the tensor.
func TestNotANumber(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		path := modeltest.GGUF(t, modeltest.Options{Edit: func(tensors []gguf.Tensor) []gguf.Tensor {
			for _, x := range tensors {
				if x.Name == "blk.1.ffn_up.weight" {
					binary.LittleEndian.PutUint32(x.Data[len(x.Data)-4:], math.Float32bits(float32(bad)))
				}
			}
			return tensors
		}})
		data := t.TempDir()
		_, err := modelstore.New(data).Import(t.Context(), path, "x", modelstore.ImportOptions{})
		var e *casemate.Error
		if !errors.As(err, &e) || e.Code != casemate.CodeInput || !strings.Contains(err.Error(), "blk.1.ffn_up.weight") {
			t.Errorf("Import of %v = %v, want the tensor's name", bad, err)
		}
		noGarbage(t, data)
	}
}

// TestNoModels sends files that are something else.
func TestNoModels(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{
		"elf.gguf": "\x7fELF" + strings.Repeat("\x00", 100), "empty.gguf": "", "pickle.gguf": "\x80\x02}q\x00." + strings.Repeat("\x00", 100), "short.gguf": "GGUF",
	})
	whole, err := os.ReadFile(modeltest.GGUF(t, modeltest.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"cut.gguf": string(whole[:len(whole)-1])})
	for _, name := range []string{"elf", "empty", "pickle", "short", "cut"} {
		data := t.TempDir()
		_, err := modelstore.New(data).Import(t.Context(), filepath.Join(dir, name+".gguf"), name, modelstore.ImportOptions{})
		var e *casemate.Error
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("Import(%q) = %v, want a fault with a hint", name, err)
		}
		if name == "pickle" && !strings.Contains(err.Error(), "pickle") {
			t.Errorf("Import(%q) = %v, want the pickle named", name, err)
		}
		if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
			t.Errorf("Import(%q) made %v", name, entries)
		}
	}
}
