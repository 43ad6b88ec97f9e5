package prose_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
)

func TestText(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"plain", "A door is open.", "A door is open."},
		{"blanks", "  A   door\tis\nopen.  ", "A door is open."},
		{"paragraphs", "One.\n\n\n  Two.\r\n\r\nThree.", "One.\nTwo.\nThree."},
		{"citation", "A door. (Citation: A Door (2030)) It opens (Citation: B).(Citation: C)", "A door. It opens."},
		{"citation that does not end", "A (Citation: door", "A (Citation: door"},
		{"link", "See [the door](https://example.org/a_(b)) and ![a picture](/x.png).", "See the door and a picture."},
		{"no link", "a[0](x) and [REF-1] and [see] (there)", "a[0](x) and [REF-1] and [see] (there)"},
		{"bold and code", "A **bold** `door`, **/*.exe and 2 ** 3", "A bold door, **/*.exe and 2 ** 3"},
		{"bold link", "**Use [that](https://example.org).**", "Use that."},
		{"wildcards", "*.exe and *admin* and snake_case_name", "*.exe and *admin* and snake_case_name"},
		{"heading", "Before\n## How it **works**\nAfter # this", "Before\nHow it works\nAfter # this"},
		{"include", "#include <stdio.h>", "#include <stdio.h>"},
		{"list", "It has:\n* one\n* two\n  goes on\n1. three", "It has:\n* one\n* two goes on\n1. three"},
		{"tags", "<p>One</p><p>Two<br/>three</p><ul><li>a</li><li><p>b</p></li></ul>", "One\nTwo\nthree\n- a\n- b"},
		{"tags with a prefix", `<xhtml:p class="x">One</xhtml:p><XHTML:B>two</XHTML:B>`, "One\ntwo"},
		{"table", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
		{"tags that are content", `<script>alert("<b>1</b>")</script> <img src=x> <path> <a`, `<script>alert("1")</script> <img src=x> <path> <a`},
		{"code tag", "Run <code>net use <name></code>", "Run net use <name>"},
		{"entities", "a &lt;b&gt; &amp;amp; &#92; &nope;", `a <b> &amp; \ &nope;`},
		{"entity that is a control", "a&#27;[31m&#0;b &#x85;c", "a[31m\uFFFDb …c"},
		{"breaks with entities", "<p>a &amp; b</p><p>c</p>", "a & b\nc"},
		{"fence", "See:\n```c\nif (a < b) {\n\tx *= 2;\n}\n```\nDone.", "See:\nif (a < b) {\n\tx *= 2;\n}\nDone."},
		{"fence that does not end", "See ```code\nmore", "See\ncode more"},
		{"controls", "a\x00b\x1b[31mc\x7f\u0085d\u2028e", "ab[31mc d e"},
		{"broken UTF-8", "caf\xe9", "caf\uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := prose.Text(tt.in); got != tt.want {
				t.Errorf("Text(%q) =\n%q, want\n%q", tt.in, got, tt.want)
			}
		})
	}
}

func TestOthers(t *testing.T) {
	tests := []struct {
		name     string
		f        func(string) string
		in, want string
	}{
		{"Plain keeps Markdown", prose.Plain, "*p = [a](b) `c`\n\n**d**", "*p = [a](b) `c`\n**d**"},
		{"Plain takes tags", prose.Plain, "<p>a&lt;b</p>", "a<b"},
		{"Code keeps lines", prose.Code, "\n  if x:\n    y()  \n\n", "if x:\n    y()"},
		{"Code takes a fence", prose.Code, "```\n\t<a b=\"c\"/>\n\td\n```", "\t<a b=\"c\"/>\n\td"},
		{"Markup", prose.Markup, "<div>if (a &lt; b) {<div>open();</div>}</div>", "if (a < b) {\nopen();\n}"},
		{"Line", prose.Line, " A\n door \t&amp; gate ", "A door & gate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.f(tt.in); got != tt.want {
				t.Errorf("of %q =\n%q, want\n%q", tt.in, got, tt.want)
			}
		})
	}
}

// TestLinear runs texts that would take hours, were a step not linear.
func TestLinear(t *testing.T) {
	for _, mark := range []string{"[", "[a](", "(Citation: ", "**a", "<p ", "<", "`", "#\n# ", "![", "((", "<li><p>", "&", "&amp;", " \n", "*", "```"} {
		in := strings.Repeat(mark, 2<<20/len(mark))
		for _, f := range []func(string) string{prose.Text, prose.Plain, prose.Code, prose.Markup, prose.Line} {
			if got := f(in); len(got) > 2*len(in) {
				t.Errorf("%d bytes of %q become %d", len(in), mark, len(got))
			}
		}
	}
}

func FuzzProse(f *testing.F) {
	f.Add("See [a](https://b) (Citation: c) **d** `e`\n\n* f\n```\ng\n```\n# h <p>i</p>&lt;")
	f.Fuzz(func(t *testing.T, in string) {
		for _, clean := range []func(string) string{prose.Text, prose.Plain, prose.Code, prose.Markup, prose.Line} {
			out := clean(in)
			if !utf8.ValidString(out) {
				t.Fatalf("%q becomes %q", in, out)
			}
			if strings.ContainsFunc(out, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
				t.Fatalf("%q becomes %q, with a control character", in, out)
			}
			if len(out) > 3*len(in)+8 {
				t.Fatalf("%d bytes become %d", len(in), len(out))
			}
		}
		if strings.Contains(prose.Line(in), "\n") {
			t.Fatalf("Line(%q) has lines", in)
		}
	})
}
