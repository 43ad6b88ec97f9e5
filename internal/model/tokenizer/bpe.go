package tokenizer

import (
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
)

// byteLevel is byte-pair encoding over bytes.
type byteLevel struct {
	scheme *scheme
	pieces *pieces
	pairs  *pairs
	single [256]uint32 // the token of each byte
	first  []uint32    // the rank of each two bytes, the first of them high
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
func (e *byteLevel) encode(dst []int, text string, _ bool) []int {
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
	e.load(parts, text)
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

// load makes a part of each byte of text.
func (e *byteLevel) load(parts []part, text string) {
	last := len(text) - 1
	for i := range last {
		b := text[i]
		parts[i] = part{e.single[b], e.first[int(b)<<8|int(text[i+1])]}
	}
	parts[last] = part{e.single[text[last]], noRank}
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
