package main

import (
	"context"
	"io"
	"os"
)

// openInterruptible opens a file whose reads end with ctx, whatever it is.
func openInterruptible(ctx context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{interruptibleReader(ctx, f), f}, nil
}

// interruptible reads until its context ends: a read that waits for a person, a
// pipe or a device does not hold the program up. The goroutine of a read that
// never returns is left behind; the program is about to end.
type interruptible struct {
	ctx     context.Context
	from    io.Reader
	buf     []byte
	rest    []byte // read, and not yet handed over
	err     error  // that came with rest
	reading bool
	done    chan readResult
}

type readResult struct {
	n   int
	err error
}

const interruptBuffer = 64 << 10

// interruptibleReader returns r as a reader that ends with ctx.
func interruptibleReader(ctx context.Context, r io.Reader) io.Reader {
	return &interruptible{ctx: ctx, from: r, buf: make([]byte, interruptBuffer), done: make(chan readResult, 1)}
}

// Read implements io.Reader.
func (x *interruptible) Read(p []byte) (int, error) {
	if err := x.ctx.Err(); err != nil {
		return 0, err
	}
	if len(x.rest) == 0 && x.err == nil {
		if !x.reading {
			x.reading = true
			go func() {
				n, err := x.from.Read(x.buf)
				x.done <- readResult{n, err}
			}()
		}
		select {
		case r := <-x.done:
			x.reading, x.rest, x.err = false, x.buf[:r.n], r.err
		case <-x.ctx.Done():
			return 0, x.ctx.Err()
		}
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	if len(x.rest) > 0 {
		return n, nil
	}
	return n, x.err
}
