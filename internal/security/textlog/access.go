package textlog

import (
	"strings"
	"time"
)

// isAccess says whether a line looks like one of an access log: three words, a
// time in brackets, a quote.
func isAccess(line string) bool {
	i := strings.IndexByte(line, '[')
	if i < 6 || i > 512 || len(line) < i+29 {
		return false
	}
	_, ok := accessTime(line[i+1:])
	return ok && strings.HasPrefix(line[i+27:], `] "`)
}

// accessTime reads "10/Oct/2000:13:55:36 -0700".
func accessTime(s string) (time.Time, bool) {
	const length = len("10/Oct/2000:13:55:36 -0700")
	if len(s) < length || s[2] != '/' || s[6] != '/' || s[11] != ':' || s[20] != ' ' {
		return time.Time{}, false
	}
	d, ok1 := digits(s, 0, 2)
	y, ok2 := digits(s, 7, 4)
	since, end, ok3 := clock(s, 12)
	zone, next, ok4 := isoZone(s, 21)
	if !ok1 || !ok2 || !ok3 || !ok4 || end != 20 || next != length {
		return time.Time{}, false
	}
	t, ok := date(y, month(s[3:]), d, zone)
	return t.Add(since).UTC(), ok
}

// ParseAccess reads a line of an access log in the common or combined format,
// with or without a virtual host before it and fields behind it. The fields
// have the names of the W3C format: cs-host, c-ip, cs-ident, cs-username,
// cs-method, cs-uri (as sent), cs-uri-stem, cs-uri-query, cs-version, sc-status,
// sc-bytes, cs-referer, cs-user-agent; those that are "-" are left out. A
// request line that is none, such as the bytes of a TLS handshake, is the field
// cs-request. What follows the user agent is the Body.
func ParseAccess(line string) (Message, error) {
	m, err := readAccess(line)
	return m.whole(line, err)
}

func readAccess(line string) (Message, error) {
	m := Message{Kind: Access}
	if err := tooLong(Access, line); err != nil {
		return m, err
	}
	open := strings.Index(line, " [")
	if open < 0 {
		return m, fail(Access, 0, "want a time in brackets")
	}
	t, ok := accessTime(line[open+2:])
	if !ok || len(line) < open+29 || line[open+28] != ']' {
		return m, fail(Access, open+2, `want a time such as "10/Oct/2000:13:55:36 -0700"`)
	}
	head := strings.SplitN(line[:open], " ", 5)
	if len(head) < 3 {
		return m, fail(Access, 0, "want a client, an identity and a user")
	}
	p := pairs{&m}
	m.Time = t
	// A user's name may hold spaces, a virtual host has a port or a dot.
	if len(head) >= 4 && strings.IndexByte(head[0], ':') > 0 && strings.IndexByte(head[0], '.') > 0 && head[2] == "-" {
		p.add("cs-host", head[0])
		head = head[1:]
	}
	p.add("c-ip", head[0])
	p.add("cs-ident", head[1])
	p.add("cs-username", strings.Join(head[2:], " "))
	rest := line[open+29:]
	if !strings.HasPrefix(rest, ` "`) {
		return m, fail(Access, open+29, "want the request in quotes")
	}
	i := open + 31
	request, i, ok := quoted(line, i, "\"\\")
	if !ok {
		return m, fail(Access, open+30, "the request has no end")
	}
	p.request(request)
	p.answer(line[i:])
	return m, nil
}

// pairs adds fields that have a value to a message.
type pairs struct{ m *Message }

func (p pairs) add(name, value string) {
	if value != "" && value != "-" && len(p.m.Fields) < MaxFields {
		p.m.Fields = append(p.m.Fields, Field{name, value})
	}
}

// request splits a request line. The path may hold spaces, which a client must
// not send but attackers do.
func (p pairs) request(s string) {
	method, rest, ok := strings.Cut(s, " ")
	if !ok || method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		p.add("cs-request", s)
		return
	}
	uri, version := rest, ""
	if head, tail, ok := cutLast(rest, " "); ok && strings.HasPrefix(tail, "HTTP/") {
		uri, version = head, tail
	}
	stem, query, _ := strings.Cut(uri, "?")
	p.add("cs-method", method)
	p.add("cs-uri", uri)
	p.add("cs-uri-stem", stem)
	p.add("cs-uri-query", query)
	p.add("cs-version", version)
}

// answer reads what follows the request: status, bytes, and the two quoted
// fields of the combined format. The rest is the body.
func (p pairs) answer(s string) {
	for _, name := range [...]string{"sc-status", "sc-bytes"} {
		s = strings.TrimPrefix(s, " ")
		value := word(s)
		if value != "-" && (value == "" || strings.Trim(value, "0123456789") != "") {
			p.m.Body = s
			return
		}
		p.add(name, value)
		s = s[len(value):]
	}
	for _, name := range [...]string{"cs-referer", "cs-user-agent"} {
		if !strings.HasPrefix(s, ` "`) {
			break
		}
		value, end, ok := quoted(s, 2, "\"\\")
		if !ok {
			break
		}
		p.add(name, value)
		s = s[end:]
	}
	p.m.Body = strings.TrimPrefix(s, " ")
}

// isErrorLog says whether a line begins as the error logs of Apache and nginx
// do.
func isErrorLog(line string) bool {
	if len(line) < 24 {
		return false
	}
	if line[0] == '[' {
		_, _, ok := apacheTime(line, time.Unix(0, 0))
		return ok
	}
	_, ok := nginxTime(line, time.Unix(0, 0))
	return ok && strings.HasPrefix(line[19:], " [")
}

// apacheTime reads "[Wed Oct 11 14:32:52.123456 2000] " and returns its end.
func apacheTime(line string, ref time.Time) (time.Time, int, bool) {
	if len(line) < 26 || line[0] != '[' || line[4] != ' ' {
		return time.Time{}, 0, false
	}
	t, n, ok := bsdTime(line[5:], ref)
	end := 5 + n + 1
	if !ok || end > len(line) || line[end-1] != ']' {
		return time.Time{}, 0, false
	}
	return t, end, true
}

// nginxTime reads "2021/03/01 10:00:00".
func nginxTime(line string, ref time.Time) (time.Time, bool) {
	if len(line) < 20 || line[4] != '/' || line[7] != '/' || line[10] != ' ' {
		return time.Time{}, false
	}
	y, ok1 := digits(line, 0, 4)
	m, ok2 := digits(line, 5, 2)
	d, ok3 := digits(line, 8, 2)
	since, end, ok4 := clock(line, 11)
	if !ok1 || !ok2 || !ok3 || !ok4 || end != 19 {
		return time.Time{}, false
	}
	t, ok := date(y, time.Month(m), d, ref.Location())
	return t.Add(since).UTC(), ok
}

// ParseErrorLog reads a line of the error log of Apache 2.2 and 2.4 or of nginx.
// Both logs write local time, which ref's zone stands for. The fields are
// module, level, pid, tid, client (with its port where logged), code, connection
// and what nginx appends (server, request, upstream, host, referrer). Body is
// the message.
func ParseErrorLog(line string, ref time.Time) (Message, error) {
	m, err := readErrorLog(line, ref)
	return m.whole(line, err)
}

func readErrorLog(line string, ref time.Time) (Message, error) {
	m := Message{Kind: ErrorLog}
	if err := tooLong(ErrorLog, line); err != nil {
		return m, err
	}
	if t, end, ok := apacheTime(line, ref); ok {
		m.Time, m.App = t, "apache"
		m.apache(line[end:])
		return m, nil
	}
	t, ok := nginxTime(line, ref)
	if !ok {
		return m, fail(ErrorLog, 0, "want the time of Apache or nginx")
	}
	rest, ok := strings.CutPrefix(line[19:], " [")
	level, rest, ok2 := strings.Cut(rest, "] ")
	if !ok || !ok2 {
		return m, fail(ErrorLog, 19, "want the level in brackets")
	}
	m.Time, m.App = t, "nginx"
	p := pairs{&m}
	p.add("level", level)
	m.nginx(rest)
	return m, nil
}

// apache reads the bracketed parts behind the time, and the message.
func (m *Message) apache(rest string) {
	p := pairs{m}
	for {
		rest = strings.TrimPrefix(rest, " ")
		if !strings.HasPrefix(rest, "[") {
			break
		}
		part, after, ok := strings.Cut(rest[1:], "]")
		if !ok {
			break
		}
		switch {
		case strings.HasPrefix(part, "pid "):
			pid, tid, _ := strings.Cut(part[4:], ":tid ")
			m.PID = pid
			p.add("tid", tid)
		case strings.HasPrefix(part, "client "):
			p.add("client", part[len("client "):])
		case strings.IndexByte(part, ' ') < 0 && m.Get("level") == "":
			module, level, ok := strings.Cut(part, ":")
			if !ok {
				module, level = "", part
			}
			p.add("module", module)
			p.add("level", level)
		default:
			m.Body = rest
			return
		}
		rest = after
	}
	m.Body = rest
	if code, _, ok := strings.Cut(rest, ": "); ok && len(code) == 7 && strings.HasPrefix(code, "AH") {
		p.add("code", code)
	}
	if _, referer, ok := cutLast(rest, ", referer: "); ok {
		p.add("referrer", referer)
	}
}

// nginx reads "PID#TID: *CONNECTION message, client: …, server: …".
func (m *Message) nginx(rest string) {
	p := pairs{m}
	if ids, after, ok := strings.Cut(rest, ": "); ok {
		if pid, tid, ok := strings.Cut(ids, "#"); ok && strings.Trim(pid+tid, "0123456789") == "" {
			m.PID = pid
			p.add("tid", tid)
			rest = after
		}
	}
	if strings.HasPrefix(rest, "*") {
		number, after, _ := strings.Cut(rest[1:], " ")
		p.add("connection", number)
		rest = after
	}
	m.Body = rest
	// The message before may quote the request, so the last ", client: " counts.
	_, tail, ok := cutLast(rest, ", client: ")
	if !ok {
		return
	}
	client, tail, _ := strings.Cut(tail, ", ")
	p.add("client", client)
	for tail != "" {
		name, value, ok := strings.Cut(tail, ": ")
		if !ok || strings.IndexByte(name, ' ') >= 0 {
			return
		}
		if strings.HasPrefix(value, `"`) {
			text, end, ok := quoted(value, 1, "")
			if !ok {
				return
			}
			p.add(name, text)
			tail = strings.TrimPrefix(value[end:], ", ")
			continue
		}
		value, tail, _ = strings.Cut(value, ", ")
		p.add(name, value)
	}
}
