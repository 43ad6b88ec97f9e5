package floats

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Block is how many positions attention takes in at a time: some pages of Lanes
// positions each.
const Block = 128

// Scores writes the products of queries with the keys of a block.
//
//	out    [R,Block]: out[r,16p+i] = Σ q[r,k]·keys[p][k,i]; what lies beyond the
//	       pages may be overwritten
//	keys   pages, Block/Lanes at most, laid out as PutKey says
//	q      [R,D]
//	ahead  pages of at least the same size that will be read next, or nil
//
// t is F32, F16 or Q8_0; its numbers are float32 exactly. Products are added in
// float32 from +0, in the order of k, Run at a time; the sums of the runs are
// added in float32, too, from +0. The slices must not overlap. It panics if one
// is too short.
func Scores(out []float32, t quant.Type, keys [][]byte, q []float32, D int, ahead [][]byte) {
	scores(chosen, out, t, keys, q, D, ahead)
}

func scores(l isa.Level, out []float32, t quant.Type, keys [][]byte, q []float32, D int, ahead [][]byte) {
	if D <= 0 || len(q) == 0 || len(keys) == 0 {
		return
	}
	R, size := len(q)/D, KeyPage(t, D)
	if len(keys) > Block/Lanes || len(ahead) != 0 && len(ahead) < len(keys) || R*D != len(q) || len(out) < R*Block {
		panic(fmt.Sprintf("floats: Scores: %d pages, %d ahead, %d numbers of queries of %d and %d of results do not fit", len(keys), len(ahead), len(q), D, len(out)))
	}
	checkPages("Scores", keys, size)
	checkPages("Scores", ahead, size)
	if !scoresVectors(l, out, t, keys, q, D, ahead) {
		scoresGeneric(out, t, keys, q, D)
	}
}

// AddValues adds to what queries have seen so far what they see in a block: the
// sum of its values, by weight.
//
//	out     [R,P]: out[r] = out[r]·factor[r] + Σ w[r,i]·values[i], i from from to
//	        to-1
//	values  pages, Block/Lanes at most, laid out as PutValue says
//	P       as Padded gives it
//	w       [R,Block]
//	factor  [R]
//	ahead   pages of at least the same size that will be read next, or nil
//
// t is F32, F16 or Q8_0. Products are added in float32 from +0, in the order of
// positions; out times factor is rounded before that sum is added. What lies
// outside from to to is not read. The slices must not overlap. It panics if one
// is too short.
func AddValues(out []float32, t quant.Type, values [][]byte, P int, w []float32, from, to int, factor []float32, ahead [][]byte) {
	addValues(chosen, out, t, values, P, w, from, to, factor, ahead)
}

func addValues(l isa.Level, out []float32, t quant.Type, values [][]byte, P int, w []float32, from, to int, factor []float32, ahead [][]byte) {
	R := len(factor)
	if R == 0 || P <= 0 {
		return
	}
	size := ValuePage(t, P)
	if Padded(t, P) != P || from < 0 || from >= to || to > len(values)*Lanes || to > Block || len(out) < R*P || len(w) < R*Block || len(ahead) != 0 && len(ahead) < len(values) {
		panic(fmt.Sprintf("floats: AddValues: positions %d to %d of %d pages, %d ahead, %d rows of %d, %d weights and %d results do not fit", from, to, len(values), len(ahead), R, P, len(w), len(out)))
	}
	checkPages("AddValues", values, size)
	checkPages("AddValues", ahead, size)
	if !valuesVectors(l, out, t, values, P, w, from, to, factor, ahead) {
		valuesGeneric(out, t, values, P, w, from, to, factor)
	}
}

// Prefetch asks for the first n bytes of each page, which are soon read: what
// Scores and AddValues read first, with nothing before that reads ahead.
//
// It panics if a page is shorter.
func Prefetch(pages [][]byte, n int) {
	checkPages("Prefetch", pages, n)
	if n > 0 && chosen > isa.Generic {
		prefetchVectors(pages, n)
	}
}

// checkPages panics if a page is shorter than size.
func checkPages(name string, pages [][]byte, size int) {
	for i, p := range pages {
		if len(p) < size {
			panic(fmt.Sprintf("floats: %s: page %d has %d bytes, want %d", name, i, len(p), size))
		}
	}
}

// Softmax turns the scores of a block into weights, relative to the largest
// score that a query has met, and says by what to multiply that of former blocks.
//
//	score   [R,Block], of which the first n, a multiple of Lanes, count; minus
//	        infinity where a query sees nothing; becomes the weights
//	scale   multiplies the scores
//	top     [R]  the largest scaled score so far, minus infinity before any
//	total   [R]  the sum of weights so far, 0 before any
//	factor  [R]  of out in AddValues
//
// Of each row, s being scores times scale, rounded: top' = max(top, s…); factor =
// e^(top-top'); weights are e^(s-top'); total = total·factor + their sum, which
// has Lanes sums side by side that are added as RMSNorm's are. A score that is
// not a number makes its weight, and so total, one that is not. It panics if a
// slice is too short.
//
// Source: Milakov and Gimelshein 2018, arXiv:1805.02867.
func Softmax(score []float32, n int, scale float32, top, total, factor []float32) {
	softmax(chosen, score, n, scale, top, total, factor)
}

func softmax(l isa.Level, score []float32, n int, scale float32, top, total, factor []float32) {
	R := len(top)
	if n <= 0 || n > Block || n%Lanes != 0 || len(score) < R*Block || len(total) < R || len(factor) < R {
		panic(fmt.Sprintf("floats: Softmax: %d of %d scores and %d, %d and %d rows do not fit", n, len(score), R, len(total), len(factor)))
	}
	if R > 0 && !softmaxVectors(l, score, n, scale, top, total, factor) {
		softmaxGeneric(score, n, scale, top, total, factor)
	}
}
