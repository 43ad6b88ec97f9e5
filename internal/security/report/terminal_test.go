package report_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a golden file, or rewrites it.
func golden(tb testing.TB, name string, got []byte) {
	tb.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		tb.Errorf("%s differs (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

func TestWriteTerminalGolden(t *testing.T) {
	for name, opt := range map[string]report.TerminalOptions{
		"terminal80.golden":  {Width: 80, Top: 8},
		"terminal120.golden": {Width: 120, Top: 8},
	} {
		var b bytes.Buffer
		if err := report.WriteTerminal(&b, realistic(36), opt); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestWriteExplainGolden(t *testing.T) {
	var b bytes.Buffer
	if err := report.WriteExplain(&b, intrusion(), report.TerminalOptions{Width: 100}); err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.golden", b.Bytes())
}

// sgr is what a report may say to a terminal: colours.
var sgr = regexp.MustCompile("\x1b\\[[0-9;]+m")

// checkLines fails where a line is wider than the screen or could act on it.
func checkLines(tb testing.TB, text string, width int) {
	tb.Helper()
	if !strings.HasSuffix(text, "\n") {
		tb.Error("the report does not end its last line")
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		checkVisible(tb, "report", line)
		if w := uniseg.StringWidth(line); w > width {
			tb.Errorf("%d columns, want at most %d: %+q", w, width, line)
		}
	}
}

// writers are all that write for a terminal, of a triage with its first incident.
func writers(in report.Triage) map[string]func(io.Writer, report.TerminalOptions) error {
	return map[string]func(io.Writer, report.TerminalOptions) error{
		"terminal": func(w io.Writer, opt report.TerminalOptions) error { return report.WriteTerminal(w, in, opt) },
		"explain": func(w io.Writer, opt report.TerminalOptions) error {
			var inc casemate.Incident
			if len(in.Incidents) > 0 {
				inc = in.Incidents[0]
			}
			return report.WriteExplain(w, inc, opt)
		},
	}
}

func TestTerminalFitsTheScreen(t *testing.T) {
	triages := map[string]report.Triage{"realistic": realistic(36), "hostile": hostile(), "empty": {}, "bloated": {
		Incidents: []casemate.Incident{bloated(1, "界\x1b "), bloated(123456, strings.Repeat("long word ", 90))}, Total: 1e6, Alerts: 1e9,
	}}
	for name, in := range triages {
		for what, write := range writers(in) {
			for _, width := range []int{72, 80, 100, 112, 120, 140, 200} {
				var plain, color bytes.Buffer
				if err := write(&plain, report.TerminalOptions{Width: width, Detail: 40}); err != nil {
					t.Fatal(err)
				}
				checkLines(t, plain.String(), width)
				if err := write(&color, report.TerminalOptions{Width: width, Detail: 40, Color: true}); err != nil {
					t.Fatal(err)
				}
				if got := sgr.ReplaceAllString(color.String(), ""); trimLines(got) != plain.String() {
					t.Errorf("%s of %s, %d columns: colour changes the text", what, name, width)
				}
				if t.Failed() {
					t.Fatalf("%s of %s, %d columns", what, name, width)
				}
			}
		}
	}
}

// trimLines drops the spaces that colour keeps at the end of a line.
func trimLines(s string) string {
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(s, "")
}

// TestTerminalHostileAlone writes each attack in every field of one incident.
func TestTerminalHostileAlone(t *testing.T) {
	for _, s := range attacks() {
		in := report.Triage{Incidents: []casemate.Incident{poisoned(1, s)}, Total: 1, Alerts: 2}
		for _, write := range writers(in) {
			var b bytes.Buffer
			if err := write(&b, report.TerminalOptions{Width: 80}); err != nil {
				t.Fatal(err)
			}
			checkLines(t, b.String(), 80)
		}
	}
}

func TestWriteTerminalSays(t *testing.T) {
	limited := realistic(36)
	limited.Total = 2000
	tests := []struct {
		name string
		in   report.Triage
		opt  report.TerminalOptions
		want []string
		not  []string
	}{
		{"limited", limited, report.TerminalOptions{}, []string{"became 2,000 incidents", "of the first 37", "and 1,980 more"}, nil},
		{"no detail", realistic(1), report.TerminalOptions{Detail: -1}, []string{"--explain i-5f0c2a91d3e47b60"}, []string{"Kill chain"}},
		{"nothing read", report.Triage{}, report.TerminalOptions{}, []string{"0 alerts, no incident", "no rule matched", "no known time"}, []string{"--explain"}},
		{"no rules", report.Triage{Events: 1}, report.TerminalOptions{}, []string{"no rules were loaded"}, nil},
		{"all suppressed", report.Triage{Alerts: 3, Suppressed: []report.SuppressedLine{{Rule: "r", Alerts: 3}}}, report.TerminalOptions{}, []string{"No incident is left to show.", "3 alerts set aside"}, nil},
		{"faults without a list", report.Triage{FaultCount: 1}, report.TerminalOptions{}, []string{"Incomplete: 1 record could not be used.", "and 1 more"}, nil},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		if err := report.WriteTerminal(&b, tt.in, tt.opt); err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: the report does not say %q:\n%s", tt.name, want, b.String())
			}
		}
		for _, not := range tt.not {
			if strings.Contains(b.String(), not) {
				t.Errorf("%s: the report says %q", tt.name, not)
			}
		}
	}
}

// TestWriteExplainAddsUp draws reasons of any size: the points as printed add up
// to the sum as printed after every line, and what the score lacks is said.
func TestWriteExplainAddsUp(t *testing.T) {
	row := regexp.MustCompile(`(?m)^ +([+-][0-9,]+\.[0-9]) +(-?[0-9,]+\.[0-9])  k:`)
	tenths := func(t *rapid.T, s string) int {
		n, err := strconv.Atoi(strings.NewReplacer(",", "", ".", "", "+", "").Replace(s))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	rapid.Check(t, func(t *rapid.T) {
		inc := casemate.Incident{Score: rapid.Float64Range(0, 100).Draw(t, "score")}
		points := rapid.SliceOfN(rapid.Float64Range(-400, 400), 0, 30).Draw(t, "points")
		exact := 0.0
		for _, p := range points {
			exact += p
			inc.Reasons = append(inc.Reasons, casemate.Reason{Kind: "k", Text: "why", Points: p})
		}
		var b bytes.Buffer
		if err := report.WriteExplain(&b, inc, report.TerminalOptions{}); err != nil {
			t.Fatal(err)
		}
		rows := row.FindAllStringSubmatch(b.String(), -1)
		if len(rows) != len(points) {
			t.Fatalf("%d reasons give %d rows:\n%s", len(points), len(rows), b.String())
		}
		sum := 0
		for i, r := range rows {
			sum += tenths(t, r[1])
			if got := tenths(t, r[2]); got != sum {
				t.Fatalf("row %d says the sum is %d tenths, its points add up to %d", i, got, sum)
			}
		}
		if math.Abs(float64(sum)-exact*10) > 0.5001 {
			t.Errorf("the terms add up to %d tenths, want %v", sum, exact*10)
		}
		if says, want := strings.Contains(b.String(), "The terms add up to the score."), sum == int(math.Round(inc.Score*10)); says != want {
			t.Errorf("sum of %d tenths, score %v: says that they agree: %v", sum, inc.Score, says)
		}
	})
}

func TestWriteExplainOddScores(t *testing.T) {
	reasons := func(points ...float64) (out []casemate.Reason) {
		for _, p := range points {
			out = append(out, casemate.Reason{Kind: "k", Text: "why", Points: p})
		}
		return out
	}
	tests := []struct {
		score   float64
		reasons []casemate.Reason
		want    string
	}{
		{100, reasons(80, 32.4), "The terms add up to 112.4; a score stops at 100."},
		{0, reasons(10, -32.4), "The terms add up to -22.4; a score stops at 0."},
		{50, reasons(20), "The terms add up to 20.0, not to the score of 50.0: +30.0 is not explained by them."},
		{0, nil, "no reason was given"},
		{math.NaN(), reasons(math.Inf(1), math.NaN(), math.Inf(-1)), "The terms add up to the score."},
		{math.Inf(1), reasons(math.MaxFloat64), "The terms add up to the score."},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		inc := casemate.Incident{Score: tt.score, Reasons: tt.reasons}
		if err := report.WriteExplain(&b, inc, report.TerminalOptions{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), tt.want) {
			t.Errorf("score %v does not say %q:\n%s", tt.score, tt.want, b.String())
		}
		checkLines(t, b.String(), 100)
		checkPage(t, page(t, report.Triage{Incidents: []casemate.Incident{inc}}))
	}
}

// failing is a writer that is full.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWritersReturnErrors(t *testing.T) {
	in := realistic(2)
	for name, err := range map[string]error{
		"terminal": report.WriteTerminal(failing{}, in, report.TerminalOptions{}),
		"html":     report.WriteHTML(failing{}, in),
		"note":     report.WriteCaseNote(failing{}, in.Incidents[0], in),
		"explain":  report.WriteExplain(failing{}, in.Incidents[0], report.TerminalOptions{}),
	} {
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s on a full writer returns %v", name, err)
		}
	}
}
