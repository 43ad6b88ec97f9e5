package sigma

import (
	"slices"
	"strings"
)

// trie is a set of texts as a tree of states, numbered breadth first, so that
// the children of a state have consecutive numbers and only the first is
// stored. With links it is an Aho-Corasick automaton: one pass over a value
// finds every text of the set in it, in time linear in the value.
//
// Source: Aho and Corasick 1975, doi:10.1145/360825.360855.
type trie struct {
	nodes []trieNode // one more than there are states
	label []byte     // the byte that leads to a state
	entry []int32    // what ends at a state, or -1

	// dense holds whole rows of transitions for the states that have many
	// children, which are those near the root where a scan spends its time.
	dense []int32
	// pairs has a bit for each two bytes that a text begins with, so that most
	// of a value is passed over without leaving the root.
	pairs []uint64
}

// trieNode is what a scan needs of a state, together in memory.
type trieNode struct {
	first int32 // children of s are nodes[s].first to nodes[s+1].first-1
	row   int32 // of dense, or -1
	fail  int32 // the state of the longest proper suffix
	hit   int32 // the state itself or the nearest on the way of fails that has an entry, or 0
}

// denseChildren is the number of children from which a state gets a row.
const denseChildren = 4

// key is a text of a trie and what is found with it.
type key struct {
	text  string
	entry int32
}

// newTrie builds the trie of keys with distinct texts that are not empty. It
// sorts keys.
func newTrie(keys []key, links bool) *trie {
	if len(keys) == 0 {
		return nil
	}
	slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.text, b.text) })
	t := &trie{}
	t.grow(keys)
	if links {
		t.link()
		t.pair(keys)
	}
	return t
}

// grow lays out the states. Those below a state are the keys of a range.
func (t *trie) grow(keys []key) {
	type span struct{ lo, hi, depth int32 }
	queue := []span{{0, int32(len(keys)), 0}}
	t.label = append(t.label, 0)
	for s := 0; s < len(queue); s++ {
		q := queue[s]
		t.nodes = append(t.nodes, trieNode{first: int32(len(queue)), row: -1})
		entry := int32(-1)
		if int(q.depth) == len(keys[q.lo].text) {
			entry = keys[q.lo].entry
			q.lo++
		}
		t.entry = append(t.entry, entry)
		for lo := q.lo; lo < q.hi; {
			c := keys[lo].text[q.depth]
			hi := lo + 1
			for hi < q.hi && keys[hi].text[q.depth] == c {
				hi++
			}
			queue = append(queue, span{lo, hi, q.depth + 1})
			t.label = append(t.label, c)
			lo = hi
		}
	}
	t.nodes = append(t.nodes, trieNode{first: int32(len(queue))})
}

// child returns the state behind s for c, or 0, which is nobody's child.
func (t *trie) child(s int32, c byte) int32 {
	lo, hi := t.nodes[s].first, t.nodes[s+1].first
	for i, l := range t.label[lo:hi] {
		if l == c {
			return lo + int32(i)
		}
	}
	return 0
}

// link sets what a scan needs. States come after all shorter ones, so those
// that a state falls back to are ready.
func (t *trie) link() {
	for s := range int32(len(t.entry)) {
		n := &t.nodes[s]
		if t.entry[s] >= 0 {
			n.hit = s
		} else if s != 0 {
			n.hit = t.nodes[n.fail].hit
		}
		kids := t.nodes[s+1].first
		if s == 0 || kids-n.first >= denseChildren {
			t.fill(s)
		}
		for kid := n.first; kid < kids && s != 0; kid++ {
			t.nodes[kid].fail = t.step(n.fail, t.label[kid])
		}
	}
}

// fill gives a state a row.
func (t *trie) fill(s int32) {
	n := &t.nodes[s]
	row := make([]int32, 256)
	if s != 0 {
		for c := range row {
			row[c] = t.step(n.fail, byte(c))
		}
	}
	for kid := n.first; kid < t.nodes[s+1].first; kid++ {
		row[t.label[kid]] = kid
	}
	n.row = int32(len(t.dense))
	t.dense = append(t.dense, row...)
}

// step returns the state behind s for c, falling back where s has no child.
func (t *trie) step(s int32, c byte) int32 {
	for {
		n := &t.nodes[s]
		if n.row >= 0 {
			return t.dense[int(n.row)+int(c)]
		}
		if to := t.child(s, c); to != 0 {
			return to
		}
		s = n.fail
	}
}

// pair fills in pairs. A text of one byte may go on with any other.
func (t *trie) pair(keys []key) {
	t.pairs = make([]uint64, 1<<16/64)
	set := func(a, b byte) { t.pairs[uint(a)<<2|uint(b)>>6] |= 1 << (b & 63) }
	for _, k := range keys {
		if len(k.text) > 1 {
			set(k.text[0], k.text[1])
			continue
		}
		for b := range 256 {
			set(k.text[0], byte(b))
		}
	}
}

// skip returns the first place from i on where a text may begin, or the last.
func (t *trie) skip(s string, i int) int {
	pairs := t.pairs
	if len(pairs) != 1<<16/64 {
		return i
	}
	for ; i+1 < len(s); i++ {
		a, b := uint(s[i]), uint(s[i+1])
		if pairs[(a<<2|b>>6)&1023]>>(b&63)&1 != 0 {
			break
		}
	}
	return i
}
