package textlog

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// enriched separates the fields that auditd's log_format=ENRICHED appends, with
// names in capitals and numbers translated.
const enriched = '\x1d'

// isAudit says whether a line is a record of auditd.
func isAudit(line string) bool {
	if strings.HasPrefix(line, "node=") {
		if i := strings.IndexByte(line, ' '); i >= 0 {
			line = line[i+1:]
		}
	}
	if !strings.HasPrefix(line, "type=") {
		return false
	}
	i := strings.IndexByte(line, ' ')
	return i > 0 && (strings.HasPrefix(line[i:], " msg=audit(") || strings.HasPrefix(line[i:], " audit("))
}

// ParseAudit reads one record of the Linux audit system:
//
//	[node=HOST ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): key=value …
//
// Event is the type, MsgID the serial number, Host the node. Values that the
// kernel wrote in hexadecimal because of their bytes are decoded; the zero bytes
// between the arguments of proctitle become spaces. The fields of a nested
// msg='…' stand in its place. A socket address is decoded into the fields
// saddr_family, saddr_addr, saddr_port and saddr_path behind saddr. Enriched
// fields come last, with their names in capitals. Words without an equals sign
// are the Body.
func ParseAudit(line string) (Message, error) {
	m, err := readAudit(line)
	return m.whole(line, err)
}

func readAudit(line string) (Message, error) {
	m := Message{Kind: Audit, App: "auditd"}
	if err := tooLong(Audit, line); err != nil {
		return m, err
	}
	i := 0
	if strings.HasPrefix(line, "node=") {
		n := strings.IndexByte(line, ' ')
		if n < 0 {
			return m, fail(Audit, len(line), "want a space behind the node")
		}
		m.Host, i = line[len("node="):n], n+1
	}
	rest, ok := strings.CutPrefix(line[i:], "type=")
	kind, rest, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 || kind == "" {
		return m, fail(Audit, i, "want the type of the record")
	}
	i = len(line) - len(rest)
	stamp, ok := strings.CutPrefix(strings.TrimPrefix(rest, "msg="), "audit(")
	stamp, rest, ok2 = strings.Cut(stamp, "):")
	at, serial, ok3 := strings.Cut(stamp, ":")
	t, ok4 := unixTime(at)
	if !ok || !ok2 || !ok3 || !ok4 || serial == "" || strings.Trim(serial, "0123456789") != "" {
		return m, fail(Audit, i, "want msg=audit(seconds.millis:serial):")
	}
	m.Event, m.Time, m.MsgID = kind, t, serial
	r := auditReader{m: &m, line: line, i: len(line) - len(rest)}
	err := r.read()
	return m, err
}

// auditReader reads the fields of a record.
type auditReader struct {
	m      *Message
	line   string
	i      int
	nested bool // inside msg='…'
	extra  []string
}

func (r *auditReader) read() error {
	for r.i < len(r.line) {
		switch c := r.line[r.i]; {
		case c == ' ' || c == enriched || c == ',':
			r.i++
			continue
		case c == '\'' && r.nested:
			r.nested = false
			r.i++
			continue
		}
		if len(r.m.Fields) >= MaxFields {
			return fail(Audit, r.i, "too many fields")
		}
		if err := r.field(); err != nil {
			return err
		}
	}
	r.m.Body = strings.Join(r.extra, " ")
	return nil
}

// field reads one key and value, or a word without a value.
func (r *auditReader) field() error {
	start := r.i
	for r.i < len(r.line) && r.line[r.i] != '=' && !r.ends(r.line[r.i]) {
		r.i++
	}
	if r.i == len(r.line) || r.line[r.i] != '=' {
		r.extra = append(r.extra, r.line[start:r.i])
		return nil
	}
	key := r.line[start:r.i]
	r.i++
	if r.i < len(r.line) && r.line[r.i] == '\'' && key == "msg" && !r.nested {
		r.nested = true
		r.i++
		return nil
	}
	if r.i < len(r.line) && r.line[r.i] == '"' {
		n := strings.IndexByte(r.line[r.i+1:], '"')
		if n < 0 {
			return fail(Audit, r.i, "the value has no end")
		}
		r.m.Fields = append(r.m.Fields, Field{key, r.line[r.i+1 : r.i+1+n]})
		r.i += n + 2
		return nil
	}
	value := r.i
	for r.i < len(r.line) && !r.ends(r.line[r.i]) {
		r.i++
	}
	r.plain(key, r.line[value:r.i])
	return nil
}

// ends says whether c ends a word.
func (r *auditReader) ends(c byte) bool {
	return c == ' ' || c == enriched || r.nested && c == '\''
}

// plain adds a value that has no quotes, decoded where it is encoded.
func (r *auditReader) plain(key, value string) {
	if r.encoded(key) && value != "" && strings.Trim(value, "0123456789ABCDEF") == "" {
		if raw, err := hex.DecodeString(value); err == nil {
			text := string(raw)
			if key == "proctitle" {
				text = strings.ReplaceAll(strings.TrimRight(text, "\x00"), "\x00", " ")
			}
			value = text
		}
	}
	r.m.Fields = append(r.m.Fields, Field{key, value})
	if key == "saddr" {
		r.socket(value)
	}
}

// encoded says whether the kernel or auditd writes the value of a key in
// hexadecimal when it is not quoted.
//
// Source: the field dictionary of the audit documentation, "encoded" fields.
func (r *auditReader) encoded(key string) bool {
	switch key {
	case "acct", "cgroup", "cmd", "comm", "cwd", "data", "device", "dir", "exe", "file", "grp", "invalid_context",
		"name", "ocomm", "old-disk", "new-disk", "old-fs", "new-fs", "old-rng", "new-rng", "path", "proctitle",
		"sw", "vm", "watch", "key":
		return true
	}
	if r.m.Event != "EXECVE" || len(key) < 2 || key[0] != 'a' || !isDigit(key[1]) {
		return false // elsewhere a0 to a3 are numbers
	}
	return !strings.HasSuffix(key, "_len")
}

// socket decodes a socket address as the kernel holds it on the machines that
// Linux runs on today: the family in little-endian, the rest in network order.
func (r *auditReader) socket(value string) {
	if len(value) > 512 {
		return
	}
	b, err := hex.DecodeString(value)
	if err != nil || len(b) < 2 {
		return
	}
	add := func(name, value string) { r.m.Fields = append(r.m.Fields, Field{name, value}) }
	switch family := int(b[0]) | int(b[1])<<8; {
	case family == 2 && len(b) >= 8:
		add("saddr_family", "inet")
		add("saddr_addr", netip.AddrFrom4([4]byte(b[4:8])).String())
		add("saddr_port", strconv.Itoa(int(b[2])<<8|int(b[3])))
	case family == 10 && len(b) >= 24:
		add("saddr_family", "inet6")
		add("saddr_addr", netip.AddrFrom16([16]byte(b[8:24])).String())
		add("saddr_port", strconv.Itoa(int(b[2])<<8|int(b[3])))
	case family == 1:
		add("saddr_family", "local")
		path := string(b[2:])
		if strings.HasPrefix(path, "\x00") {
			path = "@" + path[1:] // an abstract socket
		}
		path, _, _ = strings.Cut(path, "\x00")
		add("saddr_path", path)
	}
}
