package gemm

import (
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/tiles"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// side is a factor of a product: number k of line i is at i*stride+k if sums run
// along the rows that are stored, else at k*stride+i.
type side struct {
	floats []float32
	stride int
	along  bool
	// If data is not nil, the numbers are of format and stride is a row's length.
	format quant.Type
	data   []byte
}

// product is out[m,n] = Σ a[m,k]·b[n,k] of lines of a and lines of b.
type product struct {
	out     View
	a, b    side
	M, N, K int
	add     bool
	bf16    bool
	memory  *Memory
	// What is done at a time: sums from number k to k1, of which all rows of a are
	// packed already unless that is nil.
	k, k1  int
	packed []uint32
}

// How a product is cut. A block of b stays in the second cache while rows of a
// pass by in groups.
const (
	blockColumns = 512
	groupRows    = 112 // a multiple of the rows that the assembly takes at a time
	fewRows      = 16  // so few lines of b and more of a change places
)

// check panics if something is too short, and reports whether there is work.
func (q *product) check(name string) bool {
	if q.M < 0 || q.N < 0 || q.K < 0 {
		panic(fmt.Sprintf("gemm: %s: a side is negative: %d, %d, %d", name, q.M, q.N, q.K))
	}
	if q.M == 0 || q.N == 0 {
		return false
	}
	rows, cols := q.M, q.N
	if q.out.Transposed {
		rows, cols = cols, rows
	}
	if rows > 1 && q.out.Stride < cols || (rows-1)*q.out.Stride+cols > len(q.out.Floats) ||
		!q.a.holds(q.M, q.K) || q.b.data == nil && !q.b.holds(q.N, q.K) {
		panic(fmt.Sprintf("gemm: %s: too few numbers for %d x %d, sums of %d: %d, %d and %d, distances %d, %d and %d",
			name, q.M, q.N, q.K, len(q.out.Floats), len(q.a.floats), len(q.b.floats), q.out.Stride, q.a.stride, q.b.stride))
	}
	return true
}

// holds reports whether there are so many lines of K numbers.
func (s side) holds(lines, K int) bool {
	rows, cols := lines, K
	if !s.along {
		rows, cols = cols, rows
	}
	return rows == 0 || cols == 0 || s.stride >= 0 && (rows-1)*s.stride+cols <= len(s.floats)
}

// turned returns the product with its sides changed, if b has so few lines that
// most of a panel would be empty. Factors commute, so no bit changes.
func (q product) turned() product {
	if q.N < fewRows && q.M > q.N && q.b.data == nil && !q.a.along {
		q.a, q.b, q.M, q.N = q.b, q.a, q.N, q.M
		q.out.Transposed = !q.out.Transposed
	}
	return q
}

// run divides a product among the workers: each takes a part of the result.
func run(p *tensor.Pool, name string, q product) error {
	if !q.check(name) {
		return nil
	}
	q = q.turned()
	step := q.K
	if q.ahead() {
		step = max(q.memory.most()/q.M/tiles.Run, 1) * q.length()
	}
	for q.k1 < q.K || q.k1 == 0 {
		q.k, q.k1 = q.k1, min(q.k1+step, q.K)
		if q.ahead() {
			if err := q.packAll(p); err != nil {
				return err
			}
		}
		if err := q.compute(p); err != nil || q.K == 0 {
			return err
		}
	}
	return nil
}

// compute computes what is done at a time.
func (q *product) compute(p *tensor.Pool) error {
	rows, cols := q.divide(p.Threads())
	across := parts(q.N, cols)
	return p.Do(across*parts(q.M, rows), func(w *tensor.Worker, i int) {
		m, n := i/across*rows, i%across*cols
		q.block(w, m, min(m+rows, q.M), n, min(n+cols, q.N))
	})
}

// ahead says whether all rows of a are packed before they are multiplied: where
// they would be packed more than once and there is memory.
func (q *product) ahead() bool { return q.memory != nil && q.N > blockColumns && q.M > 0 }

// packAll packs all rows of a, run by run.
func (q *product) packAll(p *tensor.Pool) error {
	runs, groups := parts(q.k1-q.k, q.length()), parts(q.M, groupRows)
	q.packed = q.memory.take(runs * q.M * packedStride)
	return p.Do(runs*groups, func(w *tensor.Worker, i int) {
		m, k := i%groups*groupRows, q.k+i/groups*q.length()
		M, K := min(groupRows, q.M-m), min(q.length(), q.k1-k)
		mem := newMemory(w, q, 0, M, K)
		mem.aPairs, mem.aStride = q.packedAt(m, k), packedStride
		mem.a = asFloats(mem.aPairs)
		q.packLeft(&mem, m, M, k, K)
	})
}

// packedStride is the distance of rows that are packed ahead.
const packedStride = tiles.Run + apart

// packedAt returns what is packed from row m and number k on.
func (q *product) packedAt(m, k int) []uint32 {
	return q.packed[((k-q.k)/q.length()*q.M+m)*packedStride:]
}

// divide returns how many rows and columns of the result make a part, so that all
// workers are done soonest: what is best depends on how often parts pack the same.
func (q *product) divide(threads int) (rows, cols int) {
	const (
		multiplying = 6    // cost of a product
		packing     = 250  // of packing a number, mostly of reading it
		unrest      = 0.25 // of a round that others may hold up
		leastCols   = 4 * tiles.Lanes
		leastRows   = 2 * tiles.Rows
	)
	if threads == 1 {
		return q.M, min(blockColumns, roundUp(q.N, tiles.Lanes))
	}
	best := math.Inf(1)
	packingRow := packing
	if q.packed != nil {
		packingRow = packing / 5
	}
	for across := parts(q.N, blockColumns); ; across++ {
		c := roundUp(parts(q.N, across), tiles.Lanes)
		for down := 1; ; down++ {
			r := roundUp(parts(q.M, down), tiles.Rows)
			rounds := float64(parts(parts(q.N, c)*parts(q.M, r), threads))
			cost := (rounds + unrest) * (multiplying*float64(r)*float64(c) + float64(packingRow*r+packing*c))
			if cost < best {
				best, rows, cols = cost, r, c
			}
			if r <= leastRows || down > 4*threads {
				break
			}
		}
		if c <= leastCols || across > 4*threads && c <= blockColumns/2 {
			break
		}
	}
	return rows, cols
}

// parts returns how many parts of at most so many there are in n.
func parts(n, most int) int { return (n + most - 1) / most }

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// block computes the part of the result of rows m to m1 and columns n to n1.
func (q *product) block(w *tensor.Worker, m, m1, n, n1 int) {
	if q.K == 0 {
		q.clear(m, m1, n, n1)
		return
	}
	for ; n < n1; n += blockColumns {
		q.strip(w, m, m1, n, min(n+blockColumns, n1))
	}
}

// clear is block of sums of nothing.
func (q *product) clear(m, m1, n, n1 int) {
	if q.add {
		return
	}
	if q.out.Transposed {
		m, m1, n, n1 = n, n1, m, m1
	}
	for ; m < m1; m++ {
		clear(q.out.Floats[m*q.out.Stride:][n:n1])
	}
}

// strip is block for at most blockColumns columns.
func (q *product) strip(w *tensor.Worker, m, m1, n, n1 int) {
	panels := parts(n1-n, tiles.Lanes)
	rows := min(groupRows, m1-m)
	mem := newMemory(w, q, panels, rows, min(q.length(), q.K))
	for k := q.k; k < q.k1; k += q.length() {
		K := min(q.length(), q.k1-k)
		s := tiles.Shape{Panels: panels, K: parts(K, q.step()), AStride: mem.aStride, Add: q.add || k > 0}
		q.packRight(&mem, n, n1, k, K)
		for i := m; i < m1; i += rows {
			s.M = min(rows, m1-i)
			if q.packed == nil {
				q.packLeft(&mem, i, s.M, k, K)
			} else {
				mem.aPairs, s.AStride = q.packedAt(i, k), packedStride
				mem.a = asFloats(mem.aPairs)
			}
			for at := 0; at < s.M; at += tiles.Rows {
				in := s
				in.M = min(tiles.Rows, s.M-at)
				if q.packed != nil {
					in.Next, in.NextStride, in.NextStep = asFloats(q.packedAt(i+at, k)[in.M*packedStride:]), packedStride, tiles.Lanes
				} else if i+rows < m1 {
					in.Next, in.NextStride, in.NextStep = q.next(i+rows, at, k, K)
				}
				q.tile(&mem, in, at, i+at, n, n1)
			}
		}
	}
}

// length is how many numbers of each row make a run.
func (q *product) length() int { return tiles.Run * q.step() }

// step is how many products of a sum are made at a time.
func (q *product) step() int {
	if q.bf16 {
		return 2
	}
	return 1
}

// multiply multiplies packed rows by panels, both from a number on.
func (q *product) multiply(out []float32, mem *memory, row, panel int, s tiles.Shape) {
	row, panel = row*s.AStride, panel*s.K*tiles.Lanes
	if q.bf16 {
		tiles.Pairs(out, mem.aPairs[row:], mem.bPairs[panel:], s)
	} else {
		tiles.Floats(out, mem.a[row:], mem.b[panel:], s)
	}
}

// next returns which part of what packLeft will read at row m is to be asked for
// with the tile whose first row is row at of those before.
func (q *product) next(m, at, k, K int) (from []float32, stride, step int) {
	stride = q.a.stride
	if q.a.along {
		from = q.a.floats[min((m+at)*stride+k, len(q.a.floats)):]
		return from, stride, K * tiles.Lanes / blockColumns * 2
	}
	// The tiles share rows and, 32 numbers each, columns of a.
	tile := at / tiles.Rows
	const across = (groupRows + 31) / 32
	k += tile / across * (K / 2)
	return q.a.floats[min(k*stride+m+tile%across*32, len(q.a.floats)):], stride, tiles.Rows * stride
}

// tile multiplies packed rows from number at on. What does not lie in the result
// as the arithmetic wants it passes through memory.
func (q *product) tile(mem *memory, s tiles.Shape, at, m, n, n1 int) {
	whole := (n1 - n) / tiles.Lanes
	if q.out.Transposed {
		whole = 0
	}
	if whole > 0 {
		in := s
		in.Panels, in.OutStride = whole, q.out.Stride
		q.multiply(q.out.Floats[m*q.out.Stride+n:], mem, at, 0, in)
	}
	if whole == s.Panels {
		return
	}
	in := s
	in.Panels, in.OutStride = s.Panels-whole, (s.Panels-whole)*tiles.Lanes
	in.Add = false
	q.multiply(mem.edge, mem, at, whole, in)
	q.scatter(mem.edge, in.OutStride, m, s.M, n+whole*tiles.Lanes, n1, s.Add)
}

// scatter writes or adds to the result what has passed through memory.
func (q *product) scatter(from []float32, stride, m, M, n, n1 int, add bool) {
	down, right := q.out.Stride, 1
	if q.out.Transposed {
		down, right = 1, q.out.Stride
	}
	for i := range M {
		at := (m+i)*down + n*right
		for j, v := range from[i*stride:][:n1-n] {
			to := &q.out.Floats[at+j*right]
			if add {
				v = *to + v
			}
			*to = v
		}
	}
}
