package document_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/document"
)

// parse reads a document that must be readable.
func parse(t testing.TB, text string) *document.Document {
	t.Helper()
	d, err := document.Parse(context.Background(), "test", []byte(text), document.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sentences returns the texts of a document's sentences.
func sentences(d *document.Document) []string {
	var out []string
	for _, s := range d.Sentences {
		out = append(out, d.Of(s))
	}
	return out
}

func TestSentences(t *testing.T) {
	for _, want := range [][]string{
		{"The loader ran evil.exe.", "It then called cmd.exe /c whoami."},
		{"Traffic went to example[.]com and hxxp://a.example/b.php?x=1.2.", "A second host, 10.0.0.1, answered."},
		{"Tools, e.g. procdump, i.e. a dumper, were used vs. LSASS.", "See Fig. 3 and No. 7 for more."},
		{"Example Inc. reported it.", "The U.S. government, et al. agreed.", "It is version v2.1.4."},
		{"They left the U.S. in May.", "They work for Example Corp.", "The group is old."},
		{"Was it used?", "Yes!", "\"It was.\"", "(We checked.)", "Done."},
		{"It wrote HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Run.", "Then it slept."},
		{"The group used it [12].", "It fled.[3]", "Later it came back."},
		{"It ran at 3 p.m. on Monday.", "Mr. Doe and Dr. J. Roe saw it."},
		{"They waited … and struck.", "Nothing remained..."},
		{"It dropped a file.", "svchost32.exe then started.", "The end."},
		{"攻撃者は侵入した。", "次に移動した。"},
		{"The .NET loader reads config.json and ../x.", "A .lnk file starts it."},
		{"1.2. The second section names nothing else."},
		{"The macro calls the shell (see section 2.1).", "Next comes the payload."},
		{". The stray dot opens no sentence of its own."},
		{"In 2021. The year is stated before."},
	} {
		text := strings.Join(want, " ")
		if text[0] == 'I' && strings.HasPrefix(text, "In 2021") {
			want = []string{"In 2021.", "The year is stated before."}
		}
		if diff := cmp.Diff(want, sentences(parse(t, text))); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// TestSentencesOfBlocks shows what each form of text becomes, with its line.
func TestSentencesOfBlocks(t *testing.T) {
	type sentence struct {
		Line       int
		Kind, Text string
	}
	for name, c := range map[string]struct {
		text string
		want []sentence
	}{
		"wrapped lines": {"The operators sent a document that was\nwrapped at forty characters or so. When it\nopened, a macro ran.\n\nA new para-\ngraph follows.", []sentence{
			{1, "", "The operators sent a document that was wrapped at forty characters or so."}, {2, "", "When it opened, a macro ran."}, {5, "", "A new paragraph follows."}}},
		"one line a paragraph": {"First paragraph here.\nSecond one here.\r\nThird.", []sentence{{1, "", "First paragraph here."}, {2, "", "Second one here."}, {3, "", "Third."}}},
		"list":                 {"They used:\n- PowerShell scripts\n* a web shell. It was old.\n1. whoami\n2) net user\n• wevtutil", []sentence{{1, "", "They used:"}, {2, "item", "PowerShell scripts"}, {3, "item", "a web shell."}, {3, "item", "It was old."}, {4, "item", "1. whoami"}, {5, "item", "2) net user"}, {6, "item", "wevtutil"}}},
		"heading":              {"Initial Access\n\nThe actor sent mail.\n", []sentence{{1, "heading", "Initial Access"}, {3, "", "The actor sent mail."}}},
		"prompt and log":       {"They ran this.\n$ whoami /all\nC:\\Users\\x> net user\n2024-01-02 10:00:00 sshd: failed. Again.\n", []sentence{{1, "", "They ran this."}, {2, "code", "$ whoami /all"}, {3, "code", "C:\\Users\\x> net user"}, {4, "code", "2024-01-02 10:00:00 sshd: failed. Again."}}},
		"tabs":                 {"T1059\tPowerShell\tused\nT1003\tDumping\tused\n", []sentence{{1, "row", "T1059 | PowerShell | used"}, {2, "row", "T1003 | Dumping | used"}}},
		"markdown": {"# Report\n\nThe **actor** used [PowerShell](http://x.example/) and `cmd.exe /c dir`.\nIt \\_ran\\_ <b>once</b>.\n\n## Tools\n\n| ID | Name |\n|---|---|\n| T1059 | `ps` |\n\n```\nnet user /add\nwhoami\n```\n\n> A quote\n> goes on.\n\n---\n\n[x]: http://y.example\nAn under_score and 2 * 3 stay.\n", []sentence{
			{1, "heading", "Report"}, {3, "", "The actor used PowerShell and cmd.exe /c dir."}, {4, "", "It _ran_ once."}, {6, "heading", "Tools"}, {8, "row", "ID | Name"}, {10, "row", "T1059 | ps"},
			{13, "code", "net user /add"}, {14, "code", "whoami"}, {17, "", "A quote goes on."}, {23, "", "An under_score and 2 * 3 stay."}}},
		"sigma": {"title: Suspicious Dump\nid: 1\nstatus: test\ndescription: |\n    Finds a dump.\n    It is old.\ntags:\n    - attack.credential-access\n    - attack.t1003.001\nlogsource:\n    product: windows\ndetection:\n    selection:\n        Image|endswith:\n            - '\\procdump.exe'\n            - '\\x.exe'\n        CommandLine|contains: \"lsass\"\n    condition: selection\nlevel: high\n", []sentence{
			{1, "", "Suspicious Dump"}, {4, "", "Finds a dump."}, {4, "", "It is old."}, {15, "code", "Image: \\procdump.exe | \\x.exe"}, {17, "code", "CommandLine: lsass"}}},
		"json": {`{"id": "x-1", "title": "Alert of the day", "count": 3,` + "\n" + `"process": {"command_line": "powershell -enc AAAA"}, "notes": ["The user ran a macro. It failed.", "short"]}`, []sentence{
			{1, "", "Alert of the day"}, {2, "code", "powershell -enc AAAA"}, {2, "", "The user ran a macro."}, {2, "", "It failed."}}},
		"stix": {`{"type":"bundle","id":"bundle--1","objects":[` + "\n" + `{"type":"attack-pattern","id":"a","name":"Shell Use","description":"The actor used a shell.","external_references":[{"source_name":"mitre-attack","external_id":"T1059"}]},` + "\n" + `{"type":"report","name":"Heron","description":"A report. On herons."}]}`, []sentence{
			{2, "", "Shell Use"}, {2, "", "The actor used a shell."}, {3, "", "Heron"}, {3, "", "A report."}, {3, "", "On herons."}}},
		"html": {"<html><head><title>T</title><script>var a = 1;</script></head><body><nav>Home About Contact us now</nav><article><h1>Heron</h1><p>The actor used\nPowerShell. It ran <b>cmd</b>.exe.</p><ul><li>First thing<li>Second thing</ul><table><tr><th>ID<th>Use<tr><td>T1059<td>Shell</table><pre>net user\nwhoami</pre><p>One line<br>Another line</p></article><footer>Copyright</footer></body></html>", []sentence{
			{0, "heading", "Heron"}, {0, "", "The actor used PowerShell."}, {0, "", "It ran cmd.exe."}, {0, "item", "First thing"}, {0, "item", "Second thing"}, {0, "row", "ID | Use"}, {0, "row", "T1059 | Shell"}, {0, "code", "net user"}, {0, "code", "whoami"}, {0, "", "One line"}, {0, "", "Another line"}}},
	} {
		d := parse(t, c.text)
		var got []sentence
		for _, s := range d.Sentences {
			got = append(got, sentence{s.Line, s.Kind, d.Of(s)})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestCoverage shows, for any text that is read as such, that sentences stand
// in order, do not overlap, hold no line break, and leave out only white space.
func TestCoverage(t *testing.T) {
	words := rapid.SampledFrom([]string{"The", "actor", "e.g.", "evil.exe", "U.S.", "hxxp://a[.]b/c.", "ran", "3.", "\n", "\n\n", "- ", "\t", "!", "…", "。", "é", "\x00", "\u00a0", "Inc.", "$ ", "| ", "(", ")", "\"", "[1]", "para-\n", "C:\\a.b", "# ", "```\n", "**", "_", "<b>", "\u200b"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(words, 1, 60).Draw(t, "words"), rapid.SampledFrom([]string{" ", ""}).Draw(t, "between"))
		d, err := document.Parse(context.Background(), "x", []byte(text), document.Options{})
		if err != nil {
			return // only marks and white space
		}
		checkCoverage(t, d)
	})
}

func checkCoverage(t interface{ Fatalf(string, ...any) }, d *document.Document) {
	end := 0
	for i, s := range d.Sentences {
		if s.Start < end || s.End <= s.Start || s.End > len(d.Text) {
			t.Fatalf("sentence %d from %d to %d after %d of %d", i, s.Start, s.End, end, len(d.Text))
		}
		if gap := d.Text[end:s.Start]; strings.TrimSpace(gap) != "" {
			t.Fatalf("%q is left out before sentence %d", gap, i)
		}
		of := d.Of(s)
		if strings.ContainsAny(of, "\n\r\x00") || strings.TrimSpace(of) != of {
			t.Fatalf("sentence %q", of)
		}
		if i > 0 && (s.Line < d.Sentences[i-1].Line || s.Page < d.Sentences[i-1].Page) {
			t.Fatalf("sentence %d goes back", i)
		}
		end = s.End
	}
	if rest := d.Text[end:]; strings.TrimSpace(rest) != "" {
		t.Fatalf("%q is left out at the end", rest)
	}
}

func TestLongSentencesAreCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("word ", 5000), strings.Repeat("x", 10_000), strings.Repeat("é", 10_000), strings.Repeat("攻", 5000) + "."} {
		d := parse(t, text)
		checkCoverage(t, d)
		for _, s := range d.Sentences {
			if s.End-s.Start > 2000 {
				t.Errorf("a sentence of %d bytes", s.End-s.Start)
			}
		}
	}
}

func BenchmarkPlainText(b *testing.B) {
	para := "The operators sent spearphishing e-mails with a macro-enabled document attached. When the victim opened it, e.g. in Word 16.0,\nthe macro launched powershell.exe with an encoded command and fetched hxxp://updates[.]example[.]com/a.bin. It then slept.\n\n"
	data := []byte(strings.Repeat(para, 10<<20/len(para)))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := document.Parse(context.Background(), "x", data, document.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestContentsAreLeftOut(t *testing.T) {
	d := parse(t, "Contents\n\n1 Introduction . . . . . . . . . 3\nSummary ............... 12\n\nThe text begins here.\n")
	if diff := cmp.Diff([]string{"Contents", "The text begins here."}, sentences(d)); diff != "" || len(d.Notes) != 1 || d.Incomplete {
		t.Errorf("%s %q", diff, d.Notes)
	}
}
