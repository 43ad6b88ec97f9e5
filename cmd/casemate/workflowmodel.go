package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// workflowModelFlags are the flags of a workflow that a language model makes
// better, and that does without.
type workflowModelFlags struct {
	Model        string `short:"m" group:"Model" placeholder:"NAME|PATH" help:"A language model adds judgement and prose, checked against the evidence: a model of the store (casemate model list), NAME@sha256:… to pin it, a GGUF file or a folder of safetensors."`
	modelOptions `group:"Model"`
	Seed         uint64 `group:"Model" default:"0" help:"The same seed gives the same answer."`
	Strict       bool   `group:"Model" help:"Leave out sentences that their evidence does not show, instead of marking them."`
	ModelBudget  int    `group:"Model" placeholder:"N" help:"How many questions the model may be asked; default: the workflow's own number. The result says what was not asked."`
	DryRun       bool   `group:"Model" help:"Print what would be sent to the model, and send nothing."`
	Trace        string `group:"Model" placeholder:"DIR" help:"Keep every step of the run in this folder."`
}

// options puts what the flags say into the options of a run, and opens the model
// where one is named. The caller closes the engine, which may be nil.
func (f *workflowModelFlags) options(s *streams, o *pipeline.Options) (*native.Engine, error) {
	usage := func(message, hint string) (*native.Engine, error) {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
	}
	switch {
	case f.ModelBudget < 0:
		return usage(fmt.Sprintf("--model-budget %d", f.ModelBudget), "give a number of questions; leave --model out for none")
	case f.Model == "" && (f.DryRun || f.Adapter != ""):
		return usage("--dry-run and --adapter need --model", "the prompt is written in the form that a model wants: name one")
	}
	o.Seed, o.Strict, o.Budget, o.Trace = f.Seed, f.Strict, f.ModelBudget, f.Trace
	if f.DryRun {
		o.DryRun = s.stdout
	}
	if f.Model == "" {
		return nil, nil
	}
	f.pinned = true
	e, err := f.open(s, f.Model)
	if err != nil {
		return nil, err
	}
	o.Engine = e
	return e, nil
}

// stepBar returns a function that shows on a terminal how far each step is, and
// one that ends the bar.
func stepBar(stderr io.Writer) (show func(step string, done, total int64), end func()) {
	if !isTerminal(stderr) {
		return nil, func() {}
	}
	current := ""
	var mu sync.Mutex // questions may be asked at the same time
	var bar *progressbar.ProgressBar
	finish := func() {
		if bar != nil {
			bar.Finish() // a bar that cannot be drawn is no reason to stop
			bar = nil
		}
	}
	end = func() {
		mu.Lock()
		defer mu.Unlock()
		finish()
	}
	return func(step string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if step == "" {
			finish()
			return
		}
		if step != current || bar == nil {
			finish()
			current = step
			options := []progressbar.Option{progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription(step), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(barThrottle)}
			if strings.HasPrefix(step, "read") { // counted in bytes
				options = append(options, progressbar.OptionShowBytes(true))
			} else {
				options = append(options, progressbar.OptionShowCount())
			}
			if total <= 0 {
				total = -1 // a bar that only turns
			}
			bar = progressbar.NewOptions64(total, options...)
		}
		bar.Set64(done)
	}, end
}

// readDocument returns the document that a flag gives: JSON, or @ and a file's
// name, which may be - for standard input.
func readDocument(s *streams, value string) ([]byte, error) {
	name, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return []byte(value), nil
	}
	in := s.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: "read --input", Err: err, Hint: "give JSON, or @ and a file's name"}
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, workflow.MaxInputDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read --input: %w", err)
	}
	return b, nil
}
