package openbook

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
	"strings"
)

// maxQueryWords caps how much of a question or an option is read: what comes
// after so many words says no more about what is asked.
const maxQueryWords = 400

// term is a word of a query that the book holds.
type term struct {
	at     int     // in Book.termAt
	stem   string  //
	weight float32 // rarity, less what is only phrasing
	others []int   // places of its synonyms
}

// find returns the place of a term in the book, or -1.
func (b *Book) find(stem string) int {
	n := len(b.df)
	i := sort.Search(n, func(i int) bool { return b.terms[b.termAt[i]:b.termAt[i+1]] >= stem })
	if i == n || b.terms[b.termAt[i]:b.termAt[i+1]] != stem {
		return -1
	}
	return i
}

// softWeight is what a word of phrasing is worth, next to any other.
const softWeight = 0.25

// query returns the terms of a text, each once. A word that the book lacks
// counts in the total: a text made of such words has no support.
func (b *Book) query(text string) (terms []term, missing float32) {
	ws := words(text)
	ws = ws[:min(len(ws), maxQueryWords)]
	seen := map[string]bool{}
	for _, w := range ws {
		if w.stem == "" || seen[w.stem] {
			continue
		}
		seen[w.stem] = true
		at := b.find(w.stem)
		if at < 0 {
			if !w.soft {
				missing += b.rarity(1) / 2
			}
			continue
		}
		t := term{at: at, stem: w.stem, weight: b.rarity(float32(b.df[at]))}
		if w.soft {
			t.weight *= softWeight
		}
		for _, other := range synonyms()[w.stem] {
			if at := b.find(other); at >= 0 && !w.soft {
				t.others = append(t.others, at)
			}
		}
		terms = append(terms, t)
	}
	return terms, missing
}

// rarity is the inverse document frequency of BM25 over sentences.
func (b *Book) rarity(df float32) float32 {
	n := float32(len(b.sentences))
	return float32(math.Log(float64(1 + (n-df+0.5)/(df+0.5))))
}

// field holds how well every sentence, section and entity supports a query: the
// weights of the terms that it holds, as a share of all.
type field struct {
	sentence, section, entity []float32
	touched                   []int32 // sections with a sentence that holds a term
	sentences                 []int32 // such sentences
	entities                  []int32

	bestSentence, bestSection, bestEntity    []float32 // of the term at hand
	stampSentence, stampSection, stampEntity []int32
	stamp                                    int32
	total                                    float32
}

// clear makes f fit for a book and empties it.
func (f *field) clear(b *Book) {
	if len(f.sentence) != len(b.sentences) || len(f.section) != len(b.sections) || len(f.entity) != len(b.entities) {
		*f = field{
			sentence: make([]float32, len(b.sentences)), section: make([]float32, len(b.sections)), entity: make([]float32, len(b.entities)),
			bestSentence: make([]float32, len(b.sentences)), bestSection: make([]float32, len(b.sections)), bestEntity: make([]float32, len(b.entities)),
			stampSentence: make([]int32, len(b.sentences)), stampSection: make([]int32, len(b.sections)), stampEntity: make([]int32, len(b.entities)),
		}
		return
	}
	for _, i := range f.sentences {
		f.sentence[i] = 0
	}
	for _, i := range f.touched {
		f.section[i] = 0
	}
	for _, i := range f.entities {
		f.entity[i] = 0
	}
	f.sentences, f.touched, f.entities, f.total = f.sentences[:0], f.touched[:0], f.entities[:0], 0
}

// maxShare is the share of all sentences above which a term tells nothing.
const maxShare = 0.12

// spread scores everything against terms. Hidden sections count as absent.
func (b *Book) spread(terms []term, missing float32, hide map[int32]bool) *field {
	f := b.scratch.Get().(*field)
	f.clear(b)
	f.total = missing
	for _, t := range terms {
		if float32(b.df[t.at]) > maxShare*float32(len(b.sentences)) {
			continue
		}
		f.total += t.weight
		f.stamp++
		b.spreadTerm(f, t.at, t.weight, hide)
		for _, other := range t.others {
			if float32(b.df[other]) <= maxShare*float32(len(b.sentences)) {
				b.spreadTerm(f, other, synonymWeight*min(t.weight, b.rarity(float32(b.df[other]))), hide)
			}
		}
	}
	if f.total > 0 {
		for _, i := range f.sentences {
			f.sentence[i] /= f.total
		}
		for _, i := range f.touched {
			f.section[i] /= f.total
		}
		for _, i := range f.entities {
			f.entity[i] /= f.total
		}
	}
	return f
}

// spreadTerm adds what one term is worth to all that hold it: a sentence once,
// a section and an entity as much as the best of their sentences.
func (b *Book) spreadTerm(f *field, at int, weight float32, hide map[int32]bool) {
	list := b.postings[b.postAt[at]:b.postAt[at+1]]
	s := uint32(0)
	for len(list) > 0 {
		v, n := binary.Uvarint(list)
		if n <= 0 {
			return
		}
		list = list[n:]
		s += uint32(v / uint64(levels))
		if int(s) >= len(b.sentences) {
			return // a stored book that is damaged
		}
		w := levelWeight[v%uint64(levels)] * weight
		sec := b.sentences[s].section
		if len(hide) > 0 && hide[sec] {
			continue
		}
		if f.stampSentence[s] != f.stamp {
			f.stampSentence[s], f.bestSentence[s] = f.stamp, 0
		}
		if w <= f.bestSentence[s] {
			continue
		}
		if f.sentence[s] == 0 {
			f.sentences = append(f.sentences, int32(s))
		}
		f.sentence[s] += w - f.bestSentence[s]
		f.bestSentence[s] = w
		if f.stampSection[sec] != f.stamp {
			f.stampSection[sec], f.bestSection[sec] = f.stamp, 0
		}
		if w > f.bestSection[sec] {
			if f.section[sec] == 0 {
				f.touched = append(f.touched, sec)
			}
			f.section[sec] += w - f.bestSection[sec]
			f.bestSection[sec] = w
		}
		f.raise(b.sections[sec].entity, w)
		if o := b.sections[sec].other; o >= 0 {
			f.raise(o, w)
		}
	}
}

// raise adds a term's weight to an entity as far as it is more than before.
func (f *field) raise(e int32, w float32) {
	if f.stampEntity[e] != f.stamp {
		f.stampEntity[e], f.bestEntity[e] = f.stamp, 0
	}
	if w > f.bestEntity[e] {
		if f.entity[e] == 0 {
			f.entities = append(f.entities, e)
		}
		f.entity[e] += w - f.bestEntity[e]
		f.bestEntity[e] = w
	}
}

// leastBest is the share of an option that its best sentence holds at least, as
// far as lift goes: below it an option has words that the book does not put together.
const leastBest = 0.5

// lift raises a field so that its best sentence holds all of it. An option that
// no sentence holds whole, because it is long or worded anew, can then be
// compared with one that is a name.
func (f *field) lift() {
	best := float32(leastBest)
	for _, i := range f.sentences {
		best = max(best, f.sentence[i])
	}
	for _, i := range f.sentences {
		f.sentence[i] /= best
	}
	for _, i := range f.touched {
		f.section[i] /= best
	}
	for _, i := range f.entities {
		f.entity[i] /= best
	}
}

// release gives a field back.
func (b *Book) release(f *field) { b.scratch.Put(f) }

// lengthPenalty lowers what long pieces gain by holding many words.
func lengthPenalty(words, mean, share float32) float32 {
	return 1 / (1 - share + share*max(words, mean/4)/mean)
}

func (b *Book) sentenceNorm(i int32) float32 {
	return lengthPenalty(float32(b.sentences[i].words), b.meanSent, 0.1)
}

func (b *Book) sectionNorm(i int32) float32 {
	return lengthPenalty(b.sections[i].words, b.meanSect, 0.08)
}

func (b *Book) entityNorm(i int32) float32 {
	return lengthPenalty(float32(math.Sqrt(float64(b.entities[i].words))), float32(math.Sqrt(float64(b.meanEnt))), 0.1)
}

// Sentence returns the text of a sentence.
func (b *Book) sentenceText(i int32) string { return b.text[b.sentences[i].from:b.sentences[i].to] }

// sectionText returns the text of a section, its sentences joined.
func (b *Book) sectionText(i int32) string {
	s := b.sections[i]
	parts := make([]string, 0, s.last-s.first)
	for j := s.first; j < s.last; j++ {
		parts = append(parts, b.sentenceText(j))
	}
	return strings.Join(parts, " ")
}

// scored is something with its score.
type scored struct {
	at    int32
	score float32
}

// top returns the n best of list, the best first; ties go to the lower place.
func top(list []scored, n int) []scored {
	slices.SortFunc(list, func(x, y scored) int {
		switch {
		case x.score > y.score:
			return -1
		case x.score < y.score:
			return 1
		}
		return int(x.at) - int(y.at)
	})
	return list[:min(n, len(list))]
}
