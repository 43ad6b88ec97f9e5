package native

import (
	"sync"

	"github.com/casemate-ai/casemate/internal/model/llama"
)

// prefixes keeps the caches of computed token sequences, the most recently used
// first. What is kept is never written to: a request goes on with a fork. Since
// a token's keys and values have the same bits however they were computed, no
// result depends on what is kept.
type prefixes struct {
	limit int // sequences; negative keeps none

	mu   sync.Mutex
	kept []prefix
}

type prefix struct {
	tokens []int
	cache  *llama.Cache
}

// shared returns how many tokens two sequences have in common at their start.
func shared(a, b []int) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// take returns a fork of the kept cache that shares most tokens, cut to what is
// shared and to at most limit tokens. It returns nil where none shares any.
func (p *prefixes) take(tokens []int, limit int) *llama.Cache {
	p.mu.Lock()
	defer p.mu.Unlock()
	best, most := -1, 0
	for i, k := range p.kept {
		if n := min(shared(k.tokens, tokens), limit); n > most {
			best, most = i, n
		}
	}
	if best < 0 {
		return nil
	}
	k := p.kept[best]
	copy(p.kept[1:best+1], p.kept[:best])
	p.kept[0] = k
	fork := k.cache.Fork()
	fork.Truncate(most)
	return fork
}

// keep takes over the cache of a sequence, which nobody may use any more, and
// lets go of those that it begins with, and of the one not used for longest.
func (p *prefixes) keep(tokens []int, cache *llama.Cache) {
	if p.limit <= 0 || len(tokens) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := []prefix{{tokens, cache}}
	for _, k := range p.kept {
		if len(kept) < p.limit && shared(k.tokens, tokens) < len(k.tokens) {
			kept = append(kept, k)
		}
	}
	p.kept = kept
}

// drop lets go of all.
func (p *prefixes) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = nil
}
