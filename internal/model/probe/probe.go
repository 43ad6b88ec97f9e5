// Package probe trains and runs classifiers on vectors, such as a language
// model's hidden states: linear heads and small networks for one label, several,
// ordered ones or a number. Spans of tokens are the business of package tagger.
//
// Training is deterministic to the byte: every sum has a fixed order, whatever the
// number of threads.
//
// # Use
//
//	head, err := probe.Train(ctx, matrix, targets, probe.Options{Task: probe.Single, Classes: 3})
//	logits := head.Logits(vector)
//	p := head.P(logits, 1)
package probe

import (
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// Task is what a head answers.
type Task string

// The tasks.
const (
	Single     Task = "single"     // one class of several
	Multi      Task = "multi"      // any number of classes, each for itself
	Ordinal    Task = "ordinal"    // one class of several that have an order
	Regression Task = "regression" // a number
)

// Kind is what a head is made of.
type Kind string

// The kinds.
const (
	Linear  Kind = "linear"
	Network Kind = "network" // one hidden layer
)

// Limits of what is trained and read.
const (
	MaxRows    = 1 << 22
	MaxWidth   = 1 << 16
	MaxClasses = 1 << 14
	MaxHidden  = 1 << 13
	// MaxNumbers bounds the weights of a head.
	MaxNumbers = 1 << 28
)

// ErrInput is wrapped by the errors of data that cannot be trained on or answered.
var ErrInput = errors.New("these vectors cannot be used")

// Matrix is vectors, one a row: Floats, or Halves, of which a row is multiplied
// by its Scale.
type Matrix struct {
	Rows, Width int
	Floats      []float32 // [Rows,Width]
	Halves      []uint16  // [Rows,Width] bits of float16
	Scale       []float32 // [Rows] of Halves; nil means 1
}

// Row writes row i to dst.
//
//	dst  [Width]
func (m *Matrix) Row(dst []float32, i int) {
	if m.Halves == nil {
		copy(dst, m.Floats[i*m.Width:(i+1)*m.Width])
		return
	}
	scale := float32(1)
	if m.Scale != nil {
		scale = m.Scale[i]
	}
	for k, h := range m.Halves[i*m.Width : (i+1)*m.Width] {
		dst[k] = scale * quant.FromF16(h)
	}
}

// check wants as many numbers as the sides say, and all of them finite.
func (m *Matrix) check() error {
	switch {
	case m.Rows < 1 || m.Rows > MaxRows:
		return fmt.Errorf("%w: %d rows, 1 to %d can be", ErrInput, m.Rows, MaxRows)
	case m.Width < 1 || m.Width > MaxWidth:
		return fmt.Errorf("%w: a width of %d, 1 to %d can be", ErrInput, m.Width, MaxWidth)
	case (m.Floats == nil) == (m.Halves == nil):
		return fmt.Errorf("%w: either floats or halves", ErrInput)
	case m.Halves == nil && len(m.Floats) != m.Rows*m.Width, m.Halves != nil && len(m.Halves) != m.Rows*m.Width:
		return fmt.Errorf("%w: %d numbers for %d rows of %d", ErrInput, len(m.Floats)+len(m.Halves), m.Rows, m.Width)
	case m.Scale != nil && len(m.Scale) != m.Rows:
		return fmt.Errorf("%w: %d scales for %d rows", ErrInput, len(m.Scale), m.Rows)
	}
	row := make([]float32, m.Width)
	for i := range m.Rows {
		m.Row(row, i)
		if err := finite(row); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}

// finite refuses numbers that are none.
func finite(row []float32) error {
	for k, v := range row {
		if v-v != 0 {
			return fmt.Errorf("%w: number %d is not finite", ErrInput, k)
		}
	}
	return nil
}

// Targets are the answers to the rows of a matrix: Class for single and ordinal
// heads, Sets for multi, Values for regression.
type Targets struct {
	Class  []int
	Sets   [][]int
	Values []float64
	Weight []float32 // of each row; nil means 1
}

// check wants an answer that the task can have for each of n rows.
func (t *Targets) check(task Task, classes, n int) error {
	if t.Weight != nil && len(t.Weight) != n {
		return fmt.Errorf("%w: %d weights for %d rows", ErrInput, len(t.Weight), n)
	}
	for i, w := range t.Weight {
		if !(w >= 0) || math.IsInf(float64(w), 1) {
			return fmt.Errorf("%w: weight %v of row %d", ErrInput, w, i)
		}
	}
	have := map[Task]int{Single: len(t.Class), Ordinal: len(t.Class), Multi: len(t.Sets), Regression: len(t.Values)}
	if got, known := have[task]; !known {
		return fmt.Errorf("%w: no task %q", ErrInput, task)
	} else if got != n {
		return fmt.Errorf("%w: %d answers for %d rows", ErrInput, got, n)
	}
	if task == Regression {
		for i, v := range t.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%w: value of row %d is not finite", ErrInput, i)
			}
		}
		return nil
	}
	least := 2
	if task == Multi {
		least = 1
	}
	if classes < least || classes > MaxClasses {
		return fmt.Errorf("%w: %d classes, %d to %d can be", ErrInput, classes, least, MaxClasses)
	}
	for i := range n {
		for _, c := range t.classes(task, i) {
			if c < 0 || c >= classes {
				return fmt.Errorf("%w: class %d of row %d is not one of %d", ErrInput, c, i, classes)
			}
		}
	}
	return nil
}

// classes returns those of a row.
func (t *Targets) classes(task Task, row int) []int {
	if task == Multi {
		return t.Sets[row]
	}
	return t.Class[row : row+1]
}

// weight returns that of a row.
func (t *Targets) weight(row int) float64 {
	if t.Weight == nil {
		return 1
	}
	return float64(t.Weight[row])
}

// newPool starts workers: as many as are asked for, or as there are processors.
func newPool(threads int) *tensor.Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return tensor.NewPool(threads)
}
