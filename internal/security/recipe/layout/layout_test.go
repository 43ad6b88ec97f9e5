package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/recipe/layout"
)

func write(t *testing.T, text string, values map[string]any) page.Page {
	t.Helper()
	l, err := layout.Parse("page.md", text)
	if err != nil {
		t.Fatal(err)
	}
	var p page.Page
	if err := l.Write(values, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBlocks wants each kind of block that the reader knows.
func TestBlocks(t *testing.T) {
	said := &casemate.Statement{Text: "It did.", Evidence: []string{"E1"}, By: casemate.DecidedByModel, Support: casemate.Supported}
	p := write(t, "# Title of {{.n}}\n\n{{.said}}\n\n## Part\n\nPlain **text**\nover two lines.\n\n"+
		"{{range .list}}\n- item {{.}}\n{{end}}\n\n1. first\n2. second\n\n**Name:** {{.name}}\n**Empty:** {{.empty}}\n\n"+
		"| Host | Evidence |\n|---|---|\n{{range .list}}\n| {{.}} | E1, E2 |\n{{end}}\n\n> [!WARNING] Mind {{.name}}\n> the gap\n\n```sh\nrun {{.name}}\n```\n{{badge \"high\" .name}}\n",
		map[string]any{"n": 3, "said": said, "list": []string{"a|b", "c"}, "name": "# x", "empty": ""})
	rule := func(s string) casemate.Statement { return casemate.Statement{Text: s, By: casemate.DecidedByRule} }
	want := page.Page{
		Title: "Title of 3", Lede: []casemate.Statement{*said}, Badges: []page.Badge{{Text: "# x", Level: casemate.SeverityHigh}},
		Blocks: []page.Block{
			page.Section{Title: "Part"}, page.Text("Plain text over two lines."),
			page.List{Items: []casemate.Statement{rule("item a|b"), rule("item c")}},
			page.List{Items: []casemate.Statement{rule("first"), rule("second")}, Numbered: true},
			page.Facts{{Name: "Name", Value: "# x"}},
			page.Table{Head: []string{"Host"}, Rows: [][]string{{"a|b"}, {"c"}}, Evidence: [][]string{{"E1", "E2"}, {"E1", "E2"}}},
			page.Callout{Level: casemate.SeverityHigh, Title: "Mind # x", Text: "the gap"},
			page.Code{Language: "sh", Text: "run # x"},
		},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

// TestSentences wants a sentence to keep what it cites and what is wrong with it.
func TestSentences(t *testing.T) {
	bad := &casemate.Statement{Text: "No.", Evidence: []string{"E2"}, By: casemate.DecidedByModel, Support: casemate.Unsupported, Problems: []casemate.Problem{{Kind: "host"}}}
	p := write(t, "# T\n\nFirst.\n\n- {{.bad}} (x)\n\nSee {{.bad}} so.\n", map[string]any{"bad": bad})
	item := p.Blocks[0].(page.List).Items[0]
	if item.Text != "No. (x)" || item.Support != casemate.Unsupported || item.By != casemate.DecidedByModel || len(item.Problems) != 1 || len(item.Evidence) != 1 {
		t.Errorf("item %+v", item)
	}
	prose := p.Blocks[1].(page.Prose)
	if len(prose) != 3 || prose[0].Text != "See" || prose[1].Support != casemate.Unsupported || prose[2].Text != "so." {
		t.Errorf("prose %+v", prose)
	}
}

// TestRefused wants what a template must not do to be refused, and endless ones
// to end.
func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{{js .x}}":                            `cannot call "js"`,
		"{{range $i, $x := (call .x)}}{{end}}": `cannot call "call"`,
		"{{slice .x 1}}":                       `cannot call "slice"`,
		"{{nothing}}":                          "nothing",
		"{{if":                                 "page.md:1",
	} {
		if _, err := layout.Parse("page.md", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"{{range 1000000000}}{{end}}", `{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`, "{{.absent}}"} {
		l, err := layout.Parse("page.md", text)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Write(map[string]any{}, new(page.Page)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// TestComparisons wants numbers of any kind to compare.
func TestComparisons(t *testing.T) {
	p := write(t, "# {{if and (gt .f 2) (le .i 3.0) (eq .i 3) (ne .s \"b\") (lt \"a\" .s)}}yes{{else}}no{{end}}", map[string]any{"f": 2.5, "i": 3, "s": "c"})
	if p.Title != "yes" {
		t.Errorf("title %q", p.Title)
	}
}

func FuzzLayout(f *testing.F) {
	f.Add("# {{.a}}\n\n| {{.b}} |\n|---|\n- {{.b}}\n> [!TIP] {{.a}}\n```\n", "x\n# y")
	f.Add("{{range .c}}{{.}}{{end}}\n**{{.a}}:** {{.b}}\n", "\uE0001\uE001")
	f.Fuzz(func(t *testing.T, text, value string) {
		l, err := layout.Parse("page.md", text)
		if err != nil {
			return
		}
		var p page.Page
		if err := l.Write(map[string]any{"a": value, "b": &casemate.Statement{Text: value}, "c": []string{value, "z"}}, &p); err != nil {
			return
		}
		var empty page.Page
		if err := l.Write(map[string]any{"a": "q", "b": &casemate.Statement{Text: "q"}, "c": []string{"q", "z"}}, &empty); err != nil {
			return
		}
		sections := func(p page.Page) (n int) {
			for _, b := range p.Blocks {
				if _, ok := b.(page.Section); ok {
					n++
				}
			}
			return n
		}
		if !strings.Contains(text, "if") && !strings.Contains(text, "with") && !strings.Contains(text, "range") && strings.TrimSpace(value) != "" && sections(p) != sections(empty) {
			t.Errorf("the value %q makes %d sections, want %d", value, sections(p), sections(empty))
		}
	})
}
