package quantize

import (
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Report says what was written.
type Report struct {
	Mixture    Mixture
	Parameters int64 // numbers in all tensors
	// SourceBytes and TensorBytes are the sizes of the tensors before and after;
	// FileBytes is that of the whole file.
	SourceBytes, TensorBytes, FileBytes int64
	Types                               []TypeReport // the type of the most numbers first
}

// TypeReport is one type's part in a file.
type TypeReport struct {
	Type    quant.Type
	Tensors int
	Numbers int64
	Bytes   int64
	// Error is the mean over the tensors of ‖written − source‖/‖source‖.
	Error float64
}

// BitsPerWeight returns the mean bits of a number.
func (r *Report) BitsPerWeight() float64 {
	return 8 * float64(r.TensorBytes) / float64(r.Parameters)
}

// report sums up the jobs; losses are those of each job's chunks.
func report(m Mixture, jobs []job, losses [][]loss) *Report {
	r := &Report{Mixture: m}
	for i := range jobs {
		j := &jobs[i]
		r.Parameters += int64(j.numbers)
		r.SourceBytes += int64(len(j.data))
		r.TensorBytes += int64(j.size())
		k := slices.IndexFunc(r.Types, func(t TypeReport) bool { return t.Type == j.to })
		if k < 0 {
			k = len(r.Types)
			r.Types = append(r.Types, TypeReport{Type: j.to})
		}
		t := &r.Types[k]
		t.Tensors++
		t.Numbers += int64(j.numbers)
		t.Bytes += int64(j.size())
		t.Error += relative(losses[i])
	}
	for i := range r.Types {
		r.Types[i].Error /= float64(r.Types[i].Tensors)
	}
	slices.SortStableFunc(r.Types, func(a, b TypeReport) int { return int(min(max(b.Numbers-a.Numbers, -1), 1)) })
	return r
}

// relative sums in the order of the chunks, whichever thread did which.
func relative(chunks []loss) float64 {
	var sum loss
	for _, l := range chunks {
		sum.errors += l.errors
		sum.squares += l.squares
	}
	if sum.errors == 0 {
		return 0
	}
	return math.Sqrt(sum.errors / sum.squares)
}
