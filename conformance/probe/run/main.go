// Command run trains a head on the vectors in a folder and prints what it found as
// JSON, for compare.py.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/casemate-ai/casemate/internal/model/probe"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answer is what is printed.
type answer struct {
	Seconds float64       `json:"seconds"`
	Trained probe.Trained `json:"trained"`
	Logits  [][]float64   `json:"logits"` // of the rows that were not trained on
}

// run reads vectors.f16 [rows,width] and answers.f64 [rows], or [rows,classes] of
// multi, and trains on the first rows.
func run(args []string, out io.Writer) error {
	if len(args) != 6 {
		return fmt.Errorf("usage: run FOLDER TASK WIDTH CLASSES TRAINED L2")
	}
	task := probe.Task(args[1])
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[2+i]); err != nil {
			return err
		}
	}
	width, classes, trained := n[0], n[1], n[2]
	l2, err := strconv.ParseFloat(args[5], 64)
	if err != nil {
		return err
	}
	vectors, err := os.ReadFile(filepath.Join(args[0], "vectors.f16"))
	if err != nil {
		return err
	}
	m := probe.Matrix{Rows: len(vectors) / 2 / width, Width: width, Halves: make([]uint16, len(vectors)/2)}
	for i := range m.Halves {
		m.Halves[i] = binary.LittleEndian.Uint16(vectors[2*i:])
	}
	targets, err := read(filepath.Join(args[0], "answers.f64"), task, m.Rows, classes)
	if err != nil {
		return err
	}
	o := probe.Options{Task: task, L2: []float64{l2}, Gradient: 1e-4, Huber: 1}
	for k := range classes {
		o.Labels = append(o.Labels, fmt.Sprint("class ", k))
	}
	for i := range trained {
		o.Rows = append(o.Rows, i)
	}
	start := time.Now()
	h, err := probe.Train(context.Background(), m, targets, o)
	if err != nil {
		return err
	}
	a := answer{Seconds: time.Since(start).Seconds(), Trained: h.Trained()}
	var rest []int
	for i := trained; i < m.Rows; i++ {
		rest = append(rest, i)
	}
	if a.Logits, err = h.Evaluate(context.Background(), m, rest, 0); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(a)
}

// read reads the answers to rows.
func read(path string, task probe.Task, rows, classes int) (probe.Targets, error) {
	var t probe.Targets
	f, err := os.Open(path)
	if err != nil {
		return t, err
	}
	defer f.Close()
	n := rows
	if task == probe.Multi {
		n *= classes
	}
	values := make([]float64, n)
	if err := binary.Read(f, binary.LittleEndian, values); err != nil {
		return t, fmt.Errorf("read answers: %w", err)
	}
	switch task {
	case probe.Regression:
		t.Values = values
	case probe.Multi:
		t.Sets = make([][]int, rows)
		for i, v := range values {
			if v != 0 {
				t.Sets[i/classes] = append(t.Sets[i/classes], i%classes)
			}
		}
	default:
		for _, v := range values {
			t.Class = append(t.Class, int(v))
		}
	}
	return t, nil
}
