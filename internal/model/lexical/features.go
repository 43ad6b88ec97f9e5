package lexical

import (
	"math"
	"math/bits"
)

// Salts keep the kinds of features apart.
const (
	saltPair   = 0x9e3779b1
	saltTriple = 0x85ebca77
	saltSkip   = 0xc2b2ae3d
	saltPrefix = 0x27d4eb2f
	saltSuffix = 0x165667b1
	saltPiece  = 0x2545f491
	saltShape  = 0x61c88647
)

// A feature spans the words from first to last.
type feature struct {
	hash        uint32
	first, last int32
}

// appendFeatures appends the features of words, in the order of the text.
func (f *Features) appendFeatures(out []feature, text string, words []word) []feature {
	for i := range words {
		w, n := &words[i], int32(i)
		out = append(out, feature{w.hash, n, n})
		if i >= 1 {
			h := words[i-1].hash
			if f.Pairs {
				out = append(out, feature{finish(h*saltPair ^ w.hash), n - 1, n})
			}
			if i >= 2 && f.Triples {
				out = append(out, feature{finish((words[i-2].hash*saltTriple^h)*saltPair ^ w.hash), n - 2, n})
			}
			if i >= 2 && f.Skips {
				out = append(out, feature{finish(words[i-2].hash*saltSkip ^ w.hash), n - 2, n})
			}
		}
		if !w.number {
			out = f.appendWithin(out, text, w, n)
		}
	}
	return out
}

// appendWithin appends the features inside a word.
func (f *Features) appendWithin(out []feature, text string, w *word, n int32) []feature {
	const prefix, suffix, piece = 5, 4, 4
	s := text[w.start:w.end]
	if f.Affixes && len(s) > prefix {
		out = append(out, feature{hashBytes(s[:prefix], saltPrefix), n, n})
	}
	if f.Affixes && len(s) > suffix {
		out = append(out, feature{hashBytes(s[len(s)-suffix:], saltSuffix), n, n})
	}
	if f.Pieces {
		for i := 0; i+piece <= len(s) && i < 32; i++ {
			out = append(out, feature{hashBytes(s[i:i+piece], saltPiece), n, n})
		}
	}
	if f.Shapes {
		out = appendShapes(out, text, w, n)
	}
	return out
}

// appendShapes appends how a word is written: as code mostly is.
func appendShapes(out []feature, text string, w *word, n int32) []feature {
	after := text[w.end:]
	add := func(kind uint32) { out = append(out, feature{finish(saltShape * kind), n, n}) }
	if len(after) >= 2 && after[0] == '(' && after[1] == ')' {
		add(1)
	}
	if len(after) >= 1 && after[0] == '=' {
		add(2)
	}
	if w.start > 0 && text[w.start-1] == '/' {
		add(3)
	}
	s := text[w.start:w.end]
	for i := 1; i < len(s); i++ {
		if s[i] == '_' {
			add(4)
			break
		}
		if s[i] >= 'A' && s[i] <= 'Z' && s[i-1] >= 'a' && s[i-1] <= 'z' {
			add(5)
			break
		}
	}
	return out
}

func hashBytes(s string, salt uint32) uint32 {
	h := uint32(fnvOffset) ^ salt
	for i := range len(s) {
		h = (h ^ uint32(lower[s[i]])) * fnvPrime
	}
	return finish(h)
}

// bucketIndex says which buckets have a row, and which: the rows are in the
// order of the buckets.
type bucketIndex struct {
	shift uint // hash>>shift is the bucket
	words []bucketWord
}

// bucketWord is 64 buckets, and how many rows come before them.
type bucketWord struct {
	set    uint64
	before uint32
}

// newBucketIndex takes 1<<hashBits bits, 64 a word.
func newBucketIndex(hashBits int, set []uint64) bucketIndex {
	x := bucketIndex{shift: uint(32 - hashBits), words: make([]bucketWord, len(set))}
	n := uint32(0)
	for i, w := range set {
		x.words[i] = bucketWord{w, n}
		n += uint32(bits.OnesCount64(w))
	}
	return x
}

// row returns the row of a hash, or -1.
func (x *bucketIndex) row(hash uint32) int32 {
	b := hash >> x.shift
	w := &x.words[b>>6]
	bit := uint64(1) << (b & 63)
	if w.set&bit == 0 {
		return -1
	}
	return int32(w.before) + int32(bits.OnesCount64(w.set&(bit-1)))
}

// The rarity of a feature that docs of n texts have is the root of ln(n/docs):
// the root, because the logarithm itself gives too much to rare words. It is
// stored in a byte a row, in these units.
const idfUnit = 1.0 / 64

func quantiseIDF(texts, docs int) uint8 {
	v := math.Sqrt(math.Log(float64(texts)/float64(docs))) / idfUnit
	return uint8(min(255, max(1, math.Round(v))))
}

// logCount[n] is 1+ln(n), the weight of a feature that a text has n times.
var logCount = func() (t [256]float32) {
	for i := 1; i < len(t); i++ {
		t[i] = float32(1 + math.Log(float64(i)))
	}
	return t
}()
