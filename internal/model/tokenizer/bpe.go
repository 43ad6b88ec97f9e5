package tokenizer

import (
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// shortPiece is the longest piece, in bytes, whose pairs are looked through
	// for each merge; longer ones use a heap.
	shortPiece = 64
	// longestPiece cuts what the pre-tokenizer leaves whole, so that an index
	// into a piece fits 32 bits.
	longestPiece = 1 << 30
	// keptScratch is the longest piece whose scratch memory is kept.
	keptScratch = 1 << 16
)

// byteLevel is byte-pair encoding over bytes.
type byteLevel struct {
	scheme *scheme
	pieces *pieces
	pairs  *pairs
	single [256]uint32 // the token of each byte
	// ignoreMerges: a piece that is a token is that token.
	ignoreMerges bool
	// whole remembers of each token, two bits each, whether merging its bytes
	// makes it. It only spares work: what it says follows from the merges.
	whole   []atomic.Uint32
	scratch sync.Pool // of *longMerge
}

// What whole says of a token; 0 means it has not been tried.
const (
	isWhole  = 1
	notWhole = 2
)

// encode appends the tokens of text, which has no special tokens.
func (e *byteLevel) encode(dst []int, text string) []int {
	for i := 0; i < len(text); {
		end := min(e.scheme.next(text, i), i+longestPiece)
		dst = e.piece(dst, text[i:end])
		i = end
	}
	return dst
}

// piece appends the tokens of one piece.
func (e *byteLevel) piece(dst []int, text string) []int {
	if len(text) == 1 {
		return append(dst, int(e.single[text[0]]))
	}
	id := e.pieces.find(text)
	switch {
	case id >= 0 && (e.ignoreMerges || e.state(id) == isWhole):
		return append(dst, id)
	case len(text) > shortPiece:
		return e.mergeLong(dst, text)
	}
	start := len(dst)
	dst = e.mergeShort(dst, text)
	if id >= 0 && e.state(id) == 0 {
		state := uint32(notWhole)
		if len(dst) == start+1 && dst[start] == id {
			state = isWhole
		}
		e.whole[id/16].Or(state << (2 * (id % 16)))
	}
	return dst
}

// state is what whole says of a token.
func (e *byteLevel) state(id int) uint32 {
	return e.whole[id/16].Load() >> (2 * (id % 16)) & 3
}

// part is a token of a short piece and the rank of merging it with the next.
type part struct {
	id, rank uint32
}

// mergeShort merges the bytes of text, at most shortPiece, the lowest rank
// first, the leftmost of equals: a search for each merge.
func (e *byteLevel) mergeShort(dst []int, text string) []int {
	var space [shortPiece]part
	parts := space[:len(text)]
	for i := range parts {
		parts[i].id = e.single[text[i]]
	}
	e.rankAll(parts)
	for {
		best, rank := 0, uint32(noRank)
		for i := range parts {
			if parts[i].rank < rank {
				best, rank = i, parts[i].rank
			}
		}
		if rank == noRank {
			break
		}
		parts[best].id = e.pairs.into[rank]
		copy(parts[best+1:], parts[best+2:])
		parts = parts[:len(parts)-1]
		e.rankAt(parts, best-1)
		e.rankAt(parts, best)
	}
	for _, p := range parts {
		dst = append(dst, int(p.id))
	}
	return dst
}

// rankAll looks up the rank of every pair.
func (e *byteLevel) rankAll(parts []part) {
	for i := range parts {
		e.rankAt(parts, i)
	}
}

// rankAt looks up the rank of the pair that begins at i, if there is one.
func (e *byteLevel) rankAt(parts []part, i int) {
	switch {
	case i < 0:
	case i+1 >= len(parts):
		parts[i].rank = noRank
	default:
		parts[i].rank = e.pairs.rank(parts[i].id, parts[i+1].id)
	}
}

// longMerge is the memory for merging a long piece: a list of tokens linked
// through arrays, and a heap of pairs, rank<<32 | index of the left token.
type longMerge struct {
	parts      []part
	next, prev []int32
	heap       []uint64
	steps      int // taken from the heap, for the tests
}

// none ends a list.
const none = -1

// mergeLong is mergeShort for a piece of any length. A pair enters the heap when
// it comes into being, which is at most three times per byte, so n bytes take
// n log n steps.
func (e *byteLevel) mergeLong(dst []int, text string) []int {
	m, _ := e.scratch.Get().(*longMerge)
	if m == nil {
		m = &longMerge{}
	}
	m.load(e, text)
	for len(m.heap) > 0 {
		m.steps++
		top := pop(&m.heap)
		left, rank := int32(uint32(top)), uint32(top>>32)
		// A pair that has changed since has another rank, or none.
		if m.parts[left].rank != rank {
			continue
		}
		m.join(e, left, e.pairs.into[rank])
	}
	for i := int32(0); i != none; i = m.next[i] {
		dst = append(dst, int(m.parts[i].id))
	}
	if len(text) <= keptScratch {
		e.scratch.Put(m)
	}
	return dst
}

// load makes the list of single bytes and the heap of their pairs.
func (m *longMerge) load(e *byteLevel, text string) {
	n := len(text)
	m.parts = slices.Grow(m.parts[:0], n)[:n]
	m.next = slices.Grow(m.next[:0], n)[:n]
	m.prev = slices.Grow(m.prev[:0], n)[:n]
	m.heap = slices.Grow(m.heap[:0], n)
	m.steps = 0
	for i := range n {
		m.parts[i].id = e.single[text[i]]
		m.next[i], m.prev[i] = int32(i+1), int32(i-1)
	}
	m.next[n-1] = none
	e.rankAll(m.parts)
	for i, p := range m.parts {
		if p.rank != noRank {
			m.heap = append(m.heap, uint64(p.rank)<<32|uint64(i))
		}
	}
	for i := len(m.heap)/heapWay + 1; i >= 0; i-- {
		sink(m.heap, i)
	}
}

// join makes the token at left and the one after it the token into.
func (m *longMerge) join(e *byteLevel, left int32, into uint32) {
	gone := m.next[left]
	m.parts[left].id = into
	m.parts[gone].rank = noRank
	after := m.next[gone]
	m.next[left] = after
	if after != none {
		m.prev[after] = left
	}
	m.rank(e, left)
	if before := m.prev[left]; before != none {
		m.rank(e, before)
	}
}

// rank looks up the pair that begins at i and puts it into the heap.
func (m *longMerge) rank(e *byteLevel, i int32) {
	rank := uint32(noRank)
	if after := m.next[i]; after != none {
		rank = e.pairs.rank(m.parts[i].id, m.parts[after].id)
	}
	m.parts[i].rank = rank
	if rank != noRank {
		push(&m.heap, uint64(rank)<<32|uint64(uint32(i)))
	}
}

// heapWay is how many children an entry of a heap has.
const heapWay = 4

// push adds v to a heap whose smallest entry is first.
func push(heap *[]uint64, v uint64) {
	h := append(*heap, v)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / heapWay
		if h[parent] <= v {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = v
	*heap = h
}

// pop takes the smallest entry of a heap that has one.
func pop(heap *[]uint64) uint64 {
	h := *heap
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	*heap = h[:last]
	sink(*heap, 0)
	return top
}

// sink moves entry i of a heap to below all that are smaller.
func sink(h []uint64, i int) {
	if i >= len(h) {
		return
	}
	v := h[i]
	for {
		child := heapWay*i + 1
		if child >= len(h) {
			break
		}
		for k := child + 1; k < min(child+heapWay, len(h)); k++ {
			if h[k] < h[child] {
				child = k
			}
		}
		if h[child] >= v {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = v
}
