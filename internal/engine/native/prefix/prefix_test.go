package prefix_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/engine/native/prefix"
)

// page knows all tokens up to its end, and who holds it.
type page struct {
	tokens []int
	refs   int
}

func (p *page) Retain()  { p.refs++ }
func (p *page) Release() { p.refs-- }

// pagesOf returns the pages of a sequence, as if computed just now.
func pagesOf(tokens []int) []*page {
	var pages []*page
	for start := 0; start < len(tokens); start += prefix.Block {
		pages = append(pages, &page{tokens: tokens[:min(start+prefix.Block, len(tokens))]})
	}
	return pages
}

func common(a, b []int) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// drawTokens draws sequences that often begin alike: blocks of few kinds.
func drawTokens(t *rapid.T) []int {
	var tokens []int
	for range rapid.IntRange(0, 4).Draw(t, "blocks") {
		block := make([]int, prefix.Block)
		block[rapid.IntRange(0, prefix.Block-1).Draw(t, "place")] = rapid.IntRange(0, 2).Draw(t, "token")
		tokens = append(tokens, block...)
	}
	return tokens[:len(tokens)-min(len(tokens), rapid.IntRange(0, prefix.Block).Draw(t, "less"))]
}

// TestTree holds a tree against all sequences that were ever inserted: with room
// for all it finds as much as they have, with less room no more than that; its
// pages are within the limit and held as often as they should.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{0, 1, 2, 5, 1000}).Draw(t, "limit")
		tree := prefix.New[*page](limit)
		var inserted [][]int
		var all []*page
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			tokens := drawTokens(t)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				n := rapid.IntRange(0, 3).Draw(t, "shrink")
				before := tree.Len()
				if got := tree.Shrink(n); got != min(n, before) || tree.Len() != before-got {
					t.Fatalf("Shrink(%d) of %d pages = %d, %d left", n, before, got, tree.Len())
				}
				if n > 0 {
					limit = min(limit, 999) // what there is, is not known any more
				}
			case 1:
				pages := pagesOf(tokens)
				tree.Insert(tokens, pages)
				inserted, all = append(inserted, tokens), append(all, pages...)
				if got := tree.Known(tokens); got != min(len(tokens), limit*prefix.Block) {
					t.Fatalf("just inserted: %d of %d tokens are known, limit %d pages", got, len(tokens), limit)
				}
			default:
				checkFind(t, tree, tokens, inserted, limit == 1000)
			}
			held := 0
			for _, p := range all {
				if p.refs < 0 || p.refs > 1 {
					t.Fatalf("a page is held %d times", p.refs)
				}
				held += p.refs
			}
			if held != tree.Len() || held > limit {
				t.Fatalf("%d pages held, the tree says %d, the limit is %d", held, tree.Len(), limit)
			}
		}
	})
}

func checkFind(t *rapid.T, tree *prefix.Tree[*page], tokens []int, inserted [][]int, roomy bool) {
	most := 0
	for _, s := range inserted {
		most = max(most, common(s, tokens))
	}
	known := tree.Known(tokens)
	pages, n := tree.Find(tokens)
	if n != known || n > most || roomy && n != most || len(pages) != (n+prefix.Block-1)/prefix.Block {
		t.Fatalf("Find(%v) = %d pages, %d tokens; Known says %d, inserted are %d", tokens, len(pages), n, known, most)
	}
	for i, p := range pages {
		if end := min(n, (i+1)*prefix.Block); len(p.tokens) < end || !slices.Equal(p.tokens[:end], tokens[:end]) {
			t.Fatalf("Find(%v): page %d is of %v", tokens, i, p.tokens)
		}
		p.Release()
	}
}

// TestLeastRecentlyUsed wants what is used to stay, and a shared beginning to
// outlive what follows it.
func TestLeastRecentlyUsed(t *testing.T) {
	system := make([]int, 2*prefix.Block)
	tree := prefix.New[*page](5)
	for i := range 100 {
		tokens := slices.Concat(system, slices.Repeat([]int{1 + i}, 2*prefix.Block))
		if got := tree.Known(tokens); got != 0 && got != len(system) || i > 0 && got == 0 {
			t.Fatalf("sequence %d: %d tokens are known", i, got)
		}
		tree.Insert(tokens, pagesOf(tokens))
	}
	last := slices.Concat(system, slices.Repeat([]int{100}, 2*prefix.Block))
	if got := tree.Known(last); got != len(last) {
		t.Errorf("the last one: %d of %d tokens are known", got, len(last))
	}
	// Of two, the one that was found since is kept.
	tree = prefix.New[*page](2)
	one, two, three := []int{1}, []int{2}, []int{3}
	tree.Insert(one, pagesOf(one))
	tree.Insert(two, pagesOf(two))
	tree.Find(one)
	tree.Insert(three, pagesOf(three))
	if tree.Known(one) != 1 || tree.Known(two) != 0 || tree.Known(three) != 1 {
		t.Errorf("known: %d, %d, %d, want 1, 0, 1", tree.Known(one), tree.Known(two), tree.Known(three))
	}
}

// TestInsertPanics gives pages that are not those of the tokens.
func TestInsertPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("17 tokens and one page: no panic")
		}
	}()
	tokens := make([]int, 17)
	prefix.New[*page](9).Insert(tokens, pagesOf(tokens)[:1])
}
