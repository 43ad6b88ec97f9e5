package library

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// What a word weighs where it stands, and BM25's constants: k1 says how soon
// more of the same word stops to count, b how much a long passage is held back.
const (
	titleWeight = 3.0
	moreWeight  = 0.4
	bm25K1      = 1.2
	bm25B       = 0.5
	usualLength = 90.0 // words of a passage
	leastLength = 25.0 // what a shorter one is taken for
	pairWeight  = 0.35 // of two words that follow one another as in the query
	exactBonus  = 1.0  // of a title that is the query
	firstWeight = 1.15 // of an entry's first passage, which says what it is
	goneWeight  = 0.6  // of an entry that no longer stands
)

// scorer ranks a passage by all words of a query.
type scorer struct {
	asked     []string
	different []string // words of asked
	idf       map[string]float64
	pairs     map[[2]string]float64
	order     [][2]string // of pairs
	sum       float64     // of the idf of asked
}

func newScorer(asked []string, terms []term) *scorer {
	s := &scorer{asked: asked, idf: map[string]float64{}, pairs: map[[2]string]float64{}}
	for _, t := range terms {
		s.different = append(s.different, t.word)
		s.idf[t.word] = t.idf
	}
	for i, w := range asked {
		s.sum += s.idf[w]
		if i == 0 || len(s.pairs) >= maxTerms {
			continue
		}
		p := [2]string{asked[i-1], w}
		if least := min(s.idf[p[0]], s.idf[p[1]]); least > 0 && s.pairs[p] == 0 {
			s.pairs[p] = least
			s.order = append(s.order, p)
		}
	}
	return s
}

// score is BM25 over title, text and facts, with a share for pairs of words in
// the query's order and for a title that is the query, weighed by kind.
func (s *scorer) score(f finding) float64 {
	weight := map[string]float64{}
	pairs := map[[2]string]bool{}
	title, text := Words(f.title), Words(f.Text)
	s.count(title, titleWeight, weight, pairs)
	s.count(text, 1, weight, pairs)
	s.count(Words(f.more), moreWeight, weight, pairs)
	norm := bm25K1 * (1 - bm25B + bm25B*max(float64(len(text)), leastLength)/usualLength)
	total := 0.0
	for _, w := range s.different {
		if f := weight[w]; f > 0 {
			total += s.idf[w] * f * (bm25K1 + 1) / (f + norm)
		}
	}
	for _, p := range s.order {
		if pairs[p] {
			total += pairWeight * s.pairs[p]
		}
	}
	if id := Words(f.EntryID); f.title != "" && (slices.Equal(s.asked, id) || slices.Equal(s.asked, title[min(len(id), len(title)):])) {
		total += exactBonus * s.sum
	}
	if f.first {
		total *= firstWeight
	}
	if f.gone {
		total *= goneWeight
	}
	return total * kindWeight(f.kind, f.Text == "")
}

// kindWeight returns what a kind's passages weigh against another's of the same
// words: what a thing is before what watches for it, and prose before a bare name.
func kindWeight(kind int, bare bool) float64 {
	w := 1.0
	switch kinds[kind] {
	case feed.KindTechnique:
		w = 1.2
	case feed.KindDetection, feed.KindAnalytic, feed.KindArtifact, feed.KindDataComponent, feed.KindSigma, feed.KindAtomic:
		w = 0.85
	case feed.KindYARA:
		w = 0.7
	}
	if bare {
		w *= 0.75
	}
	return w
}

func (s *scorer) count(words []string, w float64, weight map[string]float64, pairs map[[2]string]bool) {
	for i, word := range words {
		if s.idf[word] == 0 {
			continue
		}
		weight[word] += w
		if i > 0 {
			if p := [2]string{words[i-1], word}; s.pairs[p] > 0 {
				pairs[p] = true
			}
		}
	}
}

// idle are words that a question or a sentence is built with. They say nothing
// of what it asks for.
const idle = " a about an and any are as at be been being but by can could did do does doing for from had has have having he her his how i if in into is it its may me might must my no not of on or our shall she should so some such than that the their them then there these they this those to under up upon us used uses using very was we were what when where which while who whom whose why will with would you your "

// telling returns the words of a query that are not idle; all of them, if
// all are.
func telling(query string) []string {
	var some, all []string
	for w := range strings.FieldsSeq(query) {
		words := Words(w)
		all = append(all, words...)
		if !strings.Contains(idle, " "+strings.ToLower(strings.Trim(w, ".,;:!?()[]'\"“”‘’"))+" ") {
			some = append(some, words...)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}
