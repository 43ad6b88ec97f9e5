package sample_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/sample"
)

// TestAgainstTransformers compares with vectors that Hugging Face's processors
// made: conformance/transformers/sampling.py. Their scores are float32 and must be
// the same bits; their probabilities are float32, too, and ours are not.
func TestAgainstTransformers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "transformers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Options struct {
			Temperature       float64         `json:"temperature"`
			TopK              int             `json:"top_k"`
			TopP              float64         `json:"top_p"`
			MinP              float64         `json:"min_p"`
			RepetitionPenalty float64         `json:"repetition_penalty"`
			Bias              map[int]float64 `json:"bias"`
		} `json:"options"`
		Units  []int           `json:"units"`
		Past   []int           `json:"past"`
		Greedy int             `json:"greedy"`
		Scores []float32       `json:"scores"`
		Kept   map[int]float64 `json:"kept"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no vectors")
	}
	for i, c := range cases {
		logits := make([]float32, len(c.Units))
		for id, u := range c.Units {
			logits[id] = float32(u) / 512
		}
		o := sample.Options{Temperature: c.Options.Temperature, TopK: c.Options.TopK, TopP: c.Options.TopP, MinP: c.Options.MinP,
			RepetitionPenalty: c.Options.RepetitionPenalty, Bias: c.Options.Bias}
		s := newSampler(t, o)
		if err := s.Prime(c.Past); err != nil {
			t.Fatal(err)
		}
		scores, kept, err := sample.Kept(s, logits)
		if err != nil {
			t.Fatal(err)
		}
		past := slices.Clone(c.Past)
		slices.Sort(past)
		for j, id := range slices.Compact(past) {
			if scores[id] != c.Scores[j] {
				t.Errorf("case %d: the score of token %d is %v, want %v", i, id, scores[id], c.Scores[j])
			}
		}
		if got, want := slices.Sorted(maps.Keys(kept)), slices.Sorted(maps.Keys(c.Kept)); !slices.Equal(got, want) {
			t.Errorf("case %d, %+v: tokens %v are left, want %v", i, o, got, want)
			continue
		}
		for id, p := range c.Kept {
			if math.Abs(kept[id]-p) > 1e-5 {
				t.Errorf("case %d: token %d has the probability %v, want %v", i, id, kept[id], p)
			}
		}
		o.Temperature = 0
		greedy := newSampler(t, o)
		if err := greedy.Prime(c.Past); err != nil {
			t.Fatal(err)
		}
		if got := next(t, greedy, logits, nil).ID; got != c.Greedy {
			t.Errorf("case %d: greedy takes %d, want %d", i, got, c.Greedy)
		}
	}
}
