package llama

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// PageTokens is how many positions a page holds: the unit in which a cache
// grows, is shared, and is copied when one of those who share it writes. With
// 8B's shape a page is 4 MiB of F32. Keys of a page lie side by side in the lanes
// of a register.
const PageTokens = floats.Lanes

// Page holds the keys and values of PageTokens neighbouring positions, of all
// layers. It belongs to everyone who holds a reference: caches, and whoever
// called Retain. Only a cache that holds the one reference writes to it. Its
// methods may be called from several goroutines at once.
type Page struct {
	numbers
	kind quant.Type
	pool *pagePool
	refs atomic.Int32
}

// Retain adds a reference. The caller has one already.
func (p *Page) Retain() {
	if p.refs.Add(1) <= 1 {
		panic("llama: Retain: the page has no owner")
	}
}

// Release gives a reference back. The memory of a page that nobody holds is kept
// for the next one.
func (p *Page) Release() {
	switch left := p.refs.Add(-1); {
	case left == 0:
		p.pool.put(p)
	case left < 0:
		panic("llama: Release: the page has no owner")
	}
}

// pagePool makes pages and keeps the memory of those that nobody holds.
type pagePool struct {
	mu   sync.Mutex
	free map[quant.Type][]*Page
	use  PageUse
}

// PageUse is the memory of a model's pages, in bytes.
type PageUse struct {
	Held int64 // by caches and others
	Free int64 // by nobody: kept for the next pages
}

// take returns a page of zeros with one reference.
func (p *pagePool) take(l cacheLayout) *Page {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.use.Held += l.pageBytes
	free := p.free[l.kind]
	if len(free) == 0 {
		page := &Page{numbers: l.newNumbers(), kind: l.kind, pool: p}
		page.refs.Store(1)
		return page
	}
	last := len(free) - 1
	page := free[last]
	free[last], p.free[l.kind] = nil, free[:last]
	p.use.Free -= l.pageBytes
	page.numbers.clear() // what another sequence left behind is nobody's business
	page.refs.Store(1)
	return page
}

// put keeps a page that nobody holds.
func (p *pagePool) put(page *Page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == nil {
		p.free = map[quant.Type][]*Page{}
	}
	size := page.numbers.size()
	p.use.Held -= size
	p.use.Free += size
	p.free[page.kind] = append(p.free[page.kind], page)
}

// PageUse returns the memory of all pages that caches of this model have. A
// cache that is not released counts for as long as the model lives.
func (m *Model) PageUse() PageUse {
	m.pages.mu.Lock()
	defer m.pages.mu.Unlock()
	return m.pages.use
}

// TrimPages leaves pages that nobody holds to the garbage collector until those
// that are kept take at most so many bytes.
func (m *Model) TrimPages(bytes int64) {
	p := &m.pages
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, free := range p.free {
		for len(free) > 0 && p.use.Free > bytes {
			last := len(free) - 1
			p.use.Free -= free[last].numbers.size()
			free[last] = nil
			free = free[:last]
		}
		p.free[kind] = free
	}
}

// Pages returns the cache's pages, one for every PageTokens tokens; the last may
// be filled in part. They are the cache's: whoever keeps one retains it.
func (c *Cache) Pages() []*Page { return c.pages }

// Adopt makes an empty cache hold the n tokens whose keys and values pages hold,
// and takes over one reference to each page. It panics if the cache is not
// empty, if the number of pages is another than n tokens need, or if a page is
// of another type.
func (c *Cache) Adopt(pages []*Page, n int) {
	if c.length != 0 || len(c.pages) != 0 || n < 0 || n > c.capacity || len(pages) != pagesFor(n) {
		panic(fmt.Sprintf("llama: Adopt: %d pages for %d tokens, in a cache of %d", len(pages), n, c.length))
	}
	for _, p := range pages {
		if p.kind != c.layout.kind || p.pool != &c.model.pages {
			panic("llama: Adopt: a page of another cache type or model")
		}
	}
	c.pages, c.length, c.filled, c.depth = append(c.pages, pages...), n, false, 0
}

// Release gives all pages back; the cache is empty then.
func (c *Cache) Release() { c.Truncate(0) }

// Truncate forgets all tokens but the first n, and gives pages back that are
// then empty. What was written after them may still stand in the last page. It
// panics if the cache holds fewer.
func (c *Cache) Truncate(n int) {
	if n < 0 || n > c.length {
		panic(fmt.Sprintf("llama: Truncate: %d of %d tokens", n, c.length))
	}
	c.length = n
	keep := pagesFor(n)
	for _, p := range c.pages[keep:] {
		p.Release()
	}
	clear(c.pages[keep:])
	c.pages = c.pages[:keep]
}

// Fork returns a cache that holds the same tokens. What is written to one is not
// seen in the other; pages are shared until then, so a fork is cheap. It must
// not run at the same time as a pass that writes to the same cache.
func (c *Cache) Fork() *Cache {
	f := *c
	f.pages = append([]*Page(nil), c.pages...)
	for _, p := range f.pages {
		p.Retain()
	}
	return &f
}

// reserve makes room for n more tokens, at least one, so that writing them
// touches no page that another has.
func (c *Cache) reserve(n int) {
	if last := c.length / PageTokens; last < len(c.pages) {
		if p := c.pages[last]; p.refs.Load() > 1 {
			own := c.model.pages.take(c.layout)
			own.numbers.copyFrom(p.numbers)
			c.pages[last] = own
			p.Release()
		}
	}
	for len(c.pages)*PageTokens < c.length+n {
		c.pages = append(c.pages, c.model.pages.take(c.layout))
	}
}

// pagesFor returns how many pages n tokens need.
func pagesFor(n int) int { return (n + PageTokens - 1) / PageTokens }
