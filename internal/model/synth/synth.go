// Package synth writes random models in the shape of published ones. They say
// nothing of sense; what it costs to load and to run them is what the model of
// that shape costs, so speed and memory can be measured without it.
package synth

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

// Options say what to write. The zero value is the smallest shape in Q4_K_M.
type Options struct {
	// Shape is one of Shapes; "" is "tiny".
	Shape string
	// Mixture chooses the tensors' types as it does for a real model; "" is Q4_K_M.
	Mixture quantize.Mixture
	// Layers is how many layers there are; 0 means as many as the shape has.
	Layers int
	// Seed gives other numbers of the same kind.
	Seed uint64
	// Threads write at once; 0 means one for each processor. They do not change
	// the file.
	Threads int
	// Progress, unless nil, is told how many of the tensors' bytes are written.
	// It is called by one thread at a time.
	Progress func(done, all int64)
}

// Limits on Options.
const (
	MaxLayers  = 1024
	maxThreads = 256
)

// Report says what was written.
type Report struct {
	Shape      string
	Mixture    quantize.Mixture
	Layers     int
	Parameters int64 // numbers in all tensors
	// TensorBytes is the size of the tensors, FileBytes that of the whole file.
	TensorBytes, FileBytes int64
}

// Write writes a random model to a GGUF file at path, which appears when it is
// whole and replaces a regular file that is there. It keeps a megabyte for each
// thread in memory, and the vocabulary.
//
// Same Options, same bytes, whatever the threads and the processor.
func Write(ctx context.Context, path string, o Options) (*Report, error) {
	o.Shape, o.Mixture = strings.ToLower(cmp.Or(o.Shape, "tiny")), cmp.Or(o.Mixture, quantize.Q4_K_M)
	m, err := outline(o)
	if err != nil {
		return nil, err
	}
	properties, tensors, err := quantize.Outline(m, o.Mixture)
	if err != nil {
		return nil, err
	}
	layout, err := gguf.NewLayout(properties, tensors)
	if err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("write %q: it exists and is no regular file", path)
	}
	if err := files.Replace(path, func(f *os.File) error { return fill(ctx, f, layout, tensors, o) }); err != nil {
		return nil, err
	}
	r := &Report{Shape: o.Shape, Mixture: o.Mixture, Layers: m.Config.Layers, FileBytes: layout.Size}
	for i, t := range tensors {
		r.Parameters += int64(numbers(t.Shape))
		r.TensorBytes += layout.Sizes[i]
	}
	return r, nil
}

// chunkNumbers is how many numbers are made at once: a multiple of every block.
const chunkNumbers = 1 << 18

// task is a part of a tensor, and where its bytes go.
type task struct {
	tensor *gguf.Tensor
	chunk  int
	bytes  int
	offset int64
}

// tasks cuts the tensors in chunks.
func tasks(layout *gguf.Layout, tensors []gguf.Tensor) []task {
	var all []task
	for i := range tensors {
		t := &tensors[i]
		offset := layout.Offsets[i]
		for first, n := 0, numbers(t.Shape); first < n; first += chunkNumbers {
			bytes := t.Type.Size(min(chunkNumbers, n-first))
			all = append(all, task{t, first / chunkNumbers, bytes, offset})
			offset += int64(bytes)
		}
	}
	return all
}

// fill writes the whole file. Which thread writes which chunk changes nothing: a
// chunk's bytes depend on the seed, the tensor's name and the chunk's number.
func fill(ctx context.Context, f *os.File, layout *gguf.Layout, tensors []gguf.Tensor, o Options) error {
	if _, err := f.Write(layout.Header); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	if err := f.Truncate(layout.Size); err != nil { // zeros between the tensors
		return fmt.Errorf("make room for %d bytes: %w", layout.Size, err)
	}
	all := tasks(layout, tensors)
	var sum, done int64
	for _, t := range all {
		sum += int64(t.bytes)
	}
	return run(ctx, all, f, threads(o.Threads), o.Seed, func(n int) {
		done += int64(n)
		if o.Progress != nil {
			o.Progress(done, sum)
		}
	})
}

// run does the tasks with some threads.
func run(ctx context.Context, all []task, w io.WriterAt, threads int, seed uint64, progress func(bytes int)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var mu sync.Mutex // of progress
	var wait sync.WaitGroup
	for range min(threads, len(all)) {
		wait.Go(func() {
			room := make([]byte, quant.F32.Size(chunkNumbers))
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				t := &all[i]
				if err := t.do(room[:t.bytes], w, seed); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				progress(t.bytes)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// do makes a chunk in room and writes it.
func (t *task) do(room []byte, w io.WriterAt, seed uint64) error {
	if t.tensor.Data != nil { // the rotation factors are no random numbers
		copy(room, t.tensor.Data[t.chunk*quant.F32.Size(chunkNumbers):])
	} else if err := random(room, t.tensor, t.chunk, seed); err != nil {
		return err
	}
	if _, err := w.WriteAt(room, t.offset); err != nil {
		return fmt.Errorf("write tensor %q: %w", t.tensor.Name, err)
	}
	return nil
}

func numbers(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func threads(n int) int {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return min(n, maxThreads)
}

// outline returns a model without numbers.
func outline(o Options) (*modelfile.Model, error) {
	s, err := shapeOf(o.Shape)
	if err != nil {
		return nil, err
	}
	if o.Layers < 0 || o.Layers > MaxLayers {
		return nil, fmt.Errorf("%d layers, not 1 to %d, or 0 for those of the shape", o.Layers, MaxLayers)
	}
	s.config.Layers = cmp.Or(o.Layers, s.config.Layers)
	return &modelfile.Model{Config: s.config, Tokenizer: vocabulary(s.config.Vocabulary), Tensors: s.tensors()}, nil
}
