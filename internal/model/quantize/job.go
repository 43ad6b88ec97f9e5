package quantize

import (
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// chunk is how many numbers are converted at once: a multiple of every block.
// A thread needs about 3 MB for it.
const chunk = 1 << 18

// job is one tensor to be written.
type job struct {
	name    string
	shape   []int
	from    quant.Type
	to      quant.Type
	data    []byte // of the source
	numbers int
	columns int
	// head is how many rows a head of queries or keys has, where its halves are
	// to be interleaved; 0 leaves the rows where they are.
	head   int
	change Rows // nil leaves the numbers as they are
}

// newJob checks that a tensor's bytes are what its shape says. Files were
// checked when they were opened; a tensor made by hand was not.
func newJob(t *modelfile.Tensor, to quant.Type, head int) (job, error) {
	j := job{name: t.Name, shape: t.Shape, from: t.Type, to: to, data: t.Data, head: head}
	if !t.Type.Known() {
		return job{}, fmt.Errorf("tensor %q: %v cannot be read", t.Name, t.Type)
	}
	if !to.Writable() && to != t.Type {
		return job{}, fmt.Errorf("tensor %q: %v cannot be written", t.Name, to)
	}
	if len(t.Shape) == 0 {
		return job{}, fmt.Errorf("tensor %q has no dimensions", t.Name)
	}
	j.numbers = 1
	for _, n := range t.Shape {
		if n <= 0 || j.numbers > math.MaxInt/8/n {
			return job{}, fmt.Errorf("tensor %q: shape %v is not possible", t.Name, t.Shape)
		}
		j.numbers *= n
	}
	j.columns = t.Shape[len(t.Shape)-1]
	if head > 0 && len(t.Shape) == 1 {
		j.columns = 1 // a bias has one number for each row
	}
	for _, typ := range []quant.Type{t.Type, to} {
		if block, _ := typ.Block(); j.columns%block != 0 {
			return job{}, fmt.Errorf("tensor %q: rows of %d numbers do not fit blocks of %v", t.Name, j.columns, typ)
		}
	}
	if size := t.Type.Size(j.numbers); len(t.Data) != size {
		return job{}, fmt.Errorf("tensor %q has %d bytes, its shape %v of %v needs %d", t.Name, len(t.Data), t.Shape, t.Type, size)
	}
	if rows := j.numbers / j.columns; head > 0 && (head%2 != 0 || rows%head != 0) {
		return job{}, fmt.Errorf("tensor %q: %d rows are no heads of %d", t.Name, rows, head)
	}
	return j, nil
}

// size returns the bytes that the job writes.
func (j *job) size() int { return j.to.Size(j.numbers) }

// copies says whether the tensor is written as it is.
func (j *job) copies() bool { return j.from == j.to && j.head == 0 && j.change == nil }

// chunks returns how many chunks the job has.
func (j *job) chunks() int { return (j.numbers + chunk - 1) / chunk }

// span returns the first number of chunk i and how many it has.
func (j *job) span(i int) (first, n int) {
	first = i * chunk
	return first, min(chunk, j.numbers-first)
}

// read puts the numbers from first on into dst, in the order of the target.
//
// Chunks begin at multiples of every block, and so do rows, so that each piece
// of a row is made of whole blocks.
func (j *job) read(dst []float32, first int) {
	if j.head == 0 && j.change == nil {
		quant.Dequantize(dst, j.from, j.bytes(first, len(dst)))
		return
	}
	for len(dst) > 0 {
		row, column := first/j.columns, first%j.columns
		if j.head > 0 {
			row = j.sourceRow(row)
		}
		n := min(len(dst), j.columns-column)
		quant.Dequantize(dst[:n], j.from, j.bytes(row*j.columns+column, n))
		if j.change != nil {
			j.change(dst[:n], row, column)
		}
		dst, first = dst[n:], first+n
	}
}

// bytes returns the source's bytes of n numbers from first on.
func (j *job) bytes(first, n int) []byte {
	at := j.from.Size(first)
	return j.data[at : at+j.from.Size(n)]
}

// sourceRow returns which row of the source becomes a row of the target. A head
// whose halves are rotated together, rows (0, D/2), (1, D/2+1) and so on,
// becomes one whose neighbours are.
func (j *job) sourceRow(row int) int {
	within := row % j.head
	return row - within + within%2*(j.head/2) + within/2
}

// behind returns the part of the source that is not needed any more after chunk
// i, and a little of what lies before it: another part may have ended within a
// page of memory.
func (j *job) behind(i int) []byte {
	const before = 64 << 10
	first, n := j.span(i)
	if j.head > 0 { // rows come from all over their head
		group := j.head * j.columns
		end := min((first+n+group-1)/group*group, j.numbers)
		first = first / group * group
		n = end - first
	}
	start := j.from.Size(first)
	return j.data[max(start-before, 0) : start+j.from.Size(n)]
}

// work is what a thread needs to convert chunks.
type work struct {
	numbers, again []float32
	bytes          []byte
}

func newWork() *work {
	return &work{make([]float32, chunk), make([]float32, chunk), make([]byte, 4*chunk)}
}

// loss is a sum of squared errors and of squares.
type loss struct{ errors, squares float64 }

// convert returns the bytes of chunk i of the job, which are good until the next
// call, and how far they are from the source.
func (w *work) convert(j *job, i int) ([]byte, loss, error) {
	first, n := j.span(i)
	x := w.numbers[:n]
	j.read(x, first)
	for k, v := range x {
		if v-v != 0 {
			return nil, loss{}, fmt.Errorf("number %d is %v: the model is damaged", first+k, v)
		}
	}
	if j.copies() {
		return j.bytes(first, n), loss{}, nil
	}
	out, y := w.bytes[:j.to.Size(n)], w.again[:n]
	quant.Quantize(out, j.to, x)
	quant.Dequantize(y, j.to, out)
	var l loss
	for k, v := range x {
		e := float64(y[k]) - float64(v)
		if e-e != 0 {
			return nil, loss{}, fmt.Errorf("number %d, %v, is too large for %v: try BF16 or F32", first+k, v, j.to)
		}
		l.errors += float64(e * e)
		l.squares += float64(float64(v) * float64(v))
	}
	return out, l, nil
}
