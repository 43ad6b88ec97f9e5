package library

import "github.com/casemate-ai/casemate/internal/security/feed"

// cacheSize bounds each of the two generations of remembered answers.
const cacheSize = 1024

// answer is what Entry says to an id.
type answer struct {
	entry *feed.Entry
	remap *Remap
}

// cache remembers the answers asked for last. When the young generation is
// full it becomes the old one, and what of the old was not asked for is gone.
type cache struct{ young, old map[string]answer }

func newCache() *cache { return &cache{young: map[string]answer{}} }

func (c *cache) get(id string) (answer, bool) {
	if a, ok := c.young[id]; ok {
		return a, true
	}
	a, ok := c.old[id]
	if ok {
		c.put(id, a)
	}
	return a, ok
}

func (c *cache) put(id string, a answer) {
	if len(id) > maxAsked {
		return
	}
	if len(c.young) >= cacheSize {
		c.old, c.young = c.young, map[string]answer{}
	}
	c.young[id] = a
}
