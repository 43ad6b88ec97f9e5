package evidence

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

// eachLine gives every line that is not blank to do, with its offset, until it
// returns false. A line that is too long is a fault.
func (r *room) eachLine(do func(line []byte, number int, offset int64) bool) {
	for r.abort == nil {
		number, offset := r.in.line, r.in.offset
		line, size, err := r.in.peekLine()
		switch {
		case errors.Is(err, errTooLong):
			r.fault(number, 0, offset, tooLong(r.opt.MaxRecordBytes))
			continue
		case err != nil:
			return
		}
		goOn := len(bytes.TrimSpace(line)) == 0 || do(line, number, offset)
		r.in.skip(size)
		if !goOn {
			return
		}
	}
}

func tooLong(limit int) string {
	return "longer than " + strconv.Itoa(limit) + " bytes, the limit for one record"
}

// recordSeparator may stand before each object (RFC 7464).
var recordSeparator = []byte{0x1e}

// readLines reads lines that are each a record of their own: objects of JSON,
// and lines of logs, mixed as they come. The records of auditd are joined.
func (r *room) readLines() {
	r.eachLine(func(line []byte, number int, offset int64) bool {
		trimmed := bytes.TrimLeft(line, " \t\x1e")
		if len(trimmed) == 0 || trimmed[0] != '{' {
			return r.textLine(line, number, offset)
		}
		if _, wraps := findEnvelope(trimmed); wraps {
			return r.inside(line, number, offset)
		}
		return r.object(bytes.TrimPrefix(line, recordSeparator), number, offset)
	})
	r.flushText()
}

// object reads one object of JSON. A broken one is a fault.
func (r *room) object(original []byte, line int, offset int64) bool {
	raw := r.text(original)
	a := r.alert("json", raw, line)
	var err error
	if r.scratch, err = r.parser.Parse(r.scratch[:0], raw); err != nil {
		var syntax *flat.SyntaxError
		if errors.As(err, &syntax) {
			offset += int64(syntax.Offset)
		}
		r.fault(line, r.record, offset, err.Error())
		return true
	}
	a.Fields = slices.Clone(r.scratch)
	return r.mapped(a, original, offset)
}

// mapped lets the schemas fill an alert, and emits it.
func (r *room) mapped(a *casemate.Alert, original []byte, offset int64) bool {
	return r.emit(a, original, offset, r.mapper.Map(a))
}

// inside reads a line that is a whole envelope of records.
func (r *room) inside(line []byte, number int, offset int64) bool {
	outer := r.in
	r.in = newInput(bytes.NewReader(line), len(line)+1)
	r.in.line, r.in.offset = number, offset
	r.readJSON()
	r.in = outer
	return r.abort == nil
}
