package quantize

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
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
func run(ctx context.Context, m *modelfile.Model, tasks []task, w io.WriterAt, threads int, progress func(numbers int)) error {
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
				if err := tasks[i].do(m, scratch, w); err != nil {
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

// do converts the chunk and writes it. A source that is cut short while it is
// mapped is an error, not a crash.
func (t *task) do(m *modelfile.Model, scratch *work, w io.WriterAt) error {
	var b []byte
	err := m.Guard(func() (err error) {
		b, *t.loss, err = scratch.convert(t.job, t.chunk)
		if err != nil {
			return err
		}
		// Under guard, too: b may be a part of the source.
		_, err = w.WriteAt(b, t.offset)
		return err
	})
	if err != nil {
		return fmt.Errorf("quantize tensor %q: %w", t.job.name, err)
	}
	m.Release(t.job.behind(t.chunk))
	return nil
}
