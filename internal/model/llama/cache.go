package llama

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
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
	// adapter is what the tokens were computed with, if filled is set; of pages
	// that were adopted nobody knows.
	adapter *Adapter
	filled  bool
	depth   int // layers that the tokens went through; 0 means all
}

// numbers is the memory of a page: for each layer and head the keys of all
// positions, as floats.PutKey lays them out, then the values, as PutValue does.
type numbers struct{ bytes []byte }

// cacheLayout says where in a page things are.
type cacheLayout struct {
	kind       quant.Type
	heads      int // KV
	padded     int // numbers of a value
	key, value int // bytes of a layer's keys or values of one head
	pageBytes  int64
}

func newCacheLayout(c modelfile.Config, t quant.Type) cacheLayout {
	key, value := floats.KeyPage(t, c.HeadSize), floats.ValuePage(t, c.HeadSize)
	size := int64(c.Layers) * int64(c.KVHeads) * int64(key+value)
	return cacheLayout{t, c.KVHeads, floats.Padded(t, c.HeadSize), key, value, size}
}

// keys returns a layer's keys of a head, and all that follows in the page.
func (l cacheLayout) keys(n numbers, layer, head int) []byte {
	return n.bytes[(layer*l.heads+head)*(l.key+l.value):]
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
func (l cacheLayout) newNumbers() numbers { return numbers{make([]byte, l.pageBytes)} }

func (n numbers) clear() { clear(n.bytes) }

func (n numbers) copyFrom(from numbers) { copy(n.bytes, from.bytes) }

// size returns the memory in bytes.
func (n numbers) size() int64 { return int64(len(n.bytes)) }

// put stores a head's key and value of a position.
//
//	key, value  [D]
func (c *Cache) put(layer, head, position int, key, value []float32) {
	l := c.layout
	at := l.keys(c.pages[position/PageTokens].numbers, layer, head)
	floats.PutKey(at[:l.key], l.kind, position%PageTokens, key)
	floats.PutValue(at[l.key:l.key+l.value], l.kind, position%PageTokens, value)
}

// blockPages is memory for pages of a block.
type blockPages struct {
	keys, values, next [floats.Block / PageTokens][]byte
}

// block returns the pages of a block of which n positions are wanted: of a
// layer's head the keys and the values, and the keys of the block that follows,
// as far as there is one, to be read ahead. Pages may be longer than they are.
func (c *Cache) block(memory *blockPages, layer, head, base, n int) (keys, values, next [][]byte) {
	first, count := base/PageTokens, (n+PageTokens-1)/PageTokens
	for i := range count {
		at := c.layout.keys(c.pages[first+i].numbers, layer, head)
		memory.keys[i], memory.values[i] = at, at[c.layout.key:]
	}
	after := first + len(memory.next)
	if after >= len(c.pages) {
		return memory.keys[:count], memory.values[:count], nil
	}
	for i := range count {
		memory.next[i] = c.layout.keys(c.pages[min(after+i, len(c.pages)-1)].numbers, layer, head)
	}
	return memory.keys[:count], memory.values[:count], memory.next[:count]
}
