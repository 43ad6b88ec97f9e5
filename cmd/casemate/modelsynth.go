package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/model/synth"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

type modelSynthCmd struct {
	Out     string `arg:"" help:"The GGUF file to write; it appears when it is whole."`
	Shape   string `default:"tiny" placeholder:"SHAPE" help:"Whose sizes: llama-3.1-8b, llama-3.2-1b or tiny; default: tiny."`
	Type    string `default:"Q4_K_M" placeholder:"MIXTURE" help:"How many bits the weights get, as in model quantize; default: Q4_K_M."`
	Layers  int    `placeholder:"N" help:"How many layers; default: as many as the shape has."`
	Seed    uint64 `placeholder:"N" help:"Another number gives other weights; default: 0."`
	Threads int    `placeholder:"N" help:"How many processors to use; default: all. The file does not depend on it."`
	JSON    bool   `help:"Print one JSON document."`
}

// Run writes the model and prints how large it is.
func (c *modelSynthCmd) Run(s *streams) error {
	mixture, err := quantize.Parse(c.Type)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--type: %v", err), Hint: "Q4_K_M suits most; Q8_0 is twice as large"}
	}
	shapes := synth.Shapes()
	if !slices.Contains(shapes, strings.ToLower(c.Shape)) {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--shape: %q is not known", c.Shape), Hint: "it is one of " + strings.Join(shapes, ", ")}
	}
	if c.Threads < 0 || c.Layers < 0 || c.Layers > synth.MaxLayers {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--threads cannot be negative, --layers is 0 to %d", synth.MaxLayers), Hint: "leave them out for all processors and the shape's own layers"}
	}
	bar := newCountBar(s.stderr, "writing")
	report, err := synth.Write(s.ctx, c.Out, synth.Options{Shape: c.Shape, Mixture: mixture, Layers: c.Layers, Seed: c.Seed, Threads: c.Threads, Progress: bar.update})
	bar.done()
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("write a model to %q", c.Out), Err: err, Hint: "give the name of a file in a folder that can be written, on a disk with room for it"}
	}
	if c.JSON {
		return writeJSON(s.stdout, synthesized{c.Out, report.Shape, string(report.Mixture), report.Layers, c.Seed, report.Parameters, report.TensorBytes, report.FileBytes}, true)
	}
	fmt.Fprintf(s.stdout, "%s: random weights, %s, %v, layers %d, %s parameters, %s\n",
		c.Out, report.Shape, report.Mixture, report.Layers, phrase.Number(report.Parameters), phrase.Bytes(report.FileBytes))
	return nil
}

// synthesized is what `model synth --json` prints.
type synthesized struct {
	File        string `json:"file"`
	Shape       string `json:"shape"`
	Type        string `json:"type"`
	Layers      int    `json:"layers"`
	Seed        uint64 `json:"seed"`
	Parameters  int64  `json:"parameters"`
	TensorBytes int64  `json:"tensor_bytes"`
	FileBytes   int64  `json:"file_bytes"`
}
