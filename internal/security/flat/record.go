package flat

import (
	"iter"
	"math/bits"
	"math/rand/v2"
	"strings"

	"github.com/casemate-ai/casemate"
)

// The limits of look-ups. No product has longer names that matter. A name that
// collides with too many others cannot be found: that takes luck that no one
// has by accident, and keeps the cost linear for those who try.
const (
	maxIndexed = 128
	maxProbes  = 64
)

// Record finds fields by name without regard to ASCII case, in constant time.
// It is meant to be used again and again: Reset is cheap. The zero value is an
// empty record. It is not for concurrent use.
type Record struct {
	fields []casemate.Field
	seed   uint64
	slots  []slot
	next   []int32 // the next field of the same name, or 0
	gen    uint32

	// A Bloom filter of the names, by their lengths and ends: most questions
	// are for names that are not there, and end here.
	filter [8]uint64
}

// slot is one place of an open-addressing table; one of an older generation is free.
type slot struct {
	gen         uint32
	first, last int32 // 1-based positions in fields
}

// Reset makes the record one of these fields, which it keeps but never changes.
func (r *Record) Reset(fields []casemate.Field) {
	size := 64
	for size < 2*len(fields) {
		size *= 2
	}
	if r.gen++; r.gen == 0 || len(r.slots) < size || len(r.slots) > 64*size {
		r.slots, r.gen, r.seed = make([]slot, size), 1, rand.Uint64()
	}
	if cap(r.next) < len(fields) || cap(r.next) > 64*size {
		r.next = make([]int32, size)
	}
	r.fields, r.next = fields, r.next[:len(fields)]
	r.filter = [8]uint64{}
	for i := range fields {
		r.next[i] = 0
		word, bit := trait(fields[i].Name)
		r.filter[word] |= bit
		s := r.find(fields[i].Name)
		switch {
		case s == nil:
		case s.gen != r.gen:
			*s = slot{r.gen, int32(i + 1), int32(i + 1)}
		default:
			r.next[s.last-1] = int32(i + 1)
			s.last = int32(i + 1)
		}
	}
}

// find returns the slot of a name, or the free one where it belongs; nil for a
// name that cannot be looked up.
func (r *Record) find(name string) *slot {
	if len(name) > maxIndexed || len(r.slots) == 0 {
		return nil
	}
	mask := len(r.slots) - 1
	at := int(r.hash(name)) & mask
	for range maxProbes {
		s := &r.slots[at]
		if s.gen != r.gen || equal(r.fields[s.first-1].Name, name) {
			return s
		}
		at = (at + 1) & mask
	}
	return nil
}

// hash mixes a name eight bytes at a time, in the manner of wyhash. The bit
// that tells capitals from small letters is set in every byte, which makes a
// few other characters equal as well; equal tells them apart.
func (r *Record) hash(name string) uint64 {
	const fold, k0, k1 = 0x2020202020202020, 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	h := r.seed ^ uint64(len(name))*k0
	for ; len(name) >= 8; name = name[8:] {
		v := uint64(name[0]) | uint64(name[1])<<8 | uint64(name[2])<<16 | uint64(name[3])<<24 |
			uint64(name[4])<<32 | uint64(name[5])<<40 | uint64(name[6])<<48 | uint64(name[7])<<56
		hi, lo := bits.Mul64((v|fold)^h, k1)
		h = hi ^ lo
	}
	var v uint64
	for i := range len(name) {
		v = v<<8 | uint64(name[i]|0x20)
	}
	hi, lo := bits.Mul64(v^h, k0)
	return hi ^ lo
}

// trait returns the place of a name in the filter.
func trait(name string) (word int, bit uint64) {
	n := len(name)
	if n == 0 {
		return 0, 1
	}
	h := uint(n)*37 + uint(name[0]|0x20)*101 + uint(name[n-1]|0x20)*17
	return int(h >> 6 & 7), 1 << (h & 63)
}

// held returns the slot of a name that is there, or nil.
func (r *Record) held(name string) *slot {
	if word, bit := trait(name); r.filter[word]&bit == 0 {
		return nil
	}
	if s := r.find(name); s != nil && s.gen == r.gen {
		return s
	}
	return nil
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func equal(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// Fields returns all fields, in order.
func (r *Record) Fields() []casemate.Field { return r.fields }

// Has says whether there is a field of this name, of whatever value.
func (r *Record) Has(name string) bool {
	return r.held(name) != nil
}

// Get returns the first value of this name that says something: white space
// around it is removed, and the signs for nothing, "-", "null", "N/A" and
// "(null)", count as empty.
func (r *Record) Get(name string) string {
	s := r.held(name)
	if s == nil {
		return ""
	}
	for i := s.first; i > 0; i = r.next[i-1] {
		if v := Clean(r.fields[i-1].Value); v != "" {
			return v
		}
	}
	return ""
}

// First returns the value that Get finds for the first of the names that has one.
func (r *Record) First(names ...string) string {
	for _, name := range names {
		if v := r.Get(name); v != "" {
			return v
		}
	}
	return ""
}

// All ranges over the values of this name that say something, in order.
func (r *Record) All(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		s := r.held(name)
		if s == nil {
			return
		}
		for i := s.first; i > 0; i = r.next[i-1] {
			if v := Clean(r.fields[i-1].Value); v != "" && !yield(v) {
				return
			}
		}
	}
}

// Clean removes white space around a value, and returns "" for the signs that
// products write where they have nothing to say.
func Clean(v string) string {
	v = strings.TrimSpace(v)
	switch v {
	case "-", "--", "null", "NULL", "(null)", "N/A", "n/a", "None", "(empty)":
		return ""
	}
	return v
}
