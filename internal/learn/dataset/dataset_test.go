package dataset_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// parse reads a text that must be readable.
func parse(tb testing.TB, text string, o dataset.Options) *dataset.Table {
	tb.Helper()
	t, err := dataset.Parse(context.Background(), "rows", []byte(text), o)
	if err != nil {
		tb.Fatalf("Parse(%q) = %v", text, err)
	}
	return t
}

func ExampleParse() {
	rows := "note,verdict\nthe host sent a beacon outside,bad\nnothing new on the server,good\nthe file was gone,bad\nall is well,good\n"
	t, err := dataset.Parse(context.Background(), "rows.csv", []byte(rows), dataset.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %s, because it is %s\n", t.Kind, t.Text, t.Why["text"])
	fmt.Println(t.Labels, t.Rows[0].Labels, t.Rows[0].Text)
	// Output:
	// single: note, because it is the only column of sentences, 4 words a cell
	// [bad good] [bad] the host sent a beacon outside
}

// labelled has rows of three sentences each with a label.
const labelled = "id,sentence,verdict\n1,the host sent a beacon to the server,bad\n2,a user opened the weekly report,good\n3,the host sent a second beacon today,bad\n4,nothing was seen in the office,good\n"

func TestCSV(t *testing.T) {
	got := parse(t, labelled, dataset.Options{})
	want := []dataset.Row{
		{Number: 1, Line: 2, Text: "the host sent a beacon to the server", Labels: []string{"bad"}, Fields: map[string]string{"id": "1"}},
		{Number: 2, Line: 3, Text: "a user opened the weekly report", Labels: []string{"good"}, Fields: map[string]string{"id": "2"}},
		{Number: 3, Line: 4, Text: "the host sent a second beacon today", Labels: []string{"bad"}, Fields: map[string]string{"id": "3"}},
		{Number: 4, Line: 5, Text: "nothing was seen in the office", Labels: []string{"good"}, Fields: map[string]string{"id": "4"}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if got.Text != "sentence" || got.Label != "verdict" || got.Kind != dataset.KindSingle || got.Format != "csv" {
		t.Errorf("text %q, label %q, kind %q, format %q", got.Text, got.Label, got.Kind, got.Format)
	}
	if !slices.Equal(got.Labels, []string{"bad", "good"}) {
		t.Errorf("labels %q", got.Labels)
	}
	for _, what := range []string{"text", "label", "kind"} {
		if got.Why[what] == "" {
			t.Errorf("no reason for the %s", what)
		}
	}
}

// TestDialects reads the same rows in every dress that spreadsheets give them.
func TestDialects(t *testing.T) {
	want := parse(t, labelled, dataset.Options{}).Rows
	utf16 := func(s string, big bool) string {
		var b strings.Builder
		for _, r := range s {
			if big {
				b.WriteByte(0)
			}
			b.WriteByte(byte(r))
			if !big {
				b.WriteByte(0)
			}
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"tabs":         strings.ReplaceAll(labelled, ",", "\t"),
		"semicolons":   strings.ReplaceAll(labelled, ",", ";"),
		"bars":         strings.ReplaceAll(labelled, ",", "|"),
		"crlf":         strings.ReplaceAll(labelled, "\n", "\r\n"),
		"no last line": strings.TrimSuffix(labelled, "\n"),
		"mark":         "\xef\xbb\xbf" + labelled,
		"utf-16le":     "\xff\xfe" + utf16(labelled, false),
		"utf-16be":     "\xfe\xff" + utf16(labelled, true),
		"no mark":      utf16(labelled, false),
		"empty lines":  labelled + "\n\n",
	} {
		if diff := cmp.Diff(want, parse(t, text, dataset.Options{}).Rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	windows := parse(t, strings.ReplaceAll(labelled, "weekly", "caf\xe9"), dataset.Options{})
	if got := windows.Rows[1].Text; got != "a user opened the café report" || windows.Files[0].Encoding != "Windows-1252" {
		t.Errorf("%q in %q", got, windows.Files[0].Encoding)
	}
}

func TestQuoting(t *testing.T) {
	got := parse(t, "text,label\n\"one, two \"\"three\"\"\nfour five\",a\nsix seven eight nine,b\n\"never closed ten eleven,a\ntwelve thirteen fourteen fifteen,b\nsixteen seventeen,a,more\n", dataset.Options{})
	var texts []string
	for _, r := range got.Rows {
		texts = append(texts, r.Text)
	}
	if diff := cmp.Diff([]string{"one, two \"three\"\nfour five", "six seven eight nine", "twelve thirteen fourteen fifteen"}, texts); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	var at [][2]int
	for _, p := range got.Skipped {
		at = append(at, [2]int{p.Number, p.Line})
	}
	if diff := cmp.Diff([][2]int{{3, 5}, {5, 7}}, at); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestNoHeading(t *testing.T) {
	got := parse(t, strings.Join(strings.Split(labelled, "\n")[1:], "\n"), dataset.Options{})
	if len(got.Rows) != 4 || got.Text != "column2" || got.Label != "column3" {
		t.Errorf("%d rows, text %q, label %q", len(got.Rows), got.Text, got.Label)
	}
}

// TestKinds tells what rows teach from their labels alone.
func TestKinds(t *testing.T) {
	table := func(labels ...string) string {
		var b strings.Builder
		b.WriteString("text\tlabel\n")
		for i := range 24 {
			b.WriteString("this is sentence number " + string(rune('a'+i)) + "\t" + labels[i%len(labels)] + "\n")
		}
		return b.String()
	}
	for _, c := range []struct {
		name   string
		labels []string
		o      dataset.Options
		kind   dataset.Kind
		want   []string
	}{
		{"words", []string{"phish", "clean"}, dataset.Options{}, dataset.KindSingle, []string{"clean", "phish"}},
		{"bars", []string{"T1059|T1027", "T1027", "T1059"}, dataset.Options{}, dataset.KindMulti, []string{"T1027", "T1059"}},
		{"semicolons", []string{"a; b", "b", "a", "c"}, dataset.Options{}, dataset.KindMulti, []string{"a", "b", "c"}},
		{"a comma in a name", []string{"Smith, John", "Doe, Jane"}, dataset.Options{}, dataset.KindSingle, []string{"Doe, Jane", "Smith, John"}},
		{"lists", []string{`["a","b"]`, `[]`}, dataset.Options{}, dataset.KindMulti, []string{"a", "b"}},
		{"python lists", []string{`['a', 'b']`, `[]`}, dataset.Options{}, dataset.KindMulti, []string{"a", "b"}},
		{"scale", []string{"High", "low", "Critical", "medium"}, dataset.Options{}, dataset.KindOrdinal, []string{"low", "medium", "High", "Critical"}},
		{"yes and no", []string{"0", "1"}, dataset.Options{}, dataset.KindSingle, []string{"0", "1"}},
		{"steps", []string{"3", "1", "10"}, dataset.Options{}, dataset.KindOrdinal, []string{"1", "3", "10"}},
		{"numbers", []string{"0.5", "9.8", "7.25"}, dataset.Options{}, dataset.KindRegression, nil},
		{"told", []string{"3", "1", "2"}, dataset.Options{Kind: dataset.KindSingle}, dataset.KindSingle, []string{"1", "2", "3"}},
		{"told an order", []string{"cold", "hot"}, dataset.Options{Order: []string{"hot", "cold"}}, dataset.KindOrdinal, []string{"hot", "cold"}},
	} {
		got := parse(t, table(c.labels...), c.o)
		if got.Kind != c.kind || !slices.Equal(got.Labels, c.want) {
			t.Errorf("%s: kind %q, labels %q; want %q, %q", c.name, got.Kind, got.Labels, c.kind, c.want)
		}
	}
}

func TestJSONLines(t *testing.T) {
	got := parse(t, `{"alert":{"text":"a process wrote to the registry","id":7},"label":["T1112"]}

{"alert":{"text":"mail with a link to a page","id":8},"label":["T1566","T1204"]}
not json
{"alert":{"text":"the third of the alerts","id":9},"label":[]}
`, dataset.Options{})
	want := []dataset.Row{
		{Number: 1, Line: 1, Text: "a process wrote to the registry", Labels: []string{"T1112"}, Fields: map[string]string{"alert.id": "7"}},
		{Number: 2, Line: 3, Text: "mail with a link to a page", Labels: []string{"T1204", "T1566"}, Fields: map[string]string{"alert.id": "8"}},
		{Number: 4, Line: 5, Text: "the third of the alerts", Fields: map[string]string{"alert.id": "9"}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]dataset.Problem{{Number: 3, Line: 4, Reason: "no JSON object"}}, got.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	array := parse(t, "[\n{\"text\":\"one two three four\",\"label\":\"a\"},\n{\"text\":\"five six seven eight\",\"label\":\"b\"}]", dataset.Options{})
	if len(array.Rows) != 2 || array.Rows[1].Line != 3 {
		t.Errorf("%d rows of an array, the second on line %d", len(array.Rows), array.Rows[1].Line)
	}
}

// TestSpans counts places in the unit in which they fit.
func TestSpans(t *testing.T) {
	const text = `{"text":"Überfall by Ølgroup 😀 on host7","spans":[`
	want := []dataset.Span{{Start: 13, End: 21, Label: "actor"}, {Start: 30, End: 35, Label: "host"}}
	for name, spans := range map[string]string{
		"characters": `{"start":12,"end":19,"label":"actor"},{"start":25,"end":30,"label":"host"}`,
		"bytes":      `{"start":13,"end":21,"label":"actor","text":"Ølgroup"},{"start":30,"end":35,"label":"host"}`,
		"utf-16":     `[12,19,"actor"],[26,31,"host"]`,
	} {
		got := parse(t, text+spans+"]}\n", dataset.Options{})
		if got.Kind != dataset.KindSpans {
			t.Fatalf("%s: kind %q", name, got.Kind)
		}
		if diff := cmp.Diff(want, got.Rows[0].Spans); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	got := parse(t, text+"]}\n"+text+`{"start":0,"end":8,"label":"x"},{"start":3,"end":3,"label":"y"}]}`+"\n", dataset.Options{Kind: dataset.KindSpans})
	if len(got.Rows) != 1 || got.SkippedRows != 1 {
		t.Errorf("%d rows, %d skipped; want the empty span skipped", len(got.Rows), got.SkippedRows)
	}
}

func TestCoNLL(t *testing.T) {
	got := parse(t, "APT28 B-actor\nused O\nLazy B-tool\nBear I-tool\n. O\n\nIt O\nslept O\n", dataset.Options{})
	want := []dataset.Row{
		{Number: 1, Line: 1, Text: "APT28 used Lazy Bear .", Labels: []string{"actor", "tool"}, Spans: []dataset.Span{{Start: 0, End: 5, Label: "actor"}, {Start: 11, End: 20, Label: "tool"}}, Fields: map[string]string{}},
		{Number: 2, Line: 7, Text: "It slept", Fields: map[string]string{}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" || got.Format != "conll" {
		t.Errorf("format %q, rows (-want +got):\n%s", got.Format, diff)
	}
}

func TestChat(t *testing.T) {
	for name, line := range map[string]string{
		"messages":    `{"messages":[{"role":"user","content":"What is it?"},{"role":"assistant","content":"A beacon."}]}`,
		"sharegpt":    `{"conversations":[{"from":"human","value":"What is it?"},{"from":"gpt","value":"A beacon."}]}`,
		"prompt":      `{"prompt":"What is it?","completion":"A beacon."}`,
		"instruction": `{"instruction":"What is it?","input":"","output":"A beacon."}`,
	} {
		got := parse(t, line+"\n", dataset.Options{})
		want := []dataset.Turn{{Role: "user", Content: "What is it?"}, {Role: "assistant", Content: "A beacon."}}
		if diff := cmp.Diff(want, got.Rows[0].Turns); diff != "" || got.Kind != dataset.KindChat {
			t.Errorf("%s: kind %q (-want +got):\n%s", name, got.Kind, diff)
		}
	}
	for name, line := range map[string]string{
		"texts":        `{"prompt":"Q","chosen":"yes","rejected":"no"}`,
		"conversation": `{"chosen":[{"role":"user","content":"Q"},{"role":"assistant","content":"yes"}],"rejected":[{"role":"user","content":"Q"},{"role":"assistant","content":"no"}]}`,
	} {
		got := parse(t, line+"\n"+strings.ReplaceAll(line, "no\"", "yes\"")+"\n", dataset.Options{})
		r := got.Rows[0]
		if got.Kind != dataset.KindPreference || len(got.Rows) != 1 || got.SkippedRows != 1 || r.Chosen != "yes" || r.Rejected != "no" || len(r.Turns) != 1 || r.Turns[0].Content != "Q" {
			t.Errorf("%s: %d rows, %+v", name, len(got.Rows), r)
		}
	}
}

// TestAmbiguous names the candidates and the flag, and follows it.
func TestAmbiguous(t *testing.T) {
	rows := "text,status,severity,priority\n"
	for i := range 12 {
		rows += "this is a sentence of number " + string(rune('a'+i)) + ",open," + []string{"low", "high"}[i%2] + "," + []string{"p1", "p2"}[i/6] + "\n"
	}
	_, err := dataset.Parse(context.Background(), "rows", []byte(rows), dataset.Options{})
	var e *casemate.Error
	if !errors.As(err, &e) || e.Code != casemate.CodeUsage || !strings.Contains(e.Message, `"severity", "priority"`) || !strings.Contains(e.Hint, `--label "severity"`) {
		t.Fatalf("Parse = %v", err)
	}
	if got := parse(t, rows, dataset.Options{Label: "SEVERITY"}); got.Label != "severity" {
		t.Errorf("label %q", got.Label)
	}
}

func TestParts(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"my-train.csv", "my-test.csv"} {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(labelled), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	got, err := dataset.Read(context.Background(), paths, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 8 || got.Rows[0].Part != dataset.PartTrain || got.Rows[7].Part != dataset.PartTest || got.Rows[7].Number != 8 || got.Rows[7].Line != 5 || got.Rows[7].File != 1 {
		t.Errorf("%d rows, the last %+v", len(got.Rows), got.Rows[len(got.Rows)-1])
	}
	column := parse(t, strings.ReplaceAll(strings.ReplaceAll(strings.Replace(labelled, "verdict", "verdict,split", 1), "bad\n", "bad,train\n"), "good\n", "good,Test\n"), dataset.Options{})
	if column.Part != "split" || column.Rows[0].Part != dataset.PartTrain || column.Rows[1].Part != dataset.PartTest {
		t.Errorf("part %q: %+v", column.Part, column.Rows)
	}
}

func TestRefused(t *testing.T) {
	for name, data := range map[string]string{
		"empty": "", "heading alone": "text,label\n", "spreadsheet": "PK\x03\x04rest", "pickle": "\x80\x04rest", "binary": strings.Repeat("\x01\x02\xff\xfa", 99),
	} {
		if _, err := dataset.Parse(context.Background(), "rows", []byte(data), dataset.Options{}); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
	_, err := dataset.Parse(context.Background(), "rows", []byte("PAR1\x15\x04\x15\x80\x06"), dataset.Options{})
	if err == nil || !strings.Contains(err.Error(), "a Parquet file without its end") {
		t.Errorf("a Parquet file that was cut off: %v", err)
	}
	if _, err := dataset.Read(context.Background(), []string{t.TempDir()}, dataset.Options{}); err == nil {
		t.Error("a folder was read")
	}
}
