package automaton

import "math"

// Shortest returns for each state how many code points the shortest way to
// accept from it has; math.MaxInt32 for state 0.
func (d *DFA) Shortest() []int32 {
	dist := make([]int32, len(d.accept))
	for q := range dist {
		dist[q] = math.MaxInt32
		if d.accept[q] {
			dist[q] = 0
		}
	}
	// Breadth first from the accepting states, over edges turned around.
	back := d.back()
	var queue []int32
	for q := range dist {
		if dist[q] == 0 {
			queue = append(queue, int32(q))
		}
	}
	for i := 0; i < len(queue); i++ {
		for _, from := range back[queue[i]] {
			if dist[from] == math.MaxInt32 {
				dist[from] = dist[queue[i]] + 1
				queue = append(queue, from)
			}
		}
	}
	return dist
}

// Free says of each state whether every string is accepted from it.
func (d *DFA) Free() []bool {
	free := make([]bool, len(d.accept))
	var queue []int32
	for q := range free {
		free[q] = q > 0 && d.accept[q] && d.total(int32(q))
		if q > 0 && !free[q] {
			queue = append(queue, int32(q))
		}
	}
	// A state is not free if one that it leads to is not.
	back := d.back()
	for i := 0; i < len(queue); i++ {
		for _, from := range back[queue[i]] {
			if free[from] {
				free[from] = false
				queue = append(queue, from)
			}
		}
	}
	return free
}

// back returns the states that lead to each live state.
func (d *DFA) back() [][]int32 {
	back := make([][]int32, len(d.accept))
	for i, to := range d.next {
		from := int32(i / d.width)
		if to != 0 && from != 0 && (len(back[to]) == 0 || back[to][len(back[to])-1] != from) {
			back[to] = append(back[to], from)
		}
	}
	return back
}

// Finite says whether the language has finitely many words, and how long the
// longest is.
func (d *DFA) Finite() (longest int, finite bool) {
	const (
		fresh = iota
		open
		closed
	)
	mark := make([]byte, len(d.accept))
	long := make([]int, len(d.accept))
	type visit struct {
		q int32
		c int
	}
	stack := []visit{{d.start, 0}}
	if d.start == 0 {
		return 0, true
	}
	mark[d.start] = open
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.c == d.width {
			mark[top.q] = closed
			stack = stack[:len(stack)-1]
			if len(stack) > 0 {
				from := stack[len(stack)-1].q
				long[from] = max(long[from], long[top.q]+1)
			}
			continue
		}
		to := d.next[int(top.q)*d.width+top.c]
		top.c++
		switch {
		case to == 0:
		case mark[to] == open:
			return 0, false
		case mark[to] == closed:
			long[top.q] = max(long[top.q], long[to]+1)
		default:
			mark[to] = open
			stack = append(stack, visit{to, 0})
		}
	}
	return long[d.start], true
}

// Words returns the words of a finite language in order of code points, and
// false if it has more than limit words or is not finite.
func (d *DFA) Words(limit int) ([]string, bool) {
	if _, finite := d.Finite(); !finite {
		return nil, false
	}
	var words []string
	var walk func(q int32, prefix []rune) bool
	walk = func(q int32, prefix []rune) bool {
		if d.accept[q] {
			if len(words) == limit {
				return false
			}
			words = append(words, string(prefix))
		}
		for i, c := range d.class {
			to := d.next[int(q)*d.width+int(c)]
			if to == 0 {
				continue
			}
			last := rune(MaxRune)
			if i+1 < len(d.bounds) {
				last = d.bounds[i+1] - 1
			}
			for r := d.bounds[i]; r <= last; r++ {
				if r >= surrogateMin && r <= surrogateMax {
					continue
				}
				if !walk(to, append(prefix, r)) {
					return false
				}
			}
		}
		return true
	}
	if d.start != 0 && !walk(d.start, nil) {
		return nil, false
	}
	return words, true
}

// MaxCount is where Count stops counting.
const MaxCount = math.MaxUint16

// Count returns, for each state and each number of code points n up to longest,
// how many words of at most n code points are accepted from there, MaxCount
// standing for that many or more: [state*(longest+1)+n].
func (d *DFA) Count(longest int) []uint16 {
	size := make([]uint64, d.width)
	for i, c := range d.class {
		last := rune(MaxRune)
		if i+1 < len(d.bounds) {
			last = d.bounds[i+1] - 1
		}
		n := last - d.bounds[i] + 1
		if lo, hi := max(d.bounds[i], surrogateMin), min(last, surrogateMax); lo <= hi {
			n -= hi - lo + 1
		}
		size[c] += uint64(n)
	}
	w := longest + 1
	table := make([]uint16, len(d.accept)*w)
	for n := range w {
		for q := range d.accept {
			var sum uint64
			if d.accept[q] {
				sum = 1
			}
			if n > 0 {
				for c, to := range d.next[q*d.width:][:d.width] {
					sum = min(MaxCount, sum+size[c]*uint64(table[int(to)*w+n-1]))
				}
			}
			table[q*w+n] = uint16(sum)
		}
	}
	return table
}

// Each calls yield for each run of code points from lo to hi that leads from q
// to a live state, surrogates left out, until it returns false.
func (d *DFA) Each(q int32, lo, hi rune, yield func(lo, hi rune, to int32) bool) {
	row := d.next[int(q)*d.width:][:d.width]
	for i := interval(d.bounds, lo); i < len(d.bounds) && d.bounds[i] <= hi; i++ {
		to := row[d.class[i]]
		if to == 0 {
			continue
		}
		first, last := max(lo, d.bounds[i]), hi
		if i+1 < len(d.bounds) {
			last = min(hi, d.bounds[i+1]-1)
		}
		if first < surrogateMin && !yield(first, min(last, surrogateMin-1), to) {
			return
		}
		if last > surrogateMax && !yield(max(first, surrogateMax+1), last, to) {
			return
		}
	}
}
