package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

type modelQuantizeCmd struct {
	dataFlag
	Model           string `arg:"" help:"A model of the store, a GGUF file or a folder of safetensors."`
	Type            string `default:"Q4_K_M" placeholder:"MIXTURE" help:"How many bits the weights get: F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q4_K_M, Q4_K_S or Q4_0; default: Q4_K_M."`
	Out             string `required:"" placeholder:"FILE" help:"The GGUF file to write; it appears when it is whole."`
	Threads         int    `placeholder:"N" help:"How many processors to use; default: all. The file does not depend on it."`
	AllowRequantize bool   `help:"Take a model that is quantised already, whose weights get worse once more."`
	JSON            bool   `help:"Print one JSON document."`
}

// Run quantises, and prints what became of the sizes and of the weights.
func (c *modelQuantizeCmd) Run(s *streams) error {
	mixture, err := quantize.Parse(c.Type)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--type: %v", err), Hint: "Q4_K_M suits most; Q8_0 is twice as large and hardly differs from the original"}
	}
	if c.Threads < 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--threads cannot be negative", Hint: "leave it out for all processors"}
	}
	path, _, err := c.resolveModel(c.Model)
	if err != nil {
		return err
	}
	m, err := modelfile.Open(path)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open model %q", c.Model), Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
	}
	defer m.Close()
	bar := newCountBar(s.stderr, "quantising")
	report, err := quantize.Quantize(s.ctx, m, c.Out, quantize.Options{Mixture: mixture, Threads: c.Threads, AllowRequantize: c.AllowRequantize, Progress: bar.update})
	bar.done()
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return writeJSON(s.stdout, c.listed(report), true)
	}
	printQuantized(s.stdout, c.Out, report)
	return nil
}

// explain says what to try.
func (c *modelQuantizeCmd) explain(err error) error {
	e := &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("quantize model %q", c.Model), Err: err}
	if errors.Is(err, quantize.ErrQuantized) {
		e.Hint = "begin with the F16, BF16 or F32 model, or say --allow-requantize"
	}
	return e
}

// quantizedModel is what `model quantize --json` prints.
type quantizedModel struct {
	File          string          `json:"file"`
	Type          string          `json:"type"`
	Parameters    int64           `json:"parameters"`
	SourceBytes   int64           `json:"source_bytes"`
	TensorBytes   int64           `json:"tensor_bytes"`
	FileBytes     int64           `json:"file_bytes"`
	BitsPerWeight float64         `json:"bits_per_weight"`
	Types         []quantizedType `json:"types"`
}

type quantizedType struct {
	Type    string `json:"type"`
	Tensors int    `json:"tensors"`
	Weights int64  `json:"weights"`
	Bytes   int64  `json:"bytes"`
	// RelativeError is the mean over the tensors of the length of the error by
	// the length of the tensor.
	RelativeError float64 `json:"relative_error"`
}

func (c *modelQuantizeCmd) listed(r *quantize.Report) quantizedModel {
	q := quantizedModel{c.Out, string(r.Mixture), r.Parameters, r.SourceBytes, r.TensorBytes, r.FileBytes, r.BitsPerWeight(), nil}
	for _, t := range r.Types {
		q.Types = append(q.Types, quantizedType{t.Type.String(), t.Tensors, t.Numbers, t.Bytes, t.Error})
	}
	return q
}

func printQuantized(w io.Writer, file string, r *quantize.Report) {
	fmt.Fprintf(w, "%s: %v, %s parameters, %s before, %s now, %.2f bits a weight\n",
		file, r.Mixture, phrase.Number(r.Parameters), phrase.Bytes(r.SourceBytes), phrase.Bytes(r.TensorBytes), r.BitsPerWeight())
	fmt.Fprintf(w, "%-6s %8s %16s %12s  %s\n", "type", "tensors", "weights", "size", "relative error")
	for _, t := range r.Types {
		fmt.Fprintf(w, "%-6v %8d %16s %12s  %.4f %%\n", t.Type, t.Tensors, phrase.Number(t.Numbers), phrase.Bytes(t.Bytes), 100*t.Error)
	}
}

// countBar shows on a terminal how much is done.
type countBar struct{ bar *progressbar.ProgressBar }

// newCountBar returns a bar, or a silent one where nobody watches.
func newCountBar(stderr io.Writer, what string) countBar {
	if !isTerminal(stderr) {
		return countBar{}
	}
	return countBar{progressbar.NewOptions64(1, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(true))}
}

func (b countBar) update(done, all int64) {
	if b.bar != nil {
		b.bar.ChangeMax64(all)
		b.bar.Set64(done) // a bar that cannot be drawn is no reason to stop
	}
}

func (b countBar) done() {
	if b.bar != nil {
		b.bar.Finish()
	}
}
