package llama_test

import (
	"math"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// TestFrequencies compares with what Hugging Face transformers 5 computes, in
// float32, from the same settings.
func TestFrequencies(t *testing.T) {
	for _, test := range []struct {
		name      string
		head      int
		rope      modelfile.RoPE
		magnitude float64
		want      map[int]float64
	}{
		{
			"llama3", 128,
			modelfile.RoPE{Base: 500000, Scaling: modelfile.ScalingLlama3, Factor: 8, LowFreq: 1, HighFreq: 4, OriginalContext: 8192},
			1,
			map[int]float64{0: 1, 1: 0.8146172, 20: 0.01656044, 28: 0.003211446, 32: 0.000524846, 36: 7.784655e-05, 63: 3.068926e-07},
		},
		{
			"yarn of Qwen", 128,
			modelfile.RoPE{Base: 1e6, Scaling: modelfile.ScalingYaRN, Factor: 4, OriginalContext: 32768},
			1.138629436111989,
			map[int]float64{0: 1, 20: 0.01333521, 24: 0.005375321, 28: 0.001848277, 32: 0.0006029411, 36: 0.0001798412, 40: 4.445699e-05, 63: 3.102344e-07},
		},
		{
			"yarn with all said", 64,
			modelfile.RoPE{Base: 10000, Scaling: modelfile.ScalingYaRN, Factor: 16, OriginalContext: 4096, BetaFast: 24, BetaSlow: 2, Attention: 1.25},
			1.25,
			map[int]float64{0: 1, 5: 0.2371374, 10: 0.05623413, 16: 0.0053125, 20: 0.000494106, 24: 6.25e-05, 28: 1.976424e-05},
		},
		{
			"linear", 64,
			modelfile.RoPE{Base: 10000, Scaling: modelfile.ScalingLinear, Factor: 4},
			1,
			map[int]float64{0: 0.25, 5: 0.05928434, 16: 0.0025, 28: 7.905695e-05},
		},
	} {
		got, magnitude, err := llama.Frequencies(modelfile.Config{HeadSize: test.head, Context: 131072, RoPE: test.rope}, nil)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if len(got) != test.head/2 || math.Abs(magnitude-test.magnitude) > 1e-12 {
			t.Errorf("%s: %d frequencies and magnitude %v, want %d and %v", test.name, len(got), magnitude, test.head/2, test.magnitude)
		}
		for i, want := range test.want {
			if math.Abs(got[i]-want) > 3e-6*want {
				t.Errorf("%s: frequency %d is %v, want %v", test.name, i, got[i], want)
			}
		}
	}
}

// TestDivisors fails if a file's own scaling is not used, or used beside llama3's.
func TestDivisors(t *testing.T) {
	divisors := []float32{1, 2, 4, 8}
	c := modelfile.Config{HeadSize: 8, Context: 8192, RoPE: modelfile.RoPE{Base: 10000}}
	for _, scaling := range []modelfile.Scaling{modelfile.ScalingNone, modelfile.ScalingLlama3, modelfile.ScalingLinear} {
		c.RoPE.Scaling, c.RoPE.Factor = scaling, 2
		got, _, err := llama.Frequencies(c, divisors)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range divisors {
			want := math.Pow(10, -float64(i)) / float64(d)
			if scaling == modelfile.ScalingLinear {
				want /= 2
			}
			if math.Abs(got[i]-want) > 1e-15*want {
				t.Errorf("%q: frequency %d is %v, want %v", scaling, i, got[i], want)
			}
		}
	}
}

// TestTable compares with cosines and sines computed with 40 digits, at the last
// position of a context of 131,072.
func TestTable(t *testing.T) {
	c := modelfile.Config{HeadSize: 128, RoPE: modelfile.RoPE{Base: 500000}}
	cos, sin, err := llama.Table(c, 131071)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int][2]float64{
		0:  {-0.817983499388, -0.575241683755},
		1:  {-0.817316150024, 0.576189474835},
		7:  {0.940760090871, -0.339072929359},
		63: {0.948668369703, 0.316272547536},
	} {
		if cos[i] != float32(want[0]) || sin[i] != float32(want[1]) {
			t.Errorf("pair %d: %v %v, want %v", i, cos[i], sin[i], want)
		}
	}
}

func TestFrequenciesRefuse(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, r := range map[string]modelfile.RoPE{
		"base 0":                 {},
		"base 1":                 {Base: 1},
		"base NaN":               {Base: nan},
		"base infinite":          {Base: inf},
		"linear by 0":            {Base: 1e4, Scaling: "linear"},
		"linear by NaN":          {Base: 1e4, Scaling: "linear", Factor: nan},
		"llama3 without limits":  {Base: 1e4, Scaling: "llama3", Factor: 8, OriginalContext: 8192},
		"llama3 upside down":     {Base: 1e4, Scaling: "llama3", Factor: 8, OriginalContext: 8192, LowFreq: 4, HighFreq: 1},
		"llama3 without context": {Base: 1e4, Scaling: "llama3", Factor: 8, LowFreq: 1, HighFreq: 4},
		"yarn of negative turns": {Base: 1e4, Scaling: "yarn", Factor: 8, OriginalContext: 8192, BetaFast: -1},
		"yarn of NaN":            {Base: 1e4, Scaling: "yarn", Factor: 8, OriginalContext: 8192, Attention: nan},
		"yarn without context":   {Base: 1e4, Scaling: "yarn", Factor: 8},
		"unknown":                {Base: 1e4, Scaling: "dynamic", Factor: 8, OriginalContext: 8192},
	} {
		if f, _, err := llama.Frequencies(modelfile.Config{HeadSize: 8, RoPE: r}, nil); err == nil {
			t.Errorf("%s: frequencies %v", name, f)
		}
	}
	for _, d := range []float32{0, -1, float32(nan), float32(inf)} {
		if f, _, err := llama.Frequencies(modelfile.Config{HeadSize: 2, RoPE: modelfile.RoPE{Base: 1e4}}, []float32{d}); err == nil {
			t.Errorf("divisor %v: frequencies %v", d, f)
		}
	}
}
