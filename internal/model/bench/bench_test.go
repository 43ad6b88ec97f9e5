package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/bench"
	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/model/synth"
)

func tiny(t *testing.T, mixture quantize.Mixture) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if _, err := synth.Write(t.Context(), path, synth.Options{Mixture: mixture, Layers: 1}); err != nil {
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

// TestRun measures a small model. What the figures are is the machine's affair;
// how they hang together is not.
func TestRun(t *testing.T) {
	var done, all int64
	r, err := bench.Run(t.Context(), tiny(t, quantize.Q4_K_M), bench.Options{
		Threads: 1, Repeat: 2, Prompt: 20, Decode: 3, Batch: 2, Options: 5, Prefix: 10, Cache: quant.F16,
		Progress: func(d, a int64) { done, all = d, a },
	})
	if err != nil {
		t.Fatal(err)
	}
	if done != all || all != 11 {
		t.Errorf("progress ended at %d of %d, want 11 of 11", done, all)
	}
	for what, d := range map[string]*bench.Duration{"load": r.Load, "first": r.FirstToken, "shared": &r.Prefix.Shared, "whole": &r.Prefix.Whole} {
		if len(d.Runs) != 2 || d.Seconds != slices.Min(d.Runs) || d.Seconds <= 0 || d.MedianSeconds != (d.Runs[0]+d.Runs[1])/2 {
			t.Errorf("%s: %+v", what, *d)
		}
		checkShare(t, what, d.Roofline.Share, d.Roofline.Seconds/d.Seconds)
	}
	for what, rate := range map[string]*bench.Rate{"prompt": r.Prompt, "decode": r.Decode, "batch": r.Batch} {
		if len(rate.Runs) != 2 || rate.TokensPerSecond != slices.Max(rate.Runs) || rate.TokensPerSecond <= 0 {
			t.Errorf("%s: %+v", what, *rate)
		}
		checkShare(t, what, rate.Roofline.Share, rate.TokensPerSecond/rate.Roofline.TokensPerSecond)
	}
	if r.FirstToken.Seconds < r.Load.Seconds {
		t.Errorf("the first token came after %v s, the model was loaded after %v s", r.FirstToken.Seconds, r.Load.Seconds)
	}
	if r.Batch.Sequences != 2 || r.Batch.Tokens != 3 || r.Prompt.Tokens != 20 || r.Machine.Threads != 1 || r.Cache != "F16" {
		t.Errorf("%+v", r)
	}
	if m := r.Memory; runtime.GOOS == "linux" && (m.PeakBytes < m.FileBytes || m.RestBytes != m.PeakBytes-m.FileBytes-m.CacheBytes || m.CacheBytes <= 0) {
		t.Errorf("memory %+v", m)
	}
	checkJSON(t, r)
}

func checkShare(t *testing.T, what string, have, want float64) {
	t.Helper()
	if !(math.Abs(have-want) <= 1e-9*want) || have <= 0 {
		t.Errorf("%s: a share of %v, want %v", what, have, want)
	}
}

// checkJSON has a report come back from its document.
func checkJSON(t *testing.T, r *bench.Report) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back := &bench.Report{}
	if err := json.Unmarshal(b, back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Errorf("read back (-written +read):\n%s", d)
	}
	same := bench.Compare(back, r)
	want := bench.Comparison{Load: 1, FirstToken: 1, Prompt: 1, Decode: 1, Batch: 1, Prefix: 1, Memory: same.Memory}
	if d := cmp.Diff(want, same); d != "" {
		t.Errorf("compared with itself (-want +got):\n%s", d)
	}
}

func TestCompare(t *testing.T) {
	before := &bench.Report{
		Load: &bench.Duration{Seconds: 2}, FirstToken: &bench.Duration{Seconds: 3},
		Prompt: &bench.Rate{Tokens: 512, TokensPerSecond: 100}, Decode: &bench.Rate{Tokens: 64, TokensPerSecond: 10},
		Memory: bench.Memory{PeakBytes: 400},
	}
	now := &bench.Report{
		Load: &bench.Duration{Seconds: 1}, FirstToken: &bench.Duration{Seconds: 4},
		Prompt: &bench.Rate{Tokens: 512, TokensPerSecond: 150}, Decode: &bench.Rate{Tokens: 32, TokensPerSecond: 12},
		Batch: &bench.Rate{TokensPerSecond: 5}, Memory: bench.Memory{PeakBytes: 300}, Cache: "F16",
	}
	want := bench.Comparison{Load: 2, FirstToken: 0.75, Prompt: 1.5, Decode: 1.2, Memory: 0.75, Unlike: []string{"the cache's type", "the tokens decoded"}}
	if d := cmp.Diff(want, bench.Compare(now, before)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := bench.Compare(&bench.Report{}, &bench.Report{}); !cmp.Equal(got, bench.Comparison{}) {
		t.Errorf("two empty reports: %+v", got)
	}
}

// TestCost holds bytes and operations against numbers worked out by hand: of one
// layer of width 256 with 4 heads of 64, 2 of them for keys, feed-forward 512,
// and an output of 1,024 rows.
func TestCost(t *testing.T) {
	const (
		layer  = 256*256 + 2*128*256 + 256*256 + 3*512*256
		output = 1024 * 256
	)
	m := open(t, tiny(t, quantize.F16))
	// 5 tokens with logits at 2 of them, that see 15 positions together, 5 of
	// which are read: 2 (keys and values) of 128 numbers of 4 bytes each.
	want := [3]float64{2*(layer+output) + 5*2*128*4, 0, 2*5*layer + 2*2*output + 15*4*4*64}
	if got := bench.Pass(m, quant.F32, 5, 2, 15, 5); got != want {
		t.Errorf("F16: %v, want %v", got, want)
	}
	want = [3]float64{2 * layer, 0, 2*5*layer + 15*4*4*64}
	if got := bench.Pass(m, quant.F32, 5, 0, 15, 0); got != want {
		t.Errorf("F16 without logits: %v, want %v", got, want)
	}
	m = open(t, tiny(t, quantize.Q8_0))
	const blocks = (layer + output) / 32 * 34
	// 3 sequences with one token before compute 2: they see 2 and 3 positions.
	want = [3]float64{2*blocks + 3*(2+3)*2*128*2, 2 * 3 * 2 * (layer + output), 3 * (2 + 3) * 4 * 4 * 64}
	if got := bench.Decode(m, quant.F16, 3, 1, 2); got != want {
		t.Errorf("Q8_0: %v, want %v", got, want)
	}
}

func TestRoofline(t *testing.T) {
	m := bench.Machine{ReadBytesPerSecond: 10, Int8OperationsPerSecond: 100, Float32OperationsPerSecond: 20}
	for _, c := range []struct {
		bytes, int8, float32, seconds float64
		limit                         bench.Limit
	}{
		{100, 500, 60, 10, bench.LimitMemory},
		{10, 500, 60, 8, bench.LimitInt8},
		{10, 200, 60, 5, bench.LimitFloat32},
	} {
		if s, l := bench.Seconds(c.bytes, c.int8, c.float32, m); s != c.seconds || l != c.limit {
			t.Errorf("%+v: %v s of %v", c, s, l)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{5, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := bench.Median(c.x); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.x, got, c.want)
		}
	}
}

// TestProbes runs the loops of every level on memory of the least size.
func TestProbes(t *testing.T) {
	for _, l := range isa.Levels() {
		if got := bench.Probe(l, make([]byte, 512)); got != l.String() {
			t.Errorf("the loops of %v are called %q", l, got)
		}
	}
}

func TestMeasure(t *testing.T) {
	m, err := bench.Measure(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if m.Threads != 1 || m.Instructions != isa.Chosen().String() || m.ReadBytesPerSecond <= 0 || m.Int8OperationsPerSecond <= 0 || m.Float32OperationsPerSecond <= 0 {
		t.Errorf("%+v", m)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := bench.Measure(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestRefused(t *testing.T) {
	path := tiny(t, quantize.F16)
	for what, o := range map[string]bench.Options{
		"negative":             {Prompt: -1},
		"many":                 {Batch: bench.MaxSequences + 1},
		"repetitions":          {Repeat: 1 << 20},
		"longer than context":  {Prompt: 131073},
		"options after none":   {Options: 4},
		"decode over the rest": {Decode: 131072},
	} {
		if _, err := bench.Run(t.Context(), path, o); !errors.Is(err, bench.ErrOptions) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := bench.Run(t.Context(), filepath.Join(t.TempDir(), "none.gguf"), bench.Options{}); err == nil {
		t.Error("a file that is not there: it was measured")
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := bench.Run(ctx, path, bench.Options{Prompt: 5}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
