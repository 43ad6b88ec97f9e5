package textlog_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/textlog"
)

func BenchmarkParse(b *testing.B) {
	lines := []string{
		"Mar  1 10:00:01 web01 sshd[4211]: Failed password for invalid user admin from 192.0.2.1 port 51234 ssh2",
		"2021-03-01T10:00:00.123456+01:00 web01 sudo:   bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/sh",
		`10.0.0.5 - - [10/Oct/2020:13:55:36 -0700] "GET /index.php?id=5 HTTP/1.1" 200 2326 "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
		`type=EXECVE msg=audit(1611240000.123:456): argc=3 a0="sh" a1="-c" a2=6563686F2068692022796F7522`,
		`CEF:0|security|threatmanager|1.0|100|x|High|cs1Label=Policy cs1=Block src=10.0.0.1 request=http://a/?b=c`,
		`date=2021-03-01 time=10:00:00 devname="FG" srcip=10.0.0.1 dstip=192.0.2.1 action=deny`,
	}
	size := 0
	for _, l := range lines {
		size += len(l)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range lines {
			if _, err := textlog.Parse(l, ref); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkHostile reads a megabyte each of what would make a careless parser
// slow.
func BenchmarkHostile(b *testing.B) {
	for name, c := range map[string]struct{ head, unit string }{
		"cef equals":  {"CEF:0|a|b|c|d|e|1|", "a="},
		"cef keys":    {"CEF:0|a|b|c|d|e|1|k=", "aaaa"},
		"cef escapes": {"CEF:0|a|b|c|d|e|1|k=", `\=`},
		"kv commas":   {"a=b ", "a=,a,"},
		"kv words":    {"a=b ", "a,"},
		"kv quotes":   {"a=b ", `a="`},
		"kv escapes":  {`a=b c="`, `\"`},
		"sd":          {"<1>1 - - - - - ", "[a]"},
		"sd open":     {"<1>1 - - - - - ", "["},
		"audit":       {"type=X msg=audit(1.0:1): ", "a "},
		"audit hex":   {"type=X msg=audit(1.0:1): exe=", "41"},
		"spaces":      {"Mar  1 10:00:01 ", " "},
		"froms":       {"Mar  1 10:00:01 h sshd[1]: Failed password for ", "a from "},
		"sudo":        {"Mar  1 10:00:01 h sudo: a : ", "a ; "},
		"packet":      {"Mar  1 10:00:01 h kernel: IN=a OUT=b ", "A "},
		"leef":        {"LEEF:2.0|a|b|c|d|x20|", "a=b "},
		"access":      {`a b c [10/Oct/2000:13:55:36 -0700] "`, `\"`},
		"pam":         {"Mar  1 10:00:01 h x: pam_unix(a:b): authentication failure; a=b ", "c "},
	} {
		line := c.head + strings.Repeat(c.unit, (textlog.MaxLine-len(c.head))/len(c.unit))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				_, _ = textlog.Parse(line, ref)
			}
		})
	}
}
