package sigma_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// ruleOf wraps a detection section, whose lines are indented by two, in a rule.
func ruleOf(detection string) string {
	return "title: test\nid: 11111111-2222-4333-8444-555555555555\nlevel: high\nlogsource:\n  product: windows\ndetection:\n" + detection + "\n"
}

// one compiles a text of rules and fails on a refusal.
func one(tb testing.TB, text string, opt sigma.Options) *sigma.Engine {
	tb.Helper()
	rules, refused := sigma.ParseRules("test.yml", []byte(text))
	e, err := sigma.Compile(rules, opt)
	if err != nil {
		tb.Fatal(err)
	}
	if refused = append(refused, e.Refused()...); len(refused) > 0 {
		tb.Fatalf("refused: %v\n%s", refused, text)
	}
	return e
}

// refusal compiles a text of rules and returns why it is refused.
func refusal(tb testing.TB, text string) string {
	tb.Helper()
	rules, refused := sigma.ParseRules("test.yml", []byte(text))
	e, err := sigma.Compile(rules, sigma.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	var reasons []string
	for _, r := range append(refused, e.Refused()...) {
		reasons = append(reasons, r.Reason)
	}
	return strings.Join(reasons, "; ")
}

// fieldsOf makes fields of "name=value" lines; "name" alone is a null.
func fieldsOf(lines ...string) []casemate.Field {
	var out []casemate.Field
	for _, line := range lines {
		name, value, ok := strings.Cut(line, "=")
		f := casemate.Field{Name: name, Value: value}
		if !ok {
			f.Kind = casemate.Null
		}
		out = append(out, f)
	}
	return out
}

var windows = casemate.Logsource{Product: "windows"}

func matches(e *sigma.Engine, fields []casemate.Field, raw string) bool {
	return len(e.NewMatcher().Match(windows, fields, raw, nil)) > 0
}

// TestValues works the value modifiers and the special values by hand, from the
// specification and its appendix of modifiers.
func TestValues(t *testing.T) {
	const dash = "–—―"
	tests := []struct {
		item string // of a map
		yes  []string
		no   []string
	}{
		// Plain values: whole, without regard to case.
		{`F: whoami`, []string{"F=whoami", "f=WhoAmI", "F=x\nF=whoami"}, []string{"F=whoami.exe", "G=whoami", "F"}},
		{`F: 'Straße'`, []string{"F=STRAßE", "F=straẞe"}, []string{"F=strasse"}},
		{`F: ''`, []string{"F="}, []string{"F", "G=", "F=x"}},
		{`F: 4688`, []string{"F=4688"}, []string{"F=46880", "F=04688"}},
		{`F: 0x10`, []string{"F=0x10", "F=16", "F=0X10"}, []string{"F=10"}},
		{`F: 1.5`, []string{"F=1.5"}, []string{"F=15"}},
		{`F: true`, []string{"F=true", "F=True"}, []string{"F=1", "F=false"}},
		{`F: null`, []string{"F", "G=x", "F=x\nF"}, []string{"F=", "F=null"}},
		{`F: [null, '']`, []string{"F", "F=", "G=1"}, []string{"F=x"}},
		// Lists are or, and with all are and: over all values of the field.
		{`F: [a, b]`, []string{"F=a", "F=B"}, []string{"F=c", "F=ab"}},
		{`F|contains|all: [a, b]`, []string{"F=xbax", "F=a\nF=b"}, []string{"F=a", "F=b"}},
		{`F|all: [a*, '*z']`, []string{"F=a to z"}, []string{"F=a", "F=z"}},
		// Wildcards and their escapes, section "Escape Character".
		{`F: 'prog?.exe'`, []string{"F=progA.exe", "F=progé.exe"}, []string{"F=prog.exe", "F=progAB.exe"}},
		{`F: 'v*.exe'`, []string{"F=v.exe", "F=v21.2.1.exe"}, []string{"F=av1.exe", "F=v1.exe "}},
		{`F: 'a*b*c'`, []string{"F=abc", "F=aXbXbXc", "F=A\nB\nC"}, []string{"F=ac", "F=abcd", "F=acb"}},
		{`F: 'a?*c'`, []string{"F=abc", "F=abbbc"}, []string{"F=ac"}},
		{`F: '*'`, []string{"F=", "F=x"}, []string{"F", "G=x"}},
		{`F: '?'`, []string{"F=x", "F=é"}, []string{"F=", "F=xy"}},
		{`F: 'a\*b'`, []string{"F=a*b"}, []string{"F=axb", `F=a\*b`}},
		{`F: 'a\?b'`, []string{"F=a?b"}, []string{"F=axb"}},
		{`F: 'a\\*b'`, []string{`F=a\b`, `F=a\xxb`}, []string{"F=a*b", "F=axb"}},
		{`F: 'a\\\*b'`, []string{`F=a\*b`}, []string{`F=a\xb`, "F=a*b"}},
		{`F: 'C:\Windows\cmd.exe'`, []string{`F=C:\Windows\cmd.exe`}, []string{`F=C:\\Windows\\cmd.exe`}},
		{`F: 'C:\\Windows'`, []string{`F=C:\Windows`}, []string{`F=C:\\Windows`}},
		{`F: '\\\host'`, []string{`F=\\host`}, []string{`F=\host`, `F=\\\host`}},
		{`F: '\\\\host'`, []string{`F=\\host`}, []string{`F=\host`, `F=\\\\host`}},
		{`F: 'end\'`, []string{`F=end\`}, []string{"F=end"}},
		// Places.
		{`F|contains: cmd`, []string{"F=xCMDx", "F=cmd"}, []string{"F=cm d"}},
		{`F|startswith: cmd`, []string{"F=cmd.exe"}, []string{"F=xcmd"}},
		{`F|endswith: '\cmd.exe'`, []string{`F=C:\CMD.EXE`}, []string{`F=C:\cmd.exe `, "F=cmd.exe"}},
		{`F|contains: ''`, []string{"F=", "F=x"}, []string{"F", "G=x"}},
		{`F|contains: 'a*b'`, []string{"F=xaxbx", "F=ab"}, []string{"F=ba"}},
		{`F|startswith: '?b'`, []string{"F=abc"}, []string{"F=b"}},
		{`F|contains: 10`, []string{"F=2108"}, []string{"F=1 0"}},
		// cased.
		{`F|cased: Abc`, []string{"F=Abc"}, []string{"F=abc"}},
		{`F|contains|cased: Abc`, []string{"F=xAbcx"}, []string{"F=xabcx"}},
		{`F|endswith|cased: ['X*z', Q]`, []string{"F=aXbz", "F=Q"}, []string{"F=axbz", "F=q"}},
		// re and its flags: case counts, the pattern may stand anywhere.
		{`F|re: 'a[0-9]+b'`, []string{"F=xa12bx"}, []string{"F=A1b", "F=ab"}},
		{`F|re: '^a.c$'`, []string{"F=abc"}, []string{"F=a\nc", "F=xabc"}},
		{`F|re|i: 'SECRET|KEY'`, []string{"F=a secret", "F=kEy", "F=\u212aey"}, []string{"F=se-cret"}},
		{`F|re|s: 'a.c'`, []string{"F=a\nc"}, []string{"F=ac"}},
		{`F|re|m: '^b$'`, []string{"F=a\nb\nc"}, []string{"F=abc"}},
		{`F|re|i|m|s: '^B.C$'`, []string{"F=x\nb\nc\ny"}, []string{"F=bc"}},
		{`F|re|all: [a, b]`, []string{"F=ba"}, []string{"F=a"}},
		{`F|re: '\\\\host'`, []string{`F=\\host`}, []string{`F=\host`}},
		// cidr.
		{`F|cidr: 192.168.0.0/16`, []string{"F=192.168.255.1", "F=::ffff:192.168.0.1"}, []string{"F=192.169.0.1", "F=x", "F=192.168.0.1.2"}},
		{`F|cidr: 'fe80::/10'`, []string{"F=fe80::1", "F=febf::", "F=fe80::1%eth0"}, []string{"F=fec0::1", "F=10.0.0.1"}},
		{`F|cidr: 10.1.2.3/8`, []string{"F=10.255.0.0"}, []string{"F=11.1.2.3"}},
		{`F|cidr: ['10.0.0.0/8', '127.0.0.1/32']`, []string{"F=127.0.0.1"}, []string{"F=127.0.0.2"}},
		// exists: presence, not content.
		{`F|exists: true`, []string{"F=", "F", "f=x"}, []string{"G=x"}},
		{`F|exists: false`, []string{"G=x"}, []string{"F=", "F"}},
		{`F|exists: no`, []string{"G=x"}, []string{"F="}},
		// Encodings. RFC 4648 vectors; UTF-16 by hand.
		{`F|base64: foobar`, []string{"F=Zm9vYmFy"}, []string{"F=Zm9vYg=="}},
		{`F|base64|contains: foo`, []string{"F=xZm9vx"}, []string{"F=foo"}},
		{`F|base64offset|contains: foobar`, []string{"F=Zm9vYmFy", "F=IGZvb2Jhcg==", "F=ICBmb29iYXI=", "F=eGZvb2Jhcng="}, []string{"F=foobar", "F=Zm9vYg=="}},
		{`F|wide|base64|contains: cmd`, []string{"F=YwBtAGQA"}, []string{"F=Y21k"}},
		{`F|utf16le|base64: cmd`, []string{"F=YwBtAGQA"}, []string{"F=AGMAbQBk"}},
		{`F|utf16be|base64: cmd`, []string{"F=AGMAbQBk"}, []string{"F=YwBtAGQA"}},
		{`F|utf16|base64: cmd`, []string{"F=//5jAG0AZAA="}, []string{"F=YwBtAGQA"}},
		{`F|wide|contains: c`, []string{"F=xc\x00x"}, []string{"F=c"}},
		// windash: the dashes that begin an option, in all combinations.
		{`F|windash: '-f'`, []string{"F=-f", "F=/f", "F=" + dash[:3] + "f", "F=" + dash[3:6] + "F", "F=" + dash[6:] + "f"}, []string{"F=f", "F=--f"}},
		{`F|windash|contains: ' /a-b -c'`, []string{"F=x -a-b /c", "F= /a-b " + dash[3:6] + "c"}, []string{"F=x -a/b /c"}},
		{`F|contains|all|windash: ['-a ', ' -b']`, []string{"F=/a -b", "F=-a /b"}, []string{"F=/a"}},
		// Numbers.
		{`F|lt: 10`, []string{"F=9", "F=-5", "F=9.99", "F=0x9"}, []string{"F=10", "F=x", "F=", "F=0xa"}},
		{`F|lte: 10`, []string{"F=10", "F=1e1"}, []string{"F=11"}},
		{`F|gt: 9007199254740992`, []string{"F=9007199254740993"}, []string{"F=9007199254740992"}},
		{`F|gte: 1.5`, []string{"F=1.5", "F=2"}, []string{"F=1.4", "F=Inf", "F=NaN"}},
		// Times, as written.
		{`F|minute: 7`, []string{"F=2024-02-29T23:07:00Z"}, []string{"F=2024-02-29T07:08:00Z"}},
		{`F|hour: 23`, []string{"F=2024-02-29T23:07:00+05:00", "F=2024-02-29 23:59:59.123"}, []string{"F=2024-02-29T22:07:00Z", "F=23"}},
		{`F|day: 29`, []string{"F=2024-02-29"}, []string{"F=2024-02-28"}},
		{`F|week: 1`, []string{"F=2024-12-30 00:00"}, []string{"F=2024-12-29"}},
		{`F|month: 2`, []string{"F=2024-02-01"}, []string{"F=2024-12-02"}},
		{`F|year|gte: 2024`, []string{"F=2024-01-01"}, []string{"F=2023-12-31"}},
		{`F|hour|lt: 6`, []string{"F=2024-02-29T05:59:59Z"}, []string{"F=2024-02-29T06:00:00Z"}},
		// fieldref.
		{`F|fieldref: G`, []string{"F=abc\nG=ABC", "F=x\nF=y\nG=y"}, []string{"F=abc\nG=ab", "F=a", "G=a"}},
		{`F|fieldref|contains: G`, []string{"F=xabcx\nG=b"}, []string{"F=b\nG=abc"}},
		{`F|fieldref|startswith: G`, []string{"F=abc\nG=A"}, []string{"F=abc\nG=b"}},
		{`F|fieldref|endswith: G`, []string{"F=abc\nG=C"}, []string{"F=abc\nG=b"}},
		{`F|fieldref|neq: G`, []string{"F=a\nG=b"}, []string{"F=a\nG=a"}},
		{`F|fieldref|cased: G`, []string{"F=a\nG=a"}, []string{"F=a\nG=A"}},
		// neq: different from all values.
		{`F|neq: a`, []string{"F=b", "G=a"}, []string{"F=A"}},
		{`F|neq: [a, b]`, []string{"F=c"}, []string{"F=a", "F=b"}},
		{`F|contains|neq: a`, []string{"F=b"}, []string{"F=xax"}},
		{`F|neq: 5`, []string{"F=6"}, []string{"F=5"}},
	}
	for _, tt := range tests {
		e := one(t, ruleOf("  selection:\n    "+tt.item+"\n  condition: selection"), sigma.Options{})
		for want, events := range map[bool][]string{true: tt.yes, false: tt.no} {
			for _, ev := range events {
				var fields []casemate.Field
				for _, line := range splitFields(ev) {
					fields = append(fields, fieldsOf(line)...)
				}
				if got := matches(e, fields, ""); got != want {
					t.Errorf("%s on %q = %v, want %v", tt.item, ev, got, want)
				}
			}
		}
	}
}

// splitFields parts "F=a\nG=b" where a line begins with F, f or G; other line
// ends belong to values.
func splitFields(s string) []string {
	var out []string
	for i, line := range strings.Split(s, "\n") {
		begins := line == "F" || line == "G" || strings.HasPrefix(line, "F=") || strings.HasPrefix(line, "f=") || strings.HasPrefix(line, "G=")
		if i > 0 && !begins {
			out[len(out)-1] += "\n" + line
			continue
		}
		out = append(out, line)
	}
	return out
}

func TestKeywords(t *testing.T) {
	tests := []struct {
		body    string
		yes, no []string
	}{
		{"  k:\n    - Evil Service\n    - 'svc*bad'\n", []string{"an evil SERVICE here", "svchost is bad"}, []string{"evilservice", "bad svc"}},
		{"  k:\n    '|all':\n      - one\n      - ' two'\n", []string{"two one two"}, []string{"one", "two one"}},
		{"  k:\n    '|re': 'a[0-9]{2}'\n", []string{"xa12"}, []string{"a1"}},
		{"  k: 1102\n", []string{"id 1102."}, []string{"110 2"}},
		{"  k:\n    - word\n    - G: set\n", []string{"a word"}, []string{"wor d"}},
	}
	for _, tt := range tests {
		e := one(t, ruleOf(tt.body+"  condition: k"), sigma.Options{})
		for want, texts := range map[bool][]string{true: tt.yes, false: tt.no} {
			for _, text := range texts {
				if got := matches(e, fieldsOf("Message="+text), ""); got != want {
					t.Errorf("%s on the field %q = %v, want %v", tt.body, text, got, want)
				}
				if got := matches(e, nil, text); got != want {
					t.Errorf("%s on the raw text %q = %v, want %v", tt.body, text, got, want)
				}
			}
		}
	}
	e := one(t, ruleOf("  k:\n    - word\n  condition: k"), sigma.Options{})
	got := e.NewMatcher().Match(windows, fieldsOf("A=x", "Msg=a word"), "", nil)
	if diff := cmp.Diff([]string{"Msg"}, got[0].Fields); diff != "" {
		t.Errorf("fields of a keyword (-want +got):\n%s", diff)
	}
}

// TestConditions works the grammar by hand. The event turns on the searches
// whose letters it holds.
func TestConditions(t *testing.T) {
	tests := []struct {
		condition string
		yes, no   []string
	}{
		{"a", []string{"a"}, []string{"b"}},
		{"a or b and c", []string{"a", "bc"}, []string{"b", "c"}},
		{"(a or b) and c", []string{"ac", "bc"}, []string{"a", "c"}},
		{"not a and b", []string{"b"}, []string{"ab", ""}},
		{"not (a and b)", []string{"a", ""}, []string{"ab"}},
		{"not not a", []string{"a"}, []string{""}},
		{"a AND NOT b OR c", []string{"a", "c", "abc"}, []string{"ab"}},
		{"1 of them", []string{"a", "d1"}, []string{"", "_h"}},
		{"all of them", []string{"abcd1d2"}, []string{"abcd1", "abcd1_h"}},
		{"any of d*", []string{"d1", "d2"}, []string{"a"}},
		{"1 of d* and a", []string{"ad1"}, []string{"a", "d1"}},
		{"all of d*", []string{"d1d2"}, []string{"d1"}},
		{"2 of them", []string{"ab", "d1d2", "abc"}, []string{"a", "a_h"}},
		{"3 of them or _h", []string{"abc", "_h"}, []string{"ab"}},
		{"all of *1", []string{"d1"}, []string{"d2"}},
		{"1 of _*", []string{"_h"}, []string{"abcd1d2"}},
		{"a and not 1 of d*", []string{"a"}, []string{"ad2", "d1"}},
		{"((a))and(b)", []string{"ab"}, []string{"a"}},
		{"[a, b and c]", []string{"a", "bc"}, []string{"b"}},
	}
	names := []string{"a", "b", "c", "d1", "d2", "_h"}
	var body strings.Builder
	for _, name := range names {
		fmt.Fprintf(&body, "  %s:\n    F_%s: on\n", name, name)
	}
	for _, tt := range tests {
		e := one(t, ruleOf(body.String()+"  condition: "+tt.condition), sigma.Options{})
		for want, sets := range map[bool][]string{true: tt.yes, false: tt.no} {
			for _, set := range sets {
				var fields []casemate.Field
				for _, name := range names {
					if strings.Contains(set, name) {
						fields = append(fields, casemate.Field{Name: "F_" + name, Value: "on"})
					}
				}
				if got := matches(e, fields, ""); got != want {
					t.Errorf("%q on %q = %v, want %v", tt.condition, set, got, want)
				}
			}
		}
	}
}

// TestRefusals wants each unsound rule named with a reason that tells what.
func TestRefusals(t *testing.T) {
	item := func(s string) string { return ruleOf("  selection:\n    " + s + "\n  condition: selection") }
	condition := func(s string) string {
		return ruleOf("  selection:\n    F: a\n  condition: " + s)
	}
	tests := []struct{ text, want string }{
		{item(`F|nonsense: a`), `modifier "nonsense" is not known`},
		{item(`F|re: '(?=a)b'`), "regular expression is not supported"},
		{item(`F|re: 'a++'`), "regular expression is not supported"},
		{item(`F|re: '(a)\1'`), "regular expression is not supported"},
		{item(`F|re: '((a{1000}){1000}){1000}'`), "regular expression is not supported"},
		{item(`F|contains|re: a`), "re takes no contains"},
		{item(`F|i: a`), "i stands without re"},
		{item(`F|cidr: 10.0.0.0/33`), `cidr value "10.0.0.0/33" is not a network`},
		{item(`F|exists: maybe`), "exists wants true or false"},
		{item(`F|lt: abc`), "lt wants a number"},
		{item(`F|contains|startswith: a`), "both contains and startswith"},
		{item(`F|base64: 'a*'`), "base64 cannot encode a wildcard"},
		{item(`F|base64offset: ''`), "too short"},
		{item(`F|contains|expand: '%missing%'`), "placeholder %missing% has no value"},
		{item(`F: []`), "no values"},
		{item(`F: {a: b}`), "a map where a value is wanted"},
		{item(`F|contains: null`), "null where a value is wanted"},
		{item(`'|exists': true`), "exists needs a field"},
		{item(`F|windash: '` + strings.Repeat("-a ", 6) + `'`), "windash makes more than"},
		{ruleOf("  selection: []\n  condition: selection"), "empty list"},
		{ruleOf("  selection: {}\n  condition: selection"), "empty map"},
		{ruleOf("  selection:\n  condition: selection"), "empty"},
		{ruleOf("  selection:\n    F: a"), "no condition"},
		{condition("''"), "ends where a search identifier is wanted"},
		{condition("other"), `names "other"`},
		{condition("selection and"), "ends where"},
		{condition("(selection"), "( without )"},
		{condition("selection)"), `")"`},
		{condition("selection selection"), "where and, or or its end"},
		{condition("2 of selection*"), "names only 1"},
		{condition("0 of them"), "want all, any or a number"},
		{condition("1 of other*"), "nothing in the detection"},
		{condition("1 of"), "ends behind"},
		{condition("selection | count() > 5"), "aggregates"},
		{condition(strings.Repeat("(", 200) + "selection" + strings.Repeat(")", 200)), "nested deeper"},
		{"title: t\ndetection:\n  a: {b: c}\n  condition: a\n", "no logsource"},
		{"title: t\nlogsource: {definition: x}\ndetection:\n  a: {b: c}\n  condition: a\n", "logsource names no"},
		{"title: t\nlogsource: {product: x}\n", "neither detection nor"},
		{"logsource: {product: x}\ndetection:\n  a: {b: c}\n  condition: a\n", "no title"},
		{"title: t\naction: global\n", "rule collections of Sigma 1"},
		{"title: t\ntaxonomy: ecs\nlogsource: {product: x}\ndetection:\n  a: {b: c}\n  condition: a\n", `taxonomy "ecs"`},
		{"- a\n- b\n", "a rule is a map, not a list"},
		{"a: [", "YAML"},
		{"", "no rule in it"},
		{"a: &x 1\nb: *x\n", "not part of Sigma"},
		{strings.Repeat("[", 1000), "nested deeper"},
		{"a: " + strings.Repeat("- ", 1000), "nested deeper"},
		{"title: t\nid: A\n---\n" + ruleOf("  a: {b: c}\n  condition: a") + "---\n" + ruleOf("  a: {b: d}\n  condition: a"), "id is already used"},
	}
	for _, tt := range tests {
		got := refusal(t, tt.text)
		if !strings.Contains(got, tt.want) {
			t.Errorf("%.200s\nis refused with %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestExpand(t *testing.T) {
	e := one(t, ruleOf("  a:\n    F|contains|expand: '\\%x%host%-%dom%'\n  condition: a"), sigma.Options{
		Placeholders: map[string][]string{"host": {"srv*", "dc"}, "dom": {"a", "b"}},
	})
	for text, want := range map[string]bool{
		"%xsrv1-a": true, "%xDC-b!": true, "%xdc-c": false, "xdc-a": false, "%xdc1-a": false,
	} {
		if got := matches(e, fieldsOf("F="+text), ""); got != want {
			t.Errorf("%q = %v, want %v", text, got, want)
		}
	}
}

// TestLogsources applies rules to events by what each names.
func TestLogsources(t *testing.T) {
	l := func(product, category, service string) casemate.Logsource {
		return casemate.Logsource{Product: product, Category: category, Service: service}
	}
	opt := sigma.Options{Logsources: []sigma.Mapping{{From: l("", "access", ""), To: l("", "webserver", "")}}}
	tests := []struct {
		rule, event casemate.Logsource
		want        bool
	}{
		{l("windows", "", ""), l("windows", "process_creation", "sysmon"), true},
		{l("windows", "process_creation", ""), l("Windows", "process_creation", "security"), true},
		{l("windows", "process_creation", ""), l("linux", "process_creation", ""), false},
		{l("windows", "", "security"), l("windows", "process_creation", "security"), true},
		{l("windows", "", "security"), l("windows", "", ""), false},
		{l("", "webserver", ""), l("apache", "webserver", ""), true},
		{l("", "webserver", ""), l("apache", "access", ""), true},
		{l("windows", "registry_event", ""), l("windows", "registry_set", ""), true},
		{l("windows", "registry_event", ""), l("windows", "registry_event", ""), true},
		{l("windows", "registry_set", ""), l("windows", "registry_event", ""), false},
		{l("windows", "file_event", ""), l("windows", "file_delete", ""), false},
	}
	for _, tt := range tests {
		text := fmt.Sprintf("title: t\nlogsource: {product: %q, category: %q, service: %q}\ndetection:\n  a: {F: x}\n  condition: a\n",
			tt.rule.Product, tt.rule.Category, tt.rule.Service)
		m := one(t, text, opt).NewMatcher()
		for range 2 { // from the plan, and from what the matcher remembers
			if got := len(m.Match(tt.event, fieldsOf("F=x"), "", nil)) == 1; got != tt.want {
				t.Errorf("rule of %+v on an event of %+v = %v, want %v", tt.rule, tt.event, got, tt.want)
			}
		}
	}
}

const filterRules = `
title: Net
id: 6f3e2987-db24-4c78-a860-b4f4095a7095
name: net
logsource: {product: windows, category: process_creation}
detection:
  selection: {Image|endswith: '\net.exe'}
  condition: selection
---
title: Admins
logsource: {product: windows}
filter:
  rules: [%s]
  selection: {User|startswith: adm_}
  condition: %s
`

// TestFilters narrows a rule, in both readings of a filter's condition.
func TestFilters(t *testing.T) {
	log := casemate.Logsource{Product: "windows", Category: "process_creation"}
	for _, refs := range []string{"net", "6F3E2987-db24-4c78-a860-b4f4095a7095", ""} {
		for _, condition := range []string{"selection", "not selection"} {
			m := one(t, fmt.Sprintf(filterRules, refs, condition), sigma.Options{}).NewMatcher()
			for user, want := range map[string]int{"bob": 1, "ADM_bob": 0} {
				if got := m.Match(log, fieldsOf(`Image=C:\net.exe`, "User="+user), "", nil); len(got) != want {
					t.Errorf("filter of [%s] with %q and user %s: %d matches, want %d", refs, condition, user, len(got), want)
				}
			}
		}
	}
	for refs, want := range map[string]string{"other": "applies to none", "net": "neither what to suppress"} {
		condition := "selection"
		if refs == "net" {
			condition = "selection and not selection"
		}
		if got := refusal(t, fmt.Sprintf(filterRules, refs, condition)); !strings.Contains(got, want) {
			t.Errorf("refusal %q, want %q", got, want)
		}
	}
}

// TestMatch checks what a match says.
func TestMatch(t *testing.T) {
	e := one(t, `
title: Shell of Word
id: 11111111-2222-4333-8444-555555555555
level: high
tags: [attack.execution, attack.T1059.001, attack.t1204, cve.2024-1]
logsource: {product: windows}
detection:
  parent: {ParentImage|endswith: '\winword.exe'}
  child:
    - Image|endswith: '\cmd.exe'
    - OriginalFileName: Cmd.Exe
  filter: {CommandLine: ok}
  condition: parent and child and not filter
`, sigma.Options{})
	got := e.NewMatcher().Match(windows, fieldsOf(`parentimage=C:\WINWORD.EXE`, `Image=C:\cmd.exe`, "User=x"), "", nil)
	if len(got) != 1 || !got[0].Alone {
		t.Fatalf("matches %+v, want one that stands alone", got)
	}
	want := casemate.Detection{
		Rule: "11111111-2222-4333-8444-555555555555", Title: "Shell of Word", Level: casemate.SeverityHigh,
		Techniques: []string{"T1059.001", "T1204"}, Fields: []string{"ParentImage", "Image"},
	}
	if diff := cmp.Diff(want, got[0].Detection()); diff != "" {
		t.Errorf("detection (-want +got):\n%s", diff)
	}
}

// TestMatchAllocations wants no memory for an event that matches nothing.
func TestMatchAllocations(t *testing.T) {
	e := one(t, ruleOf("  a:\n    F|contains: [evil, bad]\n    G|endswith: x\n    H|re: 'a.*b'\n  condition: a"), sigma.Options{})
	m := e.NewMatcher()
	fields := fieldsOf("F=an evil value", "g=yX", "H=abab", "Other=1", "H=axx")
	fields[2].Value = "aX"
	var dst []sigma.Match
	if n := testing.AllocsPerRun(100, func() { dst = m.Match(windows, fields, "raw", dst[:0]) }); n > 0 {
		t.Errorf("%v allocations for an event without a match, want 0", n)
	}
	if len(dst) != 0 {
		t.Errorf("matches %v, want none", dst)
	}
}

// TestManyEvents runs one matcher over events of several sources: what one
// event held must not be seen in the next.
func TestManyEvents(t *testing.T) {
	text := ruleOf("  a: {F: x}\n  b: {G: null}\n  c: {H|exists: true}\n  condition: a and b and not c")
	text += "---\n" + strings.NewReplacer("windows", "linux", "11111111", "22222222").Replace(text)
	m := one(t, text, sigma.Options{}).NewMatcher()
	var got []int
	for i := range 12 {
		log := casemate.Logsource{Product: []string{"windows", "linux", "other"}[i%3]}
		fields := [][]casemate.Field{fieldsOf("F=x"), fieldsOf("F=x", "H=1"), fieldsOf("F=x", "G=1"), fieldsOf("F=y")}[i/3]
		got = append(got, len(m.Match(log, fields, "", nil)))
	}
	if want := []int{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("matches %v, want %v", got, want)
	}
}
