package intake_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/intake"
)

// echo decides that a text's label is the text, so that order shows.
func echo(text string) head.Decision {
	return head.Decision{Label: text, P: .5, Abstain: text == ""}
}

// classify runs Classify and returns its answers as generic objects.
func classify(t *testing.T, in intake.ClassifyInput) ([]map[string]any, intake.ClassifySummary) {
	t.Helper()
	var out bytes.Buffer
	sum, err := intake.Classify(context.Background(), in, &out)
	if err != nil {
		t.Fatalf("Classify: %v", err)
	}
	var got []map[string]any
	for line := range strings.Lines(out.String()) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("answer %q: %v", line, err)
		}
		got = append(got, v)
	}
	return got, sum
}

func TestClassifyKeepsOrder(t *testing.T) {
	var text strings.Builder
	const lines = 5000
	for i := range lines {
		fmt.Fprintf(&text, "line %d %s\n", i, strings.Repeat("x", i%300))
	}
	got, sum := classify(t, intake.ClassifyInput{Stdin: strings.NewReader(text.String()), Decide: echo})
	if len(got) != lines || sum.Lines != lines || sum.Broken != 0 {
		t.Fatalf("%d answers, summary %+v, want %d", len(got), sum, lines)
	}
	for i, v := range got {
		if want := fmt.Sprintf("line %d ", i); !strings.HasPrefix(v["label"].(string), want) {
			t.Fatalf("answer %d is %.20q, want %q…", i, v["label"], want)
		}
	}
}

func TestClassifyNamesBrokenLines(t *testing.T) {
	lines := []string{
		`{"id":7,"text":"first"}`,
		`{"text":"broken`,
		``,
		`{"id":"c","description":"third"}`,
		`{"id":"d","text":5}`,
		`{"id":"e"}`,
		`{"text":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		`[1,2]`,
		`{"text":""}`,
		`null`,
	}
	got, sum := classify(t, intake.ClassifyInput{Stdin: strings.NewReader(strings.Join(lines, "\n")), Decide: echo})
	want := []struct {
		label string
		line  float64
		text  string
	}{
		{label: "first"}, {line: 2, text: "not a JSON object"}, {label: "third"}, {line: 5, text: "not a string"},
		{line: 6, text: "no field text"}, {line: 7, text: "nests deeper"}, {line: 8, text: "not a JSON object but: array"}, {label: ""},
		{line: 10, text: "not a JSON object but: null"},
	}
	if len(got) != len(want) || sum.Broken != 6 || sum.Abstained != 1 {
		t.Fatalf("%d answers, summary %+v, want %d with 6 broken and 1 abstained", len(got), sum, len(want))
	}
	for i, w := range want {
		if w.line == 0 {
			if got[i]["label"] != w.label || got[i]["error"] != nil {
				t.Errorf("answer %d = %v, want label %q", i, got[i], w.label)
			}
			continue
		}
		if got[i]["line"] != w.line || !strings.Contains(fmt.Sprint(got[i]["error"]), w.text) {
			t.Errorf("answer %d = %v, want line %v and %q", i, got[i], w.line, w.text)
		}
	}
	if got[0]["id"] != 7.0 || got[2]["id"] != "c" || got[3]["id"] != "d" {
		t.Errorf("ids are not handed through: %v %v %v", got[0]["id"], got[2]["id"], got[3]["id"])
	}
}

func TestClassifyLongAndInvalidLines(t *testing.T) {
	in := io.MultiReader(strings.NewReader("before\n"),
		io.LimitReader(forever('a'), intake.MaxClassifyLine+100), strings.NewReader("\nbad \xff byte\r\n\n"))
	got, sum := classify(t, intake.ClassifyInput{Stdin: in, Decide: echo})
	if len(got) != 4 || sum.Broken != 1 {
		t.Fatalf("%d answers, summary %+v, want 4 with 1 broken", len(got), sum)
	}
	if got[1]["line"] != 2.0 || !strings.Contains(fmt.Sprint(got[1]["error"]), "longer than") {
		t.Errorf("the long line gave %v", got[1])
	}
	if got[2]["label"] != "bad \uFFFD byte" || !strings.Contains(fmt.Sprint(got[2]["note"]), "UTF-8") {
		t.Errorf("the invalid line gave %v", got[2])
	}
}

type forever byte

func (f forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(f)
	}
	return len(p), nil
}

// TestClassifyAnswersWhileInputIsOpen fails if an answer waits for more input.
func TestClassifyAnswersWhileInputIsOpen(t *testing.T) {
	in, write := io.Pipe()
	read, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := intake.Classify(context.Background(), intake.ClassifyInput{Stdin: in, Decide: echo}, out)
		out.Close()
		done <- err
	}()
	answers := bufio.NewScanner(read)
	for _, word := range []string{"one", "two"} {
		fmt.Fprintln(write, word)
		if !answers.Scan() || !strings.Contains(answers.Text(), `"label":"`+word+`"`) {
			t.Fatalf("answer to %q is %q", word, answers.Text())
		}
	}
	write.Close()
	if err := <-done; err != nil {
		t.Errorf("Classify: %v", err)
	}
}

func TestClassifyTellsFaults(t *testing.T) {
	torn := errors.New("torn")
	in := io.MultiReader(strings.NewReader("good\n"), errReader{torn})
	var out bytes.Buffer
	_, err := intake.Classify(context.Background(), intake.ClassifyInput{Stdin: in, Decide: echo}, &out)
	if !errors.Is(err, torn) || !strings.Contains(out.String(), "good") {
		t.Errorf("Classify = %v with output %q, want the fault and the answer before it", err, out.String())
	}
	if _, err := intake.Classify(context.Background(), intake.ClassifyInput{Stdin: strings.NewReader("good\n"), Decide: echo}, errWriter{torn}); !errors.Is(err, torn) {
		t.Errorf("Classify to a torn writer = %v, want the fault", err)
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

type errWriter struct{ err error }

func (e errWriter) Write([]byte) (int, error) { return 0, e.err }

func FuzzClassify(f *testing.F) {
	f.Add([]byte("{\"text\":\"a\"}\n{\n"))
	f.Add([]byte("plain\n\xff\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, sum := classify(t, intake.ClassifyInput{Stdin: bytes.NewReader(data), Decide: echo})
		if len(got) != sum.Lines || sum.Lines > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("%d answers, summary %+v for %d lines", len(got), sum, bytes.Count(data, []byte("\n")))
		}
	})
}
