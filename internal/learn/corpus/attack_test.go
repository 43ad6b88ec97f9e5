package corpus_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
)

func TestEverydayIsAlwaysTheSame(t *testing.T) {
	if len(corpus.Themes()) < 10 {
		t.Errorf("themes %v, want at least ten", corpus.Themes())
	}
	for _, theme := range corpus.Themes() {
		one, two := corpus.Everyday(theme, 200), corpus.Everyday(theme, 200)
		if diff := cmp.Diff(one, two); diff != "" {
			t.Errorf("%s differs: %s", theme, diff)
		}
		if len(one) < 50 {
			t.Errorf("%s: %d sentences, want at least 50", theme, len(one))
		}
		for _, s := range one {
			if strings.ContainsAny(s, "{}") || s == "" {
				t.Fatalf("%s: %q is not filled in", theme, s)
			}
		}
		sorted := slices.Sorted(slices.Values(one))
		if len(slices.Compact(sorted)) != len(one) {
			t.Errorf("%s: a sentence stands twice", theme)
		}
	}
	if corpus.Everyday("no such theme", 3) != nil {
		t.Error("sentences of a theme that does not exist")
	}
}

// TestReadAttackLeavesOutWhatItMust reads the data, where they are.
func TestReadAttackLeavesOutWhatItMust(t *testing.T) {
	folder := os.Getenv("CASEMATE_SHARED")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared")
	}
	folder = filepath.Join(folder, "data")
	excluded, err := corpus.Excluded(folder)
	if err != nil {
		t.Skipf("no data: %v", err)
	}
	a, err := corpus.ReadAttack(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(excluded) == 0 || len(a.Sentences) < 20_000 {
		t.Fatalf("%d excluded, %d sentences", len(excluded), len(a.Sentences))
	}
	kinds := map[string]int{}
	for _, s := range a.Sentences {
		kinds[s.Kind]++
		if excluded[s.Entity] {
			t.Fatalf("%s is excluded from training: %+v", s.Entity, s)
		}
		if a.Names[s.Technique] == "" {
			t.Fatalf("%q is no technique that stands", s.Technique)
		}
		if strings.Contains(s.Text, "(Citation:") || strings.Contains(s.Text, "](http") {
			t.Fatalf("%q has a citation or a link", s.Text)
		}
	}
	for id := range excluded {
		if _, ok := a.Actors[id]; ok {
			t.Errorf("%s is among the actors", id)
		}
	}
	for _, kind := range []string{corpus.KindProcedure, corpus.KindDescription, corpus.KindName, corpus.KindDetection, corpus.KindMitigation, corpus.KindPattern, corpus.KindReport} {
		if kinds[kind] == 0 {
			t.Errorf("no sentence of kind %s", kind)
		}
	}
}
