package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestInterruptibleReadsAll(t *testing.T) {
	want := strings.Repeat("0123456789", 20_000)
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(want), "halves": iotest.HalfReader(strings.NewReader(want)),
		"data with the end": iotest.DataErrReader(strings.NewReader(want)),
	} {
		got, err := io.ReadAll(interruptibleReader(t.Context(), r))
		if err != nil || string(got) != want {
			t.Errorf("%s: read %d bytes and %v, want %d", name, len(got), err, len(want))
		}
	}
}

func TestInterruptibleEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	waits, _ := io.Pipe() // nobody ever writes
	r := interruptibleReader(ctx, waits)
	stopped := make(chan error, 1)
	go func() {
		_, err := r.Read(make([]byte, 1))
		stopped <- err
	}()
	stop()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v, want the end of the context", err)
	}
}

// endless is a device that has no line ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{'a'}, len(p))), nil }

func TestClassifyEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	var out, errs bytes.Buffer
	go func() { code <- run(ctx, []string{"classify", "--head", "relevant"}, endless{}, &out, &errs) }()
	stop()
	if got := <-code; got != exitFault || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit %d with %q, want %d and that it was interrupted", got, errs.String(), exitFault)
	}
}
