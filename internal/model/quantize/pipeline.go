package quantize

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// task is one chunk of a job, and where its bytes go.
type task struct {
	job    *job
	chunk  int
	offset int64
	loss   *loss
}

// run converts the chunks with some threads and writes each to its place. Which
// thread does which chunk changes nothing: a chunk's bytes depend on its numbers
// alone.
func run(ctx context.Context, tasks []task, w io.WriterAt, threads int, progress func(numbers int)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var mu sync.Mutex // of progress
	var wait sync.WaitGroup
	for range min(threads, len(tasks)) {
		wait.Go(func() {
			scratch := newWork()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(tasks) {
					return
				}
				if err := tasks[i].do(scratch, w); err != nil {
					stop(err)
					return
				}
				_, n := tasks[i].job.span(tasks[i].chunk)
				mu.Lock()
				progress(n)
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

// do converts the chunk and writes it. A file that is cut short while it is
// mapped faults where it is read, which becomes an error here.
func (t *task) do(scratch *work, w io.WriterAt) error {
	b, l, err := scratch.convert(t.job, t.chunk)
	if err != nil {
		return err
	}
	*t.loss = l
	if _, err := w.WriteAt(b, t.offset); err != nil {
		return fmt.Errorf("write tensor %q: %w", t.job.name, err)
	}
	return nil
}
