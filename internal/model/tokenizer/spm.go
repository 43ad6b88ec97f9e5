package tokenizer

import (
	"slices"
	"strings"
	"sync"
)

// spmSpace is what stands for a space in tokens of SentencePiece.
const spmSpace = "\u2581"

// sentencePiece merges characters by the scores of the tokens they make, and
// spells what is no token by bytes.
type sentencePiece struct {
	pieces  *pieces
	scores  []float32 // of each id
	single  [256]uint32
	longest int // bytes of the longest token
	prefix  prefix
	scratch sync.Pool // of *spmMerge
}

// prefix says where a space is put before text.
type prefix struct {
	wanted bool
	once   bool // only at the very start, not after each special token as well
	lean   bool // not where there is a space already
}

// goes says whether a space goes before text.
func (p prefix) goes(text string, start bool) bool {
	if !p.wanted || p.once && !start {
		return false
	}
	return !p.lean || !strings.HasPrefix(text, " ") && !strings.HasPrefix(text, spmSpace)
}

// symbol is a part of the text while it is merged: size bytes from start, 0 once
// it is part of another.
type symbol struct {
	start, size int
	next, prev  int
}

// candidate is two neighbours that make a token.
type candidate struct {
	score float32
	left  int
	size  int // of both when they were seen; another says that one has changed
}

// before says which of two candidates is merged first: the higher score, then
// the one on the left.
func (c candidate) before(d candidate) bool {
	return c.score > d.score || c.score == d.score && c.left < d.left
}

// spmMerge is the memory for merging.
type spmMerge struct {
	symbols []symbol
	heap    []candidate
	steps   int // taken from the heap, for the tests
}

// encode appends the tokens of text, which has no special tokens. What is not
// UTF-8 is cut by what each first byte promises, as llama.cpp does.
func (e *sentencePiece) encode(dst []int, text string, start bool) []int {
	if e.prefix.goes(text, start) {
		text = " " + text
	}
	text = strings.ReplaceAll(text, " ", spmSpace)
	m, _ := e.scratch.Get().(*spmMerge)
	if m == nil {
		m = &spmMerge{}
	}
	dst = m.encode(e, dst, text)
	if len(text) <= keptScratch {
		e.scratch.Put(m)
	}
	return dst
}

func (m *spmMerge) encode(e *sentencePiece, dst []int, text string) []int {
	m.cut(text)
	m.heap, m.steps = m.heap[:0], 0
	for i := 1; i < len(m.symbols); i++ {
		m.try(e, text, i-1, i)
	}
	for len(m.heap) > 0 {
		m.steps++
		c := m.pop()
		left := &m.symbols[c.left]
		if left.size == 0 || left.next == none || left.size+m.symbols[left.next].size != c.size {
			continue
		}
		right := &m.symbols[left.next]
		left.size += right.size
		right.size = 0
		left.next = right.next
		if left.next != none {
			m.symbols[left.next].prev = c.left
		}
		m.try(e, text, left.prev, c.left)
		m.try(e, text, c.left, left.next)
	}
	for i := 0; i != none; i = m.symbols[i].next {
		dst = e.symbol(dst, text[m.symbols[i].start:][:m.symbols[i].size])
	}
	return dst
}

// cut makes a symbol of each character of text, which is not empty.
func (m *spmMerge) cut(text string) {
	m.symbols = slices.Grow(m.symbols[:0], len(text))
	for i := 0; i < len(text); {
		n := min(promised(text[i]), len(text)-i)
		at := len(m.symbols)
		m.symbols = append(m.symbols, symbol{start: i, size: n, next: at + 1, prev: at - 1})
		i += n
	}
	m.symbols[len(m.symbols)-1].next = none
}

// promised is how many bytes a character has by its first byte.
func promised(b byte) int {
	switch {
	case b < 0xC0:
		return 1
	case b < 0xE0:
		return 2
	case b < 0xF0:
		return 3
	}
	return 4
}

// try adds two neighbours to the heap if they make a token.
func (m *spmMerge) try(e *sentencePiece, text string, left, right int) {
	if left == none || right == none {
		return
	}
	l, r := m.symbols[left], m.symbols[right]
	size := l.size + r.size
	if size > e.longest {
		return
	}
	id := e.pieces.find(text[l.start:][:size])
	if id < 0 {
		return
	}
	m.push(candidate{e.scores[id], left, size})
}

// symbol appends the token of one symbol, or its bytes'.
func (e *sentencePiece) symbol(dst []int, text string) []int {
	if id := e.pieces.find(text); id >= 0 {
		return append(dst, id)
	}
	for i := range len(text) {
		dst = append(dst, int(e.single[text[i]]))
	}
	return dst
}

func (m *spmMerge) push(c candidate) {
	m.heap = append(m.heap, c)
	h, i := m.heap, len(m.heap)-1
	for i > 0 {
		parent := (i - 1) / 2
		if !c.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = c
}

func (m *spmMerge) pop() candidate {
	h := m.heap
	top, last := h[0], len(h)-1
	c := h[last]
	h = h[:last]
	m.heap = h
	i := 0
	for {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(c) {
			break
		}
		h[i] = h[child]
		i = child
	}
	if last > 0 {
		h[i] = c
	}
	return top
}
