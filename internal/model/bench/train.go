package bench

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
)

// TrainOptions say which training to measure: a step is a forward and a backward
// pass over Sequences of Tokens random tokens each, all of which are predicted,
// and a step of AdamW.
type TrainOptions struct {
	Threads           int // 0 means all
	Steps             int // measured, after one that is not
	Sequences, Tokens int
	Full              bool     // all weights; otherwise an adapter
	Rank              int      // of the adapter
	Targets           []string // of the adapter
	BF16, Recompute   bool
	Progress          func(done, all int64)
}

// TrainReport is what was measured of training.
type TrainReport struct {
	Model                 Model     `json:"model"`
	Sequences             int       `json:"sequences"`
	Tokens                int       `json:"tokens"` // of each sequence
	Full                  bool      `json:"full"`
	Rank                  int       `json:"rank,omitempty"`
	Targets               []string  `json:"targets,omitempty"`
	BF16                  bool      `json:"bf16"`
	Recompute             bool      `json:"recompute"`
	Trained               int64     `json:"trained_parameters"`
	Seconds               float64   `json:"seconds"` // the best step
	TokensPerSecond       float64   `json:"tokens_per_second"`
	MedianTokensPerSecond float64   `json:"median_tokens_per_second"`
	Runs                  []float64 `json:"runs"` // seconds, in their order
	// Processor is the time that processors worked in each run, in seconds: what to
	// compare on a machine that does other work. 0 where the system does not say.
	Processor []float64 `json:"processor_seconds"`
	PeakBytes int64     `json:"peak_bytes"`
	FileBytes int64     `json:"file_bytes"`
	// Losses are those of all steps: they fall, for the tokens stay the same.
	Losses []float64 `json:"losses"`
}

// Train opens the model at path and measures training it. The memory of the
// process is part of the report: nothing else should run in it.
func Train(ctx context.Context, path string, o TrainOptions) (*TrainReport, error) {
	m, err := modelfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if o.Steps < 1 || o.Steps > maxRepeat || o.Sequences < 1 || o.Sequences > MaxSequences || o.Tokens < 1 || o.Tokens > m.Config.Context {
		return nil, fmt.Errorf("%w: %d steps of %d sequences of %d tokens", ErrOptions, o.Steps, o.Sequences, o.Tokens)
	}
	g, err := gradient.Load(m, o.gradient())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	defer g.Close()
	r := &TrainReport{
		Model: describe(path, m), Sequences: o.Sequences, Tokens: o.Tokens, Full: o.Full, BF16: o.BF16, Recompute: o.Recompute,
	}
	if !o.Full {
		r.Rank, r.Targets = o.Rank, o.Targets
	}
	for _, p := range g.Parameters() {
		r.Trained += int64(len(p.Value))
	}
	r.FileBytes = r.Model.TensorBytes
	if err := o.steps(ctx, g, r); err != nil {
		return nil, err
	}
	r.PeakBytes = peakMemory()
	return r, nil
}

// gradient says how the model is trained.
func (o TrainOptions) gradient() gradient.Options {
	g := gradient.Options{Threads: o.Threads, Full: o.Full, BF16: o.BF16, Checkpoint: o.Recompute}
	if !o.Full {
		g.LoRA = &gradient.LoRA{Rank: o.Rank, Targets: o.Targets}
	}
	return g
}

// steps trains, and measures each step but the first.
func (o TrainOptions) steps(ctx context.Context, g *gradient.Model, r *TrainReport) error {
	batch := o.batch(g.Config().Vocabulary)
	adam := optimizer.NewAdamW(g.Parameters(), optimizer.AdamWOptions{})
	for i := range o.Steps + 1 {
		start, worked := time.Now(), processorSeconds()
		if err := optimizer.Zero(g.Pool(), g.Parameters()); err != nil {
			return err
		}
		l, err := g.Step(ctx, batch)
		if err != nil {
			return err
		}
		if err := adam.Step(g.Pool(), 1e-4, 1/l.Weight); err != nil {
			return err
		}
		if i > 0 {
			r.Runs = append(r.Runs, time.Since(start).Seconds())
			r.Processor = append(r.Processor, processorSeconds()-worked)
		}
		r.Losses = append(r.Losses, l.Sum/cmp.Or(l.Weight, 1))
		if o.Progress != nil {
			o.Progress(int64(i+1), int64(o.Steps+1))
		}
	}
	sorted := slices.Sorted(slices.Values(r.Runs))
	tokens := float64(o.Sequences * o.Tokens)
	r.Seconds = sorted[0]
	r.TokensPerSecond, r.MedianTokensPerSecond = tokens/sorted[0], tokens/sorted[len(sorted)/2]
	return nil
}

// batch is sequences of random tokens, always the same ones.
func (o TrainOptions) batch(vocabulary int) []gradient.Sequence {
	random := rand.New(rand.NewPCG(1, 2))
	var all []gradient.Sequence
	for range o.Sequences {
		s := gradient.Sequence{Tokens: make([]int, o.Tokens), Targets: make([]int, o.Tokens)}
		for i := range o.Tokens {
			s.Tokens[i], s.Targets[i] = random.IntN(vocabulary), random.IntN(vocabulary)
		}
		all = append(all, s)
	}
	return all
}
