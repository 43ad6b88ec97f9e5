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
	first []int32 // children of s are first[s] to first[s+1]-1
	label []byte  // the byte that leads to a state
	entry []int32 // what ends at a state, or -1
	fail  []int32 // the state of the longest proper suffix; nil without links
	next  []int32 // the nearest state on the way of fails that has an entry, or 0

	// dense holds whole rows of transitions for the states that have many
	// children, which are those near the root where a scan spends its time.
	dense []int32 // 256 to a row
	row   []int32 // by state, -1 for none
}

// denseChildren is the number of children from which a state gets a row.
const denseChildren = 6

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
		t.fill()
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
		t.first = append(t.first, int32(len(queue)))
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
	t.first = append(t.first, int32(len(queue)))
}

// child returns the state behind s for c, or 0, which is nobody's child.
func (t *trie) child(s int32, c byte) int32 {
	lo, hi := t.first[s], t.first[s+1]
	for i, l := range t.label[lo:hi] {
		if l == c {
			return lo + int32(i)
		}
	}
	return 0
}

// link sets fail and next. States come after all shorter ones, so those that a
// state falls back to are ready.
func (t *trie) link() {
	t.fail = make([]int32, len(t.entry))
	t.next = make([]int32, len(t.entry))
	for s := range int32(len(t.entry)) {
		for kid := t.first[s]; kid < t.first[s+1]; kid++ {
			if s == 0 {
				continue
			}
			f := t.fail[s]
			to := t.child(f, t.label[kid])
			for to == 0 && f != 0 {
				f = t.fail[f]
				to = t.child(f, t.label[kid])
			}
			t.fail[kid] = to
			if t.next[kid] = t.next[to]; t.entry[to] >= 0 {
				t.next[kid] = to
			}
		}
	}
}

// fill makes the dense rows, the root's first.
func (t *trie) fill() {
	t.row = make([]int32, len(t.entry))
	for s := range t.row {
		t.row[s] = -1
		if s != 0 && t.first[s+1]-t.first[s] < denseChildren {
			continue
		}
		t.row[s] = int32(len(t.dense))
		row := make([]int32, 256)
		if s != 0 {
			for c := range row {
				row[c] = t.step(t.fail[s], byte(c))
			}
		}
		for kid := t.first[s]; kid < t.first[s+1]; kid++ {
			row[t.label[kid]] = kid
		}
		t.dense = append(t.dense, row...)
	}
}

// step returns the state behind s for c, falling back where s has no child.
func (t *trie) step(s int32, c byte) int32 {
	for {
		if r := t.row[s]; r >= 0 {
			return t.dense[r+int32(c)]
		}
		if to := t.child(s, c); to != 0 {
			return to
		}
		s = t.fail[s]
	}
}
