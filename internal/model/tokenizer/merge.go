package tokenizer

import "slices"

// keptScratch is the longest piece whose scratch memory is kept.
const keptScratch = 1 << 16

// longMerge is the memory for merging a long piece: a list of tokens linked
// through arrays, and a queue of pairs, rank<<32 | index of the left token.
type longMerge struct {
	parts      []part
	next, prev []int32
	pairs      queue
	steps      int // pairs taken from the queue, for the tests
}

// none ends a list.
const none = -1

// mergeLong is mergeShort for a piece of any length. A pair enters the queue
// when it comes into being, which is at most three times per byte, so n bytes
// take n log n steps.
func (e *byteLevel) mergeLong(dst []int, text string) []int {
	m, _ := e.scratch.Get().(*longMerge)
	if m == nil {
		m = &longMerge{}
	}
	dst = m.merge(e, dst, text)
	if len(text) <= keptScratch {
		e.scratch.Put(m)
	}
	return dst
}

func (m *longMerge) merge(e *byteLevel, dst []int, text string) []int {
	m.load(e, text)
	for {
		top, ok := m.pairs.pop()
		if !ok {
			break
		}
		m.steps++
		left, rank := int32(uint32(top)), uint32(top>>32)
		// A pair that has changed since has another rank, or none.
		if m.parts[left].rank == rank {
			m.join(e, left, e.pairs.into[rank])
		}
	}
	for i := int32(0); i != none; i = m.next[i] {
		dst = append(dst, int(m.parts[i].id))
	}
	return dst
}

// load makes the list of single bytes and the queue of their pairs.
func (m *longMerge) load(e *byteLevel, text string) {
	n := len(text)
	m.parts = slices.Grow(m.parts[:0], n)[:n]
	m.next = slices.Grow(m.next[:0], n)[:n]
	m.prev = slices.Grow(m.prev[:0], n)[:n]
	m.steps = 0
	e.load(m.parts, text)
	for i := range n {
		m.next[i], m.prev[i] = int32(i+1), int32(i-1)
	}
	m.next[n-1] = none
	first := m.pairs.reset()
	for i, p := range m.parts {
		if p.rank != noRank {
			first = append(first, uint64(p.rank)<<32|uint64(i))
		}
	}
	m.pairs.start(first)
}

// join makes the token at left and the one after it the token into.
func (m *longMerge) join(e *byteLevel, left int32, into uint32) {
	gone := m.next[left]
	m.parts[left].id = into
	m.parts[gone].rank = noRank
	after := m.next[gone]
	m.next[left] = after
	if after != none {
		m.prev[after] = left
	}
	m.rank(e, left)
	if before := m.prev[left]; before != none {
		m.rank(e, before)
	}
}

// rank looks up the pair that begins at i and puts it into the queue.
func (m *longMerge) rank(e *byteLevel, i int32) {
	rank := uint32(noRank)
	if after := m.next[i]; after != none {
		rank = e.pairs.rank(m.parts[i].id, m.parts[after].id)
	}
	m.parts[i].rank = rank
	if rank != noRank {
		m.pairs.push(uint64(rank)<<32 | uint64(uint32(i)))
	}
}

// queueRuns is how many sorted runs a queue keeps.
const queueRuns = 4

// queue gives the smallest of its numbers first. What is pushed in order, as in
// a text that repeats itself, is appended to one of a few sorted runs and costs
// next to nothing; the rest goes into a heap.
type queue struct {
	runs [queueRuns]run
	heap []uint64
}

// run is sorted numbers, those before head taken.
type run struct {
	head   int
	values []uint64
}

// reset empties the queue and lends the memory of its first run.
func (q *queue) reset() []uint64 {
	for i := range q.runs {
		q.runs[i] = run{values: q.runs[i].values[:0]}
	}
	q.heap = q.heap[:0]
	return q.runs[0].values
}

// start takes the first numbers, in any order, as the first run.
func (q *queue) start(first []uint64) {
	slices.Sort(first)
	q.runs[0].values = first
}

// push adds v to the run whose last number is the nearest below, to an empty
// run, or to the heap.
func (q *queue) push(v uint64) {
	best, last := -1, uint64(0)
	for i := range q.runs {
		r := &q.runs[i]
		n := len(r.values)
		if r.head == n {
			r.head, r.values = 0, r.values[:0]
			if best < 0 {
				best = i
			}
			continue
		}
		if tail := r.values[n-1]; tail <= v && tail >= last {
			best, last = i, tail
		}
	}
	if best < 0 {
		push(&q.heap, v)
		return
	}
	q.runs[best].values = append(q.runs[best].values, v)
}

// pop takes the smallest number.
func (q *queue) pop() (uint64, bool) {
	from, top := -1, ^uint64(0)
	for i := range q.runs {
		if r := &q.runs[i]; r.head < len(r.values) && r.values[r.head] < top {
			from, top = i, r.values[r.head]
		}
	}
	if len(q.heap) > 0 && q.heap[0] < top {
		return pop(&q.heap), true
	}
	if from < 0 {
		return 0, false
	}
	q.runs[from].head++
	return top, true
}

// heapWay is how many children an entry of a heap has.
const heapWay = 4

// push adds v to a heap whose smallest entry is first.
func push(heap *[]uint64, v uint64) {
	h := append(*heap, v)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / heapWay
		if h[parent] <= v {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = v
	*heap = h
}

// pop takes the smallest entry of a heap that has one.
func pop(heap *[]uint64) uint64 {
	h := *heap
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	*heap = h[:last]
	sink(*heap, 0)
	return top
}

// sink moves entry i of a heap to below all that are smaller.
func sink(h []uint64, i int) {
	if i >= len(h) {
		return
	}
	v := h[i]
	for {
		child := heapWay*i + 1
		if child >= len(h) {
			break
		}
		for k := child + 1; k < min(child+heapWay, len(h)); k++ {
			if h[k] < h[child] {
				child = k
			}
		}
		if h[child] >= v {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = v
}
