package grammar

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Limits of a vocabulary, which comes from a model file. The tree takes at most
// 13 bytes for each byte of a token; a large vocabulary has a million of them.
const (
	maxTokens     = 1 << 22 // tokens
	maxTokenBytes = 1 << 16 // bytes of one token
	maxBytes      = 1 << 24 // bytes of all tokens
)

// Vocabulary is the tokens of one tokenizer as bytes. It does not change and
// may be used by any number of goroutines.
type Vocabulary struct {
	tokens [][]byte
	end    []int

	// The tokens as a tree of bytes, in preorder: the children of node i are
	// i+1, then the end of that, and so on below end[i]. Node 0 is the root.
	label []byte
	next  []int32 // where the subtree of a node ends
	up    []int32 // parent
	// Sorted by their bytes, the tokens below a node are neighbours: those of
	// node i are order[first[i]:first[i+1]], those of its subtree
	// order[first[i]:first[next[i]]].
	order []int32
	first []int32

	single [256]bool // bytes that are a token

	free  stringTokens // in strings that may use every escape
	bound stringTokens // in strings that have one spelling
	mu    sync.Mutex
	made  map[freeMask]*interior
}

// NewVocabulary takes the bytes of each token id, nil for a control token, which
// is never allowed, and the ids that end a text. tokens is kept, not copied.
func NewVocabulary(tokens [][]byte, end []int) (*Vocabulary, error) {
	if len(tokens) == 0 || len(tokens) > maxTokens {
		return nil, fmt.Errorf("read vocabulary: %d tokens, limit %d", len(tokens), maxTokens)
	}
	v := &Vocabulary{tokens: tokens, end: slices.Clone(end), made: map[freeMask]*interior{}}
	ends := make(map[int]bool, len(end))
	for _, id := range end {
		if id < 0 || id >= len(tokens) {
			return nil, fmt.Errorf("read vocabulary: end token %d of %d", id, len(tokens))
		}
		ends[id] = true
	}
	total := 0
	for id, t := range tokens {
		if len(t) > maxTokenBytes {
			return nil, fmt.Errorf("read vocabulary: token %d has %d bytes, limit %d", id, len(t), maxTokenBytes)
		}
		if total += len(t); total > maxBytes {
			return nil, fmt.Errorf("read vocabulary: more than %d bytes", maxBytes)
		}
		// An empty token would never come to an end; an end token ends.
		if len(t) == 0 || ends[id] {
			continue
		}
		v.order = append(v.order, int32(id))
		if len(t) == 1 {
			v.single[t[0]] = true
		}
	}
	slices.SortFunc(v.order, func(a, b int32) int {
		return cmp.Or(bytes.Compare(tokens[a], tokens[b]), cmp.Compare(a, b))
	})
	v.plant()
	v.prepare()
	return v, nil
}

// plant builds the tree from the sorted tokens.
func (v *Vocabulary) plant() {
	add := func(b byte, parent int32, token int) int32 {
		v.label = append(v.label, b)
		v.next = append(v.next, 0)
		v.up = append(v.up, parent)
		v.first = append(v.first, int32(token))
		return int32(len(v.label) - 1)
	}
	path := []int32{add(0, -1, 0)}
	var last []byte
	for i, id := range v.order {
		t := v.tokens[id]
		n := 0
		for n < len(last) && n < len(t) && last[n] == t[n] {
			n++
		}
		for len(path) > n+1 {
			v.next[path[len(path)-1]] = int32(len(v.label))
			path = path[:len(path)-1]
		}
		for _, b := range t[n:] {
			path = append(path, add(b, path[len(path)-1], i))
		}
		last = t
	}
	for _, node := range path {
		v.next[node] = int32(len(v.label))
	}
	v.first = append(v.first, int32(len(v.order)))
}

// Size returns the number of token ids.
func (v *Vocabulary) Size() int { return len(v.tokens) }

// set marks the tokens that end at node.
func (v *Vocabulary) set(bits []uint64, node int32) {
	for _, id := range v.order[v.first[node]:v.first[node+1]] {
		bits[id/64] |= 1 << (id % 64)
	}
}

// clear unmarks the tokens at and below node.
func (v *Vocabulary) clear(bits []uint64, node int32) {
	for _, id := range v.order[v.first[node]:v.first[v.next[node]]] {
		bits[id/64] &^= 1 << (id % 64)
	}
}

// missing returns a byte that a document may need and no token is, if any: all
// of printable ASCII and all that UTF-8 text consists of.
func (v *Vocabulary) missing(lineFeed bool) (byte, bool) {
	for b := range 256 {
		needed := b >= ' ' && b < 0xC0 || b >= 0xC2 && b <= 0xF4 || b == '\n' && lineFeed
		if needed && !v.single[b] {
			return byte(b), true
		}
	}
	return 0, false
}

func words(size int) int { return (size + 63) / 64 }
