package workflow

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
)

// readable cuts what is too long, replaces bytes that are no text, and says so.
func readable(q asked) (asked, string) {
	var notes []string
	note := func(n string) {
		if len(notes) == 0 || notes[len(notes)-1] != n {
			notes = append(notes, n)
		}
	}
	fix := func(s string) string {
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "\uFFFD")
			note("bytes that are not UTF-8 were replaced")
		}
		if len(s) > maxAsked {
			s = strings.ToValidUTF8(s[:maxAsked], "")
			note(fmt.Sprintf("only the first %d KiB of the text were read", maxAsked>>10))
		}
		return s
	}
	out := asked{Question: fix(q.Question)}
	for _, o := range q.Options {
		out.Options = append(out.Options, fix(o))
	}
	if !english(out.Question) {
		note("the knowledge base is in English, and the question does not look like it")
	}
	return out, strings.Join(notes, "; ")
}

// english reports whether a text of some length may be English: mostly Latin
// letters, and now and then one of the commonest words.
func english(text string) bool {
	letters, foreign := 0, 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
			if r > unicode.MaxLatin1 {
				foreign++
			}
		}
	}
	if foreign*4 > letters {
		return false
	}
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(fields) < 5 {
		return true
	}
	for _, f := range fields {
		switch f {
		case "the", "of", "is", "a", "an", "to", "what", "which", "how", "that", "with", "for", "and", "by", "from", "does", "are", "who", "can", "it", "as", "on":
			return true
		}
	}
	return false
}

// PlainJSON says what is wrong with JSON without the names of our types.
func PlainJSON(err error) string {
	var other *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &other):
		return err.Error()
	case other.Field == "":
		return "want an object, found: " + other.Value
	}
	return fmt.Sprintf("%q cannot be: %s", other.Field, other.Value)
}

// lineFault stands in the place of an answer where a line is broken.
type lineFault struct {
	Error string `json:"error"`
	Line  int    `json:"line"` // from 1
}

// file answers the lines of a file, in order and as they come, and returns how
// many could not be.
func (a asker) file(name string) (broken int, err error) {
	in := a.env.Stdin
	if name != "-" {
		f, err := a.env.open(name)
		if err != nil {
			return 0, &casemate.Error{Code: casemate.CodeInput, Message: "ask --jsonl", Err: err, Hint: "name a file, or - for standard input"}
		}
		defer f.Close()
		in = f
	}
	r := bufio.NewReaderSize(in, 64<<10)
	for n := 1; a.ctx.Err() == nil; n++ {
		line, long, err := ReadLine(r, maxAskedLine)
		if err == io.EOF && len(line) == 0 && !long {
			break
		}
		if err != nil && err != io.EOF {
			return broken, fmt.Errorf("read %q: %w", name, err)
		}
		if bad, err := a.line(line, long, n); err != nil {
			return broken, err
		} else if bad {
			broken++
		}
		if r.Buffered() == 0 && a.env.Flush != nil {
			if err := a.env.Flush(); err != nil {
				return broken, fmt.Errorf("write answers: %w", err)
			}
		}
	}
	return broken, a.ctx.Err()
}

// line answers one line. A blank one is passed over.
func (a asker) line(line []byte, long bool, n int) (broken bool, err error) {
	text := strings.TrimSpace(strings.TrimPrefix(string(line), "\uFEFF"))
	if text == "" && !long {
		return false, nil
	}
	var q asked
	fault := ""
	switch {
	case long:
		fault = fmt.Sprintf("the line is longer than %d MiB", maxAskedLine>>20)
	default:
		if err := json.Unmarshal([]byte(text), &q); err != nil {
			fault = "the line is no question: " + PlainJSON(err)
		} else if strings.TrimSpace(q.Question) == "" {
			fault = `no "question"`
		} else if q.Options != nil {
			if err := checkOptions(q.Options); err != nil {
				fault = err.Error()
			}
		}
	}
	if fault != "" {
		return true, a.env.Emit(lineFault{fault, n})
	}
	r, err := a.answer(q)
	if err != nil {
		return false, err
	}
	return false, a.env.Emit(r)
}

// ReadLine returns the next line, with its end. Of one over the limit nothing is
// kept, and long is set. A last line without an end comes with io.EOF.
func ReadLine(r *bufio.Reader, limit int) (line []byte, long bool, err error) {
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
