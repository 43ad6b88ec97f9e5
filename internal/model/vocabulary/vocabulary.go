// Package vocabulary learns a tokenizer from texts: byte-level byte-pair encoding,
// for models that are trained from nothing.
package vocabulary

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// Limits of what is learnt.
const (
	MinTokens = 512
	MaxTokens = 1 << 17
	// MaxWords bounds the different words that are counted; words beyond them have
	// no part in the merges.
	MaxWords = 1 << 21
	maxWord  = 256 // bytes: longer stretches of letters are cut for counting
)

// markers are the control tokens, those that Llama 3's chat template writes, so
// that a model can be taught to answer.
var markers = []string{"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|pad|>"}

// Counter counts the words of texts. The zero value is ready.
type Counter struct {
	words map[string]int
	// Dropped counts the words that MaxWords left out.
	Dropped int
}

// Add counts the words of a text.
func (c *Counter) Add(text string) {
	if c.words == nil {
		c.words = map[string]int{}
	}
	for len(text) > 0 {
		n := word(text)
		w := text[:n]
		text = text[n:]
		if _, known := c.words[w]; !known {
			if len(c.words) == MaxWords {
				c.Dropped++
				continue
			}
			w = string([]byte(w)) // not a part of the text, which could not be freed then
		}
		c.words[w]++
	}
}

// kind is what a word is made of.
type kind int

const (
	space kind = iota
	letter
	digit
	other
)

func kindOf(r rune) kind {
	switch {
	case unicode.IsSpace(r):
		return space
	case unicode.IsLetter(r):
		return letter
	case unicode.IsDigit(r):
		return digit
	}
	return other
}

// word returns the length of a text's first word: a space or none and then
// letters, or up to three digits, or other signs; or white space. Words lie within
// the pieces that the tokenizer cuts text into, so that every merge can be used.
func word(text string) int {
	first, n := utf8.DecodeRuneInString(text)
	k := kindOf(first)
	if first == ' ' && n < len(text) {
		if next, size := utf8.DecodeRuneInString(text[n:]); kindOf(next) == letter || kindOf(next) == other {
			k, n = kindOf(next), n+size
		}
	}
	for count := 1; n < len(text) && n < maxWord && (k != digit || count < 3); count++ {
		next, size := utf8.DecodeRuneInString(text[n:])
		if kindOf(next) != k {
			break
		}
		n += size
	}
	return n
}

// Learn returns a tokenizer of so many tokens: the 256 bytes, what pairs of tokens
// became by merging the most frequent one again and again, and control tokens.
// Where words repeat too little for so many, there are fewer. The same words give
// the same tokenizer; of pairs as frequent the one whose parts are older is first.
//
// Source: Sennrich et al. 2016, arXiv:1508.07909.
func (c *Counter) Learn(tokens int) (tokenizer.Spec, error) {
	if tokens < MinTokens || tokens > MaxTokens {
		return tokenizer.Spec{}, fmt.Errorf("learn a vocabulary of %d tokens: not %d to %d", tokens, MinTokens, MaxTokens)
	}
	if len(c.words) == 0 {
		return tokenizer.Spec{}, errors.New("learn a vocabulary: there is no text")
	}
	l := newLearner(c.words)
	for len(l.spec.Tokens) < tokens-len(markers) && l.merge() {
	}
	s := l.spec
	for range s.Tokens {
		s.Types = append(s.Types, tokenizer.Normal)
	}
	first := len(s.Tokens)
	for _, m := range markers {
		s.Tokens, s.Types = append(s.Tokens, m), append(s.Types, tokenizer.Control)
	}
	s.Kind, s.Pre, s.AddBOS, s.IgnoreMerges = tokenizer.ByteLevel, "llama-bpe", true, true
	s.BOS, s.EOS, s.EOT, s.Unknown, s.Pad = first, first+1, first+4, tokenizer.None, first+5
	s.EndOfGeneration = []int{s.EOS, s.EOT}
	return s, nil
}

// pair is two tokens that follow each other.
type pair struct{ left, right int }

// candidate is a pair and how often it was there when it was put in the queue.
type candidate struct {
	pair
	count int
}

// queue has the most frequent pair first.
type queue []candidate

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].count, q[i].count), cmp.Compare(q[i].left, q[j].left), cmp.Compare(q[i].right, q[j].right)) < 0
}
func (q *queue) Push(x any) { *q = append(*q, x.(candidate)) }
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// learner merges pairs.
type learner struct {
	spec   tokenizer.Spec
	known  map[string]bool // spellings that are tokens
	words  [][]int         // as tokens
	counts []int           // of words
	pairs  map[pair]int    // how often each is there
	in     map[pair][]int  // words that have it, or had it
	queue  queue
}

func newLearner(words map[string]int) *learner {
	l := &learner{known: map[string]bool{}, pairs: map[pair]int{}, in: map[pair][]int{}}
	letters := alphabet()
	for _, r := range letters {
		l.add(string(r))
	}
	for _, w := range slices.Sorted(maps.Keys(words)) {
		ids := make([]int, len(w))
		for i := range len(w) {
			ids[i] = int(w[i])
		}
		l.words, l.counts = append(l.words, ids), append(l.counts, words[w])
		l.count(len(l.words)-1, 1)
	}
	for p, n := range l.pairs {
		l.queue = append(l.queue, candidate{p, n})
	}
	heap.Init(&l.queue)
	return l
}

func (l *learner) add(spelling string) {
	l.spec.Tokens = append(l.spec.Tokens, spelling)
	l.known[spelling] = true
}

// count adds a word's pairs to the counts, or takes them away.
func (l *learner) count(word, sign int) {
	ids := l.words[word]
	for i := 1; i < len(ids); i++ {
		p := pair{ids[i-1], ids[i]}
		l.pairs[p] += sign * l.counts[word]
		if sign > 0 {
			l.in[p] = append(l.in[p], word)
		}
	}
}

// merge makes a token of the most frequent pair, and says whether there was one
// that is there twice or more.
func (l *learner) merge() bool {
	for l.queue.Len() > 0 {
		c := heap.Pop(&l.queue).(candidate)
		if now := l.pairs[c.pair]; now != c.count {
			continue // a newer entry is in the queue, if it is still there
		}
		if c.count < 2 {
			return false
		}
		left, right := l.spec.Tokens[c.left], l.spec.Tokens[c.right]
		if l.known[left+right] { // another pair has made the same spelling
			continue
		}
		l.spec.Merges = append(l.spec.Merges, left+" "+right)
		l.add(left + right)
		l.replace(c.pair, len(l.spec.Tokens)-1)
		return true
	}
	return false
}

// replace writes a token in the place of a pair, in all words.
func (l *learner) replace(p pair, token int) {
	changed := map[pair]bool{}
	touch := func(ids []int) {
		for i := 1; i < len(ids); i++ {
			changed[pair{ids[i-1], ids[i]}] = true
		}
	}
	words := l.in[p]
	delete(l.in, p)
	slices.Sort(words)
	for _, w := range slices.Compact(words) {
		ids := l.words[w]
		touch(ids)
		l.count(w, -1)
		out := ids[:0]
		for i := 0; i < len(ids); i++ {
			if i+1 < len(ids) && ids[i] == p.left && ids[i+1] == p.right {
				out = append(out, token)
				i++
				continue
			}
			out = append(out, ids[i])
		}
		l.words[w] = out
		l.count(w, 1)
		touch(out)
	}
	for q := range changed {
		if n := l.pairs[q]; n > 0 {
			heap.Push(&l.queue, candidate{q, n})
		} else {
			delete(l.pairs, q)
		}
	}
}

// alphabet returns the letter of each byte: itself if it is visible, and letters
// from U+0100 on for the others, as GPT-2 has it.
func alphabet() [256]rune {
	var all [256]rune
	hidden := rune(0x100)
	for b := range rune(256) {
		all[b] = b
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			all[b] = hidden
			hidden++
		}
	}
	return all
}
