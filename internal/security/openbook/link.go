package openbook

import (
	"slices"
	"strings"
)

// maxNameWords caps how many words of a question are tried as one name.
const maxNameWords = 9

// anchors returns the entities that a question names: by id, name or alias, the
// longest first and none inside another. A name of one common word counts only
// where it is written as a name.
func (b *Book) anchors(question string) []int32 {
	var out []int32
	var ws []word
	for _, w := range words(question) {
		if strings.ContainsAny(w.raw, "._") && !isID(w.raw) && b.names[w.raw] == nil {
			continue
		}
		ws = append(ws, w)
	}
	ws = ws[:min(len(ws), maxQueryWords)]
	for i := 0; i < len(ws); {
		n := b.longestName(ws, i, &out)
		i += max(n, 1)
	}
	return out
}

// longestName adds the entities of the longest name that begins at ws[i] and
// returns its words.
func (b *Book) longestName(ws []word, i int, out *[]int32) int {
	for n := min(maxNameWords, len(ws)-i); n >= 1; n-- {
		var parts []string
		for _, w := range ws[i : i+n] {
			parts = append(parts, w.raw)
		}
		list := b.names[strings.Join(parts, " ")]
		if len(list) == 0 || n == 1 && !b.standsAsName(ws, i) {
			continue
		}
		for _, e := range list {
			if !slices.Contains(*out, e) {
				*out = append(*out, e)
			}
		}
		return n
	}
	return 0
}

// standsAsName reports whether a single word is written as a name: an id, a
// capital inside a sentence, or a word too rare to be anything else.
func (b *Book) standsAsName(ws []word, i int) bool {
	w := ws[i]
	if strings.ContainsAny(w.raw, "0123456789") {
		return true
	}
	if w.stem == "" || w.soft {
		return false
	}
	if w.upper && i > 0 {
		return true
	}
	at := b.find(w.stem)
	return at >= 0 && b.df[at] < 30 && len(w.raw) > 3
}

// named returns the entities whose name or id an option is, if any. An option
// often gives both, or a data source with its component.
func (b *Book) named(option string) []int32 {
	tries := []string{option}
	if before, after, ok := strings.Cut(option, ":"); ok {
		tries = append(tries, after, before)
	}
	if before, after, ok := strings.Cut(option, "("); ok {
		tries = append(tries, before, strings.TrimSuffix(strings.TrimSpace(after), ")"))
	}
	if f := strings.Fields(option); len(f) > 1 && isID(strings.ToLower(strings.Trim(f[0], ":-–()."))) {
		tries = append(tries, f[0], strings.Join(f[1:], " "))
	}
	for _, t := range tries {
		if list := b.names[key(t)]; len(list) > 0 {
			return list
		}
	}
	return nil
}

// linked reports how many edges join two entities, in either direction.
func (b *Book) linked(x, y int32) int {
	n := 0
	for _, pair := range [2][2]int32{{x, y}, {y, x}} {
		for _, e := range b.edges[b.edgeAt[pair[0]]:b.edgeAt[pair[0]+1]] {
			if e.to == pair[1] {
				n++
			}
		}
	}
	return n
}
