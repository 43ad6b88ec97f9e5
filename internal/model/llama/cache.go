package llama

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Cache holds the keys and values of one sequence of tokens. It grows in pages
// as tokens come, and shares pages with caches forked from it until one of them
// writes. A cache is used by one goroutine at a time; forks are caches of their
// own.
type Cache struct {
	model    *Model
	layout   cacheLayout
	capacity int
	length   int
	pages    []*Page
}

// numbers is the memory of a page: for each layer and head the keys of all
// positions, then the values.
type numbers struct {
	floats []float32 // F32
	blocks []byte    // any other type
}

// cacheLayout says where in a page things are.
type cacheLayout struct {
	kind      quant.Type
	heads     int // KV
	head      int // D
	padded    int // D, rounded up to a whole number of blocks
	perPage   int // numbers
	pageBytes int64
}

func newCacheLayout(c modelfile.Config, t quant.Type) cacheLayout {
	elements, bytes := t.Block()
	padded := (c.HeadSize + elements - 1) / elements * elements
	perPage := c.Layers * 2 * c.KVHeads * PageTokens * padded
	return cacheLayout{t, c.KVHeads, c.HeadSize, padded, perPage, int64(perPage/elements) * int64(bytes)}
}

// start returns the number at which the keys (which 0) or values (which 1) of a
// layer's head begin.
func (l cacheLayout) start(layer, which, head int) int {
	return ((layer*2+which)*l.heads + head) * PageTokens * l.padded
}

// NewCache returns an empty cache for at most capacity tokens; 0 means as many
// as the model was made for. t is quant.F32, quant.F16 or quant.Q8_0. Nothing
// is allocated before tokens come.
func (m *Model) NewCache(capacity int, t quant.Type) (*Cache, error) {
	if capacity == 0 {
		capacity = m.config.Context
	}
	if capacity < 0 {
		return nil, fmt.Errorf("cache of %d tokens is not possible", capacity)
	}
	if !cacheable(t) {
		return nil, fmt.Errorf("cache of %v is not possible: want F32, F16 or Q8_0", t)
	}
	return &Cache{model: m, layout: newCacheLayout(m.config, t), capacity: capacity}, nil
}

func cacheable(t quant.Type) bool { return t == quant.F32 || t == quant.F16 || t == quant.Q8_0 }

// Len returns how many tokens the cache holds.
func (c *Cache) Len() int { return c.length }

// Capacity returns how many tokens the cache can hold.
func (c *Cache) Capacity() int { return c.capacity }

// Type returns the format of keys and values.
func (c *Cache) Type() quant.Type { return c.layout.kind }

// Bytes returns the memory of the cache's pages, shared ones included.
func (c *Cache) Bytes() int64 { return int64(len(c.pages)) * c.layout.pageBytes }

// newNumbers returns the memory of a page, all zero.
func (l cacheLayout) newNumbers() numbers {
	if l.kind == quant.F32 {
		return numbers{floats: make([]float32, l.perPage)}
	}
	return numbers{blocks: make([]byte, l.pageBytes)}
}

func (n numbers) clear() {
	clear(n.floats)
	clear(n.blocks)
}

func (n numbers) copyFrom(from numbers) {
	copy(n.floats, from.floats)
	copy(n.blocks, from.blocks)
}

// size returns the memory in bytes.
func (n numbers) size() int64 { return 4*int64(len(n.floats)) + int64(len(n.blocks)) }

// put stores a head's key (which 0) or value (which 1) of a position.
//
//	x  [padded], zeros after the head's own numbers
func (c *Cache) put(layer, which, head, position int, x []float32) {
	l := c.layout
	p := c.pages[position/PageTokens]
	start := l.start(layer, which, head) + position%PageTokens*l.padded
	if l.kind == quant.F32 {
		copy(p.floats[start:start+l.padded], x)
		return
	}
	first, size := l.kind.Size(start), l.kind.Size(l.padded)
	quant.Quantize(p.blocks[first:first+size], l.kind, x[:l.padded])
}

// get returns the keys or values of a head at the first n positions of a page,
// [n,padded]: in place or in scratch, [PageTokens·padded].
func (c *Cache) get(scratch []float32, layer, which, head, page, n int) []float32 {
	l := c.layout
	p := c.pages[page]
	start, count := l.start(layer, which, head), n*l.padded
	if l.kind == quant.F32 {
		return p.floats[start : start+count]
	}
	first := l.kind.Size(start)
	quant.Dequantize(scratch[:count], l.kind, p.blocks[first:first+l.kind.Size(count)])
	return scratch[:count]
}
