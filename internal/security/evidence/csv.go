package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sensor"
	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// The limits of a table.
const (
	maxColumns     = 4096
	maxColumnName  = 256
	maxQuotedBytes = 1 << 20 // of a record whose quotes run over several lines
	maxBadQuotes   = 100     // such records without an end, after which quotes end with their line
)

// delimiters in the order in which they are tried.
var delimiters = [...]byte{',', '\t', ';', '|'}

// header is the first line of a table.
type header struct {
	delimiter byte
	names     []string
	skip      int // lines before and with it
}

// findHeader looks for a table in the first lines of a text: a line of names,
// at least one of which means something to the mapper, and under it, if
// anything, lines cut by the same delimiter.
func findHeader(lines []string) (header, bool) {
	skip := 1
	if len(lines) > 0 && len(lines[0]) == 5 && strings.HasPrefix(strings.ToLower(lines[0]), "sep=") {
		lines, skip = lines[1:], 2 // Excel's note of the delimiter
	}
	if len(lines) == 0 || textlog.Detect(lines[0]) != textlog.Unknown && textlog.Detect(lines[0]) != textlog.KeyValue {
		return header{}, false
	}
	for _, d := range delimiters {
		cells, whole := splitRow(nil, lines[0], d)
		if !whole || len(cells) < 2 || len(cells) > maxColumns || !areNames(cells) {
			continue
		}
		if len(lines) > 1 {
			if row, whole := splitRow(nil, lines[1], d); whole && len(row) < 2 {
				continue
			}
		}
		h := header{delimiter: d, skip: skip}
		for i, name := range cells {
			if name = strings.Clone(strings.TrimSpace(name)); name == "" {
				name = "column" + strconv.Itoa(i+1)
			}
			h.names = append(h.names, name)
		}
		return h, true
	}
	return header{}, false
}

// areNames says whether the cells of a line can be names of columns.
func areNames(cells []string) bool {
	known, empty := 0, 0
	for _, c := range cells {
		c = strings.TrimSpace(c)
		switch {
		case c == "":
			empty++
		case len(c) > maxColumnName || c[0] >= '0' && c[0] <= '9':
			return false
		case sensor.Known(c):
			known++
		}
	}
	return known > 0 && (known > 1 || len(cells) <= 4) && empty <= len(cells)/2
}

// splitRow cuts a line into cells. A cell in double quotes may hold the
// delimiter, line ends and doubled quotes. whole is false if a quote is open at
// the end. Cells without quotes share the memory of the line.
func splitRow(cells []string, line string, delimiter byte) (_ []string, whole bool) {
	if strings.IndexByte(line, '"') < 0 {
		for len(cells) <= maxColumns {
			i := strings.IndexByte(line, delimiter)
			if i < 0 {
				break
			}
			cells = append(cells, line[:i])
			line = line[i+1:]
		}
		return append(cells, line), true
	}
	for len(cells) <= maxColumns {
		cell, rest, found, closed := cutCell(line, delimiter)
		cells = append(cells, cell)
		if !found {
			return cells, closed
		}
		line = rest
	}
	return append(cells, line), true
}

// cutCell takes the first cell off a line. What stands between a closing quote
// and the delimiter belongs to the cell: few writers get this right.
func cutCell(line string, delimiter byte) (cell, rest string, found, closed bool) {
	trimmed := strings.TrimLeft(line, " ")
	if trimmed == "" || trimmed[0] != '"' {
		cell, rest, found = strings.Cut(line, string(rune(delimiter)))
		return cell, rest, found, true
	}
	body := trimmed[1:]
	for at := 0; ; {
		i := strings.IndexByte(body[at:], '"')
		if i < 0 {
			return strings.ReplaceAll(body, `""`, `"`), "", false, false
		}
		at += i
		if at+1 < len(body) && body[at+1] == '"' {
			at += 2
			continue
		}
		after, rest, found := strings.Cut(body[at+1:], string(rune(delimiter)))
		cell = body[:at]
		if strings.IndexByte(cell, '"') >= 0 {
			cell = strings.ReplaceAll(cell, `""`, `"`)
		}
		if after = strings.TrimSpace(after); after != "" {
			cell += after
		}
		return cell, rest, found, true
	}
}

// readCSV reads a table with a header.
func (r *room) readCSV() {
	h, ok := findHeader(firstLines(r.in.fill(sniffBytes)))
	if !ok {
		r.faultAt("the first line does not name the columns of a table")
		return
	}
	for range h.skip {
		for {
			line, size, err := r.in.peekLine()
			if err != nil {
				return
			}
			blank := len(bytes.TrimSpace(line)) == 0
			r.in.skip(size)
			if !blank {
				break
			}
		}
	}
	t := table{room: r, header: h}
	for r.abort == nil && t.next() {
	}
}

// table reads the rows of a table.
type table struct {
	*room
	header
	cells     []string
	badQuotes int
}

// next reads a row. It returns false at the end.
func (t *table) next() bool {
	line, offset := t.in.line, t.in.offset
	row, size, err := t.in.peekLine()
	switch {
	case errors.Is(err, errTooLong):
		t.fault(line, 0, offset, tooLong(t.opt.MaxRecordBytes))
		return true
	case err != nil:
		return false
	case len(bytes.TrimSpace(row)) == 0:
		t.in.skip(size)
		return true
	}
	raw := t.text(row)
	whole := true
	if t.cells, whole = splitRow(t.cells[:0], raw, t.delimiter); !whole && t.badQuotes < maxBadQuotes {
		if long, longSize, ok := t.longRow(size); ok {
			row, size, raw = long, longSize, t.text(long)
			t.cells, _ = splitRow(t.cells[:0], raw, t.delimiter)
		} else if t.badQuotes++; t.badQuotes == 1 {
			t.fault(line, 0, offset, "a quote without an end; it is taken to end with its line")
		}
	}
	if len(t.cells) == 1 && len(t.names) > 1 {
		t.record++
		t.fault(line, t.record, offset, fmt.Sprintf("one cell where the header has %d", len(t.names)))
		t.in.skip(size)
		return true
	}
	a := t.alert("csv", raw, line)
	a.Fields = make([]casemate.Field, len(t.cells))
	for i, cell := range t.cells {
		name := "column" // unquoted delimiters in a message make more cells than names
		if i < len(t.names) {
			name = t.names[i]
		}
		a.Fields[i] = casemate.Field{Name: name, Value: cell}
	}
	goOn := t.mapped(a, row, offset)
	t.in.skip(size)
	return goOn
}

// longRow joins the lines of a row whose quotes run over several. A row is
// whole once its quotes are even in number; where stray quotes break that rule,
// a few tries are all it gets, since each looks at the whole row.
func (t *table) longRow(first int) (row []byte, size int, ok bool) {
	limit := min(maxQuotedBytes, t.opt.MaxRecordBytes)
	quotes := bytes.Count(t.in.rest()[:first], quote)
	for size, tries := first, 0; size < limit && tries < maxRowTries; {
		line := t.line(size)
		if len(line) == 0 {
			break
		}
		n := bytes.Count(line, quote)
		size, quotes = size+len(line), quotes+n
		if n == 0 || quotes%2 != 0 {
			continue
		}
		tries++
		row = bytes.TrimRight(t.in.rest()[:size], "\r\n")
		if t.cells, ok = splitRow(t.cells[:0], string(row), t.delimiter); ok {
			return row, size, true
		}
	}
	return nil, 0, false
}

// line returns the line that begins at an offset of what is held, with its end.
func (t *table) line(from int) []byte {
	for seen := from; ; {
		b := t.in.rest()
		if i := bytes.IndexByte(b[seen:], '\n'); i >= 0 {
			return b[from : seen+i+1]
		}
		seen = len(b)
		if !t.in.more() {
			return t.in.rest()[from:]
		}
	}
}

const maxRowTries = 16

var quote = []byte{'"'}
