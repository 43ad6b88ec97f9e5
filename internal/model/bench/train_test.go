package bench_test

import (
	"context"
	"errors"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/bench"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// TestTrain wants as many steps as asked for, of a loss that falls, and figures
// that belong together.
func TestTrain(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{})
	for _, o := range []bench.TrainOptions{
		{Steps: 3, Sequences: 2, Tokens: 16, Rank: 2, Targets: []string{"q", "v"}},
		{Steps: 3, Sequences: 1, Tokens: 8, Full: true, Recompute: true},
	} {
		r, err := bench.Train(context.Background(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Runs) != 3 || len(r.Losses) != 4 || r.Losses[3] >= r.Losses[0] {
			t.Errorf("%d runs, losses %v", len(r.Runs), r.Losses)
		}
		if want := float64(o.Sequences*o.Tokens) / r.Seconds; r.TokensPerSecond != want || r.MedianTokensPerSecond > want || r.Trained == 0 {
			t.Errorf("%v tokens a second, median %v, want %v; %d parameters", r.TokensPerSecond, r.MedianTokensPerSecond, want, r.Trained)
		}
		if r.Full != (r.Trained == r.Model.Parameters) {
			t.Errorf("%d of %d parameters trained", r.Trained, r.Model.Parameters)
		}
	}
	for _, o := range []bench.TrainOptions{
		{Sequences: 1, Tokens: 8}, {Steps: 1, Tokens: 8}, {Steps: 1, Sequences: 1, Tokens: 1 << 20}, {Steps: 1, Sequences: 1, Tokens: 8, Targets: []string{"w"}},
	} {
		if _, err := bench.Train(context.Background(), path, o); !errors.Is(err, bench.ErrOptions) {
			t.Errorf("%+v: error %v, want ErrOptions", o, err)
		}
	}
}
