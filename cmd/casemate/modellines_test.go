package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
)

// lineNumber is what the tests' lines hold.
func lineNumber(line []byte) int {
	n, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil {
		panic(err)
	}
	return n
}

// TestAnswerLinesInOrder has later lines answered first: answers stand in the
// order of lines, and no more are under way than may be.
func TestAnswerLinesInOrder(t *testing.T) {
	const lines, together = 100, 8
	var in, want strings.Builder
	for i := range lines {
		fmt.Fprintf(&in, "%d\n", i)
		if i%10 == 3 {
			fmt.Fprintf(&want, `{"error":"no threes","line":%d}`+"\n", i+1)
		} else {
			fmt.Fprintf(&want, "%d\n", 2*i)
		}
	}
	var out, log bytes.Buffer
	var under atomic.Int64
	after := make([]chan struct{}, lines+1)
	for i := range after {
		after[i] = make(chan struct{})
	}
	err := answerLines(&streams{t.Context(), strings.NewReader(in.String()), &out, &log}, "-", together, func(_ context.Context, line []byte) (any, error) {
		if n := under.Add(1); n > together {
			t.Errorf("%d lines under way", n)
		}
		defer under.Add(-1)
		n := lineNumber(line)
		defer close(after[n])
		if n%2 == 0 {
			<-after[n+1]
		}
		if n%10 == 3 {
			return nil, faulty("no threes")
		}
		return 2 * n, nil
	})
	var code exitRequest
	if !errors.As(err, &code) || int(code) != exitIncomplete {
		t.Errorf("answerLines: %v, want exit %d", err, exitIncomplete)
	}
	if out.String() != want.String() {
		t.Errorf("answers:\n%s\nwant:\n%s", out.String(), want.String())
	}
}

// TestAnswerLinesEnds fails in the middle: the answers before it are written,
// none after it, the error names the line, and nobody goes on.
func TestAnswerLinesEnds(t *testing.T) {
	broken := errors.New("broken")
	answer := func(ctx context.Context, line []byte) (any, error) {
		switch n := lineNumber(line); {
		case n == 3:
			return nil, broken
		case n > 3:
			<-ctx.Done()
			return nil, ctx.Err()
		default:
			return n, nil
		}
	}
	waits, _ := io.Pipe() // nobody ever writes
	for name, in := range map[string]io.Reader{
		"more lines":   strings.NewReader("1\n2\n3\n4\n5\n6\n7\n8\n"),
		"waiting":      io.MultiReader(strings.NewReader("1\n2\n3\n4\n"), waits),
		"broken input": io.MultiReader(strings.NewReader("1\n2\n"), iotest.ErrReader(broken)),
	} {
		var out, log bytes.Buffer
		err := answerLines(&streams{t.Context(), in, &out, &log}, "-", 3, answer)
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 3") || out.String() != "1\n2\n" {
			t.Errorf("%s: %v, answers %q", name, err, out.String())
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var out, log bytes.Buffer
	err := answerLines(&streams{ctx, strings.NewReader("1\n2\n1\n"), &out, &log}, "-", 1, func(_ context.Context, line []byte) (any, error) {
		if lineNumber(line) == 2 {
			stop()
		}
		return 0, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// TestAnswerLinesAtOnce asks for one line's answer before it gives the next, as
// a person at a terminal does.
func TestAnswerLinesAtOnce(t *testing.T) {
	in, ask := io.Pipe()
	hear, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- answerLines(&streams{t.Context(), in, out, io.Discard}, "-", 8, func(_ context.Context, line []byte) (any, error) { return lineNumber(line), nil })
	}()
	buf := make([]byte, 100)
	for i := range 5 {
		fmt.Fprintln(ask, i)
		if n, err := hear.Read(buf); err != nil || string(buf[:n]) != fmt.Sprintln(i) {
			t.Fatalf("answer %d: %q, %v", i, buf[:n], err)
		}
	}
	ask.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
