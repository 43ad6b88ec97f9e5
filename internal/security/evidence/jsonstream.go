package evidence

import (
	"bytes"
	"io"
)

// readJSON reads a stream of objects however it is laid out: one after the
// other, over several lines, in one array, or in an array inside an envelope.
//
// It finds where objects begin and end by their brackets, and lets the parser
// judge what is inside. When the brackets themselves are broken it goes on at
// the next line that begins with an opening brace no deeper indented than the
// broken object, which is where the next one begins in every common layout. In
// a text without such lines the rest is lost, and what was read before is kept.
func (r *room) readJSON() {
	s := splitter{room: r, in: r.in}
	for r.abort == nil && s.next() {
	}
}

// splitter cuts a stream into objects.
type splitter struct {
	*room
	in       *input
	arrays   int // that are open around the objects
	open     int // objects of an envelope that are still open behind its array
	lastLine int // on which the last object began
}

// next reads one object or one bracket between objects. It returns false at the end.
func (s *splitter) next() bool {
	c, ok := s.significant()
	if !ok {
		if s.arrays > 0 && s.in.err == io.EOF {
			s.faultAt("the text ends inside an array")
		}
		return false
	}
	switch {
	case c == '{':
		if e, ok := s.envelope(); ok {
			s.in.skip(e.size)
			s.arrays, s.open = 1, e.open
			return true
		}
		return s.element()
	case c == '[' && s.arrays == 0:
		s.in.skip(1)
		s.arrays++
	case c == ']' && s.arrays > 0:
		s.in.skip(1)
		if s.arrays--; s.open > 0 {
			return s.skipRest()
		}
	default:
		s.faultAt("want an object")
		return s.resync(0)
	}
	return true
}

// envelope looks for the array in an envelope at hand.
func (s *splitter) envelope() (envelope, bool) {
	if s.arrays > 0 {
		return envelope{}, false
	}
	return findEnvelope(s.in.fill(maxEnvelope))
}

// significant skips what may stand between objects, and returns the byte there.
func (s *splitter) significant() (byte, bool) {
	for {
		b := s.in.rest()
		i := 0
		for i < len(b) && (b[i] <= ' ' && b[i] != 0 || b[i] == ',' || b[i] == 0x1e) {
			i++
		}
		s.in.skip(i)
		if i < len(b) {
			return b[i], true
		}
		if !s.in.more() {
			return 0, false
		}
	}
}

// skipRest skips what an envelope says behind its array.
func (s *splitter) skipRest() bool {
	scan := scanner{state: wantComma}
	for ; s.open > 0; s.open-- {
		scan.depth++
		scan.mark(true)
	}
	for {
		n, done := scan.run(s.in.rest())
		s.in.skip(n)
		if done || scan.broken {
			return true
		}
		if !s.in.more() {
			s.faultAt("the text ends inside an object")
			return false
		}
	}
}

// element reads the object at hand.
func (s *splitter) element() bool {
	var scan scanner
	line, offset, size, dropped := s.in.line, s.in.offset, 0, false
	column := s.indent()
	for {
		n, done := scan.run(s.in.rest()[size:])
		size += n
		if done || scan.broken {
			break
		}
		if size > s.opt.MaxRecordBytes {
			dropped = true
			s.in.skip(size)
			size = 0
		}
		if !s.in.more() {
			s.record++
			s.fault(line, s.record, offset, "the text ends inside an object")
			s.in.skip(len(s.in.rest()))
			s.arrays = 0
			return false
		}
	}
	if dropped || size > s.opt.MaxRecordBytes {
		s.record++
		s.fault(line, s.record, offset, tooLong(s.opt.MaxRecordBytes))
		s.in.skip(size)
		return !scan.broken || s.resync(column)
	}
	if scan.broken {
		s.record++
		s.fault(line, s.record, offset, "the brackets or quotes of the object do not match")
		// The line on which it showed may be the next object's first.
		if from := bytes.LastIndexByte(s.in.rest()[:size], '\n'); from >= 0 {
			s.in.skip(from)
			return s.resync(column)
		}
		s.in.skip(size)
		return s.resync(column)
	}
	// Of objects on one line only the first is told by it, the others by their number.
	number := line
	if line == s.lastLine {
		number = 0
	}
	s.lastLine = line
	goOn := s.object(s.in.rest()[:size], number, offset)
	s.in.skip(size)
	return goOn
}

// indent returns the blanks before the object on its line. What was used up is
// still in the buffer, as far back as it was not moved.
func (s *splitter) indent() int {
	before := s.in.b[:s.in.start]
	start := bytes.LastIndexByte(before, '\n') + 1
	n := 0
	for _, c := range before[start:] {
		if c != ' ' && c != '\t' {
			break
		}
		n++
	}
	return n
}

// resync goes on at the next line that begins with a brace no deeper than
// column, and says whether there is one.
func (s *splitter) resync(column int) bool {
	s.in.dropLine()
	for {
		line, size, err := s.in.peekLine()
		if err != nil {
			if size > 0 {
				continue // a line too long has been skipped
			}
			return false
		}
		text := bytes.TrimLeft(line, " \t")
		if len(text) > 0 && text[0] == '{' && len(line)-len(text) <= column {
			return true
		}
		s.in.skip(size)
	}
}

// trackedDepth is how deep the scanner knows an object from an array. Deeper
// text, which the parser refuses, is only counted.
const trackedDepth = 1024

// The places in the grammar between two bytes.
const (
	wantAny   = iota // a value may begin, or the container end
	wantComma        // a value has ended
)

// scanner finds the end of an object by its brackets and quotes. It takes the
// text in pieces.
type scanner struct {
	depth           int
	inside, escaped bool // a string
	state           int
	broken          bool
	object          [trackedDepth / 64]uint64 // one bit for each depth
	afterComma      bool
}

// run scans on, and returns how much it took and whether the object has ended.
// If it is broken, the first byte that cannot be is not taken.
func (s *scanner) run(b []byte) (int, bool) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		if s.inside {
			i = s.text(b, i)
			if s.broken {
				return i, false
			}
			continue
		}
		switch c {
		case '"', '{', '[':
			if s.state == wantComma || c != '"' && s.afterComma && s.isObject() {
				s.broken = true
				return i, false
			}
			s.afterComma = false
			if c == '"' {
				s.inside = true
				continue
			}
			s.depth++
			s.mark(c == '{')
		case '}', ']':
			s.depth--
			s.state, s.afterComma = wantComma, false
			if s.depth <= 0 {
				return i + 1, true
			}
		case ',':
			s.state, s.afterComma = wantAny, true
		case ':':
			s.state, s.afterComma = wantAny, false
		}
	}
	return len(b), false
}

// text scans a string from i on, and returns the index of its last byte.
func (s *scanner) text(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.inside, s.state = false, wantComma
			return i
		case c == '\n':
			s.broken = true
			return i
		}
	}
	return i
}

func (s *scanner) mark(isObject bool) {
	if d := s.depth; d > 0 && d < trackedDepth {
		bit := uint64(1) << (d % 64)
		s.object[d/64] &^= bit
		if isObject {
			s.object[d/64] |= bit
		}
	}
}

func (s *scanner) isObject() bool {
	d := s.depth
	return d > 0 && d < trackedDepth && s.object[d/64]>>(d%64)&1 == 1
}
