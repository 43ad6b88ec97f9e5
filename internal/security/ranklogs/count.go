package ranklogs

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Limits of what is counted. Past them nothing new is taken in: what was not
// counted is not called rare.
const (
	maxWordsKept = 1 << 20
	maxForms     = 100_000
	maxPlaces    = 200_000
	maxValues    = 1 << 20
	maxHosts     = 10_000 // whose last line is remembered
)

// Sums of floats are kept as whole numbers of this size, so that they are the
// same in any order.
const fixed = 1 << 20

// counts is what the whole log has how often.
type counts struct {
	lines  int
	words  map[uint64]uint32
	form   map[uint64]*formCount
	places map[uint64]*place
	values map[uint64]uint32
	last   map[string]uint64 // the form of each host's last line
	first  int64             // seconds; of the times that lines have
	latest int64
	closed bool // a limit was reached
}

type formCount struct {
	text  string
	lines uint32
}

// place is a slot of a form over all lines.
type place struct {
	n        uint32
	open     bool  // some of its values could not be counted
	entropy  int64 // Σ c·log2(c), fixed; then the entropy in bits, fixed
	length   int64 // Σ ln(1+len), fixed
	lengthSq int64
}

func newCounts() *counts {
	return &counts{words: map[uint64]uint32{}, form: map[uint64]*formCount{}, places: map[uint64]*place{}, values: map[uint64]uint32{}, last: map[string]uint64{}}
}

// key hashes strings, each set off from the next.
func key(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum64()
}

// addWords counts the words of a line, each once.
func (c *counts) addWords(v *view) {
	c.lines++
	seen := map[uint64]bool{}
	for _, w := range v.words {
		k := key(w)
		if seen[k] {
			continue
		}
		seen[k] = true
		if _, known := c.words[k]; !known && len(c.words) >= maxWordsKept {
			continue
		}
		c.words[k]++
	}
}

// common says which words belong to forms: those that at least two lines have,
// and in long logs one line in five thousand.
func (c *counts) common(w string) bool {
	return c.words[key(w)] >= uint32(max(2, c.lines/5000))
}

// placeOf is the key of a slot: pairs are counted over all forms.
func placeOf(v *view, s slot) uint64 {
	if s.whose != "" || s.name == "hour" {
		return key("pair", s.whose, s.name)
	}
	return key(v.form, s.name)
}

// add counts a line's form, and what stands where in it.
func (c *counts) add(v *view) {
	k := key(v.form)
	f := c.form[k]
	if f == nil {
		if len(c.form) >= maxForms {
			c.closed = true
			return
		}
		f = &formCount{text: strings.Clone(phrase.Cut(v.form, 300))}
		c.form[k] = f
	}
	f.lines++
	c.put(key("form"), v.form, false)
	for _, s := range v.slots {
		c.put(placeOf(v, s), s.value, true)
	}
	c.follow(v, func(k uint64, form string) { c.put(k, form, false) })
	if !v.time.IsZero() {
		at := v.time.Unix()
		if c.first == 0 || at < c.first {
			c.first = at
		}
		c.latest = max(c.latest, at)
	}
}

// follow calls do with the place of "what comes after the form of this host's
// line before", and remembers this line.
func (c *counts) follow(v *view, do func(k uint64, form string)) {
	before, known := c.last[v.host]
	if known {
		do(key("after", string(binary64(before))), v.form)
	}
	if known || len(c.last) < maxHosts {
		c.last[strings.Clone(v.host)] = key(v.form)
	}
}

func binary64(x uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(x >> (8 * i))
	}
	return b
}

func (c *counts) put(at uint64, value string, measure bool) {
	p := c.places[at]
	if p == nil {
		if len(c.places) >= maxPlaces {
			c.closed = true
			return
		}
		p = &place{}
		c.places[at] = p
	}
	p.n++
	if measure {
		l := int64(math.Log1p(float64(len(value))) * fixed)
		p.length += l
		p.lengthSq += l * (l >> 10) >> 10
	}
	k := key(string(binary64(at)), value)
	n, known := c.values[k]
	if !known && len(c.values) >= maxValues {
		p.open, c.closed = true, true
		return
	}
	c.values[k] = n + 1
	// Σ c·log2(c) grows by what one more of this value adds to it.
	p.entropy += xlog(n+1) - xlog(n)
}

func xlog(n uint32) int64 {
	if n < 2 {
		return 0
	}
	return int64(float64(n) * math.Log2(float64(n)) * fixed)
}

// rest ends the counting: sequences begin anew for the next pass.
func (c *counts) rest() { clear(c.last) }

// minSeen is how often a place must have been seen before anything in it can be
// called rare.
const minSeen = 8

// excess says how much rarer, in bits, a value is than values of its place are
// on the whole, with how many lines have it and how many have the place. Where
// every line has another value (an id, a port) nothing is rare.
func (c *counts) excess(at uint64, value string) (bits float64, have, of int) {
	p := c.places[at]
	if p == nil || p.open || p.n < minSeen {
		return 0, 0, 0
	}
	n := c.values[key(string(binary64(at)), value)]
	if n == 0 {
		return 0, 0, 0
	}
	entropy := math.Log2(float64(p.n)) - float64(p.entropy)/fixed/float64(p.n)
	return math.Log2(float64(p.n)/float64(n)) - entropy, int(n), int(p.n)
}

// long says by how many standard deviations a value is longer than those of its
// place are on the whole.
func (c *counts) long(at uint64, value string) float64 {
	p := c.places[at]
	if p == nil || p.n < 20 || len(value) < 24 {
		return 0
	}
	n := float64(p.n)
	mean := float64(p.length) / fixed / n
	variance := float64(p.lengthSq)/fixed/n - mean*mean
	return (math.Log1p(float64(len(value))) - mean) / math.Sqrt(max(variance, 0.04))
}

// days reports whether the log is long enough for hours of the day to mean
// something.
func (c *counts) days() bool { return c.latest-c.first >= 36*3600 }

func (c *counts) forms() int { return len(c.form) }

// list returns the forms, the rarest first: at most a thousand.
func (c *counts) list() []Form {
	out := make([]Form, 0, len(c.form))
	for _, f := range c.form {
		out = append(out, Form{Text: f.text, Lines: int(f.lines)})
	}
	slices.SortFunc(out, func(a, b Form) int { return cmp.Or(a.Lines-b.Lines, strings.Compare(a.Text, b.Text)) })
	return out[:min(len(out), 1000)]
}
