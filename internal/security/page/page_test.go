package page_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"

	"github.com/casemate-ai/casemate/internal/security/page"
)

var (
	update = flag.Bool("update", false, "write the golden files anew")
	out    = flag.String("out", "", "a folder to write the HTML of the example to, to look at it")
)

func write(tb testing.TB, f func(io.Writer, page.Page) error, p page.Page) string {
	tb.Helper()
	var b bytes.Buffer
	if err := f(&b, p); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func terminal(o page.TerminalOptions) func(io.Writer, page.Page) error {
	return func(w io.Writer, p page.Page) error { return page.WriteTerminal(w, p, o) }
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update after reading it:\n%s", name, diff)
	}
}

func TestWriteTerminal(t *testing.T) {
	for _, width := range []int{80, 120, 200} {
		got := write(t, terminal(page.TerminalOptions{Width: width}), incident())
		golden(t, fmt.Sprintf("incident.%d.txt", width), got)
		for _, l := range strings.Split(got, "\n") {
			if w := uniseg.StringWidth(l); w > width && !strings.HasPrefix(l, "    nft") { // code is not broken
				t.Errorf("at %d columns a line takes %d: %q", width, w, l)
			}
		}
	}
}

func TestWriteMarkdown(t *testing.T) {
	golden(t, "incident.md", write(t, page.WriteMarkdown, incident()))
}

// TestDetail holds the terminal to naming what only the other forms show.
func TestDetail(t *testing.T) {
	p := page.Page{Title: "t", Evidence: pieces(), Blocks: []page.Block{
		page.Section{Title: "First"}, page.Prose{ruled("shown", "E1")},
		page.Section{Title: "Every tie", Detail: true}, page.Prose{ruled("hidden", "E2")},
		page.Section{Title: "Last"}, page.Text("shown, too"),
	}}
	for name, test := range map[string]struct {
		write  func(io.Writer, page.Page) error
		hidden bool
	}{"terminal": {terminal(page.TerminalOptions{}), true}, "Markdown": {page.WriteMarkdown, false}, "page": {page.WriteHTML, false}} {
		got := write(t, test.write, p)
		for _, want := range []string{"First", "shown, too", "Every tie"} {
			if !strings.Contains(got, want) {
				t.Errorf("the %s does not say %q", name, want)
			}
		}
		if hidden := !strings.Contains(got, "hidden") && !strings.Contains(got, "OUTLOOK"); hidden != test.hidden {
			t.Errorf("the %s hides details: %v, want %v", name, hidden, test.hidden)
		}
	}
}
