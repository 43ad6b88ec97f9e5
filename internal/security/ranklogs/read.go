package ranklogs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/flat"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// Limits of reading.
const (
	maxLine   = 64 << 10  // bytes of one line that are looked at
	maxStdin  = 512 << 20 // bytes of standard input, which is held to be read again
	maxFaults = 100       // faults that are kept to be told
)

// entry is one line as it was read.
type entry struct {
	file  string
	line  int
	id    string // the record's own
	label string // of a labelled record; never looked at but by --fit
	text  string
}

// source gives the same lines as often as it is asked.
type source struct {
	files []string
	stdin []byte
	// labelled says that text lines may be "label, tab, line".
	labelled bool
	parts    []casemate.CoveredPart
	faults   []casemate.Fault
	count    int // of faults
}

// openSource finds the files, and puts their digests into the provenance. What
// cannot be read is a fault; if nothing can, that is the error.
func openSource(ctx context.Context, run *pipeline.Run, paths []string) (*source, error) {
	s := &source{}
	for _, p := range paths {
		if p == evidence.Stdin {
			if err := s.readStdin(run); err != nil {
				return nil, err
			}
			continue
		}
		err := filepath.WalkDir(p, func(name string, d os.DirEntry, err error) error {
			switch {
			case err != nil:
				s.fault(true, name, 0, reasonOf(err))
			case name != p && strings.HasPrefix(d.Name(), "."): // hidden, as other readers take it
				if d.IsDir() {
					return filepath.SkipDir
				}
			case d.Type().IsRegular() || name == p && !d.IsDir():
				return s.pin(ctx, run, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(s.files) == 0 {
		if len(s.faults) == 0 {
			s.fault(true, paths[0], 0, "there is no file in it")
		}
		return nil, evidence.Nothing(paths, s.faults, "give files or folders of logs, or - for standard input")
	}
	return s, nil
}

// pin takes a file that can be read, with its digest.
func (s *source) pin(ctx context.Context, run *pipeline.Run, name string) error {
	if err := run.Input(ctx, []string{name}); err != nil {
		if ctx.Err() != nil {
			return err
		}
		s.fault(true, name, 0, reasonOf(err))
		return nil
	}
	s.files = append(s.files, name)
	return nil
}

// reasonOf is what the system says of a file, without the name and the call.
func reasonOf(err error) string {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

func (s *source) readStdin(run *pipeline.Run) error {
	if slices.Contains(s.files, evidence.Stdin) {
		return nil
	}
	var in io.Reader = os.Stdin
	if r := run.Options().Stdin; r != nil {
		in = r
	}
	data, err := io.ReadAll(io.LimitReader(in, maxStdin+1))
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	if len(data) > maxStdin {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("standard input is longer than %d MiB", maxStdin>>20),
			Hint: "lines are read more than once: write them to a file and name it"}
	}
	s.stdin, s.files = data, append(s.files, evidence.Stdin)
	return nil
}

// each gives every line that is not empty, in order. The first pass is the one
// that counts parts and faults.
func (s *source) each(ctx context.Context, first bool, yield func(e *entry) error) error {
	for _, name := range s.files {
		part := casemate.CoveredPart{Name: shownName(name), Read: "rules"}
		err := s.one(ctx, name, first, func(e *entry) error {
			part.Records++
			part.Bytes += int64(len(e.text)) + 1
			return yield(e)
		})
		if err != nil {
			return err
		}
		if first {
			s.parts = append(s.parts, part)
		}
	}
	return nil
}

func shownName(file string) string {
	if file == evidence.Stdin {
		return "standard input"
	}
	return file
}

// one gives the lines of one file: of text, packed or not, itself; of anything
// else the records that the readers of evidence find.
func (s *source) one(ctx context.Context, name string, first bool, yield func(*entry) error) error {
	var in io.Reader = bytes.NewReader(s.stdin)
	if name != evidence.Stdin {
		f, err := os.Open(name)
		if err != nil {
			return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: %s", name, reasonOf(err)), Hint: "give files that you may read"}
		}
		defer f.Close()
		in = f
	}
	r := bufio.NewReaderSize(in, 256<<10)
	head, _ := r.Peek(2)
	if len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(r)
		if err != nil {
			s.fault(first, name, 0, "it begins as gzip does but is not: "+err.Error())
			return nil
		}
		r = bufio.NewReaderSize(z, 256<<10)
	}
	sample, _ := r.Peek(512)
	if bytes.IndexByte(sample, 0) >= 0 || bytes.HasPrefix(sample, []byte("PK\x03\x04")) || bytes.HasPrefix(sample, []byte{0xff, 0xfe}) {
		return s.records(ctx, name, r, first, yield)
	}
	return s.lines(ctx, name, r, first, yield)
}

// lines gives the lines of a text.
func (s *source) lines(ctx context.Context, name string, r *bufio.Reader, first bool, yield func(*entry) error) error {
	var e entry
	var held []byte
	var un unwrapper
	for n := 1; ; n++ {
		line, whole, err := readLine(r, held[:0])
		held = line
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !whole {
			s.fault(first, name, n, fmt.Sprintf("the line is longer than %d bytes: the rest of it was not looked at", maxLine))
		}
		text := strings.TrimRight(string(line), " \t\r\n")
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if strings.TrimSpace(text) != "" {
			e = entry{file: name, line: n, text: strings.ToValidUTF8(text, "\ufffd")}
			un.unwrap(&e)
			if label, rest, ok := strings.Cut(e.text, "\t"); s.labelled && ok && e.label == "" && len(label) < 40 {
				e.label, e.text = label, strings.TrimSpace(rest)
			}
			if err := yield(&e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.fault(first, name, n, "reading stopped here: "+err.Error())
			return nil
		}
	}
}

// readLine appends the next line to buf: at most maxLine bytes of it.
func readLine(r *bufio.Reader, buf []byte) (line []byte, whole bool, err error) {
	whole = true
	for {
		part, err := r.ReadSlice('\n')
		if room := maxLine - len(buf); len(part) > room {
			whole = whole && len(bytes.TrimSpace(part[room:])) == 0
			part = part[:room]
		}
		buf = append(buf, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buf, whole, err
		}
	}
}

// records gives what is no text as records of evidence.
func (s *source) records(ctx context.Context, name string, r io.Reader, first bool, yield func(*entry) error) error {
	sum, err := evidence.ReadFrom(ctx, r, name, evidence.Options{NoIndicators: true}, func(a *casemate.Alert) error {
		text := a.Raw
		if text == "" {
			text = fieldText(a.Fields)
		}
		if len(text) > maxLine {
			text = text[:maxLine]
		}
		e := entry{file: a.At.File, line: max(a.At.Line, int(a.At.Record)), text: strings.ToValidUTF8(strings.TrimSpace(text), "\ufffd")}
		if e.text == "" {
			return nil
		}
		return yield(&e)
	})
	var unknown *casemate.Error
	if errors.As(err, &unknown) && ctx.Err() == nil {
		reason := unknown.Message
		if len(sum.Faults) > 0 {
			reason = sum.Faults[0].Reason
		}
		s.fault(first, name, 0, reason) // the other files may be lines
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range sum.Faults {
		s.fault(first, f.At.File, f.At.Line, f.Reason)
	}
	return nil
}

// fieldText writes the fields of a record in one line.
func fieldText(fields []casemate.Field) string {
	var b strings.Builder
	for _, f := range fields {
		if f.Value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Name + "=" + strings.Join(strings.Fields(f.Value), " "))
	}
	return b.String()
}

func (s *source) fault(first bool, file string, line int, reason string) {
	if !first {
		return
	}
	s.count++
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, casemate.Fault{At: casemate.Location{File: file, Line: line}, Reason: reason})
	}
}

// The names under which a record of JSON holds nothing but a line, its id and
// its label.
var (
	lineNames  = []string{"statement", "text", "line", "log", "raw", "_raw", "message", "msg", "log_line", "event.original"}
	labelNames = []string{"label", "labels", "class", "y", "is_malicious", "malicious", "ground_truth", "verdict"}
	otherNames = []string{"id", "log_id", "_id", "uid", "uuid", "index", "idx", "n", "no", "number", "row", "line_no", "line_number", "source", "file", "dataset", "split", "name"}
)

// unwrapper takes a line out of the record of JSON that holds it.
type unwrapper struct {
	parser flat.Parser
	fields []casemate.Field
}

// unwrap replaces the text of e where it is such a record. A label is taken out
// of any record, so that none can be read as data.
func (u *unwrapper) unwrap(e *entry) {
	if !strings.HasPrefix(strings.TrimSpace(e.text), "{") {
		return
	}
	fields, err := u.parser.Parse(u.fields[:0], strings.TrimSpace(e.text))
	u.fields = fields
	if err != nil {
		return
	}
	line, id, other := -1, "", 0
	for i, f := range fields {
		name := strings.ToLower(f.Name)
		switch {
		case slices.Contains(lineNames, name) && f.Kind == casemate.String && line < 0:
			line = i
		case slices.Contains(labelNames, name):
			e.label = f.Value
		case slices.Contains(otherNames, name):
			if id == "" {
				id = f.Value
			}
		default:
			other++
		}
	}
	switch {
	case line >= 0 && other == 0 && strings.TrimSpace(fields[line].Value) != "":
		e.text, e.id = strings.Join(strings.Fields(fields[line].Value), " "), strings.Clone(id)
	case e.label != "":
		e.text = withoutLabel(e.text)
	}
	e.label = strings.Clone(e.label)
}

// withoutLabel returns the record without what a label of it may be, its names
// in order.
func withoutLabel(record string) string {
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(record), &all) != nil {
		return record
	}
	for name := range all {
		switch strings.ToLower(name) {
		case "label", "is_malicious", "ground_truth":
			delete(all, name)
		}
	}
	out, err := json.Marshal(all)
	if err != nil {
		return record
	}
	return string(out)
}
