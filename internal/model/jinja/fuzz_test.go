package jinja_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/jinja"
)

// FuzzTemplate parses and runs any template: it ends within its limits, without a
// panic, the same each time, and keeps what is data apart.
func FuzzTemplate(f *testing.F) {
	v, vars := readVectors(f, true)
	for _, c := range v.Cases {
		f.Add(c.T)
	}
	limits := jinja.Limits{Steps: 50_000, Depth: 20, Output: 1 << 16}
	f.Fuzz(func(t *testing.T, template string) {
		got, spans, err := render(template, vars, limits)
		if len(got) > limits.Output {
			t.Fatalf("%d bytes", len(got))
		}
		var e *jinja.Error
		if err != nil && !errors.As(err, &e) && !errors.Is(err, jinja.ErrLimit) {
			t.Fatalf("error without a line: %v", err)
		}
		again, _, err2 := render(template, vars, limits)
		if again != got || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("two runs differ: %q, %v; %q, %v", got, err, again, err2)
		}
		for i, s := range spans {
			if s.Text == "" || i > 0 && s.Data == spans[i-1].Data {
				t.Fatalf("span %d of %v", i, spans)
			}
			// 漢 is in a variable; a template can also write it itself.
			if !s.Data && strings.Contains(s.Text, "漢") && !strings.ContainsAny(template, `漢\`) {
				t.Fatalf("%q is not data", s.Text)
			}
		}
	})
}
