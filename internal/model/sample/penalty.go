package sample

import "slices"

// history is which tokens came, of the last window ones.
type history struct {
	window int // 0 means all

	// By id; each slice is as long as the greatest id asks for.
	counted  []int32 // how frequent the token is in the window
	answered []int32 // how much of that is the answer's
	place    []int32 // where it stands in present

	present []int32 // the tokens that are in the window, each once
	last    []came  // the window, from next on and around; unused without one
	next    int
}

// came is a token of the window.
type came struct {
	id     int32
	answer bool
}

// add moves the window by one token.
func (h *history) add(id int, answer bool) {
	if grow := id + 1 - len(h.counted); grow > 0 {
		h.counted = append(h.counted, make([]int32, grow)...)
		h.answered = append(h.answered, make([]int32, grow)...)
		h.place = append(h.place, make([]int32, grow)...)
	}
	if h.window > 0 {
		token := came{int32(id), answer}
		if len(h.last) < h.window {
			h.last = append(h.last, token)
		} else {
			h.drop(h.last[h.next])
			h.last[h.next] = token
			h.next = (h.next + 1) % h.window
		}
	}
	if h.counted[id] == 0 {
		h.place[id] = int32(len(h.present))
		h.present = append(h.present, int32(id))
	}
	h.counted[id]++
	if answer {
		h.answered[id]++
	}
}

// drop forgets the token that leaves the window.
func (h *history) drop(t came) {
	h.counted[t.id]--
	if t.answer {
		h.answered[t.id]--
	}
	if h.counted[t.id] > 0 {
		return
	}
	// The last one takes its place: no order of present reaches a result.
	at, end := h.place[t.id], len(h.present)-1
	moved := h.present[end]
	h.present[at], h.place[moved] = moved, at
	h.present = slices.Delete(h.present, end, end+1)
}
