package corpus

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"
)

// NearDuplicates says for each text whether one of the known texts is nearly the
// same: at least four in five of their words in common, numbers aside. Such
// texts are a family, "the same plugin, another parameter"; a figure on them
// shows memory, not understanding.
//
// Candidates are found by MinHash in bands, so a pair at the limit may be
// missed; each candidate is then compared word by word.
func NearDuplicates(texts, known []string) []bool {
	const limit = 0.8
	wanted := map[uint64][]int{} // of a band's value, the texts that have it
	sets := make([][]uint32, len(texts))
	for i, t := range texts {
		sets[i] = wordSet(t)
		for b, key := range bandKeys(sets[i]) {
			key += uint64(b)
			wanted[key] = append(wanted[key], i)
		}
	}
	out := make([]bool, len(texts))
	for _, k := range known {
		set := wordSet(k)
		for b, key := range bandKeys(set) {
			for _, i := range wanted[key+uint64(b)] {
				if !out[i] {
					out[i] = jaccard(set, sets[i]) >= limit
				}
			}
		}
	}
	return out
}

// wordSet returns the hashes of a text's words in order, once each.
func wordSet(text string) []uint32 {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r == '_' || r >= 0x80)
	})
	set := make([]uint32, 0, len(words))
	for _, w := range words {
		h := fnv.New32a()
		h.Write([]byte(w)) // a hash never fails to write
		set = append(set, h.Sum32())
	}
	slices.Sort(set)
	return slices.Compact(set)
}

const (
	bands = 10
	band  = 3 // hashes of one; a pair at the limit meets in a band with probability .999
)

func bandKeys(set []uint32) (keys [bands]uint64) {
	for b := range keys {
		key := uint64(0)
		for i := range band {
			least, salt := uint32(math.MaxUint32), uint32(b*band+i+1)*0x9e3779b1
			for _, w := range set {
				x := (w ^ salt) * 0x85ebca6b
				x = (x ^ x>>13) * 0xc2b2ae35
				least = min(least, x^x>>16)
			}
			key = (key ^ uint64(least)) * 0x9e3779b97f4a7c15
		}
		keys[b] = key
	}
	return keys
}

// jaccard returns the share of all members that both sorted sets have.
func jaccard(a, b []uint32) float64 {
	both, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
	}
	all := len(a) + len(b) - both
	if all == 0 {
		return 1
	}
	return float64(both) / float64(all)
}
