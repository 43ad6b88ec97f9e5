package tokenizer

import "strings"

// markerSigns are what the spellings of markers are made with. A user-defined
// token that has one of them and a letter or digit ("<think>", "[INST]",
// "<|tool|>") carries structure, not text.
const markerSigns = "<>[]{}|｜"

// isMarker says whether the spelling of a user-defined token is that of a marker.
func isMarker(spelling string) bool {
	if !strings.ContainsAny(spelling, markerSigns) {
		return false
	}
	for i := 0; i < len(spelling); {
		c, size := classAt(spelling, i)
		if c == letter || c == number {
			return true
		}
		i += size
	}
	return false
}

// spelled is a token found in text by its spelling.
type spelled struct {
	id         int
	start, end int
}

// spellings finds tokens in text by their spellings: a tree of bytes.
type spellings struct {
	first [256]int32 // the node of each first byte, 0 if none
	nodes []node     // node 0 is not used
}

// node is one byte of the spellings that begin alike.
type node struct {
	child, sibling int32 // 0 if none
	id             int32 // of the token that ends here, or -1
	open           bool  // the token is found in any text
	is             byte
}

// add puts a spelling, which is not empty, into the tree.
func (s *spellings) add(spelling string, id int, open bool) {
	if len(s.nodes) == 0 {
		s.nodes = append(s.nodes, node{id: -1})
	}
	link := &s.first[spelling[0]]
	for i := range len(spelling) {
		for *link != 0 && s.nodes[*link].is != spelling[i] {
			link = &s.nodes[*link].sibling
		}
		if *link == 0 {
			*link = int32(len(s.nodes))
			// Grown after the link is set: append may move what it points into.
			s.nodes = append(s.nodes, node{id: -1, is: spelling[i]})
			link = &s.nodes[len(s.nodes)-1].child
			if i == len(spelling)-1 {
				s.nodes[len(s.nodes)-1].id = int32(id)
				s.nodes[len(s.nodes)-1].open = open
			}
			continue
		}
		n := &s.nodes[*link]
		if i == len(spelling)-1 {
			n.id, n.open = int32(id), open
		}
		link = &n.child
	}
}

// at returns the longest token whose spelling begins text[i:]. One that is not
// open must end at limit or before; -1 if there is none.
func (s *spellings) at(text string, i, limit int) (id, end int) {
	id = -1
	n := s.first[text[i]]
	for n != 0 {
		i++
		if at := &s.nodes[n]; at.id >= 0 && (at.open || i <= limit) {
			id, end = int(at.id), i
		}
		n = s.nodes[n].child
		if i == len(text) {
			break
		}
		for n != 0 && s.nodes[n].is != text[i] {
			n = s.nodes[n].sibling
		}
	}
	return id, end
}

// region is a part of a text where special tokens are recognised.
type region struct {
	start, end int
}

// find calls found for each token spelled in text, from the left, the longest
// of those that begin together; those that are not open only within regions,
// which are sorted and do not touch.
func (s *spellings) find(text string, regions []region, found func(spelled)) {
	for i := 0; i < len(text); {
		if s.first[text[i]] == 0 {
			i++
			continue
		}
		for len(regions) > 0 && regions[0].end <= i {
			regions = regions[1:]
		}
		limit := 0
		if len(regions) > 0 && regions[0].start <= i {
			limit = regions[0].end
		}
		id, end := s.at(text, i, limit)
		if id < 0 {
			i++
			continue
		}
		found(spelled{id, i, end})
		i = end
	}
}
