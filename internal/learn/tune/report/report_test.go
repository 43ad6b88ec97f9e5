package report_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/learn/tune/report"
)

func redact(s string) string { return strings.ReplaceAll(s, "token=hunter2", "[password]") }

func page(t testing.TB, r *tune.Result, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPage wants every part of a result on its page.
func TestPage(t *testing.T) {
	text := page(t, result(queues(), 400, 0.88), report.Options{Command: "casemate tune train tickets.csv", Version: "v1", At: day, Redact: redact})
	for _, want := range []string{
		"<h1 dir=\"auto\">The head is ready", "Ready</li>", "88.5 %", "85.0 to 91.3", // verdict and figures
		"nearest neighbour", "McNemar p &lt; 0.001", "no difference beyond chance", "Not measured: it had seen 12", // comparison
		"Tried and not measured on the test part, since another was better by cross-validation: pieces; vectors, much.",
		"Would more rows help?", "Twice the rows", "Can its probabilities be believed?", "What does abstaining gain?",
		"account takeover answered as", "precision 89", "not sure of the precision asked for",
		"<mark>password</mark>", "svc-backup</code> &#43;0.8", // errors with the words that moved them
		"allowed for this training", "41 rows are the same as another.", "Rows 4, 5, 9",
		"casemate tune train tickets.csv", "sha256:", "2026-03-05 09:12:31 UTC", "best of 4 by cross-validation",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	again := page(t, result(queues(), 400, 0.88), report.Options{Command: "casemate tune train tickets.csv", Version: "v1", At: day, Redact: redact})
	if again != text {
		t.Error("the same result is another page")
	}
}

// TestPageIsAlone wants a page that needs nothing else and does nothing.
func TestPageIsAlone(t *testing.T) {
	text := page(t, result(techniques(80), 800, 0.7), report.Options{Redact: redact})
	if !strings.Contains(text, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
		t.Error("the page has no content security policy")
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var links []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" || n.Data == "iframe" || n.Data == "link" || n.Data == "img" || n.Data == "form" {
			t.Errorf("the page has a %s", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("the id %q is there twice", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href":
				links = append(links, a.Val)
			case a.Key == "style" || a.Key == "src" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("%s has the attribute %s", n.Data, a.Key)
			}
		}
	}
	for _, l := range links {
		if !strings.HasPrefix(l, "#") || !ids[l[1:]] {
			t.Errorf("a link leads to %q", l)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "ZgotmplZ") {
		t.Error("the page has a number that is none, or what the template refused")
	}
	if len(text) > 400<<10 {
		t.Errorf("a page of 80 labels has %d bytes", len(text))
	}
}

// TestTextsAreSafe wants texts escaped, without secrets, and gone where asked for.
func TestTextsAreSafe(t *testing.T) {
	r := result(queues(), 100, 0.8)
	hostile := "<img src=x onerror=alert(1)>\x1b[2J\u202e"
	r.Name, r.Verdict.Headline, r.Classes[0].Label = hostile, hostile, hostile
	r.Candidates[0].Name, r.Candidates[0].About, r.Mistakes[0].Answer = hostile, hostile, []string{hostile}
	r.Inspection.Findings[0].Shown = []string{hostile}
	r.Card.Limits = append(r.Card.Limits, hostile+" | x ]( http://x.example")
	text := page(t, r, report.Options{Redact: redact, Command: hostile})
	for _, bad := range []string{"<img", "\x1b", "\u202e", "hunter2", "<script"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if !strings.Contains(text, "[password] was seen") {
		t.Error("the redacted text is not shown")
	}
	if text := page(t, r, report.Options{NoTexts: true}); strings.Contains(text, "svc-backup") || strings.Contains(text, "was seen in the long log the") {
		t.Error("the page has a text though none is wanted")
	}
	r.Mistakes[1].Text = "sent with AKIAQYLPMN5HHHFPZAM2 by jane.doe@example.com"
	if text := page(t, r, report.Options{}); strings.Contains(text, "AKIAQYLPMN5HHHFPZAM2") || strings.Contains(text, "jane.doe") || !strings.Contains(text, "sent with") {
		t.Error("the page has a key or an address, or lacks the text around it")
	}
	var b bytes.Buffer
	if err := report.Summary(&b, r, 80); err != nil {
		t.Fatal(err)
	}
	var card bytes.Buffer
	if err := report.Card(&card, r, report.Options{Command: hostile}); err != nil {
		t.Fatal(err)
	}
	b.Write(card.Bytes())
	for _, bad := range []string{"\x1b", "\u202e", "hunter2", "svc-backup"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the summary or the card has %q", bad)
		}
	}
	plain := regexp.MustCompile("(?s)```.*?```|`[^`]*`").ReplaceAllString(card.String(), "") // code is only shown
	if regexp.MustCompile(`[^\\]\]\(|[^\\]<img`).MatchString(plain) {
		t.Errorf("the card has a link or an element: %q", plain)
	}
}

func TestNumbers(t *testing.T) {
	text := page(t, number(), report.Options{})
	for _, want := range []string{"Not yet</li>", "further right is better", "1.08 to 1.3", "mean absolute error"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	for _, not := range []string{"believed?", "id=\"confusion\"", "id=\"labels\""} {
		if strings.Contains(text, not) {
			t.Errorf("the page of a number has %q", not)
		}
	}
}

func TestManyLabels(t *testing.T) {
	text := page(t, result(techniques(80), 800, 0.7), report.Options{})
	if !strings.Contains(text, "A map of 60 by 60 labels") || !strings.Contains(text, "20 more have") || strings.Contains(text, `class="matrix"`) {
		t.Error("80 labels are not shown as a map of 60")
	}
}

// TestSummary wants lines that fit, with the verdict first.
func TestSummary(t *testing.T) {
	for name, r := range map[string]*tune.Result{"labels": result(techniques(80), 800, 0.7), "number": number()} {
		for _, width := range []int{0, 60, 80, 120} {
			var b bytes.Buffer
			if err := report.Summary(&b, r, width); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(strings.Join(strings.Fields(b.String()), " "), r.Verdict.Headline) {
				t.Errorf("%s: does not begin with the verdict: %.80q", name, b.String())
			}
			most := width
			if width == 0 {
				most = 80
			}
			for line := range strings.Lines(b.String()) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > most {
					t.Errorf("%s: a line of %d columns, limit %d: %q", name, n, most, line)
				}
			}
		}
	}
}

func TestCard(t *testing.T) {
	var b bytes.Buffer
	r := result(queues(), 400, 0.88)
	if err := report.Card(&b, r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Method: words and pairs. A linear model of words and word pairs.\n", "# triage-queue\n", "## What it is\n", "Needs no language model", "## How good it is\n", "| nearest neighbour | baseline |", "## What it was made from\n", "Allowed although a result may be false", "## What it cannot do\n", "fewer than ten rows", "casemate classify --head triage-queue FILE"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the card has no %q:\n%s", want, b.String())
		}
	}
	columns := regexp.MustCompile(`(?m)^\|.*\|$`)
	for _, block := range strings.Split(b.String(), "\n\n") {
		n := -1
		for _, row := range columns.FindAllString(block, -1) {
			if got := strings.Count(row, "|"); n >= 0 && got != n {
				t.Errorf("a row has %d bars, the one before %d: %q", got, n, row)
			} else {
				n = got
			}
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestErrors(t *testing.T) {
	r := result(queues(), 50, 0.8)
	for name, write := range map[string]func(w io.Writer, r *tune.Result) error{
		"page":    func(w io.Writer, r *tune.Result) error { return report.HTML(w, r, report.Options{}) },
		"card":    func(w io.Writer, r *tune.Result) error { return report.Card(w, r, report.Options{}) },
		"summary": func(w io.Writer, r *tune.Result) error { return report.Summary(w, r, 0) },
	} {
		if err := write(broken{}, r); err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("%s on a broken writer: %v", name, err)
		}
		for what, empty := range map[string]*tune.Result{"nil": nil, "empty": {}, "nothing measured": {Candidates: []tune.Candidate{{Name: "x"}}}} {
			var b bytes.Buffer
			if err := write(&b, empty); err == nil || b.Len() > 0 {
				t.Errorf("%s of %s: %v", name, what, err)
			}
		}
	}
	// A result that has the least there can be.
	least := &tune.Result{Candidates: []tune.Candidate{{Name: "x", Evaluation: r.Candidates[0].Evaluation}}}
	page(t, least, report.Options{})
}
