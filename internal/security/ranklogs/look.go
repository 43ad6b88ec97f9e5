package ranklogs

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// compiled is an entry of the catalogue, ready to be tried.
type compiled struct {
	known
	re, unless *regexp.Regexp
}

// tried is the catalogue with an index of literals: most patterns need one of a
// few words, and a line that has none of them need not be tried on them.
type tried struct {
	all     []compiled
	always  []int32             // entries without such words
	first   [1 << 12]bool       // hashes of the first three bytes of the words
	byStart map[uint32][]entry3 // the words, by their first three bytes
}

type entry3 struct {
	word string
	at   int32
}

func start3(a, b, c byte) uint32 { return uint32(a)<<16 | uint32(b)<<8 | uint32(c) }

func fold3(x uint32) uint32 { return (x ^ x>>7 ^ x>>13) & (1<<12 - 1) }

var compileCatalogue = sync.OnceValue(func() *tried {
	t := &tried{byStart: map[uint32][]entry3{}}
	for i, k := range catalogue {
		c := compiled{known: k, re: regexp.MustCompile(k.pattern)}
		if k.unless != "" {
			c.unless = regexp.MustCompile(k.unless)
		}
		t.all = append(t.all, c)
		words := needed(k.pattern)
		if words == nil {
			t.always = append(t.always, int32(i))
		}
		for _, w := range words {
			x := start3(w[0], w[1], w[2])
			t.first[fold3(x)] = true
			t.byStart[x] = append(t.byStart[x], entry3{w, int32(i)})
		}
	}
	return t
})

// look returns the signs of the catalogue that a line shows, in its order.
func look(text string) []sign {
	t := compileCatalogue()
	lower := strings.ToLower(plain(text))
	var try [len(catalogue)]bool
	for _, i := range t.always {
		try[i] = true
	}
	for i := 0; i+2 < len(lower); i++ {
		x := start3(lower[i], lower[i+1], lower[i+2])
		if !t.first[fold3(x)] {
			continue
		}
		for _, e := range t.byStart[x] {
			if !try[e.at] && strings.HasPrefix(lower[i:], e.word) {
				try[e.at] = true
			}
		}
	}
	var out []sign
	for i := range try {
		k := &t.all[i]
		if !try[i] || !k.re.MatchString(lower) || k.unless != nil && k.unless.MatchString(lower) {
			continue
		}
		out = append(out, sign{key: k.text, level: k.level, text: k.text, techniques: []string{k.techniques}, source: "catalogue"})
	}
	return out
}

// needed returns words of three bytes and more of which any match of a pattern
// has at least one, or nil where there are none.
func needed(pattern string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	return neededBy(re)
}

func neededBy(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		if w := string(re.Rune); len(w) >= 3 && re.Flags&syntax.FoldCase == 0 {
			return []string{w}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return neededBy(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return neededBy(re.Sub[0])
		}
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := neededBy(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if words := neededBy(sub); words != nil && (best == nil || shortest(words) > shortest(best)) {
				best = words
			}
		}
		return best
	}
	return nil
}

func shortest(words []string) int {
	n := len(words[0])
	for _, w := range words {
		n = min(n, len(w))
	}
	return n
}

// plain undoes percent escapes, twice, where a text has any.
func plain(text string) string {
	for range 2 {
		if !strings.Contains(text, "%") {
			break
		}
		text = unescape(text)
	}
	return text
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := hex(s[i+1]), hex(s[i+2]); hi >= 0 && lo >= 0 {
				if c := byte(hi<<4 | lo); c >= ' ' && c < 0x7f {
					b.WriteByte(c)
					i += 2
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
