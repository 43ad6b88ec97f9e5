package pattern_test

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/grammar/pattern"
)

const limit = 4096

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"a", []string{"a", "bab"}, []string{"", "b"}},
		{"^a$", []string{"a"}, []string{"", "aa", "a\n"}},
		{"^a|b$", []string{"ax", "xb"}, []string{"xa", "bx"}},
		{"^", []string{"", "x"}, nil},
		{"$", []string{"", "x"}, nil},
		{"^$", []string{""}, []string{"x"}},
		{"x*^a", []string{"a", "ab"}, []string{"xa"}},
		{"a$b", nil, []string{"ab", "a"}},
		{"(^|,)x(,|$)", []string{"x", "a,x", "x,b", "a,x,b"}, []string{"ax", "xb"}},
		{`^CVE-\d{4}-\d{4,7}$`, []string{"CVE-2024-1234", "CVE-1999-1234567"}, []string{"CVE-2024-123", "CVE-2024-12345678"}},
		{`^\p{Lu}\p{Ll}+$`, []string{"Éa", "Ab"}, []string{"A", "ab"}},
		{`^\p{Letter}\P{L}$`, []string{"a1"}, []string{"aa"}},
		{`^\p{Script=Greek}$`, []string{"α"}, []string{"a"}},
		{`^\u{1F432}*$`, []string{"", "🐲", "🐲🐲"}, []string{"🐉"}},
		{`^\uD83D\uDC32$`, []string{"🐲"}, []string{"🐉"}},
		{`^🐲*$`, []string{"🐲🐲"}, []string{"a"}},
		{`^.$`, []string{"é", "🐲"}, []string{"\n", "\r", "\u2028", ""}},
		{`^[^a-c\d]+$`, []string{"xyz"}, []string{"a", "x1"}},
		{`^[\w.-]+$`, []string{"a-b.c_d"}, []string{"é", " "}},
		{`^\s$`, []string{"\u00a0", "\ufeff", "\t", "\u2029"}, []string{"\u180e", "a"}},
		{`^a{2}b{0,1}c{1,}$`, []string{"aac", "aabcc"}, []string{"ac", "aabbc", "aab"}},
		{`^(a|b)*?abb$`, []string{"abb", "babaabb"}, []string{"ab"}},
		{`^(a*)*$`, []string{"", "aaa"}, []string{"b"}},
		{`^(?<year>\d+)-(?:x)$`, []string{"12-x"}, []string{"-x"}},
		{`^\cA\x41\0\/\-$`, []string{"\x01A\x00/-"}, nil},
		{`[]`, nil, []string{"", "a"}},
		{`^[^]$`, []string{"\n", "a"}, []string{""}},
	} {
		d, err := pattern.Compile(c.pattern, limit)
		if err != nil {
			t.Errorf("Compile(%q): %v", c.pattern, err)
			continue
		}
		for _, s := range c.yes {
			if !d.Matches(s) {
				t.Errorf("%q does not match %q", c.pattern, s)
			}
		}
		for _, s := range c.no {
			if d.Matches(s) {
				t.Errorf("%q matches %q", c.pattern, s)
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, src := range []string{
		"(", ")", "a(?=b)", "(?<!a)b", `(a)\1`, `\k<a>`, `\bword`, "[a", "[z-a]", "a{2,1}", "a**", "{", "a{x}", `\`, `\a`, `\Z`,
		`\u12`, `\uD800`, `\p{Nope}`, `\p{Script_Extensions=Greek}`, "a{1001}", "(?i)a", "+", `[\d-z]`,
		"(a{1000}){1000}", "^(a|b)*a(a|b){20}$",
	} {
		if _, err := pattern.Compile(src, limit); err == nil {
			t.Errorf("Compile(%q) succeeded", src)
		}
	}
}

// TestAgainstRegexp compares with the standard library where both read a
// pattern alike.
func TestAgainstRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.StringMatching(`(\^?[ab.]([*+?]|\{1,2\})?(\(a\|b?\)[*?]?)?(\[ab\]|\[\^a\])?\|?){1,3}\$?`).Draw(t, "pattern")
		want, err := regexp.Compile(src)
		if err != nil {
			t.Skip(err)
		}
		d, err := pattern.Compile(src, limit)
		if err != nil {
			t.Fatalf("Compile(%q): %v", src, err)
		}
		for range 30 {
			s := rapid.StringMatching(`[abc]{0,6}`).Draw(t, "text")
			if got := d.Matches(s); got != want.MatchString(s) {
				t.Fatalf("%q on %q: %v", src, s, got)
			}
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"^a$", "(a|b)*[^c]{2,3}", `\p{L}\u{1F432}`, "(?=x)", "^(a|b)*a(a|b){20}$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		d, err := pattern.Compile(src, limit)
		if err == nil && d.States() > limit+1 {
			t.Fatalf("%d states", d.States())
		}
	})
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name    string
		yes, no []string
	}{
		{"date", []string{"2024-02-29", "2000-02-29", "1999-12-31"}, []string{"2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "24-01-01"}},
		{"time", []string{"12:00:00Z", "23:59:59.5+05:30"}, []string{"24:00:00Z", "12:00:00", "12:60:00Z"}},
		{"date-time", []string{"2024-02-29T12:00:00z"}, []string{"2024-02-29 12:00:00Z", "2023-02-29T12:00:00Z"}},
		{"duration", []string{"P1Y2M3DT4H5M6S", "PT1S", "P1W", "P4Y"}, []string{"P", "PT", "P1YT", "P1D2H", "P2D1Y", "P1Y2W"}},
		{"uuid", []string{"2eb8aa08-aa98-11ea-b4aa-73b441d16380"}, []string{"2eb8aa08aa9811eab4aa73b441d16380"}},
		{"ipv4", []string{"192.168.0.1", "255.255.255.255"}, []string{"256.0.0.1", "1.2.3", "01.2.3.4"}},
		{"ipv6", []string{"::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2::7:8", "1:2:3:4:5:6:1.2.3.4", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1::1.2.3.4"},
			[]string{"1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", ":::", "1::2::3", "12345::", "::1.2.3", "fe80::1%eth0", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:8::", ":1:2:3:4:5:6:7:8"}},
		{"hostname", []string{"a", "a-b", "ab-c.example", "www.example.com", "a1b2c", "a--b"[:2] + "b"}, []string{"-a", "a-", "a..b", "a.", "", "ab--cd", "a_b"}},
		{"email", []string{"joe.bloggs@example.com", "~a+b@x"}, []string{".a@b", "a..b@c", "a@", "@b", "a.@b"}},
		{"uri", []string{"http://a.b/c?d#e", "urn:x:y", "mailto:a@b", "http://[::1]:80/", "a:"}, []string{"//a.b", "a b:c", "http://a b", ":x", "http://[::1", "bar,baz:x y"}},
		{"uri-reference", []string{"", "/a", "a/b?c", "//x", "#f", "http://x"}, []string{`\\x`, "a b", "#a\\b"}},
		{"iri", []string{"http://ƒøø.ßår/?∂éœ=πîx#πîüx"}, []string{"/abc", "http:// x"}},
		{"iri-reference", []string{"âππ", "#ƒrägmênt"}, []string{"\\\\WINDOWS"}},
		{"idn-email", []string{"실례@example.com", "a@b"}, []string{"@b", "실례@"}},
		{"idn-hostname", []string{"example.com"}, []string{"-x", "a..b"}},
		{"uri-template", []string{"http://x/{a}/{?b*,c:3}", "", "a%20b", "é"}, []string{"{", "{a", "a}", "{a:0}", "a b", "{}"}},
		{"json-pointer", []string{"", "/a/~0~1", "/"}, []string{"a", "/~2", "/~"}},
		{"relative-json-pointer", []string{"0", "1/a", "0#"}, []string{"", "-1/a", "01/a", "0##"}},
	} {
		f, known, err := pattern.Named(c.name)
		if err != nil || known != pattern.Built {
			t.Fatalf("Named(%q): %v, %v", c.name, known, err)
		}
		for _, s := range c.yes {
			if !f.DFA.Matches(s) {
				t.Errorf("%s refuses %q", c.name, s)
			}
		}
		for _, s := range c.no {
			if f.DFA.Matches(s) {
				t.Errorf("%s accepts %q", c.name, s)
			}
		}
	}
	if _, known, _ := pattern.Named("regex"); known != pattern.Refused {
		t.Error("regex is not refused")
	}
	if _, known, _ := pattern.Named("colour"); known != pattern.Unknown {
		t.Error("colour is known")
	}
}
