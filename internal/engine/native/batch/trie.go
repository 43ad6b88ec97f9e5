package batch

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/engine/native/prefix"
)

// trie is options that follow one prefix, with their common beginnings told once.
type trie struct {
	children []*trie // by token
	token    int
	logprob  float64 // of the token, after those before it
}

// newTrie returns a tree of all options below a root without a token, and the
// nodes of each option in the order of its tokens.
func newTrie(options [][]int) (root *trie, paths [][]*trie) {
	order := make([]int, len(options))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return slices.Compare(options[a], options[b]) })
	root, paths = &trie{}, make([][]*trie, len(options))
	for _, i := range order {
		at := root
		for _, token := range options[i] {
			// In this order, what an option shares is with the one before it.
			if n := len(at.children); n == 0 || at.children[n-1].token != token {
				at.children = append(at.children, &trie{token: token})
			}
			at = at.children[len(at.children)-1]
			paths[i] = append(paths[i], at)
		}
	}
	return root, paths
}

// tokens returns those of the children.
func (t *trie) tokens() []int {
	tokens := make([]int, len(t.children))
	for i, c := range t.children {
		tokens[i] = c.token
	}
	return tokens
}

// inner returns the children that have children: those whose tokens must be
// computed.
func (t *trie) inner() []*trie {
	var inner []*trie
	for _, c := range t.children {
		if len(c.children) > 0 {
			inner = append(inner, c)
		}
	}
	return inner
}

// chain returns the nodes from an inner one on, as far as each is the only one
// to be computed after the one before: they are computed on one cache.
func (t *trie) chain() []*trie {
	chain := []*trie{t}
	for {
		inner := chain[len(chain)-1].inner()
		if len(inner) != 1 {
			return chain
		}
		chain = append(chain, inner[0])
	}
}

// weigh keeps log-probabilities of the children.
func (t *trie) weigh(logprobs []float64) {
	for i, c := range t.children {
		c.logprob = logprobs[i]
	}
}

// branchPages returns the most pages that the branches of one option take, on
// caches that hold so many tokens before, and what all take together.
func (t *trie) branchPages(before int) (most, all int) {
	for _, c := range t.inner() {
		chain := c.chain()
		own := chainPages(before, len(chain))
		m, a := chain[len(chain)-1].branchPages(before + len(chain))
		most, all = max(most, own+m), all+own+a
	}
	return most, all
}

// chainPages returns how many pages a fork takes, of a cache of so many tokens,
// to which n tokens are added: the part page is copied.
func chainPages(before, n int) int {
	return pages(before+n) - before/prefix.Block
}
