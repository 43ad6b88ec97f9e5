package library_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
)

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"Dumping the credentials.":     "dump the credenti",
		"T1059.001":                    "t1059.001 t1059",
		"CVE-2021-44228!":              "cve-2021-44228 cve 2021 44228",
		"lsass.exe, LSASS":             "lsass.exe lsass exe lsass",
		"powershell -enc AAAA":         "powershel -enc enc aaaa",
		"--no-check":                   "-no-check no-check no check",
		"well-known":                   "well-known well known",
		"end. Start":                   "end start",
		"...":                          "",
		"a-":                           "a",
		"1-2":                          "1-2",
		"-5":                           "5",
		"x-5 (-v)":                     "x-5 x -v v",
		"user's":                       "user",
		"APT29’s tools":                "apt29 tool",
		"Invoke_Mimikatz":              "invoke_mimikatz invok mimikatz",
		"naïve Straße":                 "naïve straße",
		"日本 text":                      "日 本 text",
		"abc\xff\xfedef":               "abc def",
		`C:\Windows\System32\cmd.exe`:  "c window system32 cmd.exe cmd exe",
		strings.Repeat("a", 65) + " b": "b",
		strings.Repeat("ab", 32):       strings.Repeat("ab", 32),
	} {
		if got := strings.Join(library.Words(in), " "); got != want {
			t.Errorf("Words(%q) = %q, want %q", in, got, want)
		}
	}
}

// The words are from the examples in Porter's paper.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "T1059.001 -enc lsass.exe", "a.b-c_d's ’s", "日本語 ก ข", "--", "-a-", "\xff-\xfe", "a.\u0300b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, w := range library.Words(s) {
			if w == "" || len(w) > 3*64 || !utf8.ValidString(w) || strings.ContainsFunc(w, func(r rune) bool {
				return unicode.IsSpace(r) || r < utf8.RuneSelf && !strings.ContainsRune("-_.", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
			}) {
				t.Errorf("Words(%q) has %q", s, w)
			}
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add(string(library.EncodeBody(&feed.Entry{})))
	f.Add(string(library.EncodeBody(&feed.Entry{Aliases: []string{"a", ""}, Fields: []feed.Field{{Key: "k", Value: "v"}}, Sections: []feed.Section{{Name: "s", Text: "t"}}})))
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Add("\x7f\x00\x00")
	f.Fuzz(func(t *testing.T, body string) {
		e, err := library.DecodeBody(body)
		if err != nil {
			return
		}
		again, err := library.DecodeBody(string(library.EncodeBody(&e)))
		if diff := cmp.Diff(e, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func FuzzPassages(f *testing.F) {
	f.Add("one\n\ntwo. three", 3)
	f.Add("ü", 5000)
	f.Add(" \n", 9000)
	f.Fuzz(func(t *testing.T, text string, times int) {
		text = strings.Repeat(text, min(max(times, 0), 20_000/(len(text)+1)))
		list := library.PassagesOf(&feed.Entry{ID: "X", Name: "X", Sections: []feed.Section{{Name: "s", Text: text}}})
		if len(list) > 1024 || slices.Contains(list, "") {
			t.Errorf("%d passages of %.40q", len(list), text)
		}
		joined, want := strings.Join(strings.Fields(strings.Join(list, "")), ""), strings.Join(strings.Fields(text), "")
		if joined != want {
			t.Errorf("the %d passages of %.40q, %d bytes, lose something", len(list), text, len(text))
		}
		if utf8.ValidString(text) && slices.ContainsFunc(list, func(s string) bool { return !utf8.ValidString(s) }) {
			t.Errorf("a character of %.40q is cut", text)
		}
	})
}
