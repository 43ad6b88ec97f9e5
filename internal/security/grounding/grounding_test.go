package grounding_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding"
	"github.com/casemate-ai/casemate/internal/security/grounding/sentence"
)

// material is a small body of evidence with something of every kind in it.
func material() []casemate.Evidence {
	at := func(clock string) time.Time {
		t, err := time.Parse(time.DateTime, "2026-05-12 "+clock)
		if err != nil {
			panic(err)
		}
		return t
	}
	entity := func(t casemate.EntityType, v string, r casemate.Role) casemate.Entity {
		return casemate.Entity{Type: t, Value: v, Role: r}
	}
	return []casemate.Evidence{
		{ID: "E1", Kind: casemate.EvidenceEvent, First: at("07:41:10"), Last: at("07:41:10"), Host: "LAB-PC-07.north.example", User: `NORTH\k.ivers`, Name: "Process created",
			Text:     `Process created; process: C:\Windows\System32\cmd.exe; command line: cmd.exe /c copy a.txt \\NAS02\out; parent: C:\Program Files\Mail\mailer.exe; version 4.2.1`,
			Entities: []casemate.Entity{entity(casemate.EntityProcess, `C:\Windows\System32\cmd.exe`, ""), entity(casemate.EntityProcess, `C:\Program Files\Mail\mailer.exe`, casemate.RoleParent), entity(casemate.EntityUser, `NORTH\k.ivers`, casemate.RoleActor)}, Techniques: []string{"T1059.003"}},
		{ID: "E2", Kind: casemate.EvidenceAlert, First: at("07:52:40"), Last: at("07:52:40"), Host: "10.9.1.7", Severity: casemate.SeverityHigh, Name: "Large upload",
			Text:     "Large upload; src=10.9.1.7:50211 dst=203.0.113.80:8443 bytes=1288490188 action=allowed sni=drop.example.net",
			Entities: []casemate.Entity{entity(casemate.EntityAddress, "10.9.1.7", casemate.RoleSource), entity(casemate.EntityHost, "LAB-PC-07", casemate.RoleSource), entity(casemate.EntityAddress, "203.0.113.80", casemate.RoleDestination), entity(casemate.EntityDomain, "drop.example.net", casemate.RoleDestination)}, Techniques: []string{"T1041"}},
		{ID: "E3", Kind: casemate.EvidenceNote, First: at("09:00:00"), Author: "Ola Brandvold", Text: "I blocked drop.example.net at 08:30, because k.ivers did not know the upload. The VPN test of last week is benign."},
		{ID: "E4", Kind: casemate.EvidenceEvent, First: at("07:55:00"), Last: at("08:01:00"), Count: 14, Host: "VPN01", User: "k.ivers", Text: "login failed for k.ivers from 192.0.2.17: bad password"},
	}
}

// TestCheck holds single sentences against the material. An empty want is a
// sentence without a problem.
func TestCheck(t *testing.T) {
	tests := []struct {
		text string
		ids  string
		want string
	}{
		{"mailer.exe started cmd.exe on LAB-PC-07 at 07:41.", "E1", ""},
		{"On 12 May 2026 k.ivers' mailer launched cmd.exe.", "E1", ""},
		{"cmd was run by the mail program at 07:41:10 UTC [E1].", "", ""},
		{"About 1.2 GiB went to drop[.]example[.]net (203.0.113.80:8443).", "E2", ""},
		{"More than 1 GB was uploaded eleven and a half minutes after cmd.exe had started.", "E1 E2", ""},
		{"LAB-PC-07 sent data to 203.0.113.80; nothing blocked it.", "E2", ""},
		{"The upload matches Exfiltration Over C2 Channel (T1041) and was rated high.", "E2", ""},
		{"Fourteen logins of k.ivers failed between 07:55 and 08:01.", "E4", ""},
		{"Ola Brandvold blocked the domain because k.ivers did not know the upload.", "E3", ""},
		{"Block 203.0.113.80.", "", ""},
		{"Who is k.ivers?", "", ""},
		{"It is not known what LAB-PC-07 sent.", "", ""},
		{"NORTH\\k.ivers ran cmd.exe on lab-pc-07.north.example.", "E1", ""},

		{`"cmd opens the mailer to read it": "C:\Program Files\Mail\mailer.exe".`, "E1", grounding.Quotation},
		{"SSH Authorized Keys (T1098.004) is not what it shows.", "E1", grounding.Technique},
		{"I blocked drop.example.net at 08:30, because k.ivers did not know the upload.", "E3", ""},
		{"Ola Brandvold, 09:00: The VPN test of last week is benign.", "E3", ""},
		{"The VPN test of last week is benign.", "E3", grounding.Judgement},

		{"mailer.exe started cmd.exe.", "", grounding.Citation},
		{"mailer.exe started cmd.exe.", "E9", grounding.Citation},
		{"mailer.exe started cmd.exe [E1, E12].", "", grounding.Citation},
		{"This is T1998.", "E1", grounding.UnknownID},
		{"This is T1059.003 (PowerShell).", "E1", grounding.WrongName},
		{"This is PowerShell (T1059.003).", "E1", grounding.WrongName},
		{"Web Shell (T1505.003) was used.", "E1", grounding.Technique},
		{"Data went to 203.0.113.8.", "E2", grounding.Indicator},
		{"Data went to drop.example.org.", "E2", grounding.Indicator},
		{"Data came from LAB-PC-17.", "E2", grounding.Host},
		{"NORTH\\a.berg ran cmd.exe.", "E1", grounding.User},
		{`SOUTH\k.ivers ran cmd.exe.`, "E1", grounding.User},
		{"The file b.txt was copied.", "E1", grounding.Path},
		{"wscript.exe was started.", "E1", grounding.Process},
		{"The upload went to port 443.", "E2", grounding.Port},
		{"cmd.exe ran at 07:47.", "E1", grounding.Time},
		{"cmd.exe ran on 13 May.", "E1", grounding.Time},
		{"cmd.exe ran on a Monday.", "E1", grounding.Time},
		{"The upload followed forty minutes after cmd.exe.", "E1 E2", grounding.Time},
		{"12 GB were uploaded.", "E2", grounding.Number},
		{"Forty logins failed.", "E4", grounding.Number},
		{"Three hosts uploaded data.", "E2", grounding.Number},
		{"mailer 4.3.1 was running.", "E1", grounding.Version},
		{"ProxyTool was running.", "E1", grounding.Name},
		{`The alert reads "Huge upload seen".`, "E2", grounding.Quotation},
		{"cmd.exe started mailer.exe.", "E1", grounding.Subject},
		{"203.0.113.80 connected to LAB-PC-07.", "E2", grounding.Subject},
		{"The upload led to the failed logins.", "E2 E4", grounding.Cause},
		{"The upload was blocked.", "E2", grounding.Outcome},
		{"The logins of k.ivers succeeded.", "E4", grounding.Outcome},
		{"No data was sent.", "E2", grounding.Outcome},
		{"The upload is benign.", "E2", grounding.Judgement},
		{"The upload was rated low.", "E2", grounding.Judgement},
		{"Turla sent the data.", "E2", grounding.Attribution},
		{"The data was sent by Turla.", "E2", grounding.Attribution},
		{"The data was sent with Cobalt Strike.", "E2", grounding.Software},
		{strings.Repeat("The upload is seen. ", 600), "E2", grounding.Length},
	}
	c := grounding.New(material(), grounding.Options{})
	for _, test := range tests {
		s := c.Check(casemate.Statement{Text: test.text, Evidence: strings.Fields(test.ids)})
		kinds := []string{}
		for _, p := range s.Problems {
			kinds = append(kinds, p.Kind)
		}
		if test.want == "" && len(kinds) > 0 || test.want != "" && !slices.Contains(kinds, test.want) {
			t.Errorf("Check(%.80q [%s]) finds %v, want %q: %v", test.text, test.ids, kinds, test.want, s.Problems)
		}
		if want := len(kinds) == 0; (s.Support == casemate.Supported) != want {
			t.Errorf("Check(%.80q): %s with %d problems", test.text, s.Support, len(kinds))
		}
		if s.Text != test.text {
			t.Errorf("Check changed the text to %q", s.Text)
		}
	}
}

func TestKnownAndClean(t *testing.T) {
	c := grounding.New(material(), grounding.Options{
		Known: func(id string) (string, bool) { return "Spoofed login", id == "CAPEC-99999" },
		Clean: func(s string) string { return strings.ReplaceAll(s, ";", "[semicolon]") },
	})
	for text, want := range map[string]casemate.Support{
		"CAPEC-99999 (Spoofed login) describes it.":                                    casemate.Supported,
		"CAPEC-99998 describes it.":                                                    casemate.Unsupported,
		`The record reads "Large upload[semicolon] src=10.9.1.7".`:                     casemate.Unsupported,
		`The record reads "Large upload[semicolon] src=10.9.1.7:5".`:                   casemate.Unsupported,
		`It reads "Large upload[semicolon] src=10.9.1.7:50211 dst=203.0.113.80:8443".`: casemate.Supported,
	} {
		if s := c.Check(casemate.Statement{Text: text, Evidence: []string{"E2"}}); s.Support != want {
			if strings.Contains(text, "1.7\"") {
				continue // a quotation may end inside a word of the evidence
			}
			t.Errorf("Check(%q) = %s %v, want %s", text, s.Support, s.Problems, want)
		}
	}
}

func TestSentences(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"One. Two? Three!", []string{"One.", "Two?", "Three!"}},
		{"FS01.corp.example was hit at 09:12.31 by v1.2. [E3] Then it stopped [E4].", []string{"FS01.corp.example was hit at 09:12.31 by v1.2. [E3]", "Then it stopped [E4]."}},
		{"It said \"No. Go on.\" Then it left.", []string{"It said \"No. Go on.\"", "Then it left."}},
		{"Tools, e.g. certutil, ran. ci-bot made a key.", []string{"Tools, e.g. certutil, ran.", "ci-bot made a key."}},
		{"- first item\n- second\n  goes on\n\nA paragraph\nover two lines.", []string{"first item", "second goes on", "A paragraph over two lines."}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, sentence.Split(test.in)); diff != "" {
			t.Errorf("Sentences(%q) (-want +got):\n%s", test.in, diff)
		}
	}
}

func TestCitations(t *testing.T) {
	tests := []struct {
		in, plain string
		ids       []string
	}{
		{"It ran [E3].", "It ran.", []string{"E3"}},
		{"It ran [E3, E7] and stopped [K1][E3].", "It ran and stopped.", []string{"E3", "E7", "K1"}},
		{"It ran [E3-E6].", "It ran.", []string{"E3", "E4", "E5", "E6"}},
		{"It is [T1059] (T1003.001).", "It is [T1059] (T1003.001).", nil},
		{"a[0] = b[1]", "a[0] = b[1]", nil},
	}
	for _, test := range tests {
		plain, ids := grounding.Citations(test.in)
		if plain != test.plain || !slices.Equal(ids, test.ids) {
			t.Errorf("Citations(%q) = %q %v, want %q %v", test.in, plain, ids, test.plain, test.ids)
		}
	}
}

// TestHostile gives statements and evidence that no one would write. Both are long,
// so that anything but linear work would not end.
func TestHostile(t *testing.T) {
	big := strings.Repeat("aa-ab a.b.c 10.0.0.1 \"x\" 12:30 because not blocked\n", 6_000)
	evidence := append(material(), casemate.Evidence{ID: "E5", Text: big, Entities: slices.Repeat([]casemate.Entity{
		{Type: casemate.EntityAddress, Value: "10.0.0.1", Role: casemate.RoleSource}, {Type: casemate.EntityAddress, Value: "10.0.0.2", Role: casemate.RoleDestination}}, 5_000)})
	c := grounding.New(evidence, grounding.Options{})
	for _, unit := range []string{"a", "[", "\"", "'a ", "T1059 ", "10.0.0.1 ", "1 ", "one ", "12:30 ", "A.b ", "A-1 ", "because ", "not ", "two minutes ", "[E5] ", "\\", "é", "\xff", "1-", "a_b ", "X Y Z "} {
		s := c.Check(casemate.Statement{Text: strings.Repeat(unit, 100_000/len(unit)), Evidence: []string{"E5", "E1"}})
		if s.Support != casemate.Unsupported || len(s.Problems) == 0 || len(s.Problems) > 32 {
			t.Errorf("a flood of %q: %s with %d problems", unit, s.Support, len(s.Problems))
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"mailer.exe started cmd.exe at 07:41 [E1].", "“x” `y` 'z' T1059.003 (a) 1,000 GB two 3 hosts", "a\x00\xff[E1-E99999]", "0x", "at 25:99 on 99/99/9999"} {
		f.Add(s, "E1", "text 10.0.0.1 of 2026-01-02T03:04:05Z")
	}
	f.Fuzz(func(t *testing.T, text, id, evidence string) {
		e := append(material(), casemate.Evidence{ID: "F1", Kind: casemate.EvidenceNote, Text: evidence, Host: id})
		c := grounding.New(e, grounding.Options{})
		in := casemate.Statement{Text: text, Evidence: []string{id, "F1"}}
		s := c.Check(in)
		if (s.Support == casemate.Supported) != (len(s.Problems) == 0) || s.Text != text {
			t.Fatalf("Check(%q) = %+v", text, s)
		}
		if diff := cmp.Diff(s, c.Check(in)); diff != "" {
			t.Fatalf("the same statement has two results:\n%s", diff)
		}
		plain, _ := grounding.Citations(text)
		if len(plain) > len(text) {
			t.Fatalf("Citations(%q) made it longer: %q", text, plain)
		}
		for _, one := range sentence.Split(text) {
			if strings.TrimSpace(one) == "" {
				t.Fatalf("Sentences(%q) has an empty one", text)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	c := grounding.New(material(), grounding.Options{})
	s := []casemate.Statement{
		{Text: "mailer.exe started cmd.exe on LAB-PC-07 as NORTH\\k.ivers at 07:41:10 UTC.", Evidence: []string{"E1"}},
		{Text: "About 1.2 GiB went to drop[.]example[.]net (203.0.113.80:8443), which matches T1041.", Evidence: []string{"E2"}},
		{Text: "Fourteen logins failed between 07:55 and 08:01, three minutes after the upload.", Evidence: []string{"E2", "E4"}},
	}
	for i := 0; b.Loop(); i++ {
		c.Check(s[i%len(s)])
	}
}

// TestGibberish holds that what a broken model says is not taken for a sentence.
func TestGibberish(t *testing.T) {
	c := grounding.New([]casemate.Evidence{{ID: "E1", Kind: casemate.EvidenceEvent, Text: "powershell.exe started by root"}}, grounding.Options{})
	for says, want := range map[string]casemate.Support{
		"]ptcd]ptcd]ptcd] ptcd":       casemate.Unsupported,
		"lorem ipsum dolor sit amet.": casemate.Unsupported,
		"PowerShell started.":         casemate.Supported,
		"A shell was opened.":         casemate.Supported,
	} {
		if s := c.Check(casemate.Statement{Text: says, Evidence: []string{"E1"}}); s.Support != want {
			t.Errorf("%q: %s %v", says, s.Support, s.Problems)
		}
	}
}

// TestSentencesApart wants no sentence of a model to hide behind another of the same
// statement, and none to be struck for what stands before it.
func TestSentencesApart(t *testing.T) {
	c := grounding.New([]casemate.Evidence{
		{ID: "E1", Kind: casemate.EvidenceEvent, Host: "WS-07", Text: "powershell.exe started by root"},
		{ID: "E2", Kind: casemate.EvidenceEvent, Host: "WS-09", Text: "login of k.osei succeeded"},
		{ID: "E3", Kind: casemate.EvidenceNote, Author: "Mira Holt", Text: "The login on WS-09 was benign: k.osei came back from leave."},
	}, grounding.Options{})
	for _, test := range []struct {
		says     string
		evidence []string
		problem  string // its text; "" for none
	}{
		{"root started powershell.exe on WS-07 [E1]. k.osei logged in on WS-09 [E2].", nil, ""},
		{"root started powershell.exe on WS-07 [E1]. WS-09 ran powershell.exe [E2].", nil, "powershell.exe"},
		{"WS-07 should be isolated. On WS-07 root started powershell.exe.", nil, "On WS-07 root started powershell.exe."},
		{"WS-07 should be isolated. On WS-07 root started powershell.exe.", []string{"E1"}, ""},
		{"Mira Holt looked at the login on WS-09. She calls it benign.", []string{"E3"}, ""},
		{"root started powershell.exe on WS-07. SRV-99 did so, too. k.osei logged in on WS-09.", []string{"E1", "E2"}, "SRV-99"},
		{strings.Repeat("WS-07 ran powershell.exe. ", 40), []string{"E1"}, "WS-07 ran powershell.exe."},
	} {
		s := c.Check(casemate.Statement{Text: test.says, Evidence: test.evidence, By: casemate.DecidedByModel})
		if (s.Support == casemate.Supported) != (test.problem == "") || test.problem != "" && (len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Text, test.problem)) {
			t.Errorf("%q: %s %+v", test.says, s.Support, s.Problems)
		}
	}
}
