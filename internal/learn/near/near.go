// Package near finds texts that are the same or nearly the same: those whose word
// pairs mostly coincide. It reads a hundred thousand texts in seconds.
package near

import (
	"context"
	"math/bits"
	"slices"
	"strings"
	"unicode"
)

const (
	// Threshold is from which share of word pairs in common texts are nearly the
	// same.
	Threshold = 0.8
	// MaxWords bounds the words of a text that are looked at.
	MaxWords = 4096

	// bands of height minima each: a pair that is Threshold alike is looked at with
	// a probability of 0.9996, one that is 0.4 alike with 0.19.
	bands  = 20
	height = 5
	// most bounds the texts of a bucket that each of its texts is compared with, so
	// that ten thousand lines of one mould are not compared each with each.
	most = 16
)

// Pair is two texts, A before B, as indices, and the share of their word pairs that
// they have in common.
type Pair struct {
	A, B  int
	Alike float64
}

// Sets says which texts are the same and which nearly so.
type Sets struct {
	// Same has, for each text, the index of the first one that has the same words:
	// case, space and punctuation aside. Near has the same for texts that are
	// nearly the same, or are joined by a chain of such.
	Same, Near []int
	// Pairs are enough of the pairs that are nearly and not quite the same to make
	// Near of them, by their first and then their second.
	Pairs []Pair
}

// words calls f with the words of a text, in lower case.
func words(text string, f func(word string)) {
	n := 0
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) }) {
		if n++; n > MaxWords {
			return
		}
		f(strings.ToLower(w))
	}
}

// hash is FNV-1a of s, mixed so that all its bits are good.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

// mix is the finaliser of MurmurHash3, by Austin Appleby, in the public domain.
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// shingles returns the hashes of a text's word pairs, its ends counted as words,
// sorted and each once, and a hash of all its words. A text without a word is its
// characters.
func shingles(text string) (set []uint64, whole uint64) {
	const edge = 0x9e3779b97f4a7c15
	last := uint64(edge)
	words(text, func(w string) {
		h := hash(w)
		set = append(set, mix(bits.RotateLeft64(last, 17)^h))
		whole = mix(bits.RotateLeft64(whole, 29) ^ h)
		last = h
	})
	if len(set) == 0 {
		h := hash(strings.TrimSpace(text))
		return []uint64{h}, h
	}
	set = append(set, mix(bits.RotateLeft64(last, 17)^edge))
	slices.Sort(set)
	return slices.Compact(set), whole
}

// jaccard is the share of the members of two sorted sets that both have.
func jaccard(a, b []uint64) float64 {
	common, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			common++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return float64(common) / float64(len(a)+len(b)-common)
}

// Alike is the share of the word pairs of two texts that both have, 0 to 1.
func Alike(a, b string) float64 {
	x, _ := shingles(a)
	y, _ := shingles(b)
	return jaccard(x, y)
}

// Find finds the texts that are the same or nearly so. What it finds does not
// depend on chance; a pair at the threshold may be missed.
func Find(ctx context.Context, texts []string) (*Sets, error) {
	s := &Sets{Same: make([]int, len(texts))}
	sets := make([][]uint64, len(texts))
	firsts := make(map[uint64]int, len(texts))
	var distinct []int
	for i, t := range texts {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		set, whole := shingles(t)
		first, ok := firsts[whole]
		if !ok {
			firsts[whole], first = i, i
			distinct = append(distinct, i)
			sets[i] = set
		}
		s.Same[i] = first
	}
	keys := signatures(sets, distinct)
	u := NewUnion(len(texts))
	for i, first := range s.Same {
		u.Join(i, first)
	}
	for b := range bands {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.band(keys, b, distinct, sets, u)
	}
	slices.SortFunc(s.Pairs, func(a, b Pair) int {
		if a.A != b.A {
			return a.A - b.A
		}
		return a.B - b.B
	})
	s.Near = make([]int, len(texts))
	for i := range s.Near {
		s.Near[i] = u.Find(i)
	}
	return s, nil
}

// signatures returns for each distinct text its key of each band: a hash of the
// smallest of its shingles under as many orders as the band is high.
//
// Source: Broder 1997, On the resemblance and containment of documents.
func signatures(sets [][]uint64, distinct []int) [][bands]uint64 {
	var seeds [bands * height]uint64
	for i := range seeds {
		seeds[i] = mix(uint64(i+1) * 0x9e3779b97f4a7c15)
	}
	keys := make([][bands]uint64, len(distinct))
	for n, i := range distinct {
		var least [bands * height]uint64
		for k := range least {
			least[k] = ^uint64(0)
		}
		for _, x := range sets[i] {
			for k := range least {
				// One multiplication orders well enough what is mixed already.
				h := (x ^ seeds[k]) * 0xc4ceb9fe1a85ec53
				least[k] = min(least[k], h^h>>32)
			}
		}
		for b := range bands {
			key := uint64(b)
			for _, m := range least[b*height : (b+1)*height] {
				key = mix(bits.RotateLeft64(key, 31) ^ m)
			}
			keys[n][b] = key
		}
	}
	return keys
}

// band compares the texts that share a key of a band.
func (s *Sets) band(keys [][bands]uint64, b int, distinct []int, sets [][]uint64, u *Union) {
	order := make([]int, len(distinct))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		if keys[x][b] != keys[y][b] {
			if keys[x][b] < keys[y][b] {
				return -1
			}
			return 1
		}
		return x - y
	})
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && keys[order[to]][b] == keys[order[from]][b] {
			to++
		}
		for i := from + 1; i < to; i++ {
			for j := max(from, i-most); j < i; j++ {
				x, y := distinct[order[j]], distinct[order[i]]
				if u.Find(x) == u.Find(y) {
					continue
				}
				if alike := jaccard(sets[x], sets[y]); alike >= Threshold {
					u.Join(x, y)
					s.Pairs = append(s.Pairs, Pair{x, y, alike})
				}
			}
		}
		from = to
	}
}

// Union is a division of the numbers from 0 into sets that are joined.
type Union struct{ parent []int }

// NewUnion returns n sets of one number each.
func NewUnion(n int) *Union {
	u := &Union{make([]int, n)}
	for i := range u.parent {
		u.parent[i] = i
	}
	return u
}

// Find returns the smallest number of i's set.
func (u *Union) Find(i int) int {
	for u.parent[i] != i {
		u.parent[i] = u.parent[u.parent[i]]
		i = u.parent[i]
	}
	return i
}

// Join makes one set of those of a and b.
func (u *Union) Join(a, b int) {
	a, b = u.Find(a), u.Find(b)
	u.parent[max(a, b)] = min(a, b)
}

// Clone returns a copy that can be joined further by itself.
func (u *Union) Clone() *Union { return &Union{slices.Clone(u.parent)} }

// Largest returns the number of members of the largest set.
func (u *Union) Largest() int {
	counts := make([]int, len(u.parent))
	largest := 0
	for i := range u.parent {
		f := u.Find(i)
		counts[f]++
		largest = max(largest, counts[f])
	}
	return largest
}

// Sets returns the number of sets.
func (u *Union) Sets() int {
	n := 0
	for i, p := range u.parent {
		if i == p {
			n++
		}
	}
	return n
}
