package gradient_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// TestFileChanges writes to a model's file while it is in use, between passes and
// within one: the step fails.
func TestFileChanges(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{})
	f, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{}})
	batch := batchOf(f.Config.Vocabulary)
	_, err = m.StepWith(context.Background(), batch, func(logprobs [][]float32) ([][]float32, error) {
		return logprobs, os.Chtimes(path, time.Time{}, time.Unix(1, 0))
	})
	if err == nil {
		t.Error("a step over a file that changed meanwhile succeeds")
	}
	if _, err := m.Loss(context.Background(), batch); err == nil {
		t.Error("a pass over a changed file succeeds")
	}
}

// TestFileCutShort cuts a model's file between the forward pass and the backward
// one, which then reads weights that are gone: the step fails, not the process.
func TestFileCutShort(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut there")
	}
	path := modeltest.GGUF(t, modeltest.Options{})
	f, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{}})
	s := sequence(rand.New(rand.NewPCG(1, 2)), 30, f.Config.Vocabulary)
	_, err = m.StepWith(context.Background(), []gradient.Sequence{s}, func(logprobs [][]float32) ([][]float32, error) {
		return logprobs, os.Truncate(path, 4096)
	})
	var fault *tensor.FaultError
	if !errors.As(err, &fault) {
		t.Errorf("a step over a file that was cut short: error %v, want a *tensor.FaultError", err)
	}
}
