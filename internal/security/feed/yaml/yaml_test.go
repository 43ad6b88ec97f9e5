package yaml_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed/yaml"
)

const text = `a: 1
b: [x, 2, true, null]
c:
  d: |
    one
    two
  e: 'f'
# a comment
g: &h plain
---
i: j
`

func TestParse(t *testing.T) {
	docs, err := yaml.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 2 {
		t.Fatalf("%d documents, want 2", len(docs))
	}
	d := docs[0]
	if got := d.Str("a") + d.Str("g") + d.Get("c").Str("e") + docs[1].Str("i"); got != "1plainfj" {
		t.Errorf("scalars are %q", got)
	}
	if diff := cmp.Diff([]string{"x", "2", "true"}, d.Strs("b")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if got := d.Get("c").Str("d"); got != "one\ntwo\n" {
		t.Errorf("block is %q", got)
	}
	if got, want := d.Block(text, "c"), "c:\n  d: |\n    one\n    two\n  e: 'f'"; got != want {
		t.Errorf("lines are %q, want %q", got, want)
	}
	if got := d.Block(text, "g"); got != "g: &h plain" {
		t.Errorf("lines of the last key are %q", got)
	}
	if got := docs[1].Block(text, "i"); got != "i: j" {
		t.Errorf("lines of the second document are %q", got)
	}
	if d.Get("nothing") != nil || d.Str("c") != "" || d.Strs("c") != nil || len(d.Items("b")) != 4 || d.Block(text, "nothing") != "" {
		t.Error("what is not there was found")
	}
	var none *yaml.Node
	if none.Get("a") != nil || none.Str("a") != "" || none.Strs("a") != nil || none.Items("a") != nil || none.Block("", "a") != "" {
		t.Error("no node has something in it")
	}
}

func TestRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"alias", "a: &x [1]\nb: *x", "alias"},
		{"billion laughs", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]", "alias"},
		{"merge", "a: &x {k: 1}\nb:\n  <<: *x", "alias"},
		{"tag", "a: !!python/object x", "tag"},
		{"a key twice", "a: 1\na: 2", "a"},
		{"brackets", strings.Repeat("[", 2000), "nested deeper"},
		{"dashes", strings.Repeat("- ", 2000) + "x", "nested deeper"},
		{"questions", strings.Repeat("? ", 2000) + "x", "nested deeper"},
		{"large", strings.Repeat("a", yaml.MaxBytes+1), "limit"},
		{"a long line", "a: " + strings.Repeat("x", yaml.MaxLine), "a line of"},
		{"many blank lines", "a: |\n x" + strings.Repeat("\n \t", yaml.MaxBlank+2), "blank lines"},
		{"many", "a: [" + strings.Repeat("1,1,1,1,1,1,1,1,1,1,\n", 24_000) + "1]", "commas"},
		{"many keys in braces", "a: {" + strings.Repeat("\"\",\"\",\"\",\"\",\n", 8_000), "commas"},
		{"NUL", "a: \x00", "NUL"},
		{"broken", "a: [", "parse YAML"},
		{"indented deep", indented(200), "nested deeper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := yaml.Parse([]byte(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

// indented nests maps by indentation.
func indented(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Fuzz(func(t *testing.T, in string) {
		docs, err := yaml.Parse([]byte(in))
		if err != nil {
			return
		}
		for _, d := range docs {
			for _, k := range d.Keys {
				if b := d.Block(in, k); len(b) > len(in) {
					t.Fatalf("the lines of %q are longer than the file", k)
				}
			}
		}
	})
}
