package tagger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/tagger"
)

var ctx = context.Background()

// reports are sentences with hosts and users in them, whose names are new in every
// sentence: what they are, their letters and neighbours say.
func reports(n int, seed uint64) []tagger.Row {
	r := rand.New(rand.NewPCG(seed, 1))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	rows := make([]tagger.Row, n)
	for i := range rows {
		var b strings.Builder
		put := func(label int, s string) {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			if label >= 0 {
				rows[i].Spans = append(rows[i].Spans, tagger.Span{Start: b.Len(), End: b.Len() + len(s), Label: label})
			}
			b.WriteString(s)
		}
		put(-1, pick("The alert on", "A process ran on", "We saw traffic from"))
		put(0, fmt.Sprintf("%s-%02d.%s.example", pick("ws", "srv", "dc"), r.IntN(90), pick("corp", "lab")))
		put(-1, pick("was raised when", "began after", "came as"))
		if r.IntN(3) > 0 {
			put(-1, pick("user", "account"))
			put(1, fmt.Sprintf("%s%s", pick("j", "m", "adm_"), pick("doe", "roe", "smith", "kim")+fmt.Sprint(r.IntN(99))))
			put(-1, pick("signed in", "opened a document"))
		} else {
			put(-1, pick("a scan ended", "the service began"))
		}
		rows[i].Text = b.String()
	}
	return rows
}

func train(t testing.TB, rows []tagger.Row, o tagger.Options) *tagger.Model {
	t.Helper()
	o.Labels = []string{"host", "user"}
	m, err := tagger.Train(ctx, rows, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encoded(t testing.TB, m *tagger.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// found returns the share of spans that are found just as they are, and of what is
// found that is right.
func found(m *tagger.Model, rows []tagger.Row, tokens func(row int) []tagger.Token) (recall, precision float64) {
	right, have, got := 0, 0, 0
	for i, r := range rows {
		var x []tagger.Token
		if tokens != nil {
			x = tokens(i)
		}
		have += len(r.Spans)
		for _, f := range m.Tag(r.Text, x) {
			got++
			for _, s := range r.Spans {
				if s == (tagger.Span{Start: f.Start, End: f.End, Label: f.Label}) {
					right++
				}
			}
		}
	}
	return float64(right) / float64(have), float64(right) / float64(max(1, got))
}

// TestWords wants spans of unseen names found by their letters and neighbours, and
// the model's file read back as it was.
func TestWords(t *testing.T) {
	m := train(t, reports(150, 1), tagger.Options{Threads: 1})
	test := reports(100, 2)
	if recall, precision := found(m, test, nil); recall < .97 || precision < .97 {
		t.Errorf("recall %.3f, precision %.3f, want 0.97 (%+v)", recall, precision, m.Trained())
	}
	read, err := tagger.Read(encoded(t, m))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range test[:20] {
		if diff := cmp.Diff(m.Tag(r.Text, nil), read.Tag(r.Text, nil)); diff != "" {
			t.Errorf("%q (-written +read):\n%s", r.Text, diff)
		}
		for _, f := range m.Tag(r.Text, nil) {
			if !(f.P > 0 && f.P <= 1) {
				t.Errorf("%q: span %+v", r.Text, f)
			}
		}
	}
	if !bytes.Equal(encoded(t, m), encoded(t, read)) {
		t.Error("a file that is read and written is another")
	}
}

// vectors gives words vectors that say what they are, mixed with noise, in tokens
// of at most five bytes.
func vectors(rows []tagger.Row, width int) func(row int) []tagger.Token {
	return func(row int) []tagger.Token {
		r := rand.New(rand.NewPCG(uint64(row), 9))
		var out []tagger.Token
		text := rows[row].Text
		for at := 0; at < len(text); at += 5 {
			end := min(at+5, len(text))
			v := make([]float32, width)
			for k := range v {
				v[k] = float32(r.NormFloat64())*.5 + 20
			}
			v[width-1] = 1e5 // one number that dwarfs the others, as models have them
			for _, s := range rows[row].Spans {
				if s.Start < end && s.End > at {
					v[s.Label] += 4
				}
			}
			out = append(out, tagger.Token{Start: at, End: end, Vector: v})
		}
		return out
	}
}

// TestVectors wants spans found by vectors alone, and vectors and letters together
// no worse.
func TestVectors(t *testing.T) {
	const width = 12
	rows, test := reports(150, 3), reports(60, 4)
	of := vectors(rows, width)
	give := func(row int) ([]tagger.Token, error) { return of(row), nil }
	alone := train(t, rows, tagger.Options{Vectors: give, Width: width, VectorsAlone: true, Layer: 2})
	recall, precision := found(alone, test, vectors(test, width))
	if recall < .5 || precision < .5 || alone.Config().Features != 0 || !alone.NeedsTokens() {
		t.Errorf("vectors alone: recall %.3f, precision %.3f, %+v", recall, precision, alone.Config())
	}
	both := train(t, rows, tagger.Options{Vectors: give, Width: width})
	if r, p := found(both, test, vectors(test, width)); r < max(.95, recall) || p < .95 {
		t.Errorf("with letters: recall %.3f, precision %.3f", r, p)
	}
	read, err := tagger.Read(encoded(t, both))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(both.Tag(test[0].Text, vectors(test, width)(0)), read.Tag(test[0].Text, vectors(test, width)(0))); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

// TestThreads wants the same file whatever the threads.
func TestThreads(t *testing.T) {
	rows := reports(60, 5)
	of := vectors(rows, 6)
	var first []byte
	for _, threads := range []int{1, 2, 3} {
		b := encoded(t, train(t, rows, tagger.Options{Vectors: func(row int) ([]tagger.Token, error) { return of(row), nil }, Width: 6, Threads: threads, Validation: []int{1, 2, 3, 4, 5}}))
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) {
			t.Errorf("%d threads give another model", threads)
		}
	}
}

// TestFolds wants L2 chosen by rows that are left out.
func TestFolds(t *testing.T) {
	rows, of := reports(60, 6), []int{}
	for i := range rows {
		of = append(of, i%3)
	}
	m := train(t, rows, tagger.Options{Folds: of})
	if n := len(m.Trained().Tried); n != 5 || m.Trained().Rows != 60 || m.Trained().L2 >= 10 {
		t.Errorf("%+v", m.Trained())
	}
}

// TestSplit wants words to cover all but spaces, in order, whatever the text.
func TestSplit(t *testing.T) {
	if diff := cmp.Diff([][2]int{{0, 3}, {3, 4}, {4, 8}, {9, 10}, {10, 11}, {11, 13}}, tagger.Words("CVE-2021 \xff(\u00e9")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		at := 0
		for _, w := range tagger.Words(text) {
			if w[0] < at || w[1] <= w[0] || strings.TrimSpace(text[at:w[0]]) != "" {
				t.Fatalf("word %v after %d of %q", w, at, text)
			}
			at = w[1]
		}
		if strings.TrimSpace(text[at:]) != "" {
			t.Fatalf("the rest %q has no word", text[at:])
		}
	})
}

func TestRefuses(t *testing.T) {
	row := tagger.Row{Text: "host ws-01", Spans: []tagger.Span{{5, 10, 0}}}
	o := tagger.Options{Labels: []string{"host"}}
	nan := float32(math.NaN())
	token := func(v ...float32) func(int) ([]tagger.Token, error) {
		return func(int) ([]tagger.Token, error) { return []tagger.Token{{0, 10, v}}, nil }
	}
	for want, change := range map[string]func(r *tagger.Row, o *tagger.Options){
		"row 0":       func(r *tagger.Row, _ *tagger.Options) { r.Spans = []tagger.Span{{5, 11, 0}} },
		"overlap":     func(r *tagger.Row, _ *tagger.Options) { r.Spans = []tagger.Span{{0, 6, 0}, {5, 10, 0}} },
		"label 3":     func(r *tagger.Row, _ *tagger.Options) { r.Spans[0].Label = 3 },
		"0 labels":    func(_ *tagger.Row, o *tagger.Options) { o.Labels = nil },
		"1 numbers":   func(_ *tagger.Row, o *tagger.Options) { o.Vectors, o.Width = token(1), 2 },
		"not finite":  func(_ *tagger.Row, o *tagger.Options) { o.Vectors, o.Width = token(nan), 1 },
		"vectors of":  func(_ *tagger.Row, o *tagger.Options) { o.Width = 4 },
		"no words":    func(r *tagger.Row, _ *tagger.Options) { r.Text, r.Spans = "  ", nil },
		"given twice": func(_ *tagger.Row, o *tagger.Options) { o.Rows = []int{0, 0} },
	} {
		r, o := row, o
		r.Spans = append([]tagger.Span(nil), row.Spans...)
		change(&r, &o)
		if _, err := tagger.Train(ctx, []tagger.Row{r}, o); !errors.Is(err, tagger.ErrInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	m := train(t, reports(10, 7), tagger.Options{})
	if got := m.Tag(" \n", nil); got != nil {
		t.Errorf("no words: %v", got)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := tagger.Train(done, []tagger.Row{row}, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// FuzzRead wants no panic, and answers from whatever is read.
func FuzzRead(f *testing.F) {
	rows := reports(4, 8)
	of := vectors(rows, 3)
	f.Add(encoded(f, train(f, rows, tagger.Options{})), "ws-01 x")
	f.Add(encoded(f, train(f, rows, tagger.Options{Vectors: func(row int) ([]tagger.Token, error) { return of(row), nil }, Width: 3})), "\xff.")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := tagger.Read(data)
		if err != nil {
			if !errors.Is(err, tagger.ErrFile) {
				t.Errorf("an error without ErrFile: %v", err)
			}
			return
		}
		before := 0
		for _, s := range m.Tag(text, nil) {
			if s.Start < before || s.End <= s.Start || s.End > len(text) || s.P-s.P != 0 {
				t.Fatalf("span %+v of %d bytes", s, len(text))
			}
			before = s.End
		}
		if again, err := tagger.Read(encoded(t, m)); err != nil || !cmp.Equal(m.Config(), again.Config()) {
			t.Errorf("written and read: %v", err)
		}
	})
}

// BenchmarkTrain trains on 2,000 sentences, and BenchmarkTag reads one.
func BenchmarkTrain(b *testing.B) {
	rows := reports(2000, 9)
	for b.Loop() {
		m := train(b, rows, tagger.Options{})
		b.ReportMetric(float64(m.Trained().Iterations), "iterations")
	}
}

// BenchmarkTag reads sentences.
func BenchmarkTag(b *testing.B) {
	m, rows := train(b, reports(200, 10), tagger.Options{}), reports(100, 11)
	for i := 0; b.Loop(); i++ {
		m.Tag(rows[i%len(rows)].Text, nil)
	}
}
