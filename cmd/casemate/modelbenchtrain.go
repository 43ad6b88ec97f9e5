package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/bench"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// train measures training and prints.
func (c *modelBenchCmd) train(s *streams) error {
	path, _, err := c.resolveModel(c.Model)
	if err != nil {
		return err
	}
	kind, err := quantisation(path)
	if err != nil {
		return err
	}
	bar := newCountBar(s.stderr, "measuring")
	r, err := bench.Train(s.ctx, path, bench.TrainOptions{
		Threads: c.Threads, Steps: c.Repeat, Sequences: c.Sequences, Tokens: c.Length, Full: c.Full, Rank: c.Rank, Targets: c.Targets,
		BF16: c.BF16, Recompute: c.Recompute, Progress: bar.update,
	})
	bar.done()
	if err != nil {
		e := &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("measure training of model %q", c.Model), Err: err, Hint: "casemate model verify checks a model of the store"}
		if errors.Is(err, bench.ErrOptions) {
			e.Code, e.Hint = casemate.CodeUsage, "casemate model bench --help lists what can be asked for; --full needs F32, F16 or BF16"
		}
		return e
	}
	r.Model.Quantisation = kind
	if c.JSON {
		return writeJSON(s.stdout, r, true)
	}
	what := fmt.Sprintf("LoRA of rank %d on %s", r.Rank, strings.Join(r.Targets, ", "))
	if r.Full {
		what = "all weights"
	}
	numbers := "float32"
	if r.BF16 {
		numbers = "BF16 in products"
	}
	fmt.Fprintf(s.stdout, "model    %s, %s, %s parameters, %s of weights\n", report.Terminal(r.Model.Architecture), r.Model.Quantisation, phrase.Number(r.Model.Parameters), phrase.Bytes(r.Model.TensorBytes))
	fmt.Fprintf(s.stdout, "training %s: %s parameters, %s, batch %d x %d\n", what, phrase.Number(r.Trained), numbers, r.Sequences, r.Tokens)
	fmt.Fprintf(s.stdout, "step     %s best: %.1f tokens/s, median %.1f tokens/s, of %d\n", secondsText(r.Seconds), r.TokensPerSecond, r.MedianTokensPerSecond, len(r.Runs))
	fmt.Fprintf(s.stdout, "loss     %.4f, and %.4f in the last step, of the same random tokens\n", r.Losses[0], r.Losses[len(r.Losses)-1])
	if r.PeakBytes > 0 {
		fmt.Fprintf(s.stdout, "memory   %s at most, the file's pages included\n", phrase.Bytes(r.PeakBytes))
	}
	return nil
}
