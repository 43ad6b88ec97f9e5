package textlog_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// drawFields makes fields whose values hold every byte that some format uses as
// a sign.
func drawFields(t *rapid.T, min int) []textlog.Field {
	name := rapid.StringMatching(`[a-z][a-z0-9]{0,5}`)
	value := rapid.StringOf(rapid.SampledFrom([]rune(`ab =|\"]:;,'[(é`)))
	var fields []textlog.Field
	for range rapid.IntRange(min, 6).Draw(t, "count") {
		fields = append(fields, textlog.Field{Name: name.Draw(t, "name"), Value: value.Draw(t, "value")})
	}
	return fields
}

// roundTrip writes fields by the rules of a format and checks that they are
// read back.
func roundTrip(t *testing.T, write func([]textlog.Field) string, read func(string) (textlog.Message, error), skip int) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		want := drawFields(t, 1)
		line := write(want)
		m, err := read(line)
		if err != nil {
			t.Fatalf("read %q: %v", line, err)
		}
		if diff := cmp.Diff(want, m.Fields[skip:]); diff != "" {
			t.Errorf("read %q: (-want +got)\n%s", line, diff)
		}
	})
}

func TestKeyValueRoundTrip(t *testing.T) {
	roundTrip(t, func(fields []textlog.Field) string {
		var b strings.Builder
		for _, f := range fields {
			b.WriteString(f.Name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(f.Value) + `" `)
		}
		return b.String()
	}, textlog.ParseKeyValue, 0)
}

func TestStructuredDataRoundTrip(t *testing.T) {
	roundTrip(t, func(fields []textlog.Field) string {
		var b strings.Builder
		b.WriteString("<34>1 - - - - - ")
		for i := range fields {
			f := &fields[i]
			b.WriteString(`[id ` + f.Name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(f.Value) + `"]`)
			f.Name = "id." + f.Name
		}
		return b.String()
	}, textlog.ParseSyslog5424, 0)
}

func TestCEFRoundTrip(t *testing.T) {
	roundTrip(t, func(fields []textlog.Field) string {
		var b strings.Builder
		b.WriteString("CEF:0|a|b|c|d|e|1|")
		for i := range fields {
			// A final space cannot be told from the one before the next key.
			fields[i].Value = strings.TrimRight(fields[i].Value, " ")
			b.WriteString(fields[i].Name + "=" + strings.NewReplacer(`\`, `\\`, `=`, `\=`).Replace(fields[i].Value) + " ")
		}
		return b.String()
	}, cef, 7)
}

func TestAuditRoundTrip(t *testing.T) {
	names := []string{"exe", "comm", "name", "cwd", "acct", "key"}
	roundTrip(t, func(fields []textlog.Field) string {
		var b strings.Builder
		b.WriteString("type=SYSCALL msg=audit(1.0:1):")
		for i := range fields {
			f := &fields[i]
			f.Name = names[i%len(names)]
			if f.Value == "" || strings.ContainsAny(f.Value, "\" é") {
				b.WriteString(" " + f.Name + "=" + strings.ToUpper(hex.EncodeToString([]byte(f.Value))))
			} else {
				b.WriteString(" " + f.Name + `="` + f.Value + `"`)
			}
		}
		return b.String()
	}, textlog.ParseAudit, 0)
}

// letters counts the letters and digits of texts, which no format uses as signs
// unless it escapes them.
func letters(texts ...string) int {
	n := 0
	for _, s := range texts {
		for _, c := range []byte(s) {
			if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
				n++
			}
		}
	}
	return n
}

// held counts the letters and digits that a message holds.
func held(m textlog.Message) int {
	n := letters(m.Body)
	for _, f := range m.Fields {
		n += letters(f.Name, f.Value)
	}
	return n
}

// checkMessage checks what holds for every parser: an error names a place in
// the line and leaves a body, and nothing is lost.
func checkMessage(t *testing.T, line string, m textlog.Message, err error) {
	t.Helper()
	var bad *textlog.Error
	switch {
	case err == nil:
	case !errors.As(err, &bad):
		t.Errorf("parse of %q: %v is no *Error", line, err)
	case bad.Offset < 0 || bad.Offset > len(line):
		t.Errorf("parse of %q: %v: the place is outside", line, err)
	case m.Body == "" && strings.Trim(line, " \r\n\t") != "":
		t.Errorf("parse of %q: %v: the text is lost", line, err)
	}
	if !m.Time.IsZero() && m.Time.Location().String() != "UTC" {
		t.Errorf("parse of %q: time in %v", line, m.Time.Location())
	}
}

func fuzz(f *testing.F, parse func(string) (textlog.Message, error), seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m, err := parse(line)
		checkMessage(t, line, m, err)
	})
}

func FuzzSyslog5424(f *testing.F) {
	fuzz(f, textlog.ParseSyslog5424, `<165>1 2003-10-11T22:14:15.003Z h e - ID47 [a@1 b="x\"y"][c] t`, "12 <34>1 - - - - - -")
}

func FuzzSyslog3164(f *testing.F) {
	fuzz(f, func(s string) (textlog.Message, error) { return textlog.ParseSyslog3164(s, ref) },
		"<34>Oct 11 22:14:15 h su[1]: 'su root' failed for x on /dev/pts/8", "2021-03-01T10:00:00Z h a: b", "Feb 29 00:00:00 2021 h")
}

func FuzzBody(f *testing.F) {
	for _, app := range []string{"sudo", "sshd", "su", "CRON", "useradd", "gpasswd", "systemd", "kernel", "dnsmasq", "named", "x"} {
		f.Add(app, "Failed password for a from b port 1 ssh2")
		f.Add(app, "(root) CMD (x)")
		f.Add(app, "client @0x1 1.2.3.4#5 (x): query: x IN A + (y)")
		f.Add(app, "add 'bob' to group 'sudo'")
		f.Add(app, "a : TTY=x ; COMMAND=y")
		f.Add(app, "query[A] x from y")
		f.Add(app, "[1.0] x IN=a OUT=b SRC=c SYN")
		f.Add(app, "pam_unix(a:b): session opened for user root(uid=0) by (uid=0)")
	}
	f.Fuzz(func(t *testing.T, app, text string) {
		event, fields := textlog.Body(app, text)
		if event == "" && len(fields) > 0 {
			t.Errorf("Body(%q, %q) = %v without an event", app, text, fields)
		}
	})
}

func FuzzAccess(f *testing.F) {
	fuzz(f, textlog.ParseAccess, `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b HTTP/1.0" 200 2326 "r" "u" x`)
}

func FuzzErrorLog(f *testing.F) {
	fuzz(f, func(s string) (textlog.Message, error) { return textlog.ParseErrorLog(s, ref) },
		"[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 1:tid 2] [client 1.2.3.4] AH00124: x, referer: y",
		`2021/03/01 10:00:00 [error] 1#2: *3 x, client: 1.2.3.4, request: "GET"`)
}

func FuzzAudit(f *testing.F) {
	fuzz(f, textlog.ParseAudit, `node=h type=EXECVE msg=audit(1.5:1): argc=1 a0=6162 msg='acct="x"' x`, "type=SOCKADDR msg=audit(1.5:1): saddr=02000035C0000201\x1dA=\"b\"")
}

func FuzzCEF(f *testing.F) {
	fuzz(f, func(s string) (textlog.Message, error) {
		m, err := cef(s)
		if err == nil && !strings.Contains(s, `\`) && strings.HasPrefix(s, "CEF:") && held(m) < letters(s)-3 {
			return m, errors.New("letters are lost")
		}
		return m, err
	}, `<1>Feb 14 19:04:54 h CEF:0|a|b|c|d\||e|1|cs1Label=x cs1=a b c=d\=`, "CEF:0|a|b|c|d|e|1|x=y")
}

func FuzzLEEF(f *testing.F) {
	fuzz(f, func(s string) (textlog.Message, error) {
		m, err := leef(s)
		if err == nil && strings.HasPrefix(s, "LEEF:1") && held(m) < letters(s)-4 {
			return m, errors.New("letters are lost")
		}
		return m, err
	}, "LEEF:2.0|a|b|c|d|x5E|e=f^g", "LEEF:1.0|a|b|c|d|e=f\tg")
}

func FuzzKeyValue(f *testing.F) {
	fuzz(f, func(s string) (textlog.Message, error) {
		m, err := textlog.ParseKeyValue(s)
		if err == nil && held(m) != letters(s) {
			return m, errors.New("letters are lost")
		}
		return m, err
	}, `a=b c="d\"e" f,g=h;i`, "a=1,2,b=3")
}

func FuzzParse(f *testing.F) {
	fuzz(f, func(s string) (textlog.Message, error) { return textlog.Parse(s, ref) },
		"<34>1 - - - - - -", "Mar  1 10:00:01 h a: b", "type=X msg=audit(1.0:1): a=b", "CEF:0|a|b|c|d|e|1|x=y", "a=b c=d", `{"a":1}`)
}

func FuzzFrame(f *testing.F) {
	f.Add("5 hello3 abc")
	f.Fuzz(func(t *testing.T, data string) {
		first, rest, err := textlog.Frame(data)
		if err == nil && !strings.HasSuffix(data, " "+first+rest) || err != nil && rest != data {
			t.Errorf("Frame(%q) = %q, %q, %v", data, first, rest, err)
		}
	})
}
