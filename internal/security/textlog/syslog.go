package textlog

import (
	"strconv"
	"strings"
	"time"
)

const (
	maxPriority = 191
	maxTag      = 128 // longer "tags" are text; RFC 3164 has 32, systemd's units go further
	bom         = "\uFEFF"
)

// Frame cuts the first message off a stream that counts octets (RFC 6587,
// "LENGTH SP MESSAGE"). An incomplete message is an error; so is a length over
// MaxLine.
func Frame(data string) (message, rest string, err error) {
	i := 0
	for i < len(data) && i < 8 && isDigit(data[i]) {
		i++
	}
	if i == 0 || data[0] == '0' || i == len(data) || data[i] != ' ' {
		return "", data, fail(Unknown, i, "want a length and a space")
	}
	n, err := strconv.Atoi(data[:i])
	if err != nil || n > MaxLine {
		return "", data, fail(Unknown, 0, "the length is too large")
	}
	if len(data)-i-1 < n {
		return "", data, fail(Unknown, len(data), "the message is incomplete")
	}
	return data[i+1 : i+1+n], data[i+1+n:], nil
}

// uncount drops the octet count before a syslog line, which files keep when a
// receiver does not know of it.
func uncount(line string) string {
	i := 0
	for i < len(line) && i < 8 && isDigit(line[i]) {
		i++
	}
	if i > 0 && i+1 < len(line) && line[i] == ' ' && line[i+1] == '<' {
		return line[i+1:]
	}
	return line
}

// priority reads "<PRI>" and returns its end.
func priority(line string) (end, value int, ok bool) {
	if len(line) < 3 || line[0] != '<' {
		return 0, 0, false
	}
	for end = 1; end < len(line) && end < 4 && isDigit(line[end]); end++ {
		value = value*10 + int(line[end]-'0')
	}
	if end == 1 || end == len(line) || line[end] != '>' || value > maxPriority {
		return 0, 0, false
	}
	return end + 1, value, true
}

// setPriority fills in what a priority says.
func (m *Message) setPriority(value int) {
	m.Priority, m.Facility, m.Severity = true, value/8, value%8
}

// ParseSyslog5424 reads a line of RFC 5424, also behind an octet count. A
// parameter of structured data becomes the field "SD-ID.PARAM", an element
// without parameters the field "SD-ID"; nil values are empty. Times may have
// nine digits of fraction, more than the RFC allows, because senders do. Body is
// the message without its byte order mark, and is read further as Body says.
func ParseSyslog5424(line string) (Message, error) {
	m, err := readSyslog5424(line)
	return m.whole(line, err)
}

func readSyslog5424(line string) (Message, error) {
	m := Message{Kind: Syslog5}
	if err := tooLong(Syslog5, line); err != nil {
		return m, err
	}
	base := len(line)
	line = uncount(line)
	base -= len(line)
	i, err := m.header5424(line)
	if err != nil {
		err.Offset += base
		return m, err
	}
	i, err = m.structured(line, i)
	m.Body = line[i:]
	if err != nil {
		err.Offset += base
		return m, err
	}
	m.Body = strings.TrimPrefix(strings.TrimPrefix(m.Body, " "), bom)
	m.read()
	return m, nil
}

// header5424 reads the header up to the structured data.
func (m *Message) header5424(line string) (int, *Error) {
	i, pri, ok := priority(line)
	if !ok {
		return 0, &Error{Syslog5, 0, "want a priority of at most 191"}
	}
	if !strings.HasPrefix(line[i:], "1 ") {
		return 0, &Error{Syslog5, i, "want version 1"}
	}
	m.setPriority(pri)
	i += 2
	if strings.HasPrefix(line[i:], "- ") {
		i += 2
	} else {
		t, n, ok := isoTime(line[i:], nil)
		if !ok || i+n >= len(line) || line[i+n] != ' ' {
			return 0, &Error{Syslog5, i, "want a time of RFC 3339 and a space"}
		}
		m.Time = t
		i += n + 1
	}
	for _, part := range [...]*string{&m.Host, &m.App, &m.PID, &m.MsgID} {
		n := strings.IndexByte(line[i:], ' ')
		if n <= 0 {
			return 0, &Error{Syslog5, i, "want a name or a hyphen, and a space"}
		}
		if *part = line[i : i+n]; *part == "-" {
			*part = ""
		}
		i += n + 1
	}
	return i, nil
}

// bodyOf5424 returns where the message of a line of RFC 5424 begins, or -1.
func bodyOf5424(line string) int {
	var m Message
	i, err := m.header5424(line)
	if err != nil {
		return -1
	}
	if i, err = m.structured(line, i); err != nil {
		return -1
	}
	for _, skip := range [...]string{" ", bom} {
		if strings.HasPrefix(line[i:], skip) {
			i += len(skip)
		}
	}
	return i
}

// structured reads structured data at line[i:] and returns its end, which on an
// error is the start of the element that is wrong.
func (m *Message) structured(line string, i int) (int, *Error) {
	if i < len(line) && line[i] == '-' && (i+1 == len(line) || line[i+1] == ' ') {
		return i + 1, nil
	}
	if i >= len(line) || line[i] != '[' {
		return i, &Error{Syslog5, i, "want structured data or a hyphen"}
	}
	for i < len(line) && line[i] == '[' {
		before := len(m.Fields)
		end, err := m.element(line, i)
		if err != nil {
			m.Fields = m.Fields[:before]
			return i, err
		}
		i = end
	}
	if i < len(line) && line[i] != ' ' {
		return i, &Error{Syslog5, i, "want a space behind the structured data"}
	}
	return i, nil
}

// element reads one element of structured data.
func (m *Message) element(line string, i int) (int, *Error) {
	i++
	n := sdName(line[i:])
	if n == 0 {
		return 0, &Error{Syslog5, i, "want the name of an element"}
	}
	id := line[i : i+n]
	i += n
	if len(m.Fields) == MaxFields {
		return 0, &Error{Syslog5, i, "too many parameters"}
	}
	if i < len(line) && line[i] == ']' {
		m.Fields = append(m.Fields, Field{Name: id})
		return i + 1, nil
	}
	for i < len(line) && line[i] == ' ' {
		i++
		n := sdName(line[i:])
		if n == 0 || !strings.HasPrefix(line[i+n:], `="`) {
			return 0, &Error{Syslog5, i, `want a parameter, "=" and a quote`}
		}
		value, end, ok := quoted(line, i+n+2, `"\]`)
		if !ok {
			return 0, &Error{Syslog5, i + n + 1, "the value has no end"}
		}
		if len(m.Fields) == MaxFields {
			return 0, &Error{Syslog5, i, "too many parameters"}
		}
		m.Fields = append(m.Fields, Field{id + "." + line[i:i+n], value})
		i = end
	}
	if i == len(line) || line[i] != ']' {
		return 0, &Error{Syslog5, i, `want "]"`}
	}
	return i + 1, nil
}

// sdName returns the length of the SD-NAME at the start of s.
func sdName(s string) int {
	i := 0
	for i < len(s) && s[i] > ' ' && s[i] < 0x7F && s[i] != '=' && s[i] != ']' && s[i] != '"' {
		i++
	}
	return i
}

// quoted reads from s[i], behind a quote, to the quote that ends it, and
// returns the text and the place behind. A backslash before a byte of escaped
// is taken away; before another byte it stays.
func quoted(s string, i int, escaped string) (value string, end int, ok bool) {
	start := i
	var out []byte
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			if out == nil {
				return s[start:i], i + 1, true
			}
			return string(append(out, s[start:i]...)), i + 1, true
		case '\\':
			if i+1 < len(s) && strings.IndexByte(escaped, s[i+1]) >= 0 {
				out = append(out, s[start:i]...)
				start = i + 1
				i++
			}
		}
	}
	return "", 0, false
}

// ParseSyslog3164 reads a line in the style of RFC 3164: an optional octet
// count and priority, a time ("Oct  1 22:14:15", with a year or a fraction where
// the sender adds them, or ISO 8601), a host, a tag with an optional process id,
// and the message. ref gives the year, so that the time is the last such day
// before or just after ref, and the zone. A line with neither priority nor time
// is an error. Body is read further as Body says.
func ParseSyslog3164(line string, ref time.Time) (Message, error) {
	m, err := readSyslog3164(line, ref)
	return m.whole(line, err)
}

func readSyslog3164(line string, ref time.Time) (Message, error) {
	if err := tooLong(Syslog, line); err != nil {
		return Message{Kind: Syslog}, err
	}
	whole := line
	line = uncount(line)
	m, body, err := header3164(line, ref)
	if err != nil {
		err.Offset += len(whole) - len(line)
		return m, err
	}
	m.Body = line[body:]
	m.read()
	return m, nil
}

// header3164 reads everything before the message and returns where that begins.
func header3164(line string, ref time.Time) (m Message, body int, err *Error) {
	m.Kind = Syslog
	i, pri, hasPriority := priority(line)
	if hasPriority {
		m.setPriority(pri)
		for i < len(line) && line[i] == ' ' {
			i++
		}
	}
	t, n, ok := isoTime(line[i:], ref.Location())
	if ok && !hasPriority && line[i+10] == ' ' {
		// Programs of all kinds begin their own logs like this, without a host.
		ok = false
	} else if !ok {
		t, n, ok = bsdTime(line[i:], ref)
	}
	if !ok {
		if !hasPriority {
			return m, 0, &Error{Syslog, i, "want a priority or a time"}
		}
		return m, m.tag(line, i), nil
	}
	m.Time = t
	i += n
	if i < len(line) && line[i] != ' ' && line[i] != ':' {
		return m, 0, &Error{Syslog, i, "want a space behind the time"}
	}
	for i < len(line) && (line[i] == ' ' || line[i] == ':') {
		i++
	}
	if carried(line[i:], Syslog) != Syslog || strings.HasPrefix(line[i:], "last message repeated ") {
		return m, i, nil
	}
	// The word behind the time is the host, unless it is the tag of a line that
	// has none.
	n = strings.IndexByte(line[i:], ' ')
	if n < 0 {
		n = len(line) - i
	}
	if word := line[i : i+n]; n > 0 && (word[n-1] != ':' || strings.Count(word, ":") > 1) {
		m.Host = word
		for i += n; i < len(line) && line[i] == ' '; i++ {
		}
		if strings.HasPrefix(line[i:], ": ") {
			i += 2 // Cisco sets the colon apart
		}
	}
	return m, m.tag(line, i), nil
}

// tag reads "program[pid]: " at line[i:] and returns where the message begins.
// Where there is no tag that is i.
func (m *Message) tag(line string, i int) int {
	if carried(line[i:], Syslog) != Syslog {
		return i
	}
	end := i
	for end < len(line) && end-i <= maxTag && line[end] > ' ' && line[end] != '[' && line[end] != ':' && line[end] != ']' {
		end++
	}
	if end == i || end == len(line) || end-i > maxTag {
		return i
	}
	pid, next := "", end
	if line[end] == '[' {
		n := strings.IndexByte(line[end:min(len(line), end+maxTag)], ']')
		if n < 2 {
			return i
		}
		pid, next = line[end+1:end+n], end+n+1
	}
	switch {
	case next < len(line) && line[next] == ':':
		next++
	case pid == "" || next < len(line) && line[next] != ' ':
		return i
	}
	m.App, m.PID = line[i:end], pid
	if next < len(line) && line[next] == ' ' {
		next++
	}
	return next
}
