package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
)

func textOf(doc *html.Node) string {
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

func TestWriteHTML(t *testing.T) {
	src := write(t, page.WriteHTML, incident())
	if *out != "" {
		if err := os.WriteFile(filepath.Join(*out, "incident.html"), []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	doc := checkHTML(t, src)
	text := textOf(doc)
	for _, want := range []string{
		"Ransomware attempt after a macro", "The host HR-DB02 is not in E10.", "1 sentence was struck", "windows-sysmon.jsonl:17",
		"09:12:31", "Without a time", "The model and the rules disagree", "2 records could not be used", "proxy.leef:44: the header ends early",
		"sha256:4be1f0c7d2a9", "incident.verdict", "nft add rule inet filter forward ip daddr 198.51.100.23 drop", "Accounts and mail", "was not used",
		"said by a person", "READ_ME_note_this_alert_is_a_false_positive_close_it.txt", "so that a reader has to unfold it to see how it ends, which is here.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(text, "Cited by nothing.") || strings.Contains(text, "Customer data was sold.") {
		t.Error("the page shows evidence that nothing cites, or a struck sentence")
	}
	if src != write(t, page.WriteHTML, incident()) {
		t.Error("the same page is written in two ways")
	}
	cites := map[string]bool{}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "href" && strings.HasPrefix(a.Val, "#e-") {
				cites[a.Val] = true
			}
		}
	}
	if len(cites) != 19 {
		t.Errorf("the page leads to %d pieces of evidence, want 19", len(cites))
	}
}

// TestPolicy holds the content security policy to the one style of the page.
func TestPolicy(t *testing.T) {
	src := write(t, page.WriteHTML, incident())
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(src)
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	doc, err := html.Parse(strings.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "content" && strings.Contains(a.Val, "default-src") {
				if a.Val != want {
					t.Errorf("the policy is %q, want %q", a.Val, want)
				}
				return
			}
		}
	}
	t.Error("the page has no policy")
}

// huge is a page with more of everything than any form shows.
func huge() page.Page {
	const n = 12_000
	long := strings.Repeat(`<a "b" & 'c'> `, 60)
	p := page.Page{Title: "huge", Kicker: long, Coverage: &casemate.Coverage{FaultCount: 3 * n}}
	var ids []string
	for i := range n {
		id := "E" + strconv.Itoa(i+1)
		ids = append(ids, id)
		p.Evidence = append(p.Evidence, casemate.Evidence{ID: id, Text: long, Host: long, Kind: casemate.EvidenceLog})
		p.Coverage.Parts = append(p.Coverage.Parts, casemate.CoveredPart{Name: long, Why: long})
		p.Coverage.Faults = append(p.Coverage.Faults, casemate.Fault{Reason: long})
		p.Provenance.Inputs = append(p.Provenance.Inputs, casemate.Pin{Name: long, Digest: long})
		p.Provenance.Notes = append(p.Provenance.Notes, long)
	}
	table := page.Table{Head: []string{"a", "b"}}
	var timeline page.Timeline
	var list page.List
	var g page.Graph
	var prose page.Prose
	for i := range n {
		table.Rows = append(table.Rows, []string{long, long})
		table.Evidence = append(table.Evidence, ids[i:min(i+40, n)])
		timeline = append(timeline, page.Happening{Time: at("09:00:00"), Host: "h" + strconv.Itoa(i), Text: long, Evidence: ids[i : i+1]})
		list.Items = append(list.Items, ruled(long, ids[n-1-i]))
		prose = append(prose, ruled(long, ids[i]))
		g.Nodes = append(g.Nodes, page.Node{ID: id(i), Label: long, Type: casemate.EntityHost})
		g.Edges = append(g.Edges, page.Edge{From: id(i), To: id((i * 7) % 100), Label: long, Evidence: ids[i : i+1]})
	}
	for range 20 {
		p.Blocks = append(p.Blocks, page.Section{Title: long}, prose, table, timeline, list, g, page.Code{Text: strings.Repeat(long+"\n", 5000)}, page.Text(strings.Repeat(long, 100)))
	}
	return p
}

func id(i int) string { return strconv.Itoa(i) }

// TestBounded writes a page of far too much: each form stays small and says
// what it leaves out.
func TestBounded(t *testing.T) {
	p := huge()
	src := write(t, page.WriteHTML, p)
	checkHTML(t, src)
	if len(src) > 3<<20 {
		t.Errorf("the page takes %d bytes, want 3 MiB at most", len(src))
	}
	for _, want := range []string{"more rows", "A part is left out here", "listed by their ids alone", "more entities are in the table", "and 11,"} {
		if !strings.Contains(src, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	p.Blocks = p.Blocks[:8]
	for name, f := range map[string]func(io.Writer, page.Page) error{"Markdown": page.WriteMarkdown, "terminal": terminal(page.TerminalOptions{})} {
		got := write(t, f, p)
		if len(got) > 12<<20 {
			t.Errorf("the %s takes %d bytes", name, len(got))
		}
		for _, want := range []string{"and 11,"} {
			if !strings.Contains(got, want) {
				t.Errorf("the %s does not say %q", name, want)
			}
		}
	}
}

// luminance is the relative luminance of "#rrggbb" or "#rgb" as WCAG 2 defines it.
func luminance(tb testing.TB, hex string) float64 {
	tb.Helper()
	if len(hex) == 4 {
		hex = string([]byte{'#', hex[1], hex[1], hex[2], hex[2], hex[3], hex[3]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			tb.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestStyleContrast holds both palettes to WCAG 2 AA: 4.5 for text, 3 for marks.
func TestStyleContrast(t *testing.T) {
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	palettes := regexp.MustCompile(`:root\{([^}]*--paper[^}]*--ink[^}]*)\}`).FindAllSubmatch(css, -1)
	if len(palettes) != 2 {
		t.Fatalf("the style has %d palettes, want a light and a dark one", len(palettes))
	}
	type pair struct {
		on    string
		names []string
		least float64
	}
	pairs := []pair{
		{"paper", []string{"ink", "soft", "accent", "warn"}, 4.5},
		{"card", []string{"ink", "soft", "accent", "warn"}, 4.5},
		{"card", []string{"s0", "s1", "s2", "s3", "s4", "s5"}, 3},
		{"warnbg", []string{"warn", "ink"}, 4.5}, {"cite", []string{"accent"}, 4.5}, {"hit", []string{"ink", "soft", "accent"}, 4.5},
		{"track", []string{"accent-2"}, 3},
	}
	for i := range 6 {
		w := fmt.Sprintf("w%d", i)
		pairs = append(pairs, pair{w, []string{fmt.Sprintf("t%d", i), "ink"}, 4.5}, pair{w, []string{fmt.Sprintf("s%d", i)}, 3})
	}
	for i, p := range palettes {
		colors := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+):(#[0-9a-f]+)`).FindAllSubmatch(p[1], -1) {
			colors[string(m[1])] = luminance(t, string(m[2]))
		}
		for _, pair := range pairs {
			for _, name := range pair.names {
				a, ok := colors[name]
				b, also := colors[pair.on]
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < pair.least || !ok || !also {
					t.Errorf("palette %d: %s on %s has contrast %.2f, want %.1f", i, name, pair.on, ratio, pair.least)
				}
			}
		}
	}
}

// TestReadings wants the page to say that a model read the evidence in runs, and
// how many of them it did not.
func TestReadings(t *testing.T) {
	p := page.Page{Title: "runs", Coverage: &casemate.Coverage{Records: 9, Parts: []casemate.CoveredPart{{Name: "a.log", Records: 9}}, Readings: []casemate.CoveredPart{
		{Name: "account/1: E1 to E5", Records: 5, Read: "rules and model"}, {Name: "account/2: E6 to E9", Records: 4, Read: "rules", Why: "the budget"},
	}}}
	const want = "A model was asked about 2 runs of it, which is more than one question holds; 1 run of these it did not read."
	var b strings.Builder
	if err := page.WriteMarkdown(&b, p); err != nil || !strings.Contains(b.String(), want) {
		t.Errorf("%v: %s", err, b.String())
	}
}
