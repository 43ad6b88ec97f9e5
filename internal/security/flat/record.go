package flat

import (
	"hash/maphash"
	"iter"
	"strings"

	"github.com/casemate-ai/casemate"
)

// maxIndexed bounds the names that can be looked up: no product has longer
// ones that matter, and it lets a name be folded without allocating.
const maxIndexed = 128

// Record finds fields by name without regard to ASCII case, in constant time.
// It is meant to be used again and again: Reset is cheap. The zero value is an
// empty record. It is not for concurrent use.
type Record struct {
	fields []casemate.Field
	seed   maphash.Seed
	slots  []slot
	next   []int32 // the next field of the same name, or 0
	gen    uint32

	// The lengths and first bytes of all names, one bit for each modulo 64: most
	// questions are for names that are not there, and end here.
	lengths, firsts uint64
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
		if r.slots == nil {
			r.seed = maphash.MakeSeed()
		}
		r.slots, r.gen = make([]slot, size), 1
	}
	if cap(r.next) < len(fields) || cap(r.next) > 64*size {
		r.next = make([]int32, size)
	}
	r.fields, r.next = fields, r.next[:len(fields)]
	r.lengths, r.firsts = 0, 0
	for i := range fields {
		l, f := bits(fields[i].Name)
		r.lengths |= l
		r.firsts |= f
		r.next[i] = 0
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
// name too long to be looked up.
func (r *Record) find(name string) *slot {
	if len(name) > maxIndexed || len(r.slots) == 0 {
		return nil
	}
	var fold [maxIndexed]byte
	for i := range len(name) {
		fold[i] = lower(name[i])
	}
	mask := len(r.slots) - 1
	for at := int(maphash.Bytes(r.seed, fold[:len(name)])) & mask; ; at = (at + 1) & mask {
		s := &r.slots[at]
		if s.gen != r.gen || equal(r.fields[s.first-1].Name, name) {
			return s
		}
	}
}

// bits returns the bits of a name's length and first byte.
func bits(name string) (length, first uint64) {
	if name == "" {
		return 1, 1
	}
	return 1 << (len(name) % 64), 1 << (name[0] & 0x1f)
}

// held returns the slot of a name that is there, or nil.
func (r *Record) held(name string) *slot {
	if l, f := bits(name); r.lengths&l == 0 || r.firsts&f == 0 {
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
