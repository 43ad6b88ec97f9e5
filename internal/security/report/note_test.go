package report_test

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
)

func caseNote(tb testing.TB, inc casemate.Incident, in report.Triage) string {
	tb.Helper()
	var b bytes.Buffer
	if err := report.WriteCaseNote(&b, inc, in); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestWriteCaseNoteGolden(t *testing.T) {
	golden(t, "note.golden.md", []byte(caseNote(t, intrusion(), realistic(36))))
}

// skeleton is what a case note is built of once its texts are gone: what is
// left of its Markdown after literals, code spans and plain characters.
func skeleton(note string) string {
	note = regexp.MustCompile(escaped.String()+"|`[^`\n]*`").ReplaceAllString(note, "")
	return regexp.MustCompile("[^\\\\`*_{}\\[\\]<>#!|~$^&@\n]").ReplaceAllString(note, "")
}

// TestWriteCaseNoteTwins writes an incident of attacks and its harmless twin:
// both notes have the same live Markdown, line by line.
func TestWriteCaseNoteTwins(t *testing.T) {
	triage := func(s string) report.Triage {
		return report.Triage{Files: []report.FileLine{{Name: s, Format: s}}, Provenance: []report.KeyValue{{Key: s, Value: s}}}
	}
	want := skeleton(caseNote(t, poisoned(1, "quite harmless"), triage("quite harmless")))
	for _, s := range attacks() {
		if strings.TrimSpace(s) == "" {
			continue
		}
		note := caseNote(t, poisoned(1, s), triage(s))
		if got := skeleton(note); got != want {
			t.Errorf("%+.80q changes the note's structure:\n%s", s, note)
		}
		for line := range strings.SplitSeq(note, "\n") {
			checkVisible(t, "case note", line)
			if m := terminalLink.FindString(line); m != "" {
				t.Errorf("%+.80q leaves the link %q", s, m)
			}
		}
	}
}

// TestWriteCaseNoteAgainstCmark lets GitHub's own parser read the note of every attack.
func TestWriteCaseNoteAgainstCmark(t *testing.T) {
	cmark, err := exec.LookPath("cmark-gfm")
	if err != nil {
		t.Skip("cmark-gfm is not installed")
	}
	for _, s := range attacks() {
		cmd := exec.Command(cmark, "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough", "-e", "tasklist")
		cmd.Stdin = strings.NewReader(caseNote(t, poisoned(1, s), hostile()))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		page := regexp.MustCompile(`<code>[^<]*</code>`).ReplaceAllString(string(out), "")
		for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1) {
			if !regexp.MustCompile(`^</?(h1|h2|p|ul|li|strong|table|thead|tbody|tr|th|td)( align="right")?>$|^<input type="checkbox" disabled="" />$`).MatchString(tag) {
				t.Errorf("%+.80q becomes %s", s, tag)
			}
		}
		if cells := strings.Count(page, "<td"); cells != 12 {
			t.Errorf("%+.80q gives %d cells, want 12", s, cells)
		}
	}
}

// TestWriteCaseNoteCites wants every sentence about what happened to end in the
// id of evidence that the incident holds.
func TestWriteCaseNoteCites(t *testing.T) {
	note := caseNote(t, intrusion(), realistic(3))
	_, story, _ := strings.Cut(note, "## What happened\n\n")
	story, _, _ = strings.Cut(story, "\n\n")
	cite := regexp.MustCompile("\\\\\\[(`a-[0-9a-f]{16}`(, )?)+\\\\\\]\\.$")
	for line := range strings.SplitSeq(story, "\n") {
		if !cite.MatchString(line) && line != "- and 1 more in the timeline." {
			t.Errorf("%q cites no evidence", line)
		}
	}
}

func TestWriteCaseNoteIsOnePage(t *testing.T) {
	note := caseNote(t, bloated(1, strings.Repeat("long ", 3000)), hostile())
	if n := strings.Count(note, "\n"); n > 160 {
		t.Errorf("the note of a bloated incident has %d lines, want at most 160", n)
	}
	if n := len(note); n > 64<<10 {
		t.Errorf("the note of a bloated incident has %d bytes, want at most 64 KiB", n)
	}
	if !strings.Contains(note, "and 81 more in the timeline") && !strings.Contains(note, "and 86 more in the timeline") {
		t.Errorf("the note does not say what its timeline leaves out")
	}
}

func TestWriteCaseNoteUnknowns(t *testing.T) {
	quiet := intrusion()
	quiet.Timeline[6].First = quiet.Timeline[6].First.Add(5 * time.Hour)
	bare := casemate.Incident{ID: "i-1", Timeline: []casemate.Moment{{Name: "x", Evidence: "a-1"}}}
	tests := []struct {
		name string
		inc  casemate.Incident
		want []string
	}{
		{"quiet hours", quiet, []string{"What happened in the 5 h 7 min after 2026-03-04 11:35:02Z: no alert falls into it."}},
		{"bare", bare, []string{"When 1 line of the timeline happened", "Who did it: no alert names an account.", "Which technique it was", "Incident without a title", "No record names a host or a user."}},
		{"no asset", intrusion(), []string{"How much `ws-014` matters: no inventory entry is known for it."}},
	}
	for _, tt := range tests {
		note := caseNote(t, tt.inc, realistic(1))
		for _, want := range tt.want {
			if !strings.Contains(note, want) {
				t.Errorf("%s: the note does not say %q:\n%s", tt.name, want, note)
			}
		}
	}
}

// FuzzReports writes an incident whose every text is s in all four ways.
func FuzzReports(f *testing.F) {
	for _, s := range attacks() {
		f.Add(s, 50.0)
	}
	f.Fuzz(func(t *testing.T, s string, score float64) {
		inc := poisoned(1, s)
		inc.Score, inc.Reasons[0].Points = score, score/3
		in := report.Triage{Incidents: []casemate.Incident{inc}, Total: 1, Alerts: 2, Faults: []casemate.Fault{{Reason: s}}}
		checkPage(t, page(t, in))
		for _, write := range writers(in) {
			var b bytes.Buffer
			if err := write(&b, report.TerminalOptions{Width: 80}); err != nil {
				t.Fatal(err)
			}
			checkLines(t, b.String(), 80)
		}
		for line := range strings.SplitSeq(caseNote(t, inc, in), "\n") {
			checkVisible(t, "case note", line)
		}
	})
}
