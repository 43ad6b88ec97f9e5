package openbook

// The weights by which passages are ranked for a question without options, and
// the share of the best sentence's score that a highlighted one reaches.
const (
	answerSentence = 0.8
	answerSection  = 1.0
	answerEntity   = 0.4
	answerAnchor   = 1.2 // the passage is of an entry that the question names
	answerFar      = 0.4 // it relates one to such an entry
	answerMeaning  = 0.6 // it is a description, and what something is was asked
	highlightShare = 0.75
	maxHighlights  = 3
	maxPerEntity   = 3 // passages of one entry among the answers
)

// meaningWords ask what something is.
var meaningWords = []string{"what is", "what are", "what's", "define", "describe", "explain", "meaning of"}

// MinAnswer is the score below which a passage hardly bears on a question.
const MinAnswer = 0.9

// Answer returns the passages that bear most on a question, the best first. It
// returns none where the question has no word that the book holds.
func (b *Book) Answer(question string, n int) []Passage {
	terms, missing := b.query(question)
	q := b.spread(terms, missing, nil)
	defer b.release(q)
	anchor := map[int32]bool{}
	for _, a := range b.anchors(question) {
		anchor[a] = true
	}
	meaning := asks(question, meaningWords...)
	list := make([]scored, 0, len(q.touched))
	for _, s := range q.touched {
		sec := b.sections[s]
		best := float32(0)
		for t := sec.first; t < sec.last; t++ {
			best = max(best, q.sentence[t])
		}
		score := b.sectionNorm(s) * (answerSection*q.section[s] + answerSentence*best + answerEntity*q.entity[sec.entity])
		switch {
		case anchor[sec.entity]:
			score += answerAnchor
			if meaning && b.labels[sec.label] == "description" {
				score += answerMeaning
			}
		case sec.other >= 0 && anchor[sec.other]:
			score += answerFar
		}
		list = append(list, scored{s, score})
	}
	var out []Passage
	taken := map[int32]int{}
	for _, s := range top(list, 20*max(n, 1)) {
		e := b.sections[s.at].entity
		if len(out) == n {
			break
		}
		if taken[e]++; taken[e] > maxPerEntity {
			continue
		}
		p := b.passage(s.at, float64(s.score))
		p.Answer = b.highlights(q, nil, s.at)
		out = append(out, p)
	}
	return out
}

// highlights returns the sentences of a section that bear most on a question,
// and on an option where there is one, in their order.
func (b *Book) highlights(q, o *field, at int32) []string {
	sec := b.sections[at]
	score := func(s int32) float32 {
		if o == nil {
			return q.sentence[s]
		}
		return q.sentence[s] + 2*o.sentence[s]
	}
	best := float32(0)
	for s := sec.first; s < sec.last; s++ {
		best = max(best, score(s))
	}
	var out []string
	for s := sec.first; s < sec.last && len(out) < maxHighlights; s++ {
		if best > 0 && score(s) >= highlightShare*best {
			out = append(out, b.sentenceText(s))
		}
	}
	return out
}
