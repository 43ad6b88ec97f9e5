package textlog_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// ref is the moment at which the tests read their lines.
var ref = time.Date(2021, time.March, 1, 12, 0, 0, 0, time.UTC)

func utc(y int, m time.Month, d, h, min, s, ns int) time.Time {
	return time.Date(y, m, d, h, min, s, ns, time.UTC)
}

// TestSyslog5424 reads the four examples of RFC 5424 section 6.5 and those of
// its section 6.2.3 about time.
func TestSyslog5424(t *testing.T) {
	for _, c := range []struct {
		name string
		line string
		want textlog.Message
	}{
		{"example 1, with a byte order mark",
			"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \uFEFF'su root' failed for lonvick on /dev/pts/8",
			textlog.Message{Time: utc(2003, 10, 11, 22, 14, 15, 3e6), Facility: 4, Severity: 2, Host: "mymachine.example.com", App: "su", MsgID: "ID47",
				Event: "su-failed", Fields: []textlog.Field{{"user", "lonvick"}, {"target_user", "root"}, {"tty", "/dev/pts/8"}},
				Body: "'su root' failed for lonvick on /dev/pts/8"}},
		{"example 2",
			"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
			textlog.Message{Time: utc(2003, 8, 24, 12, 14, 15, 3e3), Facility: 20, Severity: 5, Host: "192.0.2.1", App: "myproc", PID: "8710",
				Body: "%% It's time to make the do-nuts."}},
		{"example 3",
			`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] ` + "\uFEFFAn application event log entry...",
			textlog.Message{Time: utc(2003, 10, 11, 22, 14, 15, 3e6), Facility: 20, Severity: 5, Host: "mymachine.example.com", App: "evntslog", MsgID: "ID47",
				Fields: []textlog.Field{{"exampleSDID@32473.iut", "3"}, {"exampleSDID@32473.eventSource", "Application"}, {"exampleSDID@32473.eventID", "1011"}},
				Body:   "An application event log entry..."}},
		{"example 4",
			`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3"][examplePriority@32473 class="high"]`,
			textlog.Message{Time: utc(2003, 10, 11, 22, 14, 15, 3e6), Facility: 20, Severity: 5, Host: "mymachine.example.com", App: "evntslog", MsgID: "ID47",
				Fields: []textlog.Field{{"exampleSDID@32473.iut", "3"}, {"examplePriority@32473.class", "high"}}}},
		{"all nil", "<0>1 - - - - - -", textlog.Message{}},
		{"escapes, and an element without parameters", `<8>1 - - - - - [a b="x\"y\\z\]\n"][c] m`,
			textlog.Message{Facility: 1, Fields: []textlog.Field{{"a.b", `x"y\z]\n`}, {"c", ""}}, Body: "m"}},
		{"octet count", "23 <8>1 - - - - - - hello", textlog.Message{Facility: 1, Body: "hello"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Kind, c.want.Priority = textlog.Syslog5, true
			got, err := textlog.Parse(c.line, ref)
			if err != nil {
				t.Fatalf("Parse(%q): %v", c.line, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Parse(%q): (-want +got)\n%s", c.line, diff)
			}
		})
	}
}

func TestSyslog5424Errors(t *testing.T) {
	for line, offset := range map[string]int{
		"":                                            0,
		"<192>1 - - - - - -":                          0,
		"<34>2 - - - - - -":                           4,
		"<34>1 2003-10-11 22:14:15Z h a p m -":        6,
		"<34>1 2003-02-30T22:14:15Z h a p m -":        6,
		"<34>1 2003-10-11T22:14:15 h a p m -":         6,
		"<34>1 2003-10-11T22:14:15.0000000001Z h a p": 6,
		"<34>1 - h a":                                 10,
		"<34>1 - - - - - x":                           16,
		`<34>1 - - - - - [a b="x]`:                    21,
		`<34>1 - - - - - [a b="x"`:                    24,
		`<34>1 - - - - - [ a="x"]`:                    17,
		`<34>1 - - - - - [a b=x]`:                     19,
		`<34>1 - - - - - [a]x`:                        19,
		"12 <34>2 - - - - - -":                        7,
	} {
		m, err := textlog.ParseSyslog5424(line)
		var bad *textlog.Error
		if !errors.As(err, &bad) {
			t.Errorf("ParseSyslog5424(%q) = %v, want an error", line, err)
			continue
		}
		if bad.Offset != offset {
			t.Errorf("ParseSyslog5424(%q): %v, want byte %d", line, err, offset)
		}
		if len(line) > 0 && m.Body == "" {
			t.Errorf("ParseSyslog5424(%q) loses the text", line)
		}
	}
}

// TestSyslog3164 reads the examples of RFC 3164 section 5.4, and the forms that
// daemons and devices write.
func TestSyslog3164(t *testing.T) {
	type message = textlog.Message
	for _, c := range []struct {
		name string
		line string
		want message
	}{
		{"example 1", "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
			message{Time: utc(2020, 10, 11, 22, 14, 15, 0), Priority: true, Facility: 4, Severity: 2, Host: "mymachine", App: "su", Event: "su-failed",
				Fields: []textlog.Field{{"user", "lonvick"}, {"target_user", "root"}, {"tty", "/dev/pts/8"}}, Body: "'su root' failed for lonvick on /dev/pts/8"}},
		{"example 2", "Use the BFG!", message{}},
		{"example 3", "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time to make the do-nuts.",
			message{Time: utc(2020, 8, 24, 5, 34, 0, 0), Priority: true, Facility: 20, Severity: 5, Host: "CST", Body: "1987 mymachine myproc[10]: %% It's time to make the do-nuts."}},
		{"one digit", "Mar  1 10:00:01 web01 sshd[4211]: hello", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), Host: "web01", App: "sshd", PID: "4211", Body: "hello"}},
		{"in the future", "Mar  2 11:00:01 web01 a: b", message{Time: utc(2021, 3, 2, 11, 0, 1, 0), Host: "web01", App: "a", Body: "b"}},
		{"last year", "Dec 31 23:59:59 web01 a: b", message{Time: utc(2020, 12, 31, 23, 59, 59, 0), Host: "web01", App: "a", Body: "b"}},
		{"leap day", "Feb 29 00:00:00 web01 a: b", message{Time: utc(2020, 2, 29, 0, 0, 0, 0), Host: "web01", App: "a", Body: "b"}},
		{"rsyslog", "2021-03-01T10:00:00.123456+01:00 web01 kernel: [    1.5] x", message{Time: utc(2021, 3, 1, 9, 0, 0, 123456000), Host: "web01", App: "kernel", Body: "[    1.5] x"}},
		{"year and fraction", "<13>Mar 01 2019 10:00:00.5 fw a: b", message{Time: utc(2019, 3, 1, 10, 0, 0, 5e8), Priority: true, Facility: 1, Severity: 5, Host: "fw", App: "a", Body: "b"}},
		{"colon apart", "<166>Jul 04 2020 10:00:00 fw : %ASA-6-302013: Built", message{Time: utc(2020, 7, 4, 10, 0, 0, 0), Priority: true, Facility: 20, Severity: 6, Host: "fw", App: "%ASA-6-302013", Body: "Built"}},
		{"no time", "<13>sshd[1]: x", message{Priority: true, Facility: 1, Severity: 5, App: "sshd", PID: "1", Body: "x"}},
		{"no host", "Mar  1 10:00:01 sshd[1]: x", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), App: "sshd", PID: "1", Body: "x"}},
		{"no tag", "Mar  1 10:00:01 web01 just some text", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), Host: "web01", Body: "just some text"}},
		{"address as host", "Mar  1 10:00:01 2001:db8::1 a: b", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), Host: "2001:db8::1", App: "a", Body: "b"}},
		{"path in the tag", "Mar  1 10:00:01 h postfix/smtpd[3]: connect", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), Host: "h", App: "postfix/smtpd", PID: "3", Body: "connect"}},
		{"repeated", "Mar  1 10:00:01 h last message repeated 3 times", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), Host: "h", Event: "repeated", Fields: []textlog.Field{{"count", "3"}}, Body: "last message repeated 3 times"}},
		{"repeated without host", "Mar  1 10:00:01 last message repeated 3 times", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), Event: "repeated", Fields: []textlog.Field{{"count", "3"}}, Body: "last message repeated 3 times"}},
		{"repeated with text", "Mar  1 10:00:01 h sshd[1]: message repeated 2 times: [ Failed password]", message{Time: utc(2021, 3, 1, 10, 0, 1, 0), Host: "h", App: "sshd", PID: "1", Event: "repeated",
			Fields: []textlog.Field{{"count", "2"}, {"message", "Failed password"}}, Body: "message repeated 2 times: [ Failed password]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Kind = textlog.Syslog
			got, err := textlog.ParseSyslog3164(c.line, ref)
			if c.want.Time.IsZero() && !c.want.Priority {
				if err == nil || got.Body != c.line {
					t.Fatalf("ParseSyslog3164(%q) = %v, %v, want an error and the line as the body", c.line, got, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("ParseSyslog3164(%q): %v", c.line, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("ParseSyslog3164(%q): (-want +got)\n%s", c.line, diff)
			}
		})
	}
}

// TestSyslogZone checks that times without a zone are in that of ref.
func TestSyslogZone(t *testing.T) {
	in := time.FixedZone("", 2*3600)
	m, err := textlog.ParseSyslog3164("Mar  1 10:00:01 h a: b", ref.In(in))
	if err != nil || !m.Time.Equal(utc(2021, 3, 1, 8, 0, 1, 0)) {
		t.Errorf("ParseSyslog3164 in UTC+2 = %v, %v, want 08:00:01 UTC", m.Time, err)
	}
}

func TestFrame(t *testing.T) {
	first, rest, err := textlog.Frame("5 hello3 abc")
	if first != "hello" || rest != "3 abc" || err != nil {
		t.Errorf("Frame = %q, %q, %v, want hello and the rest", first, rest, err)
	}
	for _, bad := range []string{"", "x", "5", "05 hello", "6 hello", "99999999 x", "9999999 x", "-1 x"} {
		if first, rest, err := textlog.Frame(bad); err == nil || rest != bad {
			t.Errorf("Frame(%q) = %q, %q, %v, want an error", bad, first, rest, err)
		}
	}
}
