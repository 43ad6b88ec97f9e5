package automaton_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/grammar/automaton"
)

const limit = 1000

// fatal is what *testing.T and *rapid.T have in common.
type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

func must(t fatal, d *automaton.DFA, err error) *automaton.DFA {
	t.Helper()
	if err != nil {
		t.Fatalf("make automaton: %v", err)
	}
	return d
}

var wordLists = rapid.SliceOfN(rapid.StringMatching(`[abé]{0,4}`), 0, 8)

// TestSets compares the operations with those on lists of words.
func TestSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := wordLists.Draw(t, "a"), wordLists.Draw(t, "b")
		x, err := automaton.Of(a, limit)
		must(t, x, err)
		y, err := automaton.Of(b, limit)
		must(t, y, err)
		and, err := automaton.Intersect(x, y, limit)
		must(t, and, err)
		or, err := automaton.Union(x, y, limit)
		must(t, or, err)
		sub, err := automaton.Subtract(x, y, limit)
		must(t, sub, err)
		not, err := automaton.Complement(x, limit)
		must(t, not, err)
		long, err := automaton.AtLeast(x, 2, limit)
		must(t, long, err)
		brief, err := automaton.AtMost(not, 2, limit)
		must(t, brief, err)
		for range 30 {
			w := rapid.StringMatching(`[abéc]{0,5}`).Draw(t, "word")
			inA, inB, n := slices.Contains(a, w), slices.Contains(b, w), utf8.RuneCountInString(w)
			for name, c := range map[string]struct{ got, want bool }{
				"of": {x.Matches(w), inA}, "and": {and.Matches(w), inA && inB}, "or": {or.Matches(w), inA || inB},
				"subtract": {sub.Matches(w), inA && !inB}, "not": {not.Matches(w), !inA},
				"at least": {long.Matches(w), inA && n >= 2}, "at most": {brief.Matches(w), !inA && n <= 2},
			} {
				if c.got != c.want {
					t.Fatalf("%s of %q and %q on %q: %v", name, a, b, w, c.got)
				}
			}
		}
		slices.Sort(a)
		a = slices.Compact(a)
		if got, ok := x.Words(100); !ok || !slices.Equal(sorted(got), a) {
			t.Fatalf("the words of %q are %q", a, got)
		}
		if x.Empty() != (len(a) == 0) {
			t.Fatalf("%q is empty: %v", a, x.Empty())
		}
	})
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func TestMeasures(t *testing.T) {
	d, err := automaton.Of([]string{"a", "abc", "b", "é"}, limit)
	must(t, d, err)
	if longest, finite := d.Finite(); longest != 3 || !finite {
		t.Errorf("Finite() = %d, %v, want 3, true", longest, finite)
	}
	if got := d.Shortest()[d.Start()]; got != 1 {
		t.Errorf("the shortest word has %d code points, want 1", got)
	}
	if got := d.Shortest()[0]; got != math.MaxInt32 {
		t.Errorf("the dead state is %d from the end", got)
	}
	count := d.Count(5)
	for n, want := range []uint16{0, 3, 3, 4, 4, 4} {
		if got := count[int(d.Start())*6+n]; got != want {
			t.Errorf("%d words of at most %d code points, want %d", got, n, want)
		}
	}
	if got := automaton.All().Count(1)[3]; got != automaton.MaxCount {
		t.Errorf("%d strings of at most one code point, want MaxCount", got)
	}
	rest, err := automaton.Complement(d, limit)
	must(t, rest, err)
	free := rest.Free()
	for word, want := range map[string]bool{"": false, "a": false, "ab": false, "x": true, "abc": false, "abx": true, "abcd": true} {
		q := rest.Start()
		for _, r := range word {
			q = rest.Step(q, r)
		}
		if free[q] != want {
			t.Errorf("after %q any string may follow: %v", word, free[q])
		}
	}
	if _, ok := d.Words(3); ok {
		t.Error("Words(3) returns four words")
	}
	if _, finite := automaton.All().Finite(); finite {
		t.Error("all strings are finitely many")
	}
	if !automaton.All().Universal() || d.Universal() || !automaton.None().Empty() || automaton.None().Universal() {
		t.Error("Universal or Empty is wrong")
	}
}

// TestEach leaves surrogates out.
func TestEach(t *testing.T) {
	var got []automaton.Range
	automaton.All().Each(1, 0xD000, 0xF000, func(lo, hi rune, to int32) bool {
		got = append(got, automaton.Range{Lo: lo, Hi: hi})
		return to != 0
	})
	if want := []automaton.Range{{Lo: 0xD000, Hi: 0xD7FF}, {Lo: 0xE000, Hi: 0xF000}}; !slices.Equal(got, want) {
		t.Errorf("Each visits %x, want %x", got, want)
	}
}

func TestLimits(t *testing.T) {
	if _, err := automaton.Of([]string{strings.Repeat("a", 100)}, 50); !errors.Is(err, automaton.ErrTooLarge) {
		t.Errorf("Of a long word: %v, want ErrTooLarge", err)
	}
	if _, err := automaton.AtLeast(automaton.All(), 100, 50); !errors.Is(err, automaton.ErrTooLarge) {
		t.Errorf("AtLeast(100): %v, want ErrTooLarge", err)
	}
}
