package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/train"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// trainFlags say how a model is trained, whatever it learns.
type trainFlags struct {
	Steps         int      `placeholder:"N" help:"How many steps to make, in place of --epochs."`
	Accumulate    int      `default:"1" placeholder:"N" help:"How many batches make a step; default: 1."`
	Optimizer     string   `enum:"adamw,sgd" default:"adamw" help:"How parameters are changed: adamw or sgd."`
	Momentum      float64  `default:"0.9" placeholder:"X" help:"Of --optimizer sgd; default: 0.9."`
	Nesterov      bool     `help:"Nesterov's momentum, of --optimizer sgd."`
	Schedule      string   `enum:"cosine,constant" default:"cosine" help:"How the rate changes: cosine falls from the full rate to --floor, constant stays."`
	Floor         float64  `default:"0.1" placeholder:"X" help:"Where a cosine ends, as a share of the rate; default: 0.1."`
	Warmup        *int     `placeholder:"N" help:"Steps in which the rate rises to the full; default: 3 of 100 steps."`
	Decay         *float64 `placeholder:"X" help:"Weight decay."`
	Clip          float64  `default:"1" placeholder:"X" help:"The largest norm of a step's gradient; 0 means any. Default: 1."`
	Seed          uint64   `placeholder:"N" help:"Another number gives another order of the examples; default: 0."`
	EvaluateEvery int      `placeholder:"N" help:"After how many steps the loss on validation rows is measured; default: ten times in the run, and after the last."`
	Patience      int      `default:"3" placeholder:"N" help:"How many such measurements in a row may be no better before training ends; 0 means always. Default: 3."`
	SaveEvery     int      `placeholder:"N" help:"After how many steps a checkpoint is written; default: twenty times in the run."`
	Keep          int      `default:"2" placeholder:"N" help:"How many checkpoints are kept beside the best; default: 2."`
	BF16          bool     `name:"bf16" help:"Round what goes into products to BF16: faster where the processor has it."`
	Recompute     bool     `help:"Keep less of the forward pass and compute it again: less memory, a third more work."`
	AnyMemory     bool     `help:"Go on although the memory looks too small."`
	Threads       int      `placeholder:"N" help:"How many processors to use; default: all. The result does not depend on it."`
}

// trainDefaults are what differs between the commands.
type trainDefaults struct {
	rate, decay float64
}

// plan returns the plan of a run over so many examples.
func (f *trainFlags) plan(examples, epochs, batch int, rate *float64, d trainDefaults) (train.Plan, error) {
	if f.Threads < 0 || f.Steps < 0 || f.Accumulate < 1 || f.Keep < 1 || f.EvaluateEvery < 0 || f.SaveEvery < 0 || f.Patience < 0 || epochs < 1 || batch < 1 {
		return train.Plan{}, &casemate.Error{Code: casemate.CodeUsage, Message: "--epochs, --batch, --accumulate and --keep are 1 or more, and other counts cannot be negative", Hint: "leave them out for what suits most"}
	}
	p := train.Plan{
		Seed: f.Seed, Epochs: epochs, Steps: f.Steps, Batch: batch, Accumulate: f.Accumulate,
		Method: train.Method(f.Optimizer), Schedule: optimizer.Kind(f.Schedule), Rate: d.rate, Floor: f.Floor, Decay: d.decay, Clip: f.Clip,
		EvaluateEvery: f.EvaluateEvery, Patience: f.Patience, SaveEvery: f.SaveEvery, Keep: f.Keep,
	}
	if p.Method == train.SGD {
		p.Momentum, p.Nesterov = f.Momentum, f.Nesterov
	}
	if rate != nil {
		p.Rate = *rate
	}
	if f.Decay != nil {
		p.Decay = *f.Decay
	}
	steps, _ := p.Count(examples)
	p.Warmup = (3*steps + 99) / 100
	if f.Warmup != nil {
		p.Warmup = *f.Warmup
	}
	if p.EvaluateEvery == 0 {
		p.EvaluateEvery = max(1, (steps+9)/10)
	}
	if p.SaveEvery == 0 {
		p.SaveEvery = max(1, (steps+19)/20)
	}
	if steps > train.MaxSteps {
		return p, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%d steps, at most %d", steps, train.MaxSteps), Hint: "give fewer --epochs or a larger --batch"}
	}
	check := optimizer.Schedule{Kind: p.Schedule, Rate: p.Rate, Floor: p.Floor, Warmup: p.Warmup, Steps: steps}
	if err := check.Check(); err != nil {
		return p, &casemate.Error{Code: casemate.CodeUsage, Message: "plan the steps", Err: err, Hint: "leave --rate, --floor and --warmup out for what suits most"}
	}
	return p, nil
}

// foresee refuses to train what does not fit the memory that there is.
func (f *trainFlags) foresee(m *modelfile.Model, o gradient.Options, longest int) error {
	room, known := native.AvailableMemory()
	need := gradient.MemoryNeeded(m, o, longest)
	if !known || f.AnyMemory || need.Total() <= room {
		return nil
	}
	hint := "train an adapter of a quantised model (casemate tune lora), give a smaller --length, or try nevertheless with --any-memory"
	if !f.Recompute {
		hint = "--recompute keeps less of the forward pass; otherwise " + hint
	}
	return &casemate.Error{
		Code: casemate.CodeInput,
		Message: fmt.Sprintf("training needs about %s (weights %s, trained parameters with their gradients %s, a pass over %d tokens %s), and %s are free",
			phrase.Bytes(need.Total()), phrase.Bytes(need.Weights), phrase.Bytes(need.Parameters), longest, phrase.Bytes(need.Activations), phrase.Bytes(room)),
		Hint: hint,
	}
}

// trainBar shows on a terminal how far a run is, with its losses.
func trainBar(stderr io.Writer) (update func(train.Progress), done func()) {
	if !isTerminal(stderr) {
		return nil, func() {}
	}
	var bar *progressbar.ProgressBar
	update = func(p train.Progress) {
		if bar == nil {
			bar = progressbar.NewOptions(p.Steps, progressbar.OptionSetWriter(stderr), progressbar.OptionClearOnFinish(),
				progressbar.OptionThrottle(barThrottle), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionSetWidth(6))
		}
		bar.Describe(trainLine(p))
		bar.Set(p.Step) // a bar that cannot be drawn is no reason to stop
	}
	return update, func() {
		if bar != nil {
			bar.Finish()
		}
	}
}

// trainLine is the line of losses, with tokens a second and the time left.
func trainLine(p train.Progress) string {
	line := fmt.Sprintf("%d/%d  loss %.3f", p.Step, p.Steps, p.Smooth)
	if p.Validated {
		line += fmt.Sprintf("  validation %.3f (best %.3f)", p.Validation, p.Best)
	}
	line += fmt.Sprintf("  %.0f/s", p.TokensPerSecond)
	if p.Left > 0 {
		line += "  left " + p.Left.Round(time.Second).String()
	}
	return line
}

// trained is what a command of training prints with --json.
type trained struct {
	Out        string   `json:"out"`
	Digest     string   `json:"digest"`
	Manifest   string   `json:"manifest"`
	Parameters int64    `json:"parameters"` // that were trained
	Examples   int      `json:"examples"`
	Validation int      `json:"validation"`
	Skipped    int      `json:"skipped"`
	Steps      int      `json:"steps"`
	Resumed    int      `json:"resumed_from"`
	Stopped    bool     `json:"stopped_early"`
	Tokens     int64    `json:"tokens"`
	Loss       float64  `json:"loss"`
	BestStep   int      `json:"best_step,omitempty"`
	BestLoss   *float64 `json:"best_validation_loss,omitempty"`
	Already    bool     `json:"already_done"`

	preference bool // the loss is no token's
}

// newTrained describes a finished run.
func newTrained(out string, d *train.Done) trained {
	t := trained{Out: out, Digest: d.Output, Manifest: d.Manifest, Steps: d.Steps, Stopped: d.Stopped, Tokens: d.Tokens, Loss: d.Loss}
	if d.Best != nil {
		t.BestStep, t.BestLoss = d.Best.Step, d.Best.Validation
	}
	return t
}

// print writes what came of a run for people.
func (t trained) print(w io.Writer) {
	switch {
	case t.Already:
		fmt.Fprintf(w, "%s: trained already, by the same data and options\n", t.Out)
	default:
		fmt.Fprintf(w, "%s: trained %s parameters on %d examples", t.Out, phrase.Number(t.Parameters), t.Examples)
		if t.Skipped > 0 {
			fmt.Fprintf(w, " (%d left out)", t.Skipped)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "steps       %d, %s tokens", t.Steps, phrase.Number(t.Tokens))
	if t.Resumed > 0 {
		fmt.Fprintf(w, "; went on from step %d", t.Resumed)
	}
	if t.Stopped {
		fmt.Fprint(w, "; ended early: validation got no better")
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "loss        %.4f in the last step\n", t.Loss)
	if t.BestLoss != nil {
		fmt.Fprintf(w, "validation  %.4f after step %d, which is the result", *t.BestLoss, t.BestStep)
		if !t.preference {
			fmt.Fprintf(w, " (perplexity %.2f)", math.Exp(*t.BestLoss))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "digest      %s\n", t.Digest)
}

// trainNotes tells on stderr what a person should know.
func trainNotes(stderr io.Writer) func(string) {
	return func(text string) { fmt.Fprintln(stderr, "casemate: note:", text) }
}

// digestJSON returns the digest of what a value encodes to.
func digestJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("take a digest: %w", err)
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
