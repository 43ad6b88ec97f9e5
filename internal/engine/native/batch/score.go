package batch

import (
	"context"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/llama"
)

// maxSpare is how many pages the branches of one Score may have at a time, if
// there is memory for them: enough to fill passes.
const maxSpare = 192

// Score returns the natural log-probability of each token of each option after
// the prefix. The prefix is computed once, and so is what options have in
// common; they run as many at a time as a pass has room for.
func (b *Batcher) Score(ctx context.Context, tokens []int, options [][]int) ([][]float64, error) {
	return b.ScoreAdapted(ctx, nil, tokens, options)
}

// ScoreAdapted is Score with an adapter; nil means none but the model's own.
func (b *Batcher) ScoreAdapted(ctx context.Context, adapter *llama.Adapter, tokens []int, options [][]int) ([][]float64, error) {
	longest := 0
	for _, o := range options {
		if err := b.known(o); err != nil {
			return nil, err
		}
		longest = max(longest, len(o))
	}
	if err := b.check(Prompt{Tokens: tokens, Room: longest}); err != nil {
		return nil, err
	}
	root, paths := newTrie(options)
	least, all := root.branchPages(len(tokens))
	s, j, err := b.start(ctx, Prompt{Tokens: tokens, Adapter: adapter, Share: true, choices: root.tokens(), least: least, spare: max(least, min(all, maxSpare))})
	if err != nil {
		return nil, err
	}
	defer s.End(true)
	if len(root.children) > 0 {
		root.weigh(j.scores[len(j.scores)-1])
	}
	if err := s.branches(ctx, root); err != nil {
		return nil, err
	}
	scores := make([][]float64, len(paths))
	for i, path := range paths {
		scores[i] = make([]float64, len(path))
		for k, node := range path {
			scores[i][k] = node.logprob
		}
	}
	return scores, nil
}

// branch is a chain of a trie, on a fork of the cache of what stands before it.
type branch struct {
	parent *branch // nil if that is the prefix
	chain  []*trie
	pages  int // that the fork comes to have for itself
	seq    *Sequence
	left   int // branches after it that have not begun
}

// branching is how far the branches of a sequence are.
type branching struct {
	seq   *Sequence
	ready []*branch // the last one goes first: that frees memory soonest
	under map[*job]*branch
	done  chan *job
	pages int // of all forks
}

// branches computes all chains of a trie.
func (s *Sequence) branches(ctx context.Context, root *trie) error {
	r := &branching{seq: s, under: map[*job]*branch{}, done: make(chan *job, s.spare+1)}
	r.push(nil, root)
	var failed error
	cancelled := ctx.Done()
	for {
		for failed == nil && len(r.ready) > 0 && r.fits() {
			r.begin(ctx)
		}
		if len(r.under) == 0 {
			break
		}
		select {
		case j := <-r.done:
			if err := r.finish(j); err != nil {
				failed = err
			}
		case <-cancelled:
			cancelled = nil
			for j := range r.under {
				s.b.abandon(j, ctx.Err())
			}
		}
	}
	for len(r.ready) > 0 { // after a fault
		r.begun(r.pop())
	}
	return failed
}

// push makes the chains after a node ready, those that stand first on top. It
// returns how many there are.
func (r *branching) push(parent *branch, node *trie) int {
	inner := node.inner()
	before := r.seq.cache.Len()
	for x := parent; x != nil; x = x.parent {
		before += len(x.chain)
	}
	for _, c := range slices.Backward(inner) {
		chain := c.chain()
		r.ready = append(r.ready, &branch{parent: parent, chain: chain, pages: chainPages(before, len(chain))})
	}
	return len(inner)
}

// fits says whether the next branch may begin beside those that have memory.
// One that has nobody to wait for may.
func (r *branching) fits() bool {
	next := r.ready[len(r.ready)-1]
	return len(r.under) == 0 || r.pages+next.pages <= r.seq.spare
}

// pop takes the next branch.
func (r *branching) pop() *branch {
	last := len(r.ready) - 1
	x := r.ready[last]
	r.ready = r.ready[:last]
	return x
}

// begin starts the next branch.
func (r *branching) begin(ctx context.Context) {
	x, s := r.pop(), r.seq
	before := s
	if x.parent != nil {
		before = x.parent.seq
	}
	x.seq = &Sequence{b: s.b, ticket: s.ticket, cache: before.cache.Fork(), adapter: s.adapter, admitted: true}
	r.begun(x)
	r.pages += x.pages
	j := newJob(x.seq, nil)
	for _, node := range x.chain {
		j.tokens = append(j.tokens, node.token)
		j.choices = append(j.choices, node.tokens())
	}
	j.branch, j.notify = true, r.done
	r.under[j] = x
	s.b.submit(ctx, j)
}

// begun notes that a branch needs the one before it no more, and lets go of
// that if nobody else does.
func (r *branching) begun(x *branch) {
	if p := x.parent; p != nil {
		if p.left--; p.left == 0 {
			r.release(p)
		}
	}
}

func (r *branching) release(x *branch) {
	x.seq.cache.Release()
	r.pages -= x.pages
}

// finish takes what a job computed, and makes ready what follows.
func (r *branching) finish(j *job) error {
	x := r.under[j]
	delete(r.under, j)
	if j.err == nil {
		for i, node := range x.chain {
			node.weigh(j.scores[i])
		}
		x.left = r.push(x, x.chain[len(x.chain)-1])
	}
	if x.left == 0 {
		r.release(x)
	}
	return j.err
}
