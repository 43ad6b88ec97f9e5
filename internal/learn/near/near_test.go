package near_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/learn/near"
)

func find(tb testing.TB, texts []string) *near.Sets {
	tb.Helper()
	s, err := near.Find(context.Background(), texts)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestFind(t *testing.T) {
	const long = "the service wrote a new key below the run key of the current user and started again after the next log on of that user"
	got := find(t, []string{
		long,
		"something else altogether",
		strings.ToUpper(long) + " !",
		strings.Replace(long, "next", "first", 1),
		"",
		"!!!",
		"!!!",
		"Something else, altogether?",
	})
	if diff := cmp.Diff([]int{0, 1, 0, 3, 4, 5, 5, 1}, got.Same); diff != "" {
		t.Errorf("same (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{0, 1, 0, 0, 4, 5, 5, 1}, got.Near); diff != "" {
		t.Errorf("near (-want +got):\n%s", diff)
	}
	// 24 of 26 pairs of words stand, and two are new.
	if len(got.Pairs) != 1 || got.Pairs[0].Alike < 0.8 || got.Pairs[0].Alike > 0.9 {
		t.Errorf("pairs %v", got.Pairs)
	}
}

// TestMissed compares with every pair, one by one.
func TestMissed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for range 60 {
		words := make([]string, 30)
		for i := range words {
			words[i] = fmt.Sprintf("w%d", r.IntN(500))
		}
		for range 4 {
			texts = append(texts, strings.Join(words, " "))
			words = slices.Clone(words)
			words[r.IntN(len(words))] = "changed"
		}
	}
	u := near.NewUnion(len(texts))
	for i := range texts {
		for j := range i {
			if near.Alike(texts[i], texts[j]) >= near.Threshold {
				u.Join(i, j)
			}
		}
	}
	got := find(t, texts)
	for i := range texts {
		if got.Near[i] != u.Find(i) {
			t.Errorf("text %d is with %d, want %d", i, got.Near[i], u.Find(i))
		}
	}
	if u.Sets() > 150 {
		t.Errorf("%d sets: the texts hardly have near-duplicates", u.Sets())
	}
}

func TestUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		u, of := near.NewUnion(n), make([]int, n)
		for i := range of {
			of[i] = i
		}
		for range rapid.IntRange(0, 60).Draw(t, "joins") {
			a, b := rapid.IntRange(0, n-1).Draw(t, "a"), rapid.IntRange(0, n-1).Draw(t, "b")
			u.Join(a, b)
			from, to := max(of[a], of[b]), min(of[a], of[b])
			for i := range of {
				if of[i] == from {
					of[i] = to
				}
			}
		}
		sizes := map[int]int{}
		largest := 0
		for i := range of {
			if u.Find(i) != of[i] {
				t.Fatalf("%d is in set %d, want %d", i, u.Find(i), of[i])
			}
			sizes[of[i]]++
			largest = max(largest, sizes[of[i]])
		}
		if u.Sets() != len(sizes) || u.Largest() != largest {
			t.Fatalf("%d sets, the largest of %d; want %d, %d", u.Sets(), u.Largest(), len(sizes), largest)
		}
	})
}

func ExampleFind() {
	sets, err := near.Find(context.Background(), []string{"A beacon was sent.", "a beacon was sent", "nothing happened"})
	fmt.Println(sets.Same, err)
	// Output: [0 0 2] <nil>
}

func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	texts := make([]string, 100_000)
	bytes := 0
	for i := range texts {
		words := make([]string, 25)
		for j := range words {
			words[j] = fmt.Sprintf("word%d", int(r.ExpFloat64()*1000))
		}
		texts[i] = strings.Join(words, " ")
		bytes += len(texts[i])
	}
	b.SetBytes(int64(bytes))
	for b.Loop() {
		find(b, texts)
	}
}
