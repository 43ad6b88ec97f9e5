package yara_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed/yara"
)

const rules = `import "pe"
/* rule not_this { condition: true } */
private rule one : A B { meta: k = "v \"w\" \x41" n = -1 meta_ = true strings: $a = { 01 } $b = /x[/]y/i $c = "}" condition: all of them }
rule two{condition:false}
`

func parse(t testing.TB, src string) ([]yara.Rule, error) {
	t.Helper()
	var out []yara.Rule
	err := yara.Parse(src, func(r yara.Rule) error {
		out = append(out, r)
		return nil
	})
	return out, err
}

func TestParse(t *testing.T) {
	got, err := parse(t, rules)
	if err != nil {
		t.Fatal(err)
	}
	want := []yara.Rule{
		{Name: "one", Line: 3, Modifiers: []string{"private"}, Tags: []string{"A", "B"}, Meta: []yara.Meta{{"k", `v "w" A`}, {"n", "-1"}, {"meta_", "true"}}, Strings: 3, Condition: "all of them"},
		{Name: "two", Line: 4, Condition: "false"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if got[0].Get("K") != `v "w" A` || got[0].Get("none") != "" {
		t.Errorf("metadata is %v", got[0].Meta)
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"no name", "rule {", "want the name"},
		{"no brace", "rule a condition", "behind the name"},
		{"no end", "rule a { condition: true", "line 1: the file ends within a rule"},
		{"no end of strings", "rule a {\nstrings: $a = { 00", "line 2: a hexadecimal string does not end"},
		{"no end of a regular expression", "rule a { strings: $a = /x\n", "a regular expression does not end"},
		{"no end of a text", "rule a { strings: $a = \"x\n\"", "a text does not end"},
		{"no end of tags", "rule a : b c", "the file ends"},
		{"another section", "rule a { variables: x }", "want one of its sections"},
		{"no colon", "rule a { condition true }", `want ":"`},
		{"many words", "private global private rule a { condition: true }", "too many words"},
		{"rubbish", "hello", "want a rule"},
		{"large", strings.Repeat(" ", yara.MaxBytes+1), "limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parse(t, tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
	stop := errors.New("stop")
	if err := yara.Parse(rules, func(yara.Rule) error { return stop }); err != stop {
		t.Errorf("error is %v, want the caller's", err)
	}
}

func TestLooks(t *testing.T) {
	tests := []struct {
		in   string
		want bool
	}{
		{rules, true},
		{"global private rule x : y {", true},
		{"rule x\n{\n", true},
		{"rules of the house {", false},
		{"a rule x {", false},
		{"title: rule x", false},
	}
	for _, tt := range tests {
		if got := yara.Looks([]byte(tt.in)); got != tt.want {
			t.Errorf("Looks(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rules)
	f.Fuzz(func(t *testing.T, src string) {
		got, err := parse(t, src)
		for _, r := range got {
			if r.Name == "" || len(r.Name) > 128 || len(r.Condition) > 2*len(src) || r.Line < 1 {
				t.Fatalf("rule %+v (%v)", r, err)
			}
		}
	})
}
