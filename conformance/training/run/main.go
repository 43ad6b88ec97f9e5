// Command run computes the loss and the gradients of a batch, for a comparison
// with another implementation.
//
//	go run ./conformance/training/run MODEL < task.json > result.json
//
// The task says what is trained, the values of parameters that are not to be what
// they are at first, and the sequences; the result has the loss, the
// log-probability of each target and the gradient of each parameter.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// task is what comes in.
type task struct {
	LoRA       *gradient.LoRA       `json:"lora"` // nil trains all weights
	Checkpoint bool                 `json:"checkpoint"`
	BF16       bool                 `json:"bf16"`
	Step       uint64               `json:"step"`
	Values     map[string][]float32 `json:"values"`
	Sequences  []gradient.Sequence  `json:"sequences"`
}

// result is what goes out.
type result struct {
	Sum       float64              `json:"sum"`
	Weight    float64              `json:"weight"`
	Logprobs  [][]float32          `json:"logprobs"`
	Gradients map[string][]float32 `json:"gradients"`
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "run: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want one model, not %d", len(args))
	}
	var t task
	if err := json.UnmarshalRead(in, &t, json.MatchCaseInsensitiveNames(true)); err != nil {
		return fmt.Errorf("read task: %w", err)
	}
	f, err := modelfile.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := gradient.Load(f, gradient.Options{Full: t.LoRA == nil, LoRA: t.LoRA, Checkpoint: t.Checkpoint, BF16: t.BF16})
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := compute(m, &t)
	if err != nil {
		return err
	}
	return json.MarshalWrite(out, r)
}

func compute(m *gradient.Model, t *task) (*result, error) {
	left := len(t.Values)
	for _, p := range m.Parameters() {
		v, ok := t.Values[p.Name]
		if !ok {
			continue
		}
		if len(v) != len(p.Value) {
			return nil, fmt.Errorf("parameter %q has %d numbers, want %d", p.Name, len(v), len(p.Value))
		}
		copy(p.Value, v)
		left--
	}
	if left != 0 {
		return nil, fmt.Errorf("%d of the values are of no parameter", left)
	}
	m.Seek(t.Step)
	loss, err := m.Step(context.Background(), t.Sequences)
	if err != nil {
		return nil, err
	}
	r := &result{Sum: loss.Sum, Weight: loss.Weight, Logprobs: loss.Logprobs, Gradients: map[string][]float32{}}
	for _, p := range m.Parameters() {
		r.Gradients[p.Name] = p.Grad
	}
	return r, nil
}
