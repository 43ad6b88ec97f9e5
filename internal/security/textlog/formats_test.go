package textlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

// parsed renders a message as one line.
func parsed(m textlog.Message) string {
	s := flat(m.Event, m.Fields)
	if m.Body != "" {
		s += "|body:" + m.Body
	}
	return s
}

type formatCase struct {
	name, line, want string
	kind             textlog.Kind
}

func runFormats(t *testing.T, cases []formatCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := textlog.Parse(c.line, ref)
			if err != nil || m.Kind != c.kind {
				t.Fatalf("Parse(%q): kind %v, %v, want %v", c.line, m.Kind, err, c.kind)
			}
			if got := parsed(m); got != c.want {
				t.Errorf("Parse(%q)\n got %s\nwant %s", c.line, got, c.want)
			}
		})
	}
}

// TestAccess begins with the two examples of Apache's manual.
func TestAccess(t *testing.T) {
	runFormats(t, []formatCase{
		{"common", `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326`,
			"|c-ip=127.0.0.1|cs-username=frank|cs-method=GET|cs-uri=/apache_pb.gif|cs-uri-stem=/apache_pb.gif|cs-version=HTTP/1.0|sc-status=200|sc-bytes=2326", textlog.Access},
		{"combined", `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"`,
			"|c-ip=127.0.0.1|cs-username=frank|cs-method=GET|cs-uri=/apache_pb.gif|cs-uri-stem=/apache_pb.gif|cs-version=HTTP/1.0|sc-status=200|sc-bytes=2326|cs-referer=http://www.example.com/start.html|cs-user-agent=Mozilla/4.08 [en] (Win98; I ;Nav)", textlog.Access},
		{"query, quotes, extra", `::1 - - [01/Mar/2021:10:00:00 +0000] "GET /a?b=c?d HTTP/1.1" 404 - "-" "a \"b\" c" 0.01`,
			`|c-ip=::1|cs-method=GET|cs-uri=/a?b=c?d|cs-uri-stem=/a|cs-uri-query=b=c?d|cs-version=HTTP/1.1|sc-status=404|cs-user-agent=a "b" c|body:0.01`, textlog.Access},
		{"handshake", `192.0.2.1 - - [01/Mar/2021:10:00:00 +0000] "\x16\x03\x01" 400 226 "-" "-"`,
			`|c-ip=192.0.2.1|cs-request=\x16\x03\x01|sc-status=400|sc-bytes=226`, textlog.Access},
		{"virtual host", `www.example.com:80 192.0.2.1 - - [01/Mar/2021:10:00:00 +0000] "GET /a b HTTP/1.1" 200 1`,
			"|cs-host=www.example.com:80|c-ip=192.0.2.1|cs-method=GET|cs-uri=/a b|cs-uri-stem=/a b|cs-version=HTTP/1.1|sc-status=200|sc-bytes=1", textlog.Access},
		{"user with a space", `192.0.2.1 - a b [01/Mar/2021:10:00:00 +0000] "GET / HTTP/1.1" 200 1`,
			"|c-ip=192.0.2.1|cs-username=a b|cs-method=GET|cs-uri=/|cs-uri-stem=/|cs-version=HTTP/1.1|sc-status=200|sc-bytes=1", textlog.Access},
	})
	m, _ := textlog.ParseAccess(`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326`)
	if want := utc(2000, 10, 10, 20, 55, 36, 0); !m.Time.Equal(want) {
		t.Errorf("ParseAccess: time %v, want %v", m.Time, want)
	}
}

func TestErrorLog(t *testing.T) {
	runFormats(t, []formatCase{
		{"Apache 2.4", "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] File does not exist: /usr/local/apache2/htdocs/favicon.ico",
			"|module=core|level=error|tid=4328636416|client=72.15.99.187|body:File does not exist: /usr/local/apache2/htdocs/favicon.ico", textlog.ErrorLog},
		{"Apache 2.2", "[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] client denied by server configuration: /export/home/live/ap/htdocs/test, referer: http://a/",
			"|level=error|client=127.0.0.1|referrer=http://a/|body:client denied by server configuration: /export/home/live/ap/htdocs/test, referer: http://a/", textlog.ErrorLog},
		{"nginx", `2021/03/01 10:00:00 [error] 123#456: *789 open() "/x" failed (2: No such file or directory), client: 192.0.2.1, server: example.com, request: "GET /x HTTP/1.1", host: "example.com"`,
			`|level=error|tid=456|connection=789|client=192.0.2.1|server=example.com|request=GET /x HTTP/1.1|host=example.com|body:open() "/x" failed (2: No such file or directory), client: 192.0.2.1, server: example.com, request: "GET /x HTTP/1.1", host: "example.com"`, textlog.ErrorLog},
	})
	m, _ := textlog.ParseErrorLog("[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708] x", ref)
	if want := utc(2011, 9, 9, 10, 42, 29, 902022000); !m.Time.Equal(want) || m.PID != "35708" {
		t.Errorf("ParseErrorLog: time %v, pid %q, want %v, 35708", m.Time, m.PID, want)
	}
}

// TestAudit reads records in the forms that the audit documentation of Red Hat
// shows, and the encodings of libaudit.
func TestAudit(t *testing.T) {
	runFormats(t, []formatCase{
		{"system call", `type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 success=no exit=-13 a0=7fffd19c5592 comm="cat" exe="/bin/cat" key="sshd_config"`,
			"SYSCALL|arch=c000003e|syscall=2|success=no|exit=-13|a0=7fffd19c5592|comm=cat|exe=/bin/cat|key=sshd_config", textlog.Audit},
		{"arguments", `node=web01 type=EXECVE msg=audit(1611240000.123:456): argc=3 a0="sh" a1="-c" a2=6563686F2068692022796F7522`,
			`EXECVE|argc=3|a0=sh|a1=-c|a2=echo hi "you"`, textlog.Audit},
		{"title", `type=PROCTITLE msg=audit(1364481363.243:24287): proctitle=636174002F6574632F736861646F77`,
			"PROCTITLE|proctitle=cat /etc/shadow", textlog.Audit},
		{"nested", `type=USER_AUTH msg=audit(1364475353.159:24270): user pid=3280 uid=500 msg='op=PAM:authentication acct="root" exe="/bin/su" hostname=? addr=? terminal=pts/0 res=failed'`,
			"USER_AUTH|pid=3280|uid=500|op=PAM:authentication|acct=root|exe=/bin/su|hostname=?|addr=?|terminal=pts/0|res=failed|body:user", textlog.Audit},
		{"encoded name", `type=USER_LOGIN msg=audit(1.5:1): msg='op=login acct=28756E6B6E6F776E207573657229 res=failed'`,
			"USER_LOGIN|op=login|acct=(unknown user)|res=failed", textlog.Audit},
		{"enriched", "type=SYSCALL msg=audit(1.5:1): arch=c000003e uid=0\x1dARCH=x86_64 UID=\"root\"",
			"SYSCALL|arch=c000003e|uid=0|ARCH=x86_64|UID=root", textlog.Audit},
		{"socket", "type=SOCKADDR msg=audit(1.5:1): saddr=02000035C00002010000000000000000",
			"SOCKADDR|saddr=02000035C00002010000000000000000|saddr_family=inet|saddr_addr=192.0.2.1|saddr_port=53", textlog.Audit},
		{"local socket", "type=SOCKADDR msg=audit(1.5:1): saddr=01002F746D702F7800", "SOCKADDR|saddr=01002F746D702F7800|saddr_family=local|saddr_path=/tmp/x", textlog.Audit},
		{"null", `type=SYSCALL msg=audit(1.5:1): key=(null) name=(null)`, "SYSCALL|key=(null)|name=(null)", textlog.Audit},
		{"access vector", `type=AVC msg=audit(1.5:1): avc:  denied  { read } for  pid=1 comm="x"`, "AVC|pid=1|comm=x|body:avc: denied { read } for", textlog.Audit},
	})
}

// TestCEF begins with the example of the format's description, and its three
// examples of escapes.
func TestCEF(t *testing.T) {
	const head = "|cefVersion=0|deviceVendor=security|deviceProduct=threatmanager|deviceVersion=1.0|deviceEventClassId=100|name="
	runFormats(t, []formatCase{
		{"example", "Sep 19 08:26:10 host CEF:0|security|threatmanager|1.0|100|worm successfully stopped|10|src=10.0.0.1 dst=2.1.2.2 spt=1232",
			"100" + head + "worm successfully stopped|severity=10|src=10.0.0.1|dst=2.1.2.2|spt=1232", textlog.CEF},
		{"bar in the header", `CEF:0|security|threatmanager|1.0|100|detected a \| in message|10|src=10.0.0.1 act=blocked a | dst=1.1.1.1`,
			"100" + head + "detected a | in message|severity=10|src=10.0.0.1|act=blocked a ||dst=1.1.1.1", textlog.CEF},
		{"equals sign", `CEF:0|security|threatmanager|1.0|100|x|10|src=10.0.0.1 act=blocked a \= dst=1.1.1.1`,
			"100" + head + "x|severity=10|src=10.0.0.1|act=blocked a =|dst=1.1.1.1", textlog.CEF},
		{"labels, spaces, lines", `CEF:0|security|threatmanager|1.0|100|x|High|cs1Label=Policy Name cs1=Block all msg=two\nlines path=C:\Windows\system request=http://a/?b=c d`,
			"100" + head + "x|severity=High|cs1Label=Policy Name|cs1=Block all|msg=two\nlines|path=C:\\Windows\\system|request=http://a/?b=c d|Policy Name=Block all", textlog.CEF},
		{"no extension", "CEF:0|security|threatmanager|1.0|100|x|1|", "100" + head + "x|severity=1", textlog.CEF},
		{"RFC 5424", "<134>1 2021-03-01T10:00:00Z fw app - - - CEF:0|security|threatmanager|1.0|100|x|1|a=b", "100" + head + "x|severity=1|a=b", textlog.CEF},
	})
	m, err := textlog.Parse("<134>Feb 14 19:04:54 fw CEF:0|a|b|c|d|e|1|f=g", ref)
	if err != nil || m.Host != "fw" || m.Facility != 16 || !m.Time.Equal(utc(2021, 2, 14, 19, 4, 54, 0)) {
		t.Errorf("Parse of CEF behind a header = %+v, %v", m, err)
	}
}

// TestLEEF begins with examples in the form that IBM's guide gives.
func TestLEEF(t *testing.T) {
	runFormats(t, []formatCase{
		{"version 1", "Jan 18 11:07:53 192.168.1.1 LEEF:1.0|QRadar|QRM|1.0|NEW_PORT_DISCOVERED|src=172.5.6.67\tdst=172.50.123.1\tsev=5\tmsg=there are spaces",
			"NEW_PORT_DISCOVERED|leefVersion=1.0|vendor=QRadar|product=QRM|version=1.0|eventId=NEW_PORT_DISCOVERED|src=172.5.6.67|dst=172.50.123.1|sev=5|msg=there are spaces", textlog.LEEF},
		{"caret", "LEEF:2.0|Lancope|StealthWatch|1.0|41|^|src=10.0.1.8^dst=10.0.0.5^a=b=c",
			"41|leefVersion=2.0|vendor=Lancope|product=StealthWatch|version=1.0|eventId=41|src=10.0.1.8|dst=10.0.0.5|a=b=c", textlog.LEEF},
		{"number", "LEEF:2.0|V|P|1|41|x5E|src=10.0.1.8^dst=10.0.0.5", "41|leefVersion=2.0|vendor=V|product=P|version=1|eventId=41|src=10.0.1.8|dst=10.0.0.5", textlog.LEEF},
		{"number with a zero", "LEEF:2.0|V|P|1|41|0x7c|a=b|c=d", "41|leefVersion=2.0|vendor=V|product=P|version=1|eventId=41|a=b|c=d", textlog.LEEF},
		{"no delimiter", "LEEF:2.0|V|P|1|41|a=b\tc=d|e", "41|leefVersion=2.0|vendor=V|product=P|version=1|eventId=41|a=b|c=d|e", textlog.LEEF},
	})
}

func TestKeyValue(t *testing.T) {
	runFormats(t, []formatCase{
		{"logfmt", `level=info msg="two words" err="say \"hi\"" n=1 empty= q=""`, `|level=info|msg=two words|err=say "hi"|n=1|empty=|q=`, textlog.KeyValue},
		{"firewall", `date=2021-03-01 time=10:00:00 devname="FG" srcip=10.0.0.1 extra`, "|date=2021-03-01|time=10:00:00|devname=FG|srcip=10.0.0.1|body:extra", textlog.KeyValue},
		{"commas", `a=1,b="x,y",c=2`, "|a=1|b=x,y|c=2", textlog.KeyValue},
		{"commas in values", `a=1,2,3 b=x;y, c=3`, "|a=1,2,3|b=x;y|c=3", textlog.KeyValue},
	})
}

func TestDetect(t *testing.T) {
	for line, want := range map[string]textlog.Kind{
		"":                                     textlog.Unknown,
		"hello world":                          textlog.Unknown,
		`{"a":"b=c","d":"e=f"}`:                textlog.Unknown,
		"a,b,c":                                textlog.Unknown,
		"2021-03-01 10:00:00,123 INFO x: y":    textlog.Unknown,
		"<34>1 - - - - - - x":                  textlog.Syslog5,
		"Mar  1 10:00:01 h a: CEF:0|a|b|c":     textlog.CEF,
		"Mar  1 10:00:01 h a: x CEF:0|a|b|c":   textlog.Syslog,
		"<13>hello":                            textlog.Syslog,
		"12 <13>hello":                         textlog.Syslog,
		"type=CWD msg=audit(1.5:1): cwd=\"/\"": textlog.Audit,
		"type=a b=c":                           textlog.KeyValue,
		"a=b":                                  textlog.KeyValue,
	} {
		if got := textlog.Detect(line); got != want {
			t.Errorf("Detect(%q) = %v, want %v", line, got, want)
		}
	}
}

// TestErrors checks the place an error names, and that nothing is lost.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		parse  func(string) (textlog.Message, error)
		line   string
		offset int
	}{
		{textlog.ParseAudit, "type=X", 0},
		{textlog.ParseAudit, "type=X msg=audit(1.5): a=b", 7},
		{textlog.ParseAudit, `type=X msg=audit(1.5:1): a="b`, 27},
		{textlog.ParseAccess, "a b c", 0},
		{textlog.ParseAccess, "a b c [x]", 7},
		{textlog.ParseAccess, `a b c [01/Mar/2021:10:00:00 +0000] "x`, 35},
		{textlog.ParseKeyValue, `a=b c="d`, 6},
		{textlog.ParseKeyValue, "abc", 0},
		{cef, "CEF:0|a|b", 8},
		{cef, "xCEF:0|a|b", 0},
		{leef, "LEEF:1.0|a", 9},
	} {
		m, err := c.parse(c.line)
		var bad *textlog.Error
		if !errors.As(err, &bad) || bad.Offset != c.offset {
			t.Errorf("parse of %q: %v, want an error at byte %d", c.line, err, c.offset)
		}
		if m.Body == "" {
			t.Errorf("parse of %q loses the text", c.line)
		}
		if err != nil && strings.Contains(err.Error(), c.line) {
			t.Errorf("parse of %q: the error quotes the line", c.line)
		}
	}
	if _, err := textlog.ParseKeyValue(strings.Repeat("a=b ", textlog.MaxLine/4) + "c=d"); err == nil {
		t.Error("ParseKeyValue takes a line over MaxLine")
	}
}

func cef(line string) (textlog.Message, error)  { return textlog.ParseCEF(line, ref) }
func leef(line string) (textlog.Message, error) { return textlog.ParseLEEF(line, ref) }
