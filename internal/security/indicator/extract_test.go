package indicator_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// found renders what Extract finds as "type value scope" lines.
func found(field, text string) []string {
	var lines []string
	for _, i := range indicator.Extract(nil, field, text) {
		lines = append(lines, strings.TrimSpace(string(i.Type)+" "+i.Value+" "+string(i.Scope)))
	}
	return lines
}

const (
	md5Empty    = "d41d8cd98f00b204e9800998ecf8427e"
	sha1Empty   = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	sha256Empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	sha512Empty = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
)

type extractCase struct {
	name  string
	field string
	text  string
	want  []string
}

func runExtract(t *testing.T, cases []extractCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, found(c.field, c.text)); diff != "" {
				t.Errorf("Extract(%q, %q): (-want +got)\n%s", c.field, c.text, diff)
			}
		})
	}
}

func TestExtractAddresses(t *testing.T) {
	runExtract(t, []extractCase{
		{"alone", "", "8.8.8.8", []string{"ipv4 8.8.8.8 public"}},
		{"port", "", "from 8.8.8.8:53.", []string{"ipv4 8.8.8.8 public"}},
		{"sentence", "", "It was 10.0.0.1.", []string{"ipv4 10.0.0.1 private"}},
		{"key value", "", "SRC=192.168.1.5 DST=1.1.1.1 SPT=1", []string{"ipv4 192.168.1.5 private", "ipv4 1.1.1.1 public"}},
		{"interface", "", "192.168.1.5/24", []string{"ipv4 192.168.1.5 private"}},
		{"network", "", "route 10.0.0.0/8 via 10.1.1.1", []string{"ipv4 10.1.1.1 private"}},
		{"firewall", "", "inside/10.1.1.1(53) outside/8.8.4.4(53)", []string{"ipv4 10.1.1.1 private", "ipv4 8.8.4.4 public"}},
		{"service", "", "HTTP/10.0.0.5", []string{"ipv4 10.0.0.5 private"}},
		{"range", "", "10.0.0.1-10.0.0.9", []string{"ipv4 10.0.0.1 private", "ipv4 10.0.0.9 private"}},
		{"login", "", "root@45.9.148.3", []string{"ipv4 45.9.148.3 public"}},
		{"share", "", `\\45.9.148.3\c$`, []string{"ipv4 45.9.148.3 public"}},
		{"encoded space", "", "x%2045.9.148.3", []string{"ipv4 45.9.148.3 public"}},
		{"reverse name", "", "3.148.9.45.in-addr.arpa", []string{"ipv4 45.9.148.3 public"}},
		{"group", "", "bad:1.2.3.4", []string{"ipv4 1.2.3.4 public"}},
		{"v6", "", "src 2606:4700:4700::1111 port 3", []string{"ipv6 2606:4700:4700::1111 public"}},
		{"v6 full", "", "2001:0DB8:0000:0000:0000:0000:0000:0001", []string{"ipv6 2001:db8::1 documentation"}},
		{"v6 brackets", "", "[2606:4700::1]:443", []string{"ipv6 2606:4700::1 public"}},
		{"v6 zone", "", "fe80::1%eth0", []string{"ipv6 fe80::1 link-local"}},
		{"v6 zone number", "", "fe80::aa5:1%12.", []string{"ipv6 fe80::aa5:1 link-local"}},
		{"v6 mapped", "", "::ffff:10.0.0.5", []string{"ipv4 10.0.0.5 private"}},
		{"v6 loopback", "", "listen on ::1", []string{"ipv6 ::1 loopback"}},
		{"v6 quoted", "", `{"ip":"::1"}`, []string{"ipv6 ::1 loopback"}},
		{"v6 label", "", "src:2606:4700::1", []string{"ipv6 2606:4700::1 public"}},
		{"v6 colon", "", "2606:4700::1: refused", []string{"ipv6 2606:4700::1 public"}},
		{"v6 tcpdump", "", "IP6 fe80::1.546 > ff02::1:2.547", []string{"ipv6 fe80::1 link-local", "ipv6 ff02::1:2 multicast"}},
		{"v6 network", "", "2606:4700::/32", nil},
		{"v6 uncompressed loopback", "", "SourceIp: 0:0:0:0:0:0:0:1", []string{"ipv6 ::1 loopback"}},
		{"version word", "", "version 1.2.3.4", nil},
		{"version v", "", "v1.2.3.4", nil},
		{"version key", "", "FileVersion: 10.0.1.2 (WinBuild)", nil},
		{"version json", "", `"version":"1.2.3.4"`, nil},
		{"version field", "win.FileVersion", "10.0.1.2", nil},
		{"browser", "", "Chrome/120.0.0.0 Safari/537.36", nil},
		{"assembly", "", "System, Version=4.0.0.0, Culture=neutral", nil},
		{"package", "", "openssl-1.2.3.4-1.el7", nil},
		{"revision", "", "1.2.3.4-1", nil},
		{"five parts", "", "1.2.3.4.5", nil},
		{"oid", "", "oid 1.3.6.1", nil},
		{"long oid", "", "1.3.6.1.4.1.311", nil},
		{"leading zero", "", "10.01.1.1", nil},
		{"octet", "", "1.2.3.256", nil},
		{"three parts", "", "1.2.3", nil},
		{"time", "", "2021-03-01T12:34:56.789Z 12:34:56", nil},
		{"mac", "", "00:11:22:aa:bb:cc 00:11:22:33:44:55:66:77", nil},
		{"c++", "", "std::vector<int> dead::beef [Convert]::FromBase64String", nil},
	})
}

func TestExtractNames(t *testing.T) {
	runExtract(t, []extractCase{
		{"domain", "", "query evil.com", []string{"domain evil.com public"}},
		{"case and dot", "", "EVIL.CO.UK.", []string{"domain evil.co.uk public"}},
		{"random case", "", "gOoGLe.cOm", []string{"domain google.com public"}},
		{"suffix alone", "", "co.uk", nil},
		{"private suffix", "", "abc.github.io duckdns.org", []string{"domain abc.github.io public", "domain duckdns.org public"}},
		{"unknown suffix", "", "foo.bar.qqq", nil},
		{"punycode", "", "xn--bcher-kva.example.org", []string{"domain xn--bcher-kva.example.org documentation"}},
		{"wrong punycode", "", "xn--a-.com xn--99999999999.com", nil},
		{"unicode", "", "bücher.com", []string{"domain xn--bcher-kva.com public"}},
		{"homograph", "", "visit аррle.com now", []string{"domain xn--le-6kc8da.com public"}},
		{"chinese around", "", "访问evil.com网站", []string{"domain evil.com public"}},
		{"local", "", "dc01.corp.local", []string{"domain dc01.corp.local private"}},
		{"service name", "", "_ldap._tcp.dc._msdcs.corp.local", []string{"domain _ldap._tcp.dc._msdcs.corp.local private"}},
		{"onion", "", "expyuzz4wqqyqhjn.onion short.onion", []string{"domain expyuzz4wqqyqhjn.onion public"}},
		{"example", "", "www.example.com host.test", []string{"domain www.example.com documentation", "domain host.test documentation"}},
		{"label too long", "", strings.Repeat("a", 64) + ".com", nil},
		{"name too long", "", strings.Repeat("abcdefgh.", 30) + "com", nil},
		{"hyphens", "", "-evil.com- a-.com", []string{"domain evil.com public"}},
		{"files", "", "setup.exe report.zip lib.so install.sh a.py cmd.com COMMAND.COM mimikatz.ps1", nil},
		{"path", "", `C:\Temp\evil.com /tmp/evil.com`, nil},
		{"network path", "", `\\evil.com\share\x`, []string{"domain evil.com public"}},
		{"webdav", "", `\\evil.com@SSL@443\DavWWWRoot\x`, []string{"domain evil.com public"}},
		{"escaped path", "", `C:\\Temp\\evil.com`, nil},
		{"file field", "fileinfo.filename", "evil.com", nil},
		{"dns field", "dns.question.name", "setup.sh", []string{"domain setup.sh public"}},
		{"web port", "", "setup.sh:443", []string{"domain setup.sh public"}},
		{"line number", "", "setup.sh:12", nil},
		{"www", "", "www.report.zip", []string{"domain www.report.zip public"}},
		{"polish", "", "poczta.onet.pl", []string{"domain poczta.onet.pl public"}},
		{"code", "", "System.Net System.IO Microsoft.PowerShell.Security ASP.NET console.info(x) user.name=bob", nil},
		{"package name", "", "com.example.app org.foo.dev", nil},
		{"quantity", "", "took 5.ms and 163.com", []string{"domain 163.com public"}},
		{"percent", "", "u=http%3A%2F%2Fevil.com%2Fx", []string{"domain evil.com public"}},
		{"dots", "", "wait...evil.com", []string{"domain evil.com public"}},
		{"user agent", "", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", nil},
		{"mail", "", "From: Bob.Smith+x@Evil.COM, to", []string{"mail bob.smith+x@evil.com"}},
		{"mail in brackets", "", "<a@b.example.org>", []string{"mail a@b.example.org"}},
		{"repository", "", "git@github.com:o/r", []string{"domain github.com public"}},
		{"principal", "", "bob@CORP.LOCAL", []string{"domain corp.local private"}},
		{"message id", "email.message_id", "<abc.1@mail.evil.com>", []string{"domain mail.evil.com public"}},
		{"not mail", "", "a@b @evil.com", []string{"domain evil.com public"}},
	})
}

func TestExtractURLs(t *testing.T) {
	runExtract(t, []extractCase{
		{"plain", "", "GET http://evil.com/a?b=c#d HTTP/1.1", []string{"url http://evil.com/a?b=c#d public", "domain evil.com public"}},
		{"case", "", "HTTP://Evil.COM/Path", []string{"url http://evil.com/Path public", "domain evil.com public"}},
		{"sentence", "", "(see https://evil.com/x).", []string{"url https://evil.com/x public", "domain evil.com public"}},
		{"brackets inside", "", "https://evil.com/x_(y)", []string{"url https://evil.com/x_(y) public", "domain evil.com public"}},
		{"log4j", "", "${jndi:ldap://45.9.148.3:1389/Exploit}", []string{"url ldap://45.9.148.3:1389/Exploit public", "ipv4 45.9.148.3 public"}},
		{"user", "", "ftp://bob:pw@evil.com:21/", []string{"url ftp://bob:pw@evil.com:21/ public", "domain evil.com public"}},
		{"deceit", "", "http://bank.com@evil.ru/", []string{"url http://bank.com@evil.ru/ public", "domain evil.ru public"}},
		{"v6", "", "http://[2606:4700::1]:80/", []string{"url http://[2606:4700::1]:80/ public", "ipv6 2606:4700::1 public"}},
		{"intranet", "", "http://intranet/x", []string{"url http://intranet/x private"}},
		{"localhost", "", "http://localhost:8080/", []string{"url http://localhost:8080/ loopback"}},
		{"unlisted", "", "http://srv.corpnet/", []string{"url http://srv.corpnet/ private"}},
		{"private", "", "http://10.0.0.1/", []string{"url http://10.0.0.1/ private", "ipv4 10.0.0.1 private"}},
		{"number", "", "http://3232235777/a", []string{"ipv4 192.168.1.1 private", "url http://3232235777/a private"}},
		{"hexadecimal", "", "http://0xC0.0xA8.1.1/a", []string{"ipv4 192.168.1.1 private", "url http://0xC0.0xA8.1.1/a private"}},
		{"file domain", "", "https://report.zip/x", []string{"url https://report.zip/x public", "domain report.zip public"}},
		{"list", "", "http://a.com/x,http://b.com/y", []string{"url http://a.com/x public", "domain a.com public", "url http://b.com/y public", "domain b.com public"}},
		{"nested", "", "http://a.com/?u=http://b.com/y", []string{"url http://a.com/?u=http://b.com/y public", "domain a.com public", "url http://b.com/y public", "domain b.com public"}},
		{"miner", "", "-o stratum+tcp://pool.evil.com:3333 -u", []string{"url stratum+tcp://pool.evil.com:3333 public", "domain pool.evil.com public"}},
		{"placeholder", "", "http://%s/x http://$host/ http://{h}/", nil},
		{"no host", "", "file:///etc/passwd http://", nil},
		{"unknown scheme", "", "foo://bar/x chrome-extension://abcdefgh/x", nil},
		{"key", "", "x-http://evil.com/", []string{"url http://evil.com/ public", "domain evil.com public"}},
		{"quoted", "", `href='http://evil.com/x'>`, []string{"url http://evil.com/x public", "domain evil.com public"}},
		{"java", "", "jdbc:mysql://evil.com:3306/db", []string{"url mysql://evil.com:3306/db public", "domain evil.com public"}},
		{"after a port", "", "http://evil.com:x", []string{"url http://evil.com public", "domain evil.com public"}},
	})
}

func TestExtractDefanged(t *testing.T) {
	runExtract(t, []extractCase{
		{"hxxp", "", "hxxp://evil[.]com/a", []string{"url http://evil.com/a public", "domain evil.com public"}},
		{"hXXps", "", "hXXps[:]//evil[.]com/a", []string{"url https://evil.com/a public", "domain evil.com public"}},
		{"scheme mark", "", "https[://]evil[.]com", []string{"url https://evil.com public", "domain evil.com public"}},
		{"meow", "", "meow://evil.com", []string{"url http://evil.com public", "domain evil.com public"}},
		{"brackets", "", "a(.)evil{.}com b[dot]evil(dot)com", []string{"domain a.evil.com public", "domain b.evil.com public"}},
		{"spaces", "", "evil [.] com bad[ . ]com", []string{"domain evil.com public", "domain bad.com public"}},
		{"words", "", "www dot evil dot com", []string{"domain www.evil.com public"}},
		{"boom", "", "since the dot com boom", nil},
		{"address", "", "1.2.3[.]4", []string{"ipv4 1.2.3.4 public"}},
		{"all dots", "", "185[.]220[.]101[.]1", []string{"ipv4 185.220.101.1 public"}},
		{"v6", "", "2606[:]4700[:][:]1", []string{"ipv6 2606:4700::1 public"}},
		{"mail", "", "bob[at]evil[.]com al(at)evil.com", []string{"mail bob@evil.com", "mail al@evil.com"}},
		{"backslash", "", `evil\.com`, []string{"domain evil.com public"}},
		{"backslash in a path", "", `src\app\.net\x`, nil},
		{"file that is defanged", "", "report[.]zip and other.zip", []string{"domain report.zip public"}},
	})
}

func TestExtractHashes(t *testing.T) {
	runExtract(t, []extractCase{
		{"md5", "", md5Empty, []string{"md5 " + md5Empty}},
		{"sha1", "", strings.ToUpper(sha1Empty), []string{"sha1 " + sha1Empty}},
		{"sha256", "", "sha256:" + sha256Empty, []string{"sha256 " + sha256Empty}},
		{"sha512", "", sha512Empty, []string{"sha512 " + sha512Empty}},
		{"sysmon", "Hashes", "MD5=" + md5Empty + ",SHA256=" + sha256Empty + ",IMPHASH=f34d5f2d4577ed6d9ceec516c1f5a744",
			[]string{"md5 " + md5Empty, "sha256 " + sha256Empty}},
		{"file name", "", `C:\x\` + sha256Empty + ".exe", []string{"sha256 " + sha256Empty}},
		{"report", "", "https://www.evil.com/file/" + sha256Empty + "/x", []string{"url https://www.evil.com/file/" + sha256Empty + "/x public", "domain www.evil.com public", "sha256 " + sha256Empty}},
		{"directory", "", `C:\Windows\assembly\System\` + md5Empty + `\System.ni.dll`, nil},
		{"label", "", md5Empty + ".clo.evil.com", []string{"domain " + md5Empty + ".clo.evil.com public"}},
		{"too long", "", md5Empty + "0", nil},
		{"too short", "", md5Empty[1:], nil},
		{"in a word", "", "x" + md5Empty, nil},
		{"same", "", strings.Repeat("0", 32) + " " + strings.Repeat("f", 64), nil},
		{"padding", "", strings.Repeat("0", 31) + "1", nil},
		{"guid", "", "{A1B2C3D4-E5F6-7890-ABCD-EF0123456789}", nil},
		{"trace", "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", nil},
		{"ja3", "tls.ja3.hash", md5Empty, nil},
		{"session", "", "PHPSESSID=" + md5Empty, nil},
		{"ntlm", "", "Administrator:500:aad3b435b51404eeaad3b435b51404ee:8846f7eaee8fb117ad06bdd830b7586c:::", nil},
		{"cve", "", "ET EXPLOIT cve-2021-44228 and CVE_2017_0144.", []string{"cve CVE-2021-44228", "cve CVE-2017-0144"}},
		{"cve in a tag", "", "attack.CVE-2020-1472", []string{"cve CVE-2020-1472"}},
		{"not cve", "", "CVE-1998-0001 CVE-2021-123 CVE-2021-01234 CVE-20211-1234 XCVE-2021-1234 CVE-2021-1234a", nil},
		{"twice", "", md5Empty + " " + md5Empty, []string{"md5 " + md5Empty}},
	})
}

func TestExtractAppends(t *testing.T) {
	dst := []casemate.Indicator{{Type: casemate.IndicatorIPv4, Value: "8.8.8.8", Field: "a"}}
	got := indicator.Extract(dst, "b", "8.8.8.8 8.8.8.8")
	want := append(dst, casemate.Indicator{Type: casemate.IndicatorIPv4, Value: "8.8.8.8", Scope: casemate.ScopePublic, Field: "b"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Extract to a slice that has the value: (-want +got)\n%s", diff)
	}
}

// TestExtractMany goes through the map that finds duplicates.
func TestExtractMany(t *testing.T) {
	var b strings.Builder
	for range 2 {
		a := netip.MustParseAddr("9.0.0.1")
		for range 1000 {
			b.WriteString(a.String() + " ")
			a = a.Next()
		}
	}
	if got := len(indicator.Extract(nil, "", b.String())); got != 1000 {
		t.Errorf("Extract of 1,000 addresses, twice: %d indicators", got)
	}
}
