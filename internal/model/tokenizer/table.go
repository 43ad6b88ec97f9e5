package tokenizer

import (
	"hash/maphash"
	"math/bits"
)

// pieces finds tokens by their bytes: an open-addressed table over one run of
// all tokens' bytes. The hash is seeded anew for each table, so that neither a
// vocabulary nor a text can be made to collide; what is found does not depend
// on it.
type pieces struct {
	seed  maphash.Seed
	mask  uint32
	slots []slot
	bytes []byte   // all tokens, one after another
	ends  []uint32 // of each token's bytes; token id begins where id-1 ends
}

// slot is a token in the table; a token's id is stored plus one, 0 is free.
type slot struct {
	hash, id uint32
}

// newPieces makes an empty table for n tokens with size bytes in all.
func newPieces(n, size int) *pieces {
	slots := 1 << bits.Len(uint(2*n))
	return &pieces{
		seed:  maphash.MakeSeed(),
		mask:  uint32(slots - 1),
		slots: make([]slot, slots),
		bytes: make([]byte, 0, size),
		ends:  make([]uint32, 0, n),
	}
}

// of returns the bytes of token id, without room to grow.
func (p *pieces) of(id int) []byte {
	var start uint32
	if id > 0 {
		start = p.ends[id-1]
	}
	end := p.ends[id]
	return p.bytes[start:end:end]
}

// insert puts the token id, whose bytes are stored, into the table. It returns
// the token that has the same bytes already, or -1.
func (p *pieces) insert(id int) int {
	b := p.of(id)
	h := maphash.Bytes(p.seed, b)
	at := uint32(h) & p.mask
	for {
		s := &p.slots[at]
		if s.id == 0 {
			*s = slot{uint32(h >> 32), uint32(id + 1)}
			return -1
		}
		if s.hash == uint32(h>>32) && string(p.of(int(s.id-1))) == string(b) {
			return int(s.id - 1)
		}
		at = (at + 1) & p.mask
	}
}

// find returns the token whose bytes are text, or -1.
func (p *pieces) find(text string) int {
	return search(p, maphash.String(p.seed, text), text)
}

// findBytes is find for bytes.
func (p *pieces) findBytes(text []byte) int {
	return search(p, maphash.Bytes(p.seed, text), text)
}

func search[T string | []byte](p *pieces, h uint64, text T) int {
	for at := uint32(h) & p.mask; ; at = (at + 1) & p.mask {
		s := p.slots[at]
		if s.id == 0 {
			return -1
		}
		if s.hash == uint32(h>>32) && string(p.of(int(s.id-1))) == string(text) {
			return int(s.id - 1)
		}
	}
}

// A pair's two ids and its rank share a word of 64 bits.
const (
	idBits   = 20
	rankBits = 64 - 2*idBits
	rankMask = 1<<rankBits - 1
	noRank   = 1<<rankBits - 1 // of a pair that does not merge
)

// pairs finds the rank of two neighbouring tokens: an open-addressed table of
// words, each left<<44 | right<<24 | rank; a free slot has noRank.
type pairs struct {
	seed  uint64
	shift uint
	mask  uint32
	slots []uint64
	into  []uint32 // the token that each rank's pair becomes
}

// newPairs makes an empty table for n pairs.
func newPairs(n int) *pairs {
	size := bits.Len(uint(2 * n))
	p := &pairs{
		seed:  maphash.String(maphash.MakeSeed(), "pairs"),
		shift: uint(64 - size),
		mask:  1<<size - 1,
		slots: make([]uint64, 1<<size),
		into:  make([]uint32, n),
	}
	for i := range p.slots {
		p.slots[i] = noRank
	}
	return p
}

// at is where the search for a pair begins.
func (p *pairs) at(key uint64) uint32 {
	h := (key ^ p.seed) * 0x9E3779B97F4A7C15
	h ^= h >> 32
	return uint32(h * 0xD6E8FEB86659FD93 >> p.shift)
}

// insert gives a pair its rank and the token it becomes. The first rank of a
// pair stands.
func (p *pairs) insert(left, right, rank, into int) {
	key := uint64(left)<<idBits | uint64(right)
	for at := p.at(key); ; at = (at + 1) & p.mask {
		switch s := p.slots[at]; {
		case s == noRank:
			p.slots[at] = key<<rankBits | uint64(rank)
			p.into[rank] = uint32(into)
			return
		case s>>rankBits == key:
			return
		}
	}
}

// rank returns the rank of a pair, or noRank.
func (p *pairs) rank(left, right uint32) uint32 {
	key := uint64(left)<<idBits | uint64(right)
	for at := p.at(key); ; at = (at + 1) & p.mask {
		s := p.slots[at]
		if s>>rankBits == key {
			return uint32(s & rankMask)
		}
		if s == noRank {
			return noRank
		}
	}
}
