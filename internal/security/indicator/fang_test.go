package indicator_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

func TestRefang(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"plain text, no marks.":        "plain text, no marks.",
		"hxxp://a[.]b":                 "http://a.b",
		"hXXps[://]a(dot)b":            "https://a.b",
		"meow://a{.}b":                 "http://a.b",
		"fxp://a.b":                    "ftp://a.b",
		"u[at]a[DOT]b":                 "u@a.b",
		"u [at] a [dot] com":           "u@a.com",
		"a[ . ]b":                      "a.b",
		"1[.]2[.]3[.]4[:]80":           "1.2.3.4:80",
		"evil dot com":                 "evil.com",
		"the dot com boom":             "the dot com boom",
		"a dot b":                      "a dot b",
		`evil\.com`:                    "evil.com",
		`C:\a\.ssh\x`:                  `C:\a\.ssh\x`,
		`\.evil`:                       `\.evil`,
		"x[.":                          "x[.",
		"[.]com":                       "[.]com",
		"[[:alpha:]] (at) array[1:2]":  "[[:alpha:]] (at) array[1:2]",
		"hxxpx://a":                    "hxxpx://a",
		"say hxxp and meow":            "say hxxp and meow",
		"bücher[.]de":                  "bücher.de",
		"[hxxp://a[.]b](hxxp://c[.]d)": "[http://a.b](http://c.d)",
	} {
		if got := indicator.Refang(in); got != want {
			t.Errorf("Refang(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDefang(t *testing.T) {
	for in, want := range map[string]string{
		"http://a.b/c.d?e":   "hxxp://a[.]b/c[.]d?e",
		"https://u@a.b":      "hxxps://u[@]a[.]b",
		"ftp://a.b":          "ftp[://]a[.]b",
		"HTTP://a.b":         "HTTP[://]a[.]b",
		"The end. Really...": "The end. Really...",
		"u@a.b":              "u[@]a[.]b",
		"1.2.3.4":            "1[.]2[.]3[.]4",
	} {
		if got := indicator.Defang(in); got != want {
			t.Errorf("Defang(%q) = %q, want %q", in, got, want)
		}
	}
	v6 := casemate.Indicator{Type: casemate.IndicatorIPv6, Value: "fe80::1"}
	if got, want := indicator.Defanged(v6), "fe80[:][:]1"; got != want {
		t.Errorf("Defanged(%v) = %q, want %q", v6, got, want)
	}
}

// pieces make texts in which marks of defanging, and halves of them, are likely.
var pieces = []string{
	"a", "evil", "com", "the", "dot", " dot ", ".", "[.]", "[", "]", "(", ")", "{", "}", " ", ":", "://", "/", "\\", "\\.",
	"@", "at", "[at]", "http", "https", "hxxp", "meow", "ftp", "1", "é", "\n", "-", "_", "\"", "xyz", "HTTP", "DOT",
}

func drawText(t *rapid.T) string {
	text := ""
	for _, p := range rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 14).Draw(t, "pieces") {
		text += p
	}
	return text
}

func checkFang(t interface{ Errorf(string, ...any) }, text string) {
	if indicator.Refang(text) != text {
		return
	}
	if got := indicator.Refang(indicator.Defang(text)); got != text {
		t.Errorf("Refang(Defang(%q)) = %q; defanged it is %q", text, got, indicator.Defang(text))
	}
}

func TestDefangRefang(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkFang(t, drawText(t)) })
}

// TestDefangedIndicators checks that what Extract finds survives being
// defanged: it is found again as the same.
func TestDefangedIndicators(t *testing.T) {
	for _, text := range []string{
		"8.8.8.8", "2606:4700::1111", "evil.com", "setup.example.org", "bob@evil.com",
		"http://evil.com/a.b?c=http://d.com", "ftp://[2606:4700::1]/x", "https://1.2.3.4:8443/",
	} {
		for _, ind := range indicator.Extract(nil, "", text) {
			if got := indicator.Refang(indicator.Defanged(ind)); got != ind.Value {
				t.Errorf("Refang(Defanged(%v)) = %q", ind, got)
			}
			again := indicator.Extract(nil, "", indicator.Defanged(ind))
			if len(again) == 0 || again[0] != ind {
				t.Errorf("Extract(Defanged(%v)) = %v", ind, again)
			}
		}
	}
}

func FuzzRefang(f *testing.F) {
	for _, p := range pieces {
		f.Add(p)
	}
	f.Add("hxxp://a[.]b dot com")
	f.Fuzz(func(t *testing.T, text string) { checkFang(t, text) })
}
