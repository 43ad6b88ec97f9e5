// Package tensor multiplies matrices of any number format with float32
// activations, on several processors. Every number of a result is one sum in a
// fixed order, whoever computes it, so results do not depend on how work is
// divided.
package tensor

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// ErrClosed is what a closed pool answers.
var ErrClosed = errors.New("worker pool is closed")

// FaultError says that memory could not be read: a mapped file was cut short or
// its disk is gone.
type FaultError struct {
	Address uintptr
}

// Error says what to look at.
func (e *FaultError) Error() string {
	return fmt.Sprintf("read mapped memory at %#x: fault; the file was cut short or cannot be read", e.Address)
}

// PanicError is a mistake of the program that work stopped at.
type PanicError struct {
	Value any
	Stack []byte // of the worker
}

// Error says what the mistake is.
func (e *PanicError) Error() string { return fmt.Sprintf("worker stopped: %v", e.Value) }

// Pool is a set of goroutines that share work. Its methods may be called from
// several goroutines at once; they wait for one another. It must not be used
// from within its own work.
type Pool struct {
	mu      sync.Mutex
	workers []*Worker
	closed  bool
}

// Worker is one of a pool's goroutines: work may use its memory until it returns.
type Worker struct {
	Index   int // from 0
	jobs    chan *job
	floats  []float32
	doubles []float64
}

// Floats returns n numbers of scratch memory, of any value: the same ones at
// each call.
func (w *Worker) Floats(n int) []float32 {
	if len(w.floats) < n {
		w.floats = make([]float32, n)
	}
	return w.floats[:n]
}

// Doubles is Floats for float64.
func (w *Worker) Doubles(n int) []float64 {
	if len(w.doubles) < n {
		w.doubles = make([]float64, n)
	}
	return w.doubles[:n]
}

// job is one call of Do.
type job struct {
	items int64
	next  atomic.Int64
	run   func(*Worker, int)
	left  sync.WaitGroup
	once  sync.Once
	err   error
}

// NewPool starts a pool of so many workers, or as many as there are processors
// for 0 or less. The goroutine that calls Do is one of them.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{}
	for i := range threads {
		w := &Worker{Index: i, jobs: make(chan *job)}
		p.workers = append(p.workers, w)
		if i > 0 {
			go w.serve()
		}
	}
	return p
}

// Threads returns how many workers there are.
func (p *Pool) Threads() int { return len(p.workers) }

// Close ends the workers, after work under way. Closing twice does nothing.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for _, w := range p.workers[1:] {
		close(w.jobs)
	}
}

// Do calls run for every i from 0 to n-1, each once, in no order, and returns
// when all are done. A panic in run ends the work: it is returned as a
// *FaultError if memory could not be read, else as a *PanicError, and some i may
// not have been reached.
func (p *Pool) Do(n int, run func(w *Worker, i int)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if n <= 0 {
		return nil
	}
	j := &job{items: int64(n), run: run}
	helpers := p.workers[1:min(n, len(p.workers))]
	j.left.Add(len(helpers))
	for _, w := range helpers {
		w.jobs <- j
	}
	p.workers[0].work(j)
	j.left.Wait()
	return j.err
}

func (w *Worker) serve() {
	for j := range w.jobs {
		w.work(j)
		j.left.Done()
	}
}

// work takes items until none are left.
func (w *Worker) work(j *job) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			j.next.Store(j.items)
			err := asError(r)
			j.once.Do(func() { j.err = err })
		}
	}()
	for {
		i := j.next.Add(1) - 1
		if i >= j.items {
			return
		}
		j.run(w, int(i))
	}
}

// asError tells a fault from a mistake: the runtime's error for a fault has an
// address.
func asError(r any) error {
	if e, ok := r.(error); ok {
		var fault interface{ Addr() uintptr }
		if errors.As(e, &fault) {
			return &FaultError{Address: fault.Addr()}
		}
	}
	return &PanicError{Value: r, Stack: debug.Stack()}
}
