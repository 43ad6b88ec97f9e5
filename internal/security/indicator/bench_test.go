package indicator_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// ordinary is the text of fields as sensors write them, made up.
var ordinary = []string{
	"Mar  1 10:00:01 web01 sshd[4211]: Failed password for invalid user admin from 45.9.148.3 port 51234 ssh2",
	`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\Temp\setup.ps1`,
	"10.0.0.5 - - [10/Oct/2020:13:55:36 -0700] \"GET /index.php?id=5 HTTP/1.1\" 200 2326 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
	"Process Create: RuleName - UtcTime 2021-03-01 10:00:00.123 ProcessGuid {A1B2C3D4-E5F6-7890-ABCD-EF0123456789} ProcessId 4211",
	"type=SYSCALL msg=audit(1611240000.123:456): arch=c000003e syscall=59 success=yes exit=0 a0=55d a1=55e items=2 ppid=1 pid=2 auid=1000",
	"systemd[1]: Started Session 1234 of user root.",
	"ET POLICY Suspicious inbound to mySQL port 3306",
	"Microsoft-Windows-Security-Auditing", "4624", "true", "NT AUTHORITY\\SYSTEM", "2021-03-01T10:00:00.000Z",
	"query: www.evil-updates.net IN A +E(0)K (10.0.0.53)",
}

func benchmark(b *testing.B, texts []string) {
	b.Helper()
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var dst []casemate.Indicator
	for b.Loop() {
		for _, t := range texts {
			dst = indicator.Extract(dst[:0], "message", t)
		}
	}
}

func BenchmarkExtractFields(b *testing.B) { benchmark(b, ordinary) }

func BenchmarkExtractLine(b *testing.B) { benchmark(b, []string{strings.Join(ordinary, " ")}) }

func BenchmarkExtractWords(b *testing.B) {
	benchmark(b, []string{strings.Repeat("ordinary words alone ", 50)})
}

func BenchmarkExtractDense(b *testing.B) {
	benchmark(b, []string{"hxxp://evil[.]com/a.php 45.9.148.3 bob@evil.com 2606:4700::1111 CVE-2021-44228 " + sha256Empty})
}

// hostile is a megabyte each of what would make a careless scanner slow.
var hostile = map[string]string{
	"dots": ".", "mail": "a@a.", "at": "@", "groups": "a:", "colons": ":", "names": "a.com.", "labels": "a.",
	"schemes": "http://", "urls": "http://a.com/", "percent": "%2f", "brackets": "[.]", "open": "[", "opened": "a[ ",
	"spelled": "a dot ", "escaped": `a\.`, "paths": `\`, "numbers": "1.", "hex": "deadbeef", "cve": "CVE-2021-", "wide": "é", "han": "漢.",
	"hyphens": "a-", "addresses": "1.1.1.1-", "v6": "1::", "local": "a+", "pairs": "0123456789abcdef0123456789abcdef:",
	"commas": ",a", "many": "1.2.3.4 5.6.7.8 ", "bytes": "\xff.", "stars": "http://a.com*",
}

func BenchmarkExtractHostile(b *testing.B) {
	for name, unit := range hostile {
		text := strings.Repeat(unit, 1<<20/len(unit))
		b.Run(name, func(b *testing.B) { benchmark(b, []string{text}) })
	}
}
