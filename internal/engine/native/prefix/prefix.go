// Package prefix keeps what was computed of the beginnings of token sequences,
// for sequences that begin alike: a tree over blocks of tokens. It knows pages
// by reference alone and looks into none.
package prefix

import (
	"slices"
	"sync"
)

// Block is how many tokens a page holds.
const Block = 16

// Page is what was computed of a block. Whoever keeps one retains it, and
// releases it once for each time.
type Page interface {
	Retain()
	Release()
}

// Tree is a radix tree over blocks: a path from the root spells the beginning
// of a sequence, and each node on it has the page of its block, given all that
// stands before. A node without children may hold fewer tokens than a block.
// The pages not used for longest are let go of first. Its methods may be called
// from several goroutines at once.
type Tree[P Page] struct {
	mu    sync.Mutex
	limit int // pages
	size  int
	root  node[P] // of no tokens; also the ring of all nodes, the last used first
}

type node[P Page] struct {
	tokens   []int
	page     P
	parent   *node[P]
	children []*node[P] // in the order of their tokens; none begins with another

	newer, older *node[P]
}

// New returns an empty tree of at most limit pages.
func New[P Page](limit int) *Tree[P] {
	t := &Tree[P]{limit: limit}
	t.root.newer, t.root.older = &t.root, &t.root
	return t
}

// Len returns how many pages the tree holds.
func (t *Tree[P]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size
}

// Known returns how many tokens Find would.
func (t *Tree[P]) Known(tokens []int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _, n := t.walk(tokens)
	return n
}

// Find returns the pages of the longest beginning of tokens that is known, and
// how many tokens it has. Each page is retained for the caller. The last one may
// hold other tokens after those: it is to be copied before it is written to.
func (t *Tree[P]) Find(tokens []int) (pages []P, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, part, n := t.walk(tokens)
	last := at
	if part != nil {
		last = part
	}
	t.touch(last)
	for x := last; x != &t.root; x = x.parent {
		x.page.Retain()
		pages = append(pages, x.page)
	}
	slices.Reverse(pages)
	return pages, n
}

// walk follows tokens from the root. at is the last node whose whole block they
// spell, and part, where not nil, the child of it that they go on in for some
// tokens; n is how many tokens that is.
func (t *Tree[P]) walk(tokens []int) (at, part *node[P], n int) {
	at = &t.root
	for n < len(tokens) {
		rest := tokens[n:min(n+Block, len(tokens))]
		child, same := at.nearest(rest)
		if same == 0 {
			return at, nil, n
		}
		n += same
		if same < Block {
			return at, child, n
		}
		at = child
	}
	return at, nil, n
}

// nearest returns the child that begins with most of tokens, and with how many:
// one of the two beside the place where they would stand.
func (x *node[P]) nearest(tokens []int) (child *node[P], same int) {
	i, _ := x.find(tokens)
	for _, j := range []int{i, i - 1} {
		if j >= 0 && j < len(x.children) {
			if n := Common(x.children[j].tokens, tokens); n > same {
				child, same = x.children[j], n
			}
		}
	}
	return child, same
}

// find returns where a child of these tokens stands, or would.
func (x *node[P]) find(tokens []int) (int, bool) {
	return slices.BinarySearchFunc(x.children, tokens, func(c *node[P], tokens []int) int { return slices.Compare(c.tokens, tokens) })
}

// Common returns how many tokens two sequences have in common at their start.
func Common(a, b []int) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// Insert adds a sequence: pages[i] is that of tokens i·Block and on, and the
// last may be of fewer tokens than a block. The tree retains what it keeps; what
// it has already stays. It panics if the number of pages is another.
func (t *Tree[P]) Insert(tokens []int, pages []P) {
	if len(pages) != (len(tokens)+Block-1)/Block {
		panic("prefix: Insert: the pages are not those of the tokens")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := &t.root
	for i, page := range pages {
		at = t.add(at, tokens[i*Block:min((i+1)*Block, len(tokens))], page)
	}
	t.touch(at)
	for t.size > t.limit {
		t.drop(t.root.newer)
	}
}

// add returns the child that holds these tokens, which is made if there is none.
func (t *Tree[P]) add(x *node[P], tokens []int, page P) *node[P] {
	i, _ := x.find(tokens)
	if i < len(x.children) && Common(x.children[i].tokens, tokens) == len(tokens) {
		return x.children[i] // it holds these, and maybe more
	}
	c := &node[P]{tokens: slices.Clone(tokens), page: page, parent: x}
	page.Retain()
	t.size++
	t.link(c)
	if i > 0 {
		if less := x.children[i-1]; Common(less.tokens, tokens) == len(less.tokens) {
			t.forget(less) // the new one holds all that it does
			x.children[i-1] = c
			return c
		}
	}
	x.children = slices.Insert(x.children, i, c)
	return c
}

// touch makes a node and all before it the last used: no node is ever used later
// than its parent, so that the one not used for longest has no children.
func (t *Tree[P]) touch(x *node[P]) {
	for ; x != &t.root; x = x.parent {
		x.unlink()
		t.link(x)
	}
}

// link puts a node at the front of the ring.
func (t *Tree[P]) link(x *node[P]) {
	x.newer, x.older = &t.root, t.root.older
	x.newer.older, x.older.newer = x, x
}

func (x *node[P]) unlink() {
	x.newer.older, x.older.newer = x.older, x.newer
}

// drop takes a node without children out of the tree.
func (t *Tree[P]) drop(x *node[P]) {
	i, _ := x.parent.find(x.tokens)
	x.parent.children = slices.Delete(x.parent.children, i, i+1)
	t.forget(x)
}

// forget lets go of a node that is no child any more.
func (t *Tree[P]) forget(x *node[P]) {
	x.unlink()
	x.page.Release()
	t.size--
}

// Shrink lets go of so many pages, or all there are, and returns how many.
func (t *Tree[P]) Shrink(pages int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for ; n < pages && t.size > 0; n++ {
		t.drop(t.root.newer)
	}
	return n
}
