package bench

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

// Machine is what the machine can do at most with so many threads: what its
// memory gives, and how many multiplications and additions it makes. Where there
// are no loops in assembly for the processor, Instructions is "generic", and the
// figures are those of portable Go, which the processor itself exceeds.
type Machine struct {
	Threads      int    `json:"threads"`
	Instructions string `json:"instructions"` // as package isa names them
	// ReadBytesPerSecond is for memory too large for caches, in huge pages where
	// the system has them.
	ReadBytesPerSecond float64 `json:"read_bytes_per_second"`
	// A multiplication and an addition are two operations.
	Int8OperationsPerSecond    float64 `json:"int8_operations_per_second"`
	Float32OperationsPerSecond float64 `json:"float32_operations_per_second"`
}

const (
	// Of so many short runs the best counts: it is one in which no other program
	// took a processor.
	probeRuns = 80
	probeTime = 5 * time.Millisecond
	turns     = 2000            // of a loop in one call, some microseconds
	readCall  = 2048 * readUnit // bytes, some 30 microseconds
	readWhole = 512 << 20       // bytes, and no less than readLeast for a thread
	readLeast = 64 << 20
)

// Measure measures what the machine can do with so many threads, within about
// two seconds. It takes half a gigabyte of memory for that time.
func Measure(ctx context.Context, threads int) (Machine, error) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := probesOf(isa.Chosen())
	m := Machine{Threads: threads, Instructions: p.name}
	var err error
	if m.ReadBytesPerSecond, err = readSpeed(ctx, p, threads); err != nil {
		return m, err
	}
	if m.Int8OperationsPerSecond, err = arithmeticSpeed(ctx, p.int8, threads); err != nil {
		return m, err
	}
	m.Float32OperationsPerSecond, err = arithmeticSpeed(ctx, p.float32, threads)
	return m, err
}

// readSpeed returns the most bytes a second that threads read, each its part
// over and over.
func readSpeed(ctx context.Context, p probes, threads int) (float64, error) {
	part := max(readWhole/threads, readLeast) / readCall * readCall
	memory, at := make([][]byte, threads), make([]int, threads)
	together(threads, func(i int) { memory[i] = newMemory(part) })
	defer debug.FreeOSMemory()
	return fastest(ctx, threads, readCall, func(i int) {
		p.read(memory[i][at[i] : at[i]+readCall])
		at[i] = (at[i] + readCall) % part
	})
}

// arithmeticSpeed returns the most operations a second of a loop.
func arithmeticSpeed(ctx context.Context, l loop, threads int) (float64, error) {
	return fastest(ctx, threads, turns*l.operations, func(int) { l.run(turns) })
}

// fastest has threads call work over and over, and returns the most amounts a
// second that they did together, where a call does so much.
func fastest(ctx context.Context, threads, amount int, work func(i int)) (float64, error) {
	best := 0.0
	calls := make([]int, threads)
	for range probeRuns {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		took := together(threads, func(i int) {
			n := 0
			for start := time.Now(); time.Since(start) < probeTime; n++ {
				work(i)
			}
			calls[i] = n
		})
		sum := 0
		for _, n := range calls {
			sum += n
		}
		best = max(best, float64(sum)*float64(amount)/took.Seconds())
	}
	return best, nil
}

// newMemory returns memory that has been written: what has not is one page of
// zeros to the system, however often it is mapped.
func newMemory(size int) []byte {
	b := make([]byte, size)
	adviseHuge(b)
	for i := 0; i < len(b); i += 512 {
		b[i] = byte(i >> 9)
	}
	return b
}

// together has so many threads work at the same time, and returns how long they
// took from the first's begin to the last's end.
func together(threads int, work func(i int)) time.Duration {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(threads)
	for i := range threads {
		done.Go(func() {
			runtime.LockOSThread() // the thread ends with the goroutine
			ready.Done()
			<-begin
			work(i)
		})
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	done.Wait()
	return time.Since(start)
}
