package llama

import (
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Cache holds the keys and values of one sequence of tokens. It grows in pages
// as tokens come, and shares pages with caches forked from it until one of them
// writes. A cache is used by one goroutine at a time; forks are caches of their
// own.
type Cache struct{}

// NewCache returns an empty cache for at most capacity tokens; 0 means as many
// as the model was made for. t is quant.F32, quant.F16 or quant.Q8_0. Nothing
// is allocated before tokens come.
func (m *Model) NewCache(capacity int, t quant.Type) (*Cache, error) { panic("not written yet") }

// Len returns how many tokens the cache holds.
func (c *Cache) Len() int { panic("not written yet") }

// Capacity returns how many tokens the cache can hold.
func (c *Cache) Capacity() int { panic("not written yet") }

// Bytes returns the memory of the cache's pages, shared ones included.
func (c *Cache) Bytes() int64 { panic("not written yet") }

// Truncate forgets all tokens but the first n. It panics if the cache holds
// fewer.
func (c *Cache) Truncate(n int) { panic("not written yet") }

// Fork returns a cache that holds the same tokens. What is written to one is not
// seen in the other; pages are shared until then, so a fork is cheap.
func (c *Cache) Fork() *Cache { panic("not written yet") }
