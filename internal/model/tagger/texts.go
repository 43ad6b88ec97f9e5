package tagger

import (
	"context"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// texts are rows as words, one row's after another's.
type texts struct {
	offset []int // [rows+1] of words
	tags   []int // [words]
	// Hashes of the features of word i are hashes[at[i]:at[i+1]].
	hashes []uint64
	at     []int
	// halves are the words' vectors as float16, [words,width], times scale of each.
	halves []byte
	scale  []float32
	width  int
}

// read splits rows into words, and takes their features and vectors.
func read(ctx context.Context, rows []Row, o *Options) (*texts, error) {
	t := &texts{offset: make([]int, 1, len(rows)+1), at: []int{0}, width: o.Width}
	for i := range rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		words, chunks := split(rows[i].Text)
		t.tags = append(t.tags, rows[i].tags(words)...)
		for k := range words {
			if !o.VectorsAlone {
				t.hashes = features(t.hashes, words, chunks, k)
			}
			t.at = append(t.at, len(t.hashes))
		}
		t.offset = append(t.offset, len(t.tags))
		if len(t.hashes) > MaxNumbers || len(t.tags)*max(1, o.Width) > MaxNumbers {
			return nil, fmt.Errorf("%w: %d words of the first %d rows are more than can be held, with vectors of %d numbers", ErrInput, len(t.tags), i+1, o.Width)
		}
		if o.Vectors == nil {
			continue
		}
		tokens, err := o.Vectors(i)
		if err != nil {
			return nil, fmt.Errorf("vectors of row %d: %w", i, err)
		}
		vectors, err := wordVectors(words, tokens, o.Width)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		t.keep(vectors)
	}
	return t, nil
}

// wordVectors returns for each word the mean of the vectors of the tokens that it
// shares bytes with, [words,width]: zeros where there is none. Tokens stand in the
// order of the text.
func wordVectors(words []word, tokens []Token, width int) ([]float32, error) {
	for i, t := range tokens {
		if len(t.Vector) != width {
			return nil, fmt.Errorf("%w: token %d has a vector of %d numbers, not %d", ErrInput, i, len(t.Vector), width)
		}
		for _, v := range t.Vector {
			if v-v != 0 {
				return nil, fmt.Errorf("%w: the vector of token %d is not finite", ErrInput, i)
			}
		}
		if i > 0 && t.Start < tokens[i-1].Start {
			return nil, fmt.Errorf("%w: token %d begins before the one before it", ErrInput, i)
		}
	}
	out := make([]float32, len(words)*width)
	first := 0
	for k, w := range words {
		for first < len(tokens) && tokens[first].End <= w.start {
			first++
		}
		sum, n := out[k*width:(k+1)*width], 0
		for i := first; i < len(tokens) && tokens[i].Start < w.end; i++ {
			if tokens[i].End <= w.start {
				continue
			}
			for c, v := range tokens[i].Vector {
				sum[c] += v
			}
			n++
		}
		for c := range sum {
			sum[c] /= float32(max(n, 1))
		}
	}
	return out, nil
}

// mostHalf is what the largest number of a vector is scaled to where it is beyond
// float16.
const mostHalf = 60000

// keep appends vectors as float16.
func (t *texts) keep(vectors []float32) {
	for lo := 0; lo < len(vectors); lo += t.width {
		row := vectors[lo : lo+t.width]
		top := float32(0)
		for _, v := range row {
			top = max(top, float32(math.Abs(float64(v))))
		}
		scale := float32(1)
		if top > mostHalf {
			scale = top / mostHalf
		}
		t.scale = append(t.scale, scale)
		for _, v := range row {
			h := quant.ToF16(v / scale)
			t.halves = append(t.halves, byte(h), byte(h>>8))
		}
	}
}

// vector writes that of a word to dst.
func (t *texts) vector(dst []float32, word int) {
	from := t.halves[2*word*t.width:]
	for k := range dst {
		dst[k] = t.scale[word] * quant.FromF16(uint16(from[2*k])|uint16(from[2*k+1])<<8)
	}
}
