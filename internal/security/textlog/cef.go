package textlog

import (
	"strconv"
	"strings"
	"time"
)

// carrier reads the syslog header before a line of CEF or LEEF, if there is one,
// and returns where the format's own text begins.
func carrier(kind Kind, line, mark string, ref time.Time) (m Message, at int, err error) {
	m = Message{Kind: kind}
	if err := tooLong(kind, line); err != nil {
		return m, 0, err
	}
	if strings.HasPrefix(line, mark) {
		return m, 0, nil
	}
	counted := len(line) - len(uncount(line))
	rest := line[counted:]
	var head Message
	body := -1
	if p, _, ok := priority(rest); ok && strings.HasPrefix(rest[p:], "1 ") {
		if body = bodyOf5424(rest); body >= 0 {
			i, _ := head.header5424(rest)
			head.structured(rest, i)
		}
	} else if h, i, bad := header3164(rest, ref); bad == nil {
		head, body = h, i
	}
	if body < 0 || !strings.HasPrefix(rest[body:], mark) {
		return m, 0, fail(kind, 0, "want "+mark+" at the start or behind a syslog header")
	}
	head.Kind = kind
	return head, counted + body, nil
}

// ParseCEF reads a line of ArcSight's Common Event Format, also behind a syslog
// header, which ref completes. The fields of its header are cefVersion,
// deviceVendor, deviceProduct, deviceVersion, deviceEventClassId, name and
// severity; those of the extension have their own names. A pair such as
// cs1Label=Policy cs1=Block is there as written, and again as the field
// "Policy". Event is the class id.
func ParseCEF(line string, ref time.Time) (Message, error) {
	m, err := readCEF(line, ref)
	return m.whole(line, err)
}

func readCEF(line string, ref time.Time) (Message, error) {
	m, i, err := carrier(CEF, line, "CEF:", ref)
	if err != nil {
		return m, err
	}
	i += len("CEF:")
	for k, name := range [...]string{"cefVersion", "deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity"} {
		value, end, ok := headerPart(line, i)
		if !ok && k == 6 && end == len(line) {
			end, ok = len(line)-1, true // no extension and no bar before it
		}
		if !ok {
			return m, fail(CEF, i, "want a bar behind "+name)
		}
		m.Fields = append(m.Fields, Field{name, value})
		i = end + 1
	}
	m.Event = m.Get("deviceEventClassId")
	return m, m.extension(line, i)
}

// headerPart reads a part of a header up to its bar and takes its escapes away.
func headerPart(line string, i int) (string, int, bool) {
	start := i
	var out []byte
	for ; i < len(line); i++ {
		if line[i] == '|' {
			return string(append(out, line[start:i]...)), i, true
		}
		if line[i] == '\\' && i+1 < len(line) && (line[i+1] == '|' || line[i+1] == '\\') {
			out = append(out, line[start:i]...)
			start = i + 1
			i++
		}
	}
	return string(append(out, line[start:]...)), i, false
}

// extension reads "key=value key=value". A value ends before the last space in
// front of the next key, so it may hold spaces; an equals sign in it is escaped,
// or stands behind something that is no key.
func (m *Message) extension(line string, i int) error {
	first := len(m.Fields)
	key, value := "", i
	for pos := i; pos < len(line); pos++ {
		switch line[pos] {
		case '\\':
			pos++
		case '=':
			start := pos
			for start > value && keyByte(line[start-1]) {
				start--
			}
			if start == pos || start > i && line[start-1] != ' ' || start < value {
				continue
			}
			if len(m.Fields) >= MaxFields {
				return fail(CEF, start, "too many fields")
			}
			m.endValue(key, line, value, start)
			key, value = line[start:pos], pos+1
		}
	}
	m.endValue(key, line, value, len(line))
	m.labels(first)
	return nil
}

// endValue adds the value line[from:to]; text before the first key is the Body.
func (m *Message) endValue(key, line string, from, to int) {
	text := strings.TrimSuffix(line[from:to], " ")
	if key == "" {
		m.Body = text
		return
	}
	m.Fields = append(m.Fields, Field{key, unescape(text)})
}

// keyByte says whether c may be part of a key of CEF.
func keyByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '.' || c == '-' || c == '[' || c == ']'
}

// unescape undoes the escapes of an extension's value. A backslash before any
// other byte stays, since senders forget to escape those of Windows paths.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case '\\', '=', '|':
			out = append(out, s[i])
		default:
			out = append(out, '\\', s[i])
		}
	}
	return string(out)
}

// labels adds, for every field "xLabel" from first on whose "x" is there too, a
// field with the label as its name.
func (m *Message) labels(first int) {
	values := map[string]string{}
	end := len(m.Fields)
	for _, f := range m.Fields[first:end] {
		values[f.Name] = f.Value
	}
	for _, f := range m.Fields[first:end] {
		base, ok := strings.CutSuffix(f.Name, "Label")
		if value, there := values[base]; ok && there && f.Value != "" {
			m.Fields = append(m.Fields, Field{f.Value, value})
		}
	}
}

// ParseLEEF reads a line of QRadar's Log Event Extended Format, version 1.0 or
// 2.0, also behind a syslog header, which ref completes. The fields of its
// header are leefVersion, vendor, product, version and eventId. The attributes
// are separated by a tab, or by the character that version 2.0 names, also as
// its number ("x5E"). Event is the event id.
func ParseLEEF(line string, ref time.Time) (Message, error) {
	m, err := readLEEF(line, ref)
	return m.whole(line, err)
}

func readLEEF(line string, ref time.Time) (Message, error) {
	m, i, err := carrier(LEEF, line, "LEEF:", ref)
	if err != nil {
		return m, err
	}
	i += len("LEEF:")
	for _, name := range [...]string{"leefVersion", "vendor", "product", "version", "eventId"} {
		n := strings.IndexByte(line[i:], '|')
		if n < 0 {
			return m, fail(LEEF, i, "want a bar behind "+name)
		}
		m.Fields = append(m.Fields, Field{name, line[i : i+n]})
		i += n + 1
	}
	m.Event = m.Get("eventId")
	delimiter := "\t"
	if strings.HasPrefix(m.Get("leefVersion"), "2") {
		if n := strings.IndexByte(line[i:], '|'); n >= 0 {
			if d, ok := leefDelimiter(line[i : i+n]); ok {
				delimiter = d
				i += n + 1
			}
		}
	}
	var rest []string
	for i < len(line) {
		part, _, more := strings.Cut(line[i:], delimiter)
		key, value, ok := strings.Cut(part, "=")
		switch {
		case len(m.Fields) >= MaxFields:
			return m, fail(LEEF, i, "too many fields")
		case ok && key != "":
			m.Fields = append(m.Fields, Field{strings.TrimSpace(key), value})
		case part != "":
			rest = append(rest, part)
		}
		i += len(part)
		if more {
			i += len(delimiter)
		}
	}
	m.Body = strings.Join(rest, delimiter)
	return m, nil
}

// leefDelimiter reads the delimiter of version 2.0: nothing for a tab, one
// character, or its number in hexadecimal behind "x" or "0x".
func leefDelimiter(s string) (string, bool) {
	switch {
	case s == "":
		return "\t", true
	case len([]rune(s)) == 1:
		return s, true
	}
	digits, ok := strings.CutPrefix(strings.TrimPrefix(strings.ToLower(s), "0"), "x")
	if !ok || len(digits) > 4 {
		return "", false
	}
	v, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || v == 0 || v == '=' {
		return "", false
	}
	return string(rune(v)), true
}
