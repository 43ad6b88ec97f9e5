package report_test

import (
	"bytes"
	"encoding/csv"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/report"
)

func TestTerminal(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{`C:\Windows\System32\cmd.exe /c "dir & echo"`, `C:\Windows\System32\cmd.exe /c "dir & echo"`},
		{"a\nb\tc\rd", `a\nb\tc\rd`},
		{"\x1b[31mred\x1b[0m\x07\x7f\x00", `\x1b[31mred\x1b[0m\x07\x7f\x00`},
		{"\x1b]8;;http://evil.example/\x1b\\x", `\x1b]8;;http[:]//evil.example/\x1b\x`},
		{"\u009b31m", `\u{9b}31m`},
		{"bad \xff\xc3\x28", `bad \xff\xc3(`},
		{"\xed\xa0\x80", `\xed\xa0\x80`}, // a surrogate is not UTF-8
		{"user\u202egpj.exe", `user\u{202e}gpj.exe`},
		{"a\u200bb\u200dc\ufeffd\u2060e\u00adf", `a\u{200b}b\u{200d}c\u{feff}d\u{2060}e\u{ad}f`},
		{"\U000e0041\U000e007f", `\u{e0041}\u{e007f}`},
		{"\ue000\U0010fffd", `\u{e000}\u{10fffd}`},
		{"a\u2028b\u2029c\u0085d", `a\u{2028}b\u{2029}c\u{85}d`},
		{"a\u00a0b\u2003c", `a\u{a0}b\u{2003}c`},
		{"x\ufe0fy\U000e0100", `x\u{fe0f}y\u{e0100}`},
		{"\u3164\uffa0\u2800\u034f", `\u{3164}\u{ffa0}\u{2800}\u{34f}`},
		{"\ufffd \uffff \U0001fffe", "\ufffd " + `\u{ffff} \u{1fffe}`},
		{"日本語　ключ é λ 👩", "日本語　ключ é λ 👩"},
		{"e\u0301", "e\u0301"},
		{"\u0301e", `\u{301}e`},
		{"e" + strings.Repeat("\u0301", 5), "e" + strings.Repeat("\u0301", 4) + `\u{301}`},
		{"http://a HTTPS://b ftp://c x-y+z.1://d ://e :// a://", "http[:]//a HTTPS[:]//b ftp[:]//c x-y+z.1[:]//d [:]//e [:]// a[:]//"},
		{"\xff://x", `\xff[:]//x`},
		{"www.evil.example WWW.x aww.w", "www[.]evil.example WWW[.]x aww.w"},
	}
	for _, tt := range tests {
		if got := report.Terminal(tt.in); got != tt.want {
			t.Errorf("Terminal(%+q) = %+q, want %+q", tt.in, got, tt.want)
		}
	}
}

func TestTerminalFit(t *testing.T) {
	tests := []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"abcd", 1, "…"},
		{"abcd", 0, ""},
		{"abcd", -1, ""},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"}, // two wide characters and an ellipsis take five
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"\x1b[2J", 5, `\x1b…`},
	}
	for _, tt := range tests {
		if got := report.TerminalFit(tt.in, tt.width); got != tt.want {
			t.Errorf("TerminalFit(%+q, %d) = %+q, want %+q", tt.in, tt.width, got, tt.want)
		}
	}
}

// TestTerminalFitReadsLittle cuts a text of 64 MiB without copying it.
func TestTerminalFitReadsLittle(t *testing.T) {
	huge := strings.Repeat("\x1b", 64<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := report.TerminalFit(huge, 80)
	runtime.ReadMemStats(&after)
	if want := strings.Repeat(`\x1b`, 19) + `\x1…`; got != want {
		t.Errorf("TerminalFit = %q, want %q", got, want)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("TerminalFit allocated %d bytes, want less than 1 MiB", n)
	}
}

func TestMarkdown(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain text, 3.5 of 10", "plain text, 3.5 of 10"},
		{"![x](http://e.example/p)", `\!\[x\]\(http\[:\]//e\.example/p)`},
		{"<script>&amp;", "&lt;script&gt;&amp;amp;"},
		{"a|b\\|c", `a\|b\\\|c`},
		{"`code` *b* _i_ ~~s~~", "\\`code\\` \\*b\\* \\_i\\_ \\~\\~s\\~\\~"},
		{"# h", `\# h`}, {"- i", `\- i`}, {"+ i", `\+ i`}, {"1. i", `1\. i`}, {"12) i", `12\) i`}, {"===", `\===`}, {"---", `\---`},
		{"    code", "&#32;   code"},
		{"> q\n# h", `&gt; q\\n\# h`},
		{"a@b.example @team", `a\[@\]b\.example \[@\]team`},
		{"well-known 1+1=2", "well-known 1+1=2"},
	}
	for _, tt := range tests {
		if got := report.Markdown(tt.in); got != tt.want {
			t.Errorf("Markdown(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestMarkdownCode(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a-1", "`a-1`"},
		{`C:\x <b>`, "`C:\\x <b>`"},
		{`C:\x\`, `C:\\x\\`},
		{"a`b", "a\\`b"},
		{"a|b", `a\|b`},
		{"", ""},
		{"http://x", "`http[:]//x`"},
	}
	for _, tt := range tests {
		if got := report.MarkdownCode(tt.in); got != tt.want {
			t.Errorf("MarkdownCode(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestCSVCell(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain", "plain"}, {"a=b", "a=b"}, {"10.0.0.1", "10.0.0.1"},
		{"=1+1", "'=1+1"}, {"+1", "'+1"}, {"-1", "'-1"}, {"@SUM(A1)", "'@SUM(A1)"}, {"  =1", "  '=1"},
		{"\t=1", `'\t=1`}, {"＝1", "'＝1"}, {"a;=1", "a;'=1"}, {`a;"=1"`, `a;"'=1"`}, {"a; b=1", "a; b=1"},
	}
	for _, tt := range tests {
		if got := report.CSVCell(tt.in); got != tt.want {
			t.Errorf("CSVCell(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// tester is what the checks need of a test, rapid's own included.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// checkVisible fails where a text for display holds anything but visible
// characters, judged by the categories of Unicode and the ranges that hide.
func checkVisible(tb tester, what, s string) {
	tb.Helper()
	if !utf8.ValidString(s) {
		tb.Errorf("%s: %+q is not UTF-8", what, s)
	}
	marks := 0
	for i, r := range s {
		hidden := r != ' ' && r != '\u3000' && unicode.In(r, unicode.C, unicode.Z) ||
			r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f ||
			r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0000 && r <= 0xe0fff || r == 0xfeff || r == 0x061c || r == 0x3164
		if hidden {
			tb.Fatalf("%s: %+q holds U+%04X at %d", what, s, r, i)
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if marks > 4 || marks > 0 && i == 0 {
			tb.Fatalf("%s: %+q holds a mark out of place at %d", what, s, i)
		}
	}
}

// terminalLink is what terminals underline: a scheme with its slashes, www.
var terminalLink = regexp.MustCompile(`(?i)[a-z0-9+.-]://|www\.`)

// escaped is what CommonMark takes for a literal: a backslash before a mark of
// punctuation, or a character reference.
// A mail address or mention is broken by brackets, which are literals too.
var escaped = regexp.MustCompile("\\\\\\[@\\\\\\]|\\\\[!-/:-@\\[-`{-~]|&(lt|gt|amp|#32);")

var (
	blockStart = regexp.MustCompile(`^ |^[-+=:%]|^[0-9]+[.)]`)
	bareDomain = regexp.MustCompile(`[0-9A-Za-z]\.[A-Za-z]`)
)

// checkMarkdown fails where the output of Markdown could mean something: after
// all literals are gone nothing is left that opens a construct.
func checkMarkdown(tb tester, s string) {
	tb.Helper()
	rest := escaped.ReplaceAllString(s, "·")
	if i := strings.IndexAny(rest, "\\`*_{}[]<>#!|~$^&@\n\r"); i >= 0 {
		tb.Errorf("Markdown: %+q leaves %q live", s, rest[i])
	}
	if m := blockStart.FindString(rest); m != "" {
		tb.Errorf("Markdown: %+q begins with %q", s, m)
	}
	if m := terminalLink.FindString(rest); m != "" {
		tb.Errorf("Markdown: %+q holds the link %q", s, m)
	}
	if m := bareDomain.FindString(rest); m != "" {
		tb.Errorf("Markdown: %+q holds the bare domain %q", s, m)
	}
}

// checkCell writes a cell as CSV and reads it back under both separators that
// spreadsheets use: no cell may begin as a formula does.
func checkCell(tb tester, cell string) {
	tb.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write([]string{cell, "end"}); err != nil {
		tb.Fatal(err)
	}
	w.Flush()
	for _, sep := range []rune{',', ';'} {
		r := csv.NewReader(bytes.NewReader(b.Bytes()))
		r.Comma, r.LazyQuotes = sep, true
		record, err := r.Read()
		if err != nil {
			tb.Fatalf("CSVCell: %+q does not read back: %v", cell, err)
		}
		for _, c := range record {
			if c = strings.TrimLeft(c, " \"\u3000"); c != "" && strings.ContainsRune("=+-@\t\r", []rune(c)[0]) {
				tb.Errorf("CSVCell: %+q read with %q gives the formula %+q", cell, sep, c)
			}
		}
	}
}

// checkClean holds every cleaner to its promise for one text.
func checkClean(tb tester, s string, width int) {
	tb.Helper()
	clean := report.Terminal(s)
	checkVisible(tb, "Terminal", clean)
	if again := report.Terminal(clean); again != clean {
		tb.Errorf("Terminal is not idempotent: %+q, then %+q", clean, again)
	}
	if m := terminalLink.FindString(clean); m != "" {
		tb.Errorf("Terminal: %+q holds the link %q", clean, m)
	}
	cut := report.TerminalFit(s, width)
	if w := uniseg.StringWidth(cut); w > max(width, 0) {
		tb.Errorf("TerminalFit(%+q, %d) takes %d columns", s, width, w)
	}
	if head, was := strings.CutSuffix(cut, "…"); cut != clean && (!was && width > 0 || !strings.HasPrefix(clean, head)) {
		tb.Errorf("TerminalFit(%+q, %d) = %+q, neither whole nor cut from %+q", s, width, cut, clean)
	}
	md := report.Markdown(s)
	checkVisible(tb, "Markdown", md)
	checkMarkdown(tb, md)
	code := report.MarkdownCode(s)
	checkVisible(tb, "MarkdownCode", code)
	if inner, ok := strings.CutPrefix(code, "`"); ok && strings.Count(inner, "`") == 1 && strings.HasSuffix(inner, "`") {
		if strings.ContainsAny(inner, "|\n") || strings.HasSuffix(inner, "\\`") {
			tb.Errorf("MarkdownCode: %+q may not hold", code)
		}
	} else {
		checkMarkdown(tb, code)
	}
	cell := report.CSVCell(s)
	checkVisible(tb, "CSVCell", cell)
	checkCell(tb, cell)
	if again := report.CSVCell(cell); again != cell {
		tb.Errorf("CSVCell is not idempotent: %+q, then %+q", cell, again)
	}
}

func TestCleanAttacks(t *testing.T) {
	for _, s := range attacks() {
		checkClean(t, s, 40)
	}
	for first := rune(0); first <= unicode.MaxRune; first += 256 {
		var b strings.Builder
		for r := first; r < first+256; r++ {
			b.WriteRune(r)
			b.WriteByte('a')
		}
		checkVisible(t, "Terminal", report.Terminal(b.String()))
	}
}

func TestCleanProperties(t *testing.T) {
	attack := rapid.SampledFrom(append(attacks(), "http", ":", "//", "www", ".", "\\", "|", "`", ";", "=", "\u0301", "1"))
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.String(), attack, rapid.StringOfN(rapid.RuneFrom(nil, unicode.M, unicode.Cf, unicode.Lo), 0, 8, -1)), 0, 6).Draw(t, "parts")
		raw := rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "raw")
		checkClean(t, strings.Join(parts, "")+string(raw), rapid.IntRange(-1, 90).Draw(t, "width"))
	})
}

func FuzzClean(f *testing.F) {
	for i, s := range attacks() {
		f.Add(s, i)
	}
	f.Fuzz(func(t *testing.T, s string, width int) { checkClean(t, s, width%200) })
}

// TestMarkdownAgainstCmark lets GitHub's own parser read what Markdown makes of
// every attack, alone, in a table cell, in a list and in a heading.
func TestMarkdownAgainstCmark(t *testing.T) {
	cmark, err := exec.LookPath("cmark-gfm")
	if err != nil {
		t.Skip("cmark-gfm is not installed")
	}
	for _, s := range attacks() {
		for _, clean := range []string{report.Markdown(s), report.MarkdownCode(s)} {
			doc := clean + "\n\n# h " + clean + "\n\n- i " + clean + "\n\n| a | b |\n| --- | --- |\n| " + clean + " | end |\n"
			cmd := exec.Command(cmark, "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough", "-e", "tagfilter")
			cmd.Stdin = strings.NewReader(doc)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			page := regexp.MustCompile(`<code>[^<]*</code>`).ReplaceAllString(string(out), "")
			want := "<p></p> <h1></h1> <ul><li></li></ul> <table><thead><tr><th></th><th></th></tr></thead><tbody><tr><td></td><td></td></tr></tbody></table>"
			if clean == "" {
				want = strings.TrimPrefix(want, "<p></p> ")
			}
			tags := strings.Join(regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1), "")
			if tags != strings.ReplaceAll(want, " ", "") {
				t.Errorf("%+q becomes %s", s, page)
			}
		}
	}
}

// TestMarkdownParenthesis: no text puts a parenthesis right after a bracket.
func TestMarkdownParenthesis(t *testing.T) {
	for _, s := range []string{"[a](b)", "@(b)", "a](b", "[@](x)"} {
		if got := report.Markdown(s); strings.Contains(got, "](") {
			t.Errorf("Markdown(%q) = %q looks like a link", s, got)
		}
	}
}
