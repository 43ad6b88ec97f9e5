package train_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/train"
)

// example returns n+1 tokens, of which the n after the first are to be predicted.
func example(n, token int) train.Example {
	return train.Example{Tokens: slices.Repeat([]int{token}, n+1)}
}

func TestSequence(t *testing.T) {
	for _, c := range []struct {
		e    train.Example
		want gradient.Sequence
	}{
		{train.Example{Tokens: []int{5, 6, 7}}, gradient.Sequence{Tokens: []int{5, 6}, Targets: []int{6, 7}}},
		{train.Example{Tokens: []int{5, 6, 7}, Learn: []bool{true, false, true}}, gradient.Sequence{Tokens: []int{5, 6}, Targets: []int{-1, 7}}},
		{train.Example{Tokens: []int{5}}, gradient.Sequence{Tokens: []int{}, Targets: []int{}}},
		{train.Example{}, gradient.Sequence{Targets: []int{}}},
	} {
		if diff := cmp.Diff(c.want, c.e.Sequence()); diff != "" {
			t.Errorf("%+v: %s", c.e, diff)
		}
	}
}

// TestPack has lengths worked by hand: the longest first, each into the first row
// with room.
func TestPack(t *testing.T) {
	p, err := train.Pack([]train.Example{example(3, 0), example(6, 1), example(2, 2), example(4, 3), example(5, 4)}, train.PackOptions{Length: 10})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]int{{1, 3}, {0, 2, 4}}, p.Of); diff != "" {
		t.Errorf("examples of rows: %s", diff)
	}
	if diff := cmp.Diff([]int{0, 3, 5}, p.Rows[1].Starts); diff != "" {
		t.Errorf("starts: %s", diff)
	}
	if diff := cmp.Diff([]int{0, 0, 0, 2, 2, 4, 4, 4, 4, 4}, p.Rows[1].Tokens); diff != "" {
		t.Errorf("tokens: %s", diff)
	}
	if p.Tokens != 20 || p.Targets != 20 || len(p.Rows) != 2 {
		t.Errorf("%d tokens, %d targets, %d rows", p.Tokens, p.Targets, len(p.Rows))
	}
}

// TestPackBounds wants nothing cut: what does not fit is refused or counted.
func TestPackBounds(t *testing.T) {
	long := []train.Example{example(4, 0), example(5, 1), {Tokens: []int{1}}, {Tokens: []int{1, 2}, Learn: []bool{true, false}}}
	_, err := train.Pack(long, train.PackOptions{Length: 4})
	var e *train.TooLongError
	if !errors.As(err, &e) || e.Example != 1 || e.Tokens != 5 {
		t.Errorf("error %v, want that example 2 is too long", err)
	}
	p, err := train.Pack(long, train.PackOptions{Length: 4, SkipLong: true})
	if err != nil || !slices.Equal(p.Long, []int{1}) || !slices.Equal(p.Empty, []int{2, 3}) || len(p.Rows) != 1 {
		t.Errorf("%+v, %v: want the second left out as too long, and two as empty", p, err)
	}
	p, err = train.Pack([]train.Example{example(1, 0), example(2, 1)}, train.PackOptions{Length: 4, Apart: true})
	if err != nil || len(p.Rows) != 2 {
		t.Errorf("%+v, %v: want a row each", p, err)
	}
}

// TestPackRandom wants every example once, whole, and no row over its length, in
// rows that first-fit decreasing fills by a simple search.
func TestPackRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		var all []train.Example
		for i := range 1 + r.IntN(60) {
			all = append(all, example(1+r.IntN(20), i%vocabulary))
		}
		p, err := train.Pack(all, train.PackOptions{Length: 20})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for i, of := range p.Of {
			at := 0
			for j, e := range of {
				n := len(all[e].Tokens) - 1
				if seen[e] || p.Rows[i].Starts[j] != at || p.Rows[i].Tokens[at] != all[e].Tokens[0] {
					t.Fatalf("row %d: example %d is there twice or at the wrong place", i, e)
				}
				seen[e] = true
				at += n
			}
			if at != len(p.Rows[i].Tokens) || at > 20 {
				t.Fatalf("row %d has %d tokens", i, at)
			}
		}
		if len(seen) != len(all) || len(p.Rows) != firstFit(all, 20) {
			t.Fatalf("%d of %d examples in %d rows, want %d rows", len(seen), len(all), len(p.Rows), firstFit(all, 20))
		}
	}
}

// firstFit counts the rows of first-fit decreasing.
func firstFit(all []train.Example, length int) int {
	var lengths, rows []int
	for _, e := range all {
		lengths = append(lengths, len(e.Tokens)-1)
	}
	slices.Sort(lengths)
	slices.Reverse(lengths)
	for _, n := range lengths {
		i := slices.IndexFunc(rows, func(used int) bool { return used+n <= length })
		if i < 0 {
			i, rows = len(rows), append(rows, 0)
		}
		rows[i] += n
	}
	return len(rows)
}
