// Package evidence reads what security teams have lying about, logs and alerts
// of any product, packed or not, and turns it into one stream of
// casemate.Alert. What a file is, its content decides, never its name, and
// for each record anew. Memory is bounded whatever the input: one record is
// held at a time.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
	"github.com/casemate-ai/casemate/internal/security/sensor"
	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// Stdin is the path that stands for the standard input.
const Stdin = "-"

// DefaultMaxRecordBytes is the longest record that is read, unless Options say otherwise.
const DefaultMaxRecordBytes = 16 << 20

// MaxFaults is the number of faults that a Summary describes; it counts them all.
const MaxFaults = 1000

// Options say how to read. The zero value is ready.
type Options struct {
	// Format forces a reader by name, one of Formats; "" lets the content decide.
	Format string
	// Reference dates timestamps without a year, as in a classic syslog: they
	// get the latest year that puts them at most a day after it. If it is zero,
	// the time a file was last modified serves, as its archive gives it for a
	// file inside one, and Now for a stream that has none.
	Reference time.Time
	// Now is the clock for streams without a time; nil is time.Now.
	Now func() time.Time
	// MaxRecordBytes bounds one record; 0 is DefaultMaxRecordBytes. A longer
	// line or object is a Fault, and is skipped without being held in memory.
	MaxRecordBytes int
	// NoIndicators leaves Alert.Indicators empty, which saves time.
	NoIndicators bool
	// Progress, if not nil, is called now and then with the bytes read so far
	// from all paths, before anything is unpacked.
	Progress func(bytesRead int64)
}

// FileSummary says what was found in one file, or in one member of an archive.
type FileSummary struct {
	File    string // as in Location.File: an archive's member is "a.zip!dir/name"
	Format  string // the reader that took it: "json", "csv", "text", "zeek-tsv", "evtx"; "" for none
	Records int    // given to yield
	Alerts  int    // those of them that are alerts
	Faults  int
	Bytes   int64 // unpacked

	InvalidUTF8 int // records in which bytes that are no UTF-8 were replaced
	BadTimes    int // records kept without their time, which could not be read; each is a Fault as well
}

// Summary says what was read.
type Summary struct {
	Files      []FileSummary
	Records    int
	Alerts     int
	Faults     []casemate.Fault // the first MaxFaults
	FaultCount int              // all of them
	Bytes      int64            // unpacked
}

// Formats returns the names that Options.Format takes.
func Formats() []string {
	names := make([]string, 0, len(readers))
	for _, r := range readers {
		names = append(names, r.name)
	}
	return names
}

// Read reads the paths in order and gives every record to yield, which may keep
// it. Its texts but Message, Fields, Event and Raw share no memory with the
// record: to keep many alerts, clear those four. A path is a file, Stdin, or a folder: of a folder all regular files are
// read, in the order of their names, those whose name begins with a dot
// excepted, and links are not followed.
//
// What cannot be used, a line or a whole file, becomes a Fault and the rest
// goes on. The error is nil if any record could be read; a *casemate.Error with
// CodeInput if not; what yield returned if it was not nil; and the context's
// error once it is done.
func Read(ctx context.Context, paths []string, opt Options, yield func(*casemate.Alert) error) (Summary, error) {
	s, err := newSession(ctx, opt, yield)
	if err != nil {
		return Summary{}, err
	}
	for _, path := range paths {
		if err := s.path(path); err != nil {
			return s.sum, err
		}
	}
	return s.sum, s.nothing(paths...)
}

// ReadFrom is Read for one stream, which is called name in locations.
func ReadFrom(ctx context.Context, r io.Reader, name string, opt Options, yield func(*casemate.Alert) error) (Summary, error) {
	s, err := newSession(ctx, opt, yield)
	if err != nil {
		return Summary{}, err
	}
	if err := s.stream(r, name, time.Time{}); err != nil {
		return s.sum, err
	}
	return s.sum, s.nothing(name)
}

// session is one call of Read.
type session struct {
	ctx   context.Context
	opt   Options
	yield func(*casemate.Alert) error
	sum   Summary
	read  int64 // bytes, packed
	told  int64 // bytes at the last call of Progress
	texts texts
}

func newSession(ctx context.Context, opt Options, yield func(*casemate.Alert) error) (*session, error) {
	if opt.MaxRecordBytes <= 0 {
		opt.MaxRecordBytes = DefaultMaxRecordBytes
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Format != "" && readerOf(opt.Format) == nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("unknown format %q", opt.Format), Hint: "use one of: " + strings.Join(Formats(), ", ")}
	}
	return &session{ctx: ctx, opt: opt, yield: yield}, nil
}

// nothing makes an error of a session that found no record where there were faults.
func (s *session) nothing(names ...string) error {
	if s.opt.Progress != nil {
		s.opt.Progress(s.read)
	}
	if s.sum.Records > 0 || s.sum.FaultCount == 0 {
		return nil
	}
	return Nothing(names, s.sum.Faults, "casemate reads alerts and logs as JSON, CSV, EVTX, syslog and others, also inside gzip and zip")
}

// Day reads a day that somebody gave, as 2026-03-05; "" is the zero time. What
// the day is for, such as "--as-of", stands in the error, which is one of use.
func Day(what, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%s %q is no date", what, text), Hint: "write it as 2026-03-05"}
	}
	return t, nil
}

// Nothing is the error of an input, a few names of files, in which there was
// nothing to read: with the first fault as its reason and a hint at what is read.
func Nothing(names []string, faults []casemate.Fault, hint string) error {
	shown := slices.Clone(names)
	for i := range shown {
		if shown[i] == Stdin {
			shown[i] = "standard input"
		}
	}
	e := &casemate.Error{Code: casemate.CodeInput, Message: "nothing could be read from " + strings.Join(shown, ", "), Hint: hint}
	if len(names) > 3 {
		e.Message = fmt.Sprintf("nothing could be read from %d files", len(names))
	}
	if len(faults) == 0 {
		return e
	}
	switch f := faults[0]; {
	case len(names) == 1 && f.At.File == names[0] && f.At.Line > 0:
		e.Err = fmt.Errorf("line %d: %s", f.At.Line, f.Reason)
	case len(names) == 1 && f.At.File == names[0]:
		e.Err = errors.New(f.Reason)
	default:
		e.Err = errors.New(f.String())
	}
	return e
}

func (s *session) path(path string) error {
	if path == Stdin {
		return s.stream(os.Stdin, Stdin, time.Time{})
	}
	info, err := os.Stat(path)
	if err != nil {
		s.unreadable(path, err)
		return nil
	}
	if !info.IsDir() {
		return s.file(path)
	}
	files := 0
	err = filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			s.unreadable(name, err)
		case name != path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case d.Type().IsRegular():
			files++
			return s.file(name)
		}
		return nil
	})
	if err == nil && files == 0 {
		s.count(casemate.Fault{At: casemate.Location{File: path}, Reason: "is a folder without files"})
	}
	return err
}

// unreadable records that a file gave nothing.
func (s *session) unreadable(name string, err error) {
	reason := "cannot be read: " + err.Error()
	switch {
	case errors.Is(err, os.ErrNotExist):
		reason = "does not exist"
	case errors.Is(err, os.ErrPermission):
		reason = "may not be read: permission denied"
	}
	s.sum.Files = append(s.sum.Files, FileSummary{File: name, Faults: 1})
	s.count(casemate.Fault{At: casemate.Location{File: name}, Reason: reason})
}

func (s *session) count(f casemate.Fault) {
	s.sum.FaultCount++
	if len(s.sum.Faults) < MaxFaults {
		s.sum.Faults = append(s.sum.Faults, f)
	}
}

func (s *session) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		s.unreadable(path, err)
		return nil
	}
	defer f.Close() // only read: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		s.unreadable(path, err)
		return nil
	}
	before := s.read
	if err := s.stream(f, path, info.ModTime()); err != nil || !info.Mode().IsRegular() {
		return err
	}
	// An archive's directory is read twice, and its gaps are not read at all.
	s.read = before + info.Size()
	return nil
}

// advance counts packed bytes as they come in, and stops a session that is done.
func (s *session) advance(n int) error {
	s.read += int64(n)
	if s.opt.Progress != nil && s.read-s.told >= progressStep {
		s.told = s.read
		s.opt.Progress(s.read)
	}
	return s.ctx.Err()
}

// progressStep is how many bytes lie between two calls of Progress.
const progressStep = 1 << 20

// room is one file, or one member of an archive, while it is read.
type room struct {
	*session
	in     *input
	name   string
	at     int // of its summary in session.sum.Files
	mapper *sensor.Mapper
	lines  *lineMapper
	record uint64

	parser  flat.Parser
	scratch []casemate.Field // of the parser

	joiner     textlog.Joiner
	audit      map[auditKey]*auditOpen
	auditBytes int

	abort error // of yield or of the context: everything stops
}

func (s *session) newRoom(name string, in *input, modified time.Time) *room {
	reference := s.opt.Reference
	if reference.IsZero() {
		reference = modified
	}
	if reference.IsZero() {
		reference = s.opt.Now()
	}
	s.sum.Files = append(s.sum.Files, FileSummary{File: name})
	r := &room{session: s, in: in, name: name, at: len(s.sum.Files) - 1, mapper: sensor.New(reference)}
	r.lines = newLineMapper(reference)
	r.mapper.Text = r.lines.alert
	return r
}

// summary returns the room's own summary. The pointer is good until the next
// file begins.
func (r *room) summary() *FileSummary { return &r.sum.Files[r.at] }

// fault records what could not be used.
func (r *room) fault(line int, record uint64, offset int64, reason string) {
	r.summary().Faults++
	r.count(casemate.Fault{At: casemate.Location{File: r.name, Line: line, Record: record}, Offset: offset, Reason: reason})
}
