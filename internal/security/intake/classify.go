package intake

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

const (
	// MaxClassifyLine caps one line of input, in bytes: a longer one is an
	// error of its own and the lines after it go on.
	MaxClassifyLine = 16 << 20
	// classifyBatch is how many lines are classified together. A batch ends
	// early where no further line has arrived, so that a person who types, or a
	// program that waits for its answer, gets it at once.
	classifyBatch = 256
	// maxClassifyDepth caps how deep a JSON line may nest.
	maxClassifyDepth = 100
)

// ClassifyFormat says what a line of input is.
type ClassifyFormat string

// The formats. ClassifyAuto looks at the first line that is not blank: one that
// begins with { makes all of them JSON.
const (
	ClassifyAuto  ClassifyFormat = "auto"
	ClassifyText  ClassifyFormat = "text"
	ClassifyJSONL ClassifyFormat = "jsonl"
)

// ClassifyInput says what to classify.
type ClassifyInput struct {
	Stdin  io.Reader
	Format ClassifyFormat // empty: ClassifyAuto
	// Field names the string of a JSON line that holds the text. Empty: the
	// first there is of text, description, sentence, message.
	Field  string
	Decide func(text string) head.Decision // may be called from several goroutines
	// Answer, if not nil, answers instead of Decide: several texts at once, for
	// heads that are not embedded. It may be called from several goroutines.
	Answer func(texts []string) ([]Answered, error)
	// Name returns the catalogue's name of a label, or nothing.
	Name func(label string) string
}

// Classified is the answer to one line: a decision, or the error of a line that
// could not be read.
type Classified struct {
	ID json.RawMessage `json:"id,omitempty"` // as the line gave it
	head.Decision
	Names map[string]string `json:"names,omitempty"` // of the labels named here, from the catalogue
}

// Answered is the answer to one text.
type Answered struct {
	Unsure bool // a person must look
	// Object returns what the line becomes: id is the line's, note what has to be
	// said of how it was read.
	Object func(id json.RawMessage, note string) any
}

// LineError is what stands in the place of an answer where a line is broken.
type LineError struct {
	ID    json.RawMessage `json:"id,omitempty"`
	Error string          `json:"error"`
	Line  int             `json:"line"` // from 1
}

// ClassifySummary says how many lines were answered.
type ClassifySummary struct{ Lines, Broken, Abstained int }

// answer is the result of one line, encoded.
type answer struct {
	line   []byte
	broken bool
	unsure bool
}

// Classify reads lines, decides each and writes one JSON object a line to out,
// in the order of the input and as it comes. A broken line yields an object
// with "error" and "line". Only a fault of reading or writing is an error.
func Classify(ctx context.Context, in ClassifyInput, out io.Writer) (ClassifySummary, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// Each batch hands its answers over through a channel of its own; the order
	// of these channels is the order of the input.
	pending := make(chan chan []answer, 2*runtime.GOMAXPROCS(0))
	var failed error
	go func() {
		defer close(pending)
		failed = dispatch(ctx, in, pending)
	}()
	sum, err := collect(out, pending)
	if err != nil {
		stop() // the reader ends at its next batch; what it holds is small
		return sum, err
	}
	if failed != nil && !errors.Is(failed, io.EOF) {
		return sum, failed
	}
	return sum, ctx.Err()
}

// collect writes answers in order and flushes whenever none is ready.
func collect(out io.Writer, pending <-chan chan []answer) (ClassifySummary, error) {
	w := bufio.NewWriterSize(out, 1<<16)
	var sum ClassifySummary
	for batch := range pending {
		for _, a := range <-batch {
			sum.Lines++
			if a.broken {
				sum.Broken++
			}
			if a.unsure {
				sum.Abstained++
			}
			if _, err := w.Write(a.line); err != nil {
				return sum, fmt.Errorf("write answers: %w", err)
			}
		}
		if len(pending) > 0 {
			continue
		}
		if err := w.Flush(); err != nil {
			return sum, fmt.Errorf("write answers: %w", err)
		}
	}
	return sum, w.Flush()
}

// input is one line as it was read.
type input struct {
	text   []byte
	number int
	err    error
}

// dispatch cuts the input into batches and starts a goroutine for each; the
// capacity of pending bounds how many there are.
func dispatch(ctx context.Context, in ClassifyInput, pending chan<- chan []answer) error {
	r := bufio.NewReaderSize(in.Stdin, 1<<16)
	number := 0
	format := in.Format
	for ctx.Err() == nil {
		batch, err := readBatch(r, &number)
		if len(batch) > 0 {
			format = settle(format, batch)
			done := make(chan []answer, 1)
			select {
			case pending <- done:
			case <-ctx.Done():
				return ctx.Err()
			}
			go func(format ClassifyFormat) { done <- decideAll(in, format, batch) }(format)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// settle turns auto into a format once a line shows which.
func settle(format ClassifyFormat, batch []input) ClassifyFormat {
	if format == ClassifyText || format == ClassifyJSONL {
		return format
	}
	for _, l := range batch {
		text := bytes.TrimLeft(bytes.TrimPrefix(l.text, []byte("\uFEFF")), " \t")
		if len(text) == 0 {
			continue
		}
		if text[0] == '{' {
			return ClassifyJSONL
		}
		return ClassifyText
	}
	return ClassifyAuto
}

// readBatch reads at least one line and then those that have already arrived.
func readBatch(r *bufio.Reader, number *int) ([]input, error) {
	var batch []input
	size := 0
	for len(batch) < classifyBatch && size < MaxClassifyLine {
		line, err := readLine(r)
		if err != nil && len(line) == 0 && !errors.Is(err, bufio.ErrTooLong) {
			return batch, err
		}
		*number++
		l := input{text: line, number: *number}
		if errors.Is(err, bufio.ErrTooLong) {
			l.err, err = fmt.Errorf("the line is longer than %d bytes", MaxClassifyLine), nil
		}
		batch = append(batch, l)
		size += len(line)
		if err != nil {
			return batch, err
		}
		if next, _ := r.Peek(r.Buffered()); bytes.IndexByte(next, '\n') < 0 {
			return batch, nil
		}
	}
	return batch, nil
}

// readLine returns the next line without its end, nil with io.EOF at the end,
// and bufio.ErrTooLong for a line over the cap, which it has then passed over.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > MaxClassifyLine+1 {
			line, long = []byte{}, true
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0 && !long:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			return line, fmt.Errorf("read input: %w", err)
		case long:
			return line, bufio.ErrTooLong
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
	}
}

// decideAll answers a batch.
func decideAll(in ClassifyInput, format ClassifyFormat, batch []input) []answer {
	if in.Answer != nil {
		return answerAll(in, format, batch)
	}
	answers := make([]answer, 0, len(batch))
	for _, l := range batch {
		// A blank line of JSON lines says nothing; a blank line of text is a
		// text without words, and answered so that answers stay in step.
		if l.err == nil && format == ClassifyJSONL && len(bytes.TrimSpace(l.text)) == 0 {
			continue
		}
		answers = append(answers, decideLine(in, format, l))
	}
	return answers
}

// answerAll answers a batch at once. An error of the answering stands in the place
// of each line of the batch.
func answerAll(in ClassifyInput, format ClassifyFormat, batch []input) []answer {
	type line struct {
		id   json.RawMessage
		note string
		at   int // among the texts, −1 for an error
		err  error
		from input
	}
	var lines []line
	var texts []string
	for _, l := range batch {
		if l.err == nil && format == ClassifyJSONL && len(bytes.TrimSpace(l.text)) == 0 {
			continue
		}
		x := line{at: -1, from: l}
		var text string
		if x.id, text, x.note, x.err = readText(in, format, l); x.err == nil {
			x.at = len(texts)
			texts = append(texts, text)
		}
		lines = append(lines, x)
	}
	found, err := in.Answer(texts)
	answers := make([]answer, 0, len(lines))
	for _, x := range lines {
		if x.err == nil {
			x.err = err
		}
		if x.err != nil {
			answers = append(answers, answer{line: encodeLine(LineError{ID: x.id, Error: x.err.Error(), Line: x.from.number}), broken: true})
			continue
		}
		a := found[x.at]
		answers = append(answers, answer{line: encodeLine(a.Object(x.id, x.note)), unsure: a.Unsure})
	}
	return answers
}

// readText returns the id and the text of a line, and what has to be said of how
// it was read.
func readText(in ClassifyInput, format ClassifyFormat, l input) (id json.RawMessage, text, note string, err error) {
	switch {
	case l.err != nil:
		return nil, "", "", l.err
	case format == ClassifyJSONL:
		id, text, err = textOf(l.text, in.Field)
	default:
		text = string(bytes.TrimPrefix(l.text, []byte("\uFEFF")))
	}
	if err == nil && !utf8.ValidString(text) {
		text, note = strings.ToValidUTF8(text, "\uFFFD"), "bytes that are not UTF-8 were replaced"
	}
	return id, text, note, err
}

// decideLine answers one line.
func decideLine(in ClassifyInput, format ClassifyFormat, l input) answer {
	id, text, note, err := readText(in, format, l)
	if err != nil {
		return answer{line: encodeLine(LineError{ID: id, Error: err.Error(), Line: l.number}), broken: true}
	}
	d := in.Decide(text)
	if note != "" {
		d.Note = joinNotes(d.Note, note)
	}
	return answer{line: encodeLine(Classified{ID: id, Decision: d, Names: namesOf(in.Name, d)}), unsure: d.Abstain}
}

func joinNotes(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// encodeLine returns v as one line of JSON. Our own types always encode.
func encodeLine(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Appendf(nil, "{\"error\":%q}\n", err)
	}
	return buf.Bytes()
}

// namesOf looks up the names of all labels of a decision.
func namesOf(name func(string) string, d head.Decision) map[string]string {
	if name == nil {
		return nil
	}
	names := map[string]string{}
	add := func(label string) {
		if n := name(label); n != "" {
			names[label] = n
		}
	}
	add(d.Label)
	for _, a := range d.Alternatives {
		add(a.Label)
	}
	for _, a := range d.Labels {
		add(a.Label)
	}
	return names
}

// textFields are where a JSON line's text is looked for, the first that is there.
var textFields = []string{"text", "description", "sentence", "message"}

// textOf returns the id and the text of a JSON line.
func textOf(line []byte, field string) (id json.RawMessage, text string, err error) {
	line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	if depth(line) > maxClassifyDepth {
		return nil, "", fmt.Errorf("the JSON nests deeper than %d", maxClassifyDepth)
	}
	var object map[string]json.RawMessage
	err = json.Unmarshal(line, &object)
	if other := (*json.UnmarshalTypeError)(nil); errors.As(err, &other) {
		return nil, "", fmt.Errorf("the line is not a JSON object but: %s", other.Value)
	}
	if err != nil {
		return nil, "", fmt.Errorf("the line is not a JSON object: %w", err)
	}
	if object == nil {
		return nil, "", errors.New("the line is not a JSON object but: null")
	}
	id = object["id"]
	fields := textFields
	if field != "" {
		fields = []string{field}
	}
	for _, f := range fields {
		raw, there := object[f]
		if !there {
			continue
		}
		if err := json.Unmarshal(raw, &text); err != nil {
			return id, "", fmt.Errorf("field %q is not a string", f)
		}
		return id, text, nil
	}
	return id, "", fmt.Errorf("no field %s", strings.Join(fields, ", "))
}

// depth returns how deep brackets outside strings nest.
func depth(line []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// NameOf returns the catalogue's name of a weakness or technique, or nothing.
func NameOf(label string) string {
	catalogue := knowledge.Embedded()
	if strings.HasPrefix(label, "CWE-") {
		w, _ := catalogue.Weakness(label)
		return w.Name
	}
	if strings.HasPrefix(label, "T") {
		t, _ := catalogue.Technique(label)
		return t.Name
	}
	return ""
}
