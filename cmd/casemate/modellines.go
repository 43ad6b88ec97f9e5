package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// maxModelLine caps one line of input to score, embed and tokenize, in bytes.
// A longer one is an error of its own, and the lines after it go on.
const maxModelLine = 64 << 20

// brokenLine stands in the place of an answer where a line is broken.
type brokenLine struct {
	ID    json.RawMessage `json:"id,omitempty"`
	Error string          `json:"error"`
	Line  int             `json:"line"` // from 1
}

// Lines that wait for a model's answer, so that it runs many in one pass: their
// number, and the bytes of them all.
const (
	linesTogether = 64
	linesBytes    = maxModelLine
)

// answerLines reads a file of JSON lines ("-" is standard input), and writes
// what answer makes of each: in their order, each as soon as it and those before
// it are done. Where answer fails for a reason that lies in the line, an object
// with "error" stands in its place and the command ends with exit code 4; any
// other failure ends it. So many lines are answered together, at most; the
// context that answer is given ends when answers are wanted no more.
func answerLines(s *streams, file string, together int, answer func(ctx context.Context, line []byte) (any, error)) error {
	in, done, err := openInput(s, file)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	q := &lineQueue{lines: make(chan *openLine, together+1), slots: make(chan struct{}, together), room: sync.NewCond(new(sync.Mutex))}
	go q.read(ctx, interruptibleReader(ctx, in), answer)
	out := bufio.NewWriterSize(s.stdout, 64<<10)
	lines, broken := 0, 0
	for {
		line, err := q.next(out)
		if err != nil {
			return fmt.Errorf("write answers: %w", err)
		}
		if line == nil {
			return endLines(s, out, lines, broken)
		}
		result, err := line.result, line.err
		var bad *badLine
		if errors.As(err, &bad) {
			broken++
			result = brokenLine{ID: idOf(line.text), Error: bad.Error(), Line: line.number}
		} else if err != nil {
			return errors.Join(out.Flush(), err)
		}
		lines++
		if err := writeJSON(out, result, false); err != nil {
			return fmt.Errorf("write the answer to line %d: %w", line.number, err)
		}
		q.leave(line)
	}
}

// openLine is a line and, once done is closed, its answer.
type openLine struct {
	number int // from 1
	text   []byte
	result any
	err    error
	done   chan struct{}
}

// lineQueue is the lines that are being answered.
type lineQueue struct {
	lines chan *openLine // in order; closed after the last; has room for all and an error
	slots chan struct{}  // one for each
	room  *sync.Cond
	bytes int // of all lines; guarded by room.L
}

// read starts the answer to each line as there is room for it.
func (q *lineQueue) read(ctx context.Context, in io.Reader, answer func(ctx context.Context, line []byte) (any, error)) {
	defer close(q.lines)
	r := bufio.NewReaderSize(in, 64<<10)
	for number := 1; ; number++ {
		text, long, err := workflow.ReadLine(r, maxModelLine)
		line := &openLine{number: number, text: text, done: make(chan struct{})}
		switch {
		case err == io.EOF && len(text) == 0 && !long:
			return
		case err != nil && err != io.EOF:
			q.fail(line, err)
			return
		case len(bytes.TrimSpace(text)) == 0 && !long:
			continue
		}
		select {
		case q.slots <- struct{}{}:
		case <-ctx.Done():
			q.fail(line, ctx.Err())
			return
		}
		if !q.enter(ctx, line) {
			q.fail(line, ctx.Err())
			return
		}
		q.lines <- line
		if long {
			line.err = faulty("the line is longer than %d MiB", maxModelLine>>20)
			close(line.done)
			continue
		}
		go func() {
			defer close(line.done)
			if line.result, line.err = answer(ctx, text); line.err != nil {
				line.err = fmt.Errorf("line %d: %w", number, line.err)
			}
		}()
	}
}

// fail ends the queue with an error in a line's place.
func (q *lineQueue) fail(line *openLine, err error) {
	line.err = fmt.Errorf("read line %d: %w", line.number, err)
	close(line.done)
	q.lines <- line
}

// enter waits until the line's bytes have room, or are all there is. It returns
// false if the context ends before.
func (q *lineQueue) enter(ctx context.Context, line *openLine) bool {
	stop := context.AfterFunc(ctx, func() {
		q.room.L.Lock() // nobody is between looking and waiting
		defer q.room.L.Unlock()
		q.room.Broadcast()
	})
	defer stop()
	q.room.L.Lock()
	defer q.room.L.Unlock()
	for q.bytes > 0 && q.bytes+len(line.text) > linesBytes && ctx.Err() == nil {
		q.room.Wait()
	}
	q.bytes += len(line.text)
	return ctx.Err() == nil
}

// leave makes room for others.
func (q *lineQueue) leave(line *openLine) {
	<-q.slots
	q.room.L.Lock()
	defer q.room.L.Unlock()
	q.bytes -= len(line.text)
	q.room.Signal()
}

// next returns the next line when it is answered, or nil after the last. What is
// written goes out before it waits: whoever waits for an answer gets it.
func (q *lineQueue) next(out *bufio.Writer) (*openLine, error) {
	select {
	case line := <-q.lines:
		return line, line.wait(out)
	default:
	}
	if err := out.Flush(); err != nil {
		return nil, err
	}
	line := <-q.lines
	return line, line.wait(out)
}

// wait waits for the answer.
func (l *openLine) wait(out *bufio.Writer) error {
	if l == nil {
		return nil
	}
	select {
	case <-l.done:
		return nil
	default:
	}
	err := out.Flush()
	<-l.done
	return err
}

// endLines writes what is left, and says how many lines could not be answered.
func endLines(s *streams, out *bufio.Writer, lines, broken int) error {
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write answers: %w", err)
	}
	if broken > 0 {
		fmt.Fprintf(s.stderr, "casemate: %d of %d lines could not be answered; an object with \"error\" stands in their place (exit 4)\n", broken, lines)
		return exitRequest(exitIncomplete)
	}
	return nil
}

// badLine is an error whose cause is the line, not the model or the machine.
type badLine struct{ error }

func (b *badLine) Unwrap() error { return b.error }

// faulty marks an error as the line's.
func faulty(format string, args ...any) error { return &badLine{fmt.Errorf(format, args...)} }

// idOf returns the "id" of a line that may be broken elsewhere.
func idOf(line []byte) json.RawMessage {
	var v struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &v) != nil {
		return nil
	}
	return v.ID
}

// decodeLine reads a JSON object into v. Members that v does not have are left
// alone, so that a line may carry what is its owner's.
func decodeLine(line []byte, v any) error {
	if err := json.Unmarshal(line, v); err != nil {
		return faulty("read the line: %s", workflow.PlainJSON(err))
	}
	return nil
}

// openInput opens a file for reading, or standard input for "-".
func openInput(s *streams, file string) (io.Reader, func() error, error) {
	if file == "-" {
		return s.stdin, func() error { return nil }, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, &casemate.Error{Code: casemate.CodeInput, Message: "open the input", Err: err, Hint: "give a file that can be read, or - for standard input"}
	}
	return interruptibleReader(s.ctx, f), f.Close, nil
}
