package llama_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// refFolder returns where the reference models are, or skips.
func refFolder(t testing.TB) string {
	t.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	folder := filepath.Join(shared, "ref", "model")
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("needs the reference models of CASEMATE_SHARED: %v", err)
	}
	return folder
}

// exact is a NAME.exact.json: a float64 forward pass of the dequantised weights.
type exact struct {
	Model   string `json:"model"`
	Prompts []struct {
		Name     string      `json:"name"`
		IDs      []int       `json:"ids"`
		Logits   []float64   `json:"logits"`
		Hidden   []float64   `json:"hidden"`
		Layers   [][]float64 `json:"layer_outputs_first16"`
		Distance struct {
			Logits float64 `json:"logits"`
			Hidden float64 `json:"hidden"`
		} `json:"llama_cpp_distance"`
	} `json:"prompts"`
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// distance returns the relative L2 distance of got from want, over want's length.
func distance(got []float32, want []float64) float64 {
	var diff, norm float64
	for i, w := range want {
		d := float64(got[i]) - w
		diff += d * d
		norm += w * w
	}
	return math.Sqrt(diff / norm)
}

func loadFile(t testing.TB, path string, o llama.Options) *llama.Model {
	t.Helper()
	f, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m, err := llama.Load(f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestExact compares with the exact values: the relative distance is at most
// 3e-6 for F32, and for other formats at most llama.cpp's on the mean over prompts
// and 1.25 times it on any one, for logits and hidden states alike. It prints the
// distances with -v.
func TestExact(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(refFolder(t), "*.exact.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no exact values: %v", err)
	}
	for _, file := range files {
		var want exact
		readJSON(t, file, &want)
		t.Run(strings.TrimSuffix(want.Model, ".gguf"), func(t *testing.T) {
			m := loadFile(t, filepath.Join(filepath.Dir(file), want.Model), llama.Options{})
			compareExact(t, m, want)
		})
	}
}

// farthest is the relative distance that models of float32 activations keep.
const farthest = 3e-6

func compareExact(t *testing.T, m *llama.Model, want exact) {
	names := [...]string{"logits", "first 64", "hidden"}
	var ours, theirs [len(names)]float64
	f32 := strings.Contains(want.Model, "f32")
	t.Logf("%-12s %6s  %10s %10s %10s  %10s %10s", "prompt", "tokens", "logits", "first 64", "llama.cpp", "hidden", "llama.cpp")
	for _, p := range want.Prompts {
		logits, hidden, layers := lastPosition(t, m, p.IDs)
		// llama.cpp's distance of logits is that of the first 64.
		d := [...]float64{distance(logits, p.Logits), distance(logits, p.Logits[:64]), distance(hidden, p.Hidden)}
		l := [...]float64{p.Distance.Logits, p.Distance.Logits, p.Distance.Hidden}
		t.Logf("%-12s %6d  %10.2e %10.2e %10.2e  %10.2e %10.2e", p.Name, len(p.IDs), d[0], d[1], l[1], d[2], l[2])
		for i, name := range names {
			ours[i], theirs[i] = ours[i]+d[i], theirs[i]+l[i]
			limit := 1.25 * l[i]
			if f32 {
				limit = farthest
			}
			if !(d[i] <= limit) {
				t.Errorf("%s: %s is %.3g away, want at most %.3g", p.Name, name, d[i], limit)
			}
		}
		compareLayers(t, want.Model, p.Name, layers, p.Layers, 2*p.Distance.Hidden)
	}
	t.Logf("mean over prompts, in llama.cpp's: logits %.3f, first 64 %.3f, hidden %.3f", ours[0]/theirs[0], ours[1]/theirs[1], ours[2]/theirs[2])
	for i, name := range names {
		if !f32 && !(ours[i] <= theirs[i]) {
			t.Errorf("mean distance of %s is %.3g, llama.cpp's %.3g", name, ours[i]/float64(len(want.Prompts)), theirs[i]/float64(len(want.Prompts)))
		}
	}
}

// compareLayers compares the first numbers of each layer's output, which say
// where an error begins. They are few, so that where activations are rounded
// their distance is only bounded loosely.
func compareLayers(t *testing.T, model, prompt string, got [][]float32, want [][]float64, limit float64) {
	t.Helper()
	if strings.Contains(model, "f32") || strings.Contains(model, "F16") {
		limit = farthest
	}
	for i, w := range want {
		if d := distance(got[i], w); !(d <= limit) {
			t.Errorf("%s: layer %d is %.3g away, want at most %.3g", prompt, i+1, d, limit)
		}
	}
}

// TestCacheFormats bounds what keys and values of less than float32 cost, as a
// mean over prompts: F16 no more than llama.cpp loses with an F32 cache and
// weights of F16, Q8_0 no more than it loses with weights of Q8_0.
func TestCacheFormats(t *testing.T) {
	folder := refFolder(t)
	for kind, weights := range map[quant.Type]string{quant.F16: "small256_F16", quant.Q8_0: "small256_Q8_0"} {
		var want exact
		readJSON(t, filepath.Join(folder, weights+".exact.json"), &want)
		m := loadFile(t, filepath.Join(folder, want.Model), llama.Options{})
		var ours, theirs float64
		for _, p := range want.Prompts {
			cache, err := m.NewCache(0, kind)
			if err != nil {
				t.Fatal(err)
			}
			ours += distance(logits(t, m, cache, p.IDs...), p.Logits)
			theirs += p.Distance.Logits
		}
		n := float64(len(want.Prompts))
		t.Logf("cache of %v: %.2e away, llama.cpp with F32 cache and weights of %v %.2e", kind, ours/n, kind, theirs/n)
		if !(ours <= theirs) {
			t.Errorf("cache of %v: %.3g away, want at most %.3g", kind, ours/n, theirs/n)
		}
	}
}

// lastPosition returns what a model computes for the last of the ids.
func lastPosition(t testing.TB, m *llama.Model, ids []int) (logits, hidden []float32, layers [][]float32) {
	t.Helper()
	s := llama.Sequence{Tokens: ids, Logits: []int{-1}, Hidden: []llama.HiddenRequest{{Layer: llama.OutputNorm, Pool: llama.PoolLast}}}
	for i := range m.Config().Layers {
		s.Hidden = append(s.Hidden, llama.HiddenRequest{Layer: i + 1, Pool: llama.PoolLast})
	}
	r, err := m.Forward(context.Background(), []llama.Sequence{s})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r[0].Hidden[1:] {
		layers = append(layers, h[0])
	}
	return r[0].Logits[0], r[0].Hidden[0][0], layers
}

// TestGreedy continues each prompt of the F32 model, one token at a time.
func TestGreedy(t *testing.T) {
	folder := refFolder(t)
	var want struct {
		Prompts []struct {
			Name   string `json:"name"`
			IDs    []int  `json:"ids"`
			Greedy []int  `json:"greedy"`
		} `json:"prompts"`
	}
	readJSON(t, filepath.Join(folder, "tiny_trunc_f32.json"), &want)
	m := loadFile(t, filepath.Join(folder, "tiny_trunc_f32.gguf"), llama.Options{})
	for _, p := range want.Prompts {
		cache, err := m.NewCache(len(p.IDs)+len(p.Greedy), quant.F32)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for next := p.IDs; len(got) < len(p.Greedy); next = got[len(got)-1:] {
			r, err := m.Forward(context.Background(), []llama.Sequence{{Cache: cache, Tokens: next, Logits: []int{-1}}})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, largest(r[0].Logits[0]))
		}
		if !slices.Equal(got, p.Greedy) {
			t.Errorf("%s: greedy continuation is %v, want %v", p.Name, got, p.Greedy)
		}
	}
}

func largest(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
