// Package quantize writes a model as a GGUF file whose tensors have fewer bits,
// or other ones. It streams: a few megabytes for each thread, whatever the size
// of the model.
package quantize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
)

const (
	formatGGUF = "gguf"
	maxThreads = 256
)

// ErrQuantized is the error for a model whose tensors were quantised before:
// each time costs more of what they knew.
var ErrQuantized = errors.New("the model is quantised already")

// Options say how to quantise.
type Options struct {
	Mixture Mixture // "" is Q4_K_M
	// Threads convert at once; 0 means one for each processor. They do not change
	// the result.
	Threads int
	// AllowRequantize takes a model that was quantised before.
	AllowRequantize bool
	// Change has, by the names of tensors, what changes their numbers before they
	// are written: see Rows.
	Change map[string]Rows
	// Properties are added to the file's metadata, in place of those that have the
	// same key.
	Properties []modelfile.Property
	// Progress, unless nil, is told how many of all numbers are done. It is
	// called by one thread at a time.
	Progress func(done, all int64)
}

// Rows changes a piece of a row of a tensor.
//
//	w  numbers of the row from column on; rows are counted from 0 as the model
//	   that is read has them
//
// It is called by several threads at once, once for each number.
type Rows func(w []float32, row, column int)

// Quantize writes the model to a GGUF file at path. The file appears when it is
// whole: until then its bytes are in a temporary file beside it, which is
// removed if anything goes wrong. A regular file at path is replaced, but not
// one that the model is read from.
//
// Same model, same mixture, same bytes, whatever the threads.
func Quantize(ctx context.Context, m *modelfile.Model, path string, o Options) (*Report, error) {
	o.Mixture = cmp.Or(o.Mixture, Q4_K_M)
	jobs, err := plan(m, o)
	if err != nil {
		return nil, err
	}
	_, fileType, err := o.Mixture.base()
	if err != nil {
		return nil, err
	}
	entries, err := metadata(m, fileType)
	if err != nil {
		return nil, err
	}
	entries = withProperties(entries, o.Properties)
	if err := checkTarget(m, path); err != nil {
		return nil, err
	}
	var r *Report
	err = files.Replace(path, func(f *os.File) error {
		r, err = write(ctx, m, f, entries, jobs, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// plan returns what is to be done with each tensor, in the order of the file to
// be written.
func plan(m *modelfile.Model, o Options) ([]job, error) {
	tensors := slices.Clone(m.Tensors)
	if m.Format != formatGGUF {
		// Shards may come in any order; layers stand in theirs.
		slices.SortFunc(tensors, byLayer)
		if m.Config.RoPE.Scaling == modelfile.ScalingLlama3 {
			tensors = append(tensors, rotationFactors(&m.Config))
		}
	}
	types, err := o.Mixture.Types(&m.Config, tensors)
	if err != nil {
		return nil, err
	}
	jobs := make([]job, 0, len(tensors))
	for _, t := range tensors {
		to := types[t.Name]
		if !isFloat(t.Type) && t.Type != to && !o.AllowRequantize {
			return nil, fmt.Errorf("tensor %q is %v: %w", t.Name, t.Type, ErrQuantized)
		}
		head, err := headRows(m, t.Name)
		if err != nil {
			return nil, err
		}
		j, err := newJob(t, to, head)
		if err != nil {
			return nil, err
		}
		j.change = o.Change[t.Name]
		jobs = append(jobs, j)
	}
	if len(jobs) == 0 {
		return nil, errors.New("the model has no tensors")
	}
	return jobs, nil
}

// write fills the file.
func write(ctx context.Context, m *modelfile.Model, f *os.File, entries []modelfile.Property, jobs []job, o Options) (*Report, error) {
	layout, err := layOut(entries, jobs)
	if err != nil {
		return nil, err
	}
	if err := foresee(filepath.Dir(f.Name()), layout.Size); err != nil {
		return nil, err
	}
	if _, err := f.Write(layout.Header); err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	if err := f.Truncate(layout.Size); err != nil { // zeros between the tensors
		return nil, fmt.Errorf("make room for %d bytes: %w", layout.Size, err)
	}
	var tasks []task
	var all int64
	losses := make([][]loss, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		losses[i] = make([]loss, j.chunks())
		for c := range losses[i] {
			first, _ := j.span(c)
			tasks = append(tasks, task{j, c, layout.Offsets[i] + int64(j.to.Size(first)), &losses[i][c]})
		}
		all += int64(j.numbers)
	}
	var done int64
	err = run(ctx, m, tasks, f, threads(o.Threads), func(n int) {
		done += int64(n)
		if o.Progress != nil {
			o.Progress(done, all)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := m.Changed(); err != nil {
		return nil, err
	}
	r := report(o.Mixture, jobs, losses)
	r.FileBytes = layout.Size
	return r, nil
}

// SpaceError says that a file does not fit the disk. Nothing was written.
type SpaceError struct {
	Need, Free int64 // bytes
}

// Error says how much is missing.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("the file takes %d bytes, and %d are free on its disk", e.Need, e.Free)
}

// foresee refuses a file that the disk has no room for, where the system says how
// much it has.
func foresee(dir string, need int64) error {
	if free, known := files.Free(dir); known && need > free {
		return &SpaceError{need, free}
	}
	return nil
}

// withProperties adds entries in place of those of the same key.
func withProperties(entries, more []modelfile.Property) []modelfile.Property {
	for _, p := range more {
		entries = slices.DeleteFunc(entries, func(e modelfile.Property) bool { return e.Key == p.Key })
	}
	return append(entries, more...)
}

// layOut plans the file.
func layOut(entries []modelfile.Property, jobs []job) (*gguf.Layout, error) {
	properties := make([]gguf.Property, len(entries))
	for i, e := range entries {
		properties[i] = gguf.Property(e)
	}
	tensors := make([]gguf.Tensor, len(jobs))
	for i := range jobs {
		tensors[i] = gguf.Tensor{Name: jobs[i].name, Type: jobs[i].to, Shape: jobs[i].shape}
	}
	return gguf.NewLayout(properties, tensors)
}

func threads(n int) int {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return min(n, maxThreads)
}
