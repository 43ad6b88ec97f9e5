package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/casemate-ai/casemate"
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

// answerLines reads a file of JSON lines ("-" is standard input), and writes
// what answer makes of each, in order and at once. Where answer fails for a
// reason that lies in the line, an object with "error" stands in its place and
// the command ends with exit code 4; any other failure ends it.
func answerLines(s *streams, file string, answer func(line []byte) (any, error)) error {
	in, done, err := openInput(s, file)
	if err != nil {
		return err
	}
	defer done()
	r := bufio.NewReaderSize(in, 64<<10)
	out := bufio.NewWriterSize(s.stdout, 64<<10)
	lines, broken := 0, 0
	for number := 1; ; number++ {
		line, long, err := readLine(r, maxModelLine)
		switch {
		case err == io.EOF && len(line) == 0 && !long:
			return endLines(s, out, lines, broken)
		case err != nil && err != io.EOF:
			return errors.Join(out.Flush(), fmt.Errorf("read line %d: %w", number, err))
		case len(bytes.TrimSpace(line)) == 0 && !long:
			continue
		}
		var result any
		var bad *badLine
		if long {
			err = faulty("the line is longer than %d MiB", maxModelLine>>20)
		} else {
			result, err = answer(line)
		}
		if errors.As(err, &bad) {
			broken++
			result = brokenLine{ID: idOf(line), Error: bad.Error(), Line: number}
		} else if err != nil {
			return errors.Join(out.Flush(), fmt.Errorf("line %d: %w", number, err))
		}
		lines++
		if err := writeJSON(out, result, false); err != nil {
			return fmt.Errorf("write the answer to line %d: %w", number, err)
		}
		if r.Buffered() == 0 { // whoever waits for an answer gets it
			if err := out.Flush(); err != nil {
				return fmt.Errorf("write the answer to line %d: %w", number, err)
			}
		}
	}
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

// readLine returns the next line, with its end. Of one over the limit nothing is
// kept, and long is set. A last line without an end comes with io.EOF.
func readLine(r *bufio.Reader, limit int) (line []byte, long bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > limit {
			line, long = nil, true
		}
		if err != bufio.ErrBufferFull {
			return line, long, err
		}
	}
}

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
		return faulty("read the line: %s", plainJSON(err))
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
