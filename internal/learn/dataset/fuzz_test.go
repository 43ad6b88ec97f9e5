package dataset_test

import (
	"context"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// FuzzParse reads whatever comes. A table that is read holds to what it promises.
func FuzzParse(f *testing.F) {
	for _, s := range []string{labelled, strings.ReplaceAll(labelled, ",", "\t"), "\xff\xfet\x00", "\xef\xbb\xbftext,label\na b c d,x\n",
		`{"text":"one two three","label":["a"]}` + "\n", `[{"text":"one two three","label":"a"},{"text":"four five six","label":"b"}]`,
		`{"text":"Überfall by Øl","spans":[{"start":0,"end":8,"label":"x","text":"Überfall"}]}` + "\n",
		`{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}` + "\n",
		`{"prompt":"Q","chosen":"a","rejected":"b"}` + "\n", "APT28 B-actor\nused O\nLazy B-tool\nBear I-tool\n. O\n",
		"text,label\n\"a \"\"b\"\" c d\ne\",x\n\"open,y\n", "text,label\n" + strings.Repeat("[", 999) + ",x\n"} {
		f.Add([]byte(s), "")
	}
	f.Add(columns(f, 3), "")
	f.Add([]byte(labelled), "single")
	f.Fuzz(func(t *testing.T, data []byte, kind string) {
		got, err := dataset.Parse(context.Background(), "rows", data, dataset.Options{Kind: dataset.Kind(kind)})
		if err != nil {
			var e *casemate.Error
			if !errors.As(err, &e) {
				t.Fatalf("an error that no one can act on: %v", err)
			}
			return
		}
		if len(got.Rows) == 0 {
			t.Fatal("a table without rows")
		}
		number := 0
		for _, r := range got.Rows {
			if r.Number <= number {
				t.Fatalf("row %d after row %d", r.Number, number)
			}
			number = r.Number
			if !utf8.ValidString(r.Text) || strings.TrimSpace(r.Text) == "" && got.Kind != dataset.KindChat && got.Kind != dataset.KindPreference {
				t.Fatalf("row %d has the text %q", r.Number, r.Text)
			}
			if !slices.IsSorted(r.Labels) || len(slices.Compact(slices.Clone(r.Labels))) != len(r.Labels) {
				t.Fatalf("row %d has the labels %q", r.Number, r.Labels)
			}
			for _, l := range r.Labels {
				if !slices.Contains(got.Labels, l) {
					t.Fatalf("row %d has the label %q, which the table has not", r.Number, l)
				}
			}
			for _, s := range r.Spans {
				if s.Start < 0 || s.Start >= s.End || s.End > len(r.Text) || !utf8.ValidString(r.Text[s.Start:s.End]) {
					t.Fatalf("row %d has the span %v in %d bytes", r.Number, s, len(r.Text))
				}
			}
		}
	})
}

// FuzzCSV compares with the standard library on what it can read.
func FuzzCSV(f *testing.F) {
	f.Add("one two three", "a", "say \"x\",\nand more of it", "b")
	f.Add(" ", "\r\n", ";", "|")
	f.Fuzz(func(t *testing.T, text1, label1, text2, label2 string) {
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.Write([]string{"text", "label"})
		for range 20 { // enough for the delimiter to be told
			w.Write([]string{"a sentence that has a comma, too", "known"})
		}
		w.Write([]string{text1, label1})
		w.Write([]string{text2, label2})
		w.Flush()
		if !utf8.ValidString(b.String()) || strings.Contains(b.String(), "\x00") || len(label1)+len(label2) > 200 ||
			strings.TrimSpace(text1+label1) == "" || strings.TrimSpace(text2+label2) == "" { // empty lines are no rows

			return
		}
		want, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil || len(want) != 23 {
			return
		}
		got, err := dataset.Parse(context.Background(), "rows", []byte(b.String()), dataset.Options{Format: "csv", Kind: dataset.KindSingle, Text: "text", Label: "label"})
		if err != nil || len(got.Columns) != 2 {
			return // another delimiter, or control characters
		}
		texts := map[int]string{}
		for _, r := range got.Rows {
			texts[r.Number] = r.Text
		}
		for n, row := range want[1:] {
			// The standard library makes \n of \r\n within quotes.
			if text, ok := texts[n+1]; ok && strings.ReplaceAll(text, "\r\n", "\n") != strings.TrimSpace(row[0]) {
				t.Fatalf("row %d is %q, want %q", n+1, text, row[0])
			}
		}
	})
}
