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
	"time"
)

//go:generate go -C ../../../_asm run ./tensor -out ../internal/model/tensor/pause_amd64.s -stubs ../internal/model/tensor/pause_stubs_amd64.go -pkg tensor

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
//
// A worker that has nothing to do looks for work without pause for spinTime and
// then sleeps: a forward pass calls Do hundreds of times a token, and waking a
// goroutine takes longer than many a product.
type Pool struct {
	mu      sync.Mutex // held by Do
	workers []*Worker
	spins   bool
	closed  bool
	product product       // of the Multiply under way
	idle    chan struct{} // the last worker to leave tells Do, if it sleeps

	// What follows is shared by workers; what they write lies apart from what
	// they wait for.
	_     [64]byte
	state atomic.Uint64 // see below
	_     [56]byte
	next  atomic.Int64 // the next item
	_     [56]byte
	items int64
	task  task
	err   atomic.Pointer[error] // the first
}

// The pool's state: the number of the Do under way in the upper half, then
// marks, and how many workers have joined it. A worker joins by adding itself
// while the call is open, so that Do waits for those who have work and not for
// those who are still asleep.
const (
	stateOpen     = 1 << 31 // there may be items left
	stateWaiting  = 1 << 30 // Do sleeps until all have left
	stateClosed   = 1 << 29 // the workers are to end
	stateJoined   = 1<<16 - 1
	stateCall     = 32 // its number begins at this bit
	maxWorkers    = stateJoined
	pausesPerLook = 2
	looksPerClock = 16
)

// spinTime is how long a worker looks for work before it sleeps, and how long Do
// looks for the last worker's end: longer than what lies between two products of
// a pass, shorter than anyone notices.
const spinTime = 200 * time.Microsecond

// task is work that comes in numbered items.
type task interface {
	do(w *Worker, from, to int64)
	// grain returns how many items to take when so many are left.
	grain(left int64, workers int) int64
}

// each is the task of Do.
type each func(w *Worker, i int)

func (run each) do(w *Worker, from, to int64) {
	for i := from; i < to; i++ {
		run(w, int(i))
	}
}

func (run each) grain(int64, int) int64 { return 1 }

// Worker is one of a pool's goroutines: work may use its memory until it returns.
type Worker struct {
	Index   int // from 0
	parked  atomic.Bool
	wake    chan struct{}
	floats  []float32
	doubles []float64
	bytes   []byte
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

// Bytes is Floats for bytes.
func (w *Worker) Bytes(n int) []byte {
	if len(w.bytes) < n {
		w.bytes = make([]byte, n)
	}
	return w.bytes[:n]
}

// NewPool starts a pool of so many workers, or as many as there are processors
// for 0 or less. The goroutine that calls Do is one of them.
func NewPool(threads int) *Pool {
	processors := runtime.GOMAXPROCS(0)
	if threads <= 0 {
		threads = processors
	}
	threads = min(threads, maxWorkers)
	// More workers than processors would keep one another from working.
	p := &Pool{spins: threads <= processors, idle: make(chan struct{}, 1)}
	for i := range threads {
		w := &Worker{Index: i, wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		if i > 0 {
			go p.serve(w)
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
	p.state.Or(stateClosed)
	p.rouse(len(p.workers))
}

// Do calls run for every i from 0 to n-1, each once, in no order, and returns
// when all are done. A panic in run ends the work: it is returned as a
// *FaultError if memory could not be read, else as a *PanicError, and some i may
// not have been reached.
func (p *Pool) Do(n int, run func(w *Worker, i int)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.share(int64(n), each(run))
}

// share does a task's items with the workers that come. It is called with the
// lock.
func (p *Pool) share(n int64, t task) error {
	if p.closed {
		return ErrClosed
	}
	if n <= 0 {
		return nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	p.items, p.task = n, t
	p.err.Store(nil)
	p.next.Store(0)
	if n == 1 || len(p.workers) == 1 {
		p.work(p.workers[0])
	} else {
		call := p.state.Load()>>stateCall + 1
		p.state.Store(call<<stateCall | stateOpen)
		p.rouse(int(min(n, int64(len(p.workers)))))
		p.work(p.workers[0])
		p.settle()
	}
	p.task = nil
	if err := p.err.Load(); err != nil {
		return *err
	}
	return nil
}

// rouse wakes those of the first n workers that sleep.
func (p *Pool) rouse(n int) {
	for _, w := range p.workers[1:n] {
		if w.parked.Load() && w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{} // has room: it is sent once for each sleep
		}
	}
}

// settle lets no more workers join, and waits until those that did have left.
func (p *Pool) settle() {
	joined := p.state.And(^uint64(stateOpen)) & stateJoined
	if joined == 0 {
		return
	}
	if p.spins && p.look(func(s uint64) bool { return s&stateJoined == 0 }) {
		return
	}
	if p.state.Or(stateWaiting)&stateJoined != 0 {
		<-p.idle
	}
}

// serve is a worker's life.
func (p *Pool) serve(w *Worker) {
	debug.SetPanicOnFault(true)
	last := uint64(0) // the call it worked for
	news := func(s uint64) bool {
		return s&stateClosed != 0 || s&stateOpen != 0 && s>>stateCall != last
	}
	for {
		if !p.spins || !p.look(news) {
			p.park(w, news)
		}
		s := p.state.Load()
		if s&stateClosed != 0 {
			return
		}
		if !news(s) || !p.state.CompareAndSwap(s, s+1) {
			continue
		}
		last = s >> stateCall
		p.work(w)
		if s := p.state.Add(^uint64(0)); s&stateJoined == 0 && s&stateWaiting != 0 {
			p.idle <- struct{}{}
		}
	}
}

// look returns true as soon as the state is as wanted, or false after spinTime.
func (p *Pool) look(wanted func(state uint64) bool) bool {
	var start time.Time
	for i := 0; ; i++ {
		if wanted(p.state.Load()) {
			return true
		}
		rest()
		if i%looksPerClock != 0 {
			continue
		}
		if start.IsZero() {
			start = time.Now()
		} else if time.Since(start) > spinTime {
			return false
		}
	}
}

// rest pauses. As a call that is not inlined it lets the garbage collector stop
// the goroutine, which it cannot within assembly.
//
//go:noinline
func rest() { pause(pausesPerLook) }

// park sleeps until rouse, unless there is news already.
func (p *Pool) park(w *Worker, news func(state uint64) bool) {
	w.parked.Store(true)
	// Whoever makes news after this look sees that the worker is parked.
	if news(p.state.Load()) && w.parked.CompareAndSwap(true, false) {
		return
	}
	<-w.wake
}

// work takes items until none are left.
func (p *Pool) work(w *Worker) {
	defer func() {
		if r := recover(); r != nil {
			p.next.Store(p.items)
			err := asError(r)
			p.err.CompareAndSwap(nil, &err)
		}
	}()
	for {
		left := p.items - p.next.Load()
		if left <= 0 {
			return
		}
		n := p.task.grain(left, len(p.workers))
		from := p.next.Add(n) - n
		if from >= p.items {
			return
		}
		p.task.do(w, from, min(from+n, p.items))
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
