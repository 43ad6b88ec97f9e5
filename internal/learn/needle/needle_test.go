package needle_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/learn/needle"
)

// TestEmbedded holds rank-logs to what it finds in the embedded stacks, at their
// own size and at thirty lines.
func TestEmbedded(t *testing.T) {
	for _, size := range []int{0, 30} {
		results, err := needle.Embedded(context.Background(), needle.Options{Size: size, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		if len(results) < 15 {
			t.Fatalf("%d stacks", len(results))
		}
		area := 0.0
		for _, r := range results {
			// In thirty lines hardly anything can be called rare: see the mean.
			if size == 0 && (r.AUC < 0.9 || r.RecallAt2 < 0.6) {
				t.Errorf("%s of %d lines: AUC %.3f, recall@2k %.2f, ranks %v", r.Name, r.Lines, r.AUC, r.RecallAt2, r.Ranks)
			}
			if r.Over > 2 {
				t.Errorf("%s of %d lines: %d ordinary lines have a score of 50 or more", r.Name, r.Lines, r.Over)
			}
			area += r.AUC / float64(len(results))
		}
		if area < 0.9 {
			t.Errorf("size %d: mean AUC %.3f", size, area)
		}
	}
}

// TestMake: a stack is the same for a seed, another for another, holds each needle
// once and leaves no placeholder unfilled.
func TestMake(t *testing.T) {
	all, err := needle.Stacks()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		a, b, c := s.Make(50, 1), s.Make(50, 1), s.Make(50, 2)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s: one seed, two stacks:\n%s", s.Name, diff)
		}
		if cmp.Equal(a, c) {
			t.Errorf("%s: two seeds, one stack", s.Name)
		}
		needles := 0
		for _, l := range a {
			if l.Suspicious {
				needles++
			}
			if strings.Contains(l.Text, "{n:") || strings.Contains(l.Text, "{time}") || strings.Contains(l.Text, "{hex:") {
				t.Errorf("%s: unfilled: %s", s.Name, l.Text)
			}
		}
		if needles < 2 || needles > 5 || len(a) != 50 {
			t.Errorf("%s: %d needles in %d lines", s.Name, needles, len(a))
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, text := range []string{"", "1 a line", "! a needle", "x line\n1 a\n! b", "from noon\n1 a\n! b", "step 1-2\n1 a\n! b"} {
		if _, err := needle.Parse("s", []byte(text)); err == nil {
			t.Errorf("Parse(%q) has no error", text)
		}
	}
}
