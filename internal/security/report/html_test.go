package report_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
)

func page(tb testing.TB, in report.Triage) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := report.WriteHTML(&b, in); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// elements are those the page's templates use.
var elements = strings.Fields(`html head meta title style body a header div span svg path nav h1 h2 h3 h4 p ul li ol b dl dt dd
	main section i g text line rect circle article details summary table thead tbody tr th td time code small aside footer`)

// attributes are those the page's templates use. None of them but href can lead anywhere.
var attributes = strings.Fields(`lang charset http-equiv content name class href aria-label aria-labelledby aria-hidden id width height
	viewbox d fill x y x1 x2 y1 y2 cx cy r rx text-anchor role dir open scope datetime title`)

// checkPage parses a page and fails where it could act: an element or attribute
// that the templates do not use, a link out of the page or into nothing, a
// style that fetches, an id used twice, a character that hides.
func checkPage(tb testing.TB, src []byte) *html.Node {
	tb.Helper()
	for i, line := range strings.Split(string(src), "\n") {
		checkVisible(tb, fmt.Sprintf("line %d of the page", i+1), strings.TrimLeft(line, "\t"))
	}
	doc, err := html.Parse(bytes.NewReader(src))
	if err != nil {
		tb.Fatal(err)
	}
	ids, links := map[string]bool{}, map[string]bool{}
	for n := range doc.Descendants() {
		switch n.Type {
		case html.CommentNode:
			tb.Errorf("page holds the comment %q", n.Data)
		case html.TextNode:
			if n.Parent.Data == "style" {
				for _, live := range []string{"url(", "@import", "expression", "<", "//"} {
					if strings.Contains(n.Data, live) {
						tb.Errorf("style holds %q", live)
					}
				}
			}
		case html.ElementNode:
			if !slices.Contains(elements, strings.ToLower(n.Data)) {
				tb.Errorf("page holds the element <%s>", n.Data)
			}
			for _, a := range n.Attr {
				if !slices.Contains(attributes, strings.ToLower(a.Key)) || a.Namespace != "" {
					tb.Errorf("<%s> holds the attribute %s=%q", n.Data, a.Key, a.Val)
				}
				switch a.Key {
				case "href":
					target, inside := strings.CutPrefix(a.Val, "#")
					if !inside {
						tb.Errorf("<%s> leads to %q", n.Data, a.Val)
					}
					links[target] = true
				case "id":
					if ids[a.Val] {
						tb.Errorf("id %q is used twice", a.Val)
					}
					ids[a.Val] = true
				}
			}
		}
	}
	for target := range links {
		if !ids[target] {
			tb.Errorf("a link leads to #%s, which is nowhere", target)
		}
	}
	return doc
}

// tags lists the elements of a page in order, with their classes, but for what
// depends on lengths and not on content.
func tags(doc *html.Node) string {
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
	}
	return b.String()
}

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
	src := page(t, realistic(36))
	doc := checkPage(t, src)
	text := textOf(doc)
	for _, want := range []string{
		"1,204 alerts became 37 incidents", "Credential theft on ws-014, then remote execution on dc-01",
		"a-e8127f3ac05bd946", "ws-014/Sysmon.evtx#20502", "export/ws-014/Sysmon.evtx records 20117", "hxxp[:]//cdn-update[.]example[.]net/a/stage[.]ps1",
		"+30.0", "-2.3", "The terms add up to the score.", "14 records could not be used", "320 alerts set aside",
		"not JSON: a string has no end", "vulnerability scanner", "sha256:4be1f0c7d2a9", "Lateral Movement", "D3-CR",
		"lines 1042, 1190-1229", "2026-03-04 09:15:02Z", "Both name the address 198.51.100.23.", "21 further incidents",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	policy := `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">`
	if !bytes.Contains(src, []byte(policy)) {
		t.Error("the page has no content security policy")
	}
	if !bytes.Equal(src, page(t, realistic(36))) {
		t.Error("the same triage gives two pages")
	}
}

func TestWriteHTMLHostile(t *testing.T) {
	doc := checkPage(t, page(t, hostile()))
	text := textOf(doc)
	for _, s := range attacks() {
		if want := report.Terminal(s); len(want) < 60 && !strings.Contains(text, want) {
			t.Errorf("the page does not show %+q", s)
		}
	}
}

// TestWriteHTMLTwins writes an incident whose every text is an attack and its
// twin with harmless text: the two pages have the same elements.
func TestWriteHTMLTwins(t *testing.T) {
	write := func(s string) string {
		return tags(checkPage(t, page(t, report.Triage{Incidents: []casemate.Incident{poisoned(1, s)}, Alerts: 2})))
	}
	want := write("quite harmless")
	for _, s := range attacks() {
		if s == "" || strings.TrimSpace(s) == "" {
			continue
		}
		if got := write(s); got != want {
			t.Errorf("%+q changes the page's elements", s)
		}
	}
}

// bloated is an incident that holds far more than a page can show.
func bloated(rank int, s string) casemate.Incident {
	inc := poisoned(rank, s)
	for i := range 90 {
		m := inc.Timeline[0]
		m.First = after(0).AddDate(0, 0, i)
		inc.Timeline = append(inc.Timeline, m)
		inc.Hosts = append(inc.Hosts, s)
		inc.Users = append(inc.Users, s)
		inc.Indicators = append(inc.Indicators, inc.Indicators[0])
		inc.Techniques = append(inc.Techniques, casemate.Technique{ID: fmt.Sprint(i, rank, s), Name: s, Tactics: []string{"execution", s}, Source: s})
		inc.Reasons = append(inc.Reasons, casemate.Reason{Kind: s, Text: s, Points: 1, Evidence: []string{s, s, s, s, s, s, s}})
		inc.Next = append(inc.Next, casemate.NextStep{Text: s, Kind: s, ID: s, Reason: s})
		inc.Related = append(inc.Related, casemate.Relation{ID: s, Why: s})
		inc.Alerts = append(inc.Alerts, casemate.Location{File: s, Line: i * 2})
	}
	return inc
}

const maxPageBytes = 3_000_000

func TestWriteHTMLSize(t *testing.T) {
	if n := len(page(t, realistic(299))); n > maxPageBytes {
		t.Errorf("300 incidents take %d bytes, want at most %d", n, maxPageBytes)
	}
	in := report.Triage{Total: 4000}
	long := strings.Repeat(`"'+<`, 100)
	for i := range 400 {
		in.Incidents = append(in.Incidents, bloated(i+1, long))
	}
	for range 100 {
		in.Files = append(in.Files, report.FileLine{Name: long, Format: long})
		in.Faults = append(in.Faults, casemate.Fault{At: casemate.Location{File: long}, Reason: long})
		in.Suppressed = append(in.Suppressed, report.SuppressedLine{Rule: long, Alerts: 1, Note: long})
		in.Provenance = append(in.Provenance, report.KeyValue{Key: long, Value: long})
	}
	src := page(t, in)
	if len(src) > maxPageBytes {
		t.Errorf("300 bloated incidents take %d bytes, want at most %d", len(src), maxPageBytes)
	}
	t.Logf("300 bloated incidents take %d bytes", len(src))
	text := textOf(checkPage(t, src))
	for _, want := range []string{"and 3,700 more incidents are not in this page", "to keep this page small", "and 60 more files", "and 60 more rules"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestWriteHTMLLinear doubles the incidents and the lengths of their texts: the
// allocations, which unlike time are the same on every machine, may double too.
func TestWriteHTMLLinear(t *testing.T) {
	allocations := func(n int) float64 {
		in := realistic(n - 1)
		return testing.AllocsPerRun(1, func() { page(t, in) })
	}
	small, large := allocations(75), allocations(300)
	if large > 4.5*small {
		t.Errorf("75 incidents take %.0f allocations and 300 take %.0f, more than 4.5 times as many", small, large)
	}
}

func TestWriteHTMLAnchors(t *testing.T) {
	a, b, c := intrusion(), intrusion(), intrusion()
	c.ID = "with space"
	a.Related = []casemate.Relation{{ID: a.ID, Rank: 1, Why: "itself"}}
	doc := checkPage(t, page(t, report.Triage{Incidents: []casemate.Incident{a, b, c}}))
	var ids []string
	for n := range doc.Descendants() {
		for _, attr := range n.Attr {
			if attr.Key == "id" && (strings.HasPrefix(attr.Val, "inc-") || strings.HasPrefix(attr.Val, "place.")) {
				ids = append(ids, attr.Val)
			}
		}
	}
	if want := []string{"inc-i-5f0c2a91d3e47b60", "place.2", "place.3"}; !slices.Equal(ids, want) {
		t.Errorf("anchors are %q, want %q", ids, want)
	}
}

// TestWriteHTMLStrayClock forges one time in another century: the axis keeps to
// the rest and says that a line lies outside.
func TestWriteHTMLStrayClock(t *testing.T) {
	inc := intrusion()
	inc.Timeline = append(inc.Timeline, inc.Timeline[0], inc.Timeline[1])
	inc.Timeline[7].First = inc.Timeline[7].First.AddDate(300, 0, 0)
	inc.Timeline[8].First = inc.Timeline[8].First.AddDate(-2025, 0, 0)
	text := textOf(checkPage(t, page(t, report.Triage{Incidents: []casemate.Incident{inc}})))
	if want := "2 lines lie outside this span and stand at its edge."; !strings.Contains(text, want) {
		t.Errorf("the page does not say %q", want)
	}
}

func TestWriteHTMLEmpty(t *testing.T) {
	text := textOf(checkPage(t, page(t, report.Triage{Events: 5})))
	for _, want := range []string{"0 alerts, no incident", "no rules were loaded", "It does not follow that nothing happened."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestWriteHTMLSample keeps pages in the folder that CASEMATE_REPORT_OUT names,
// for eyes and for browsers.
func TestWriteHTMLSample(t *testing.T) {
	dir := os.Getenv("CASEMATE_REPORT_OUT")
	if dir == "" {
		t.Skip("CASEMATE_REPORT_OUT is not set")
	}
	for name, in := range map[string]report.Triage{"realistic": realistic(36), "hostile": hostile(), "empty": {}, "large": realistic(299)} {
		src := page(t, in)
		t.Logf("%s: %d bytes", name, len(src))
		if err := os.WriteFile(filepath.Join(dir, name+".html"), src, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
