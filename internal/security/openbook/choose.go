package openbook

import (
	"math"
	"slices"
	"strings"
)

// The number of options that Choose takes.
const (
	MinOptions = 2
	MaxOptions = 10
)

// Unsure is the probability up to which the best option is a guess: two options
// that are equally likely are none.
const Unsure = 0.5

// confidence widens the gaps between scores before they become probabilities.
// Training hides the passages of half the questions and so learns to doubt more
// than an open book gives reason to. It was set by hand on handwritten.jsonl.
const confidence = 1.4

// Choice is how a question with options was answered.
type Choice struct {
	Index    int       `json:"index"`  // of the best option
	Scores   []float64 `json:"scores"` // probabilities, one an option
	Unsure   bool      `json:"unsure"`
	Negative bool      `json:"negative,omitempty"` // the question asks for what is not so
	Passages []Passage `json:"passages"`           // the best for each option that has one, in the order of rank
}

// Choose ranks the options of a question. Hide names sections that must not be
// used, as Locate gives them; nil hides none.
func (b *Book) Choose(question string, options []string, hide map[int32]bool) Choice {
	v := b.look(question, options, hide)
	defer v.release()
	scores := v.scores(&weights)
	c := Choice{Scores: softmax(scores, confidence*v.familiar()), Negative: v.negative}
	order := make([]int, len(options))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		switch {
		case scores[x] > scores[y]:
			return -1
		case scores[x] < scores[y]:
			return 1
		}
		return 0
	})
	c.Index = order[0]
	c.Unsure = c.Scores[c.Index] <= Unsure
	for _, i := range order {
		if p := v.support(i); p.ID != "" {
			p.Option = &i
			c.Passages = append(c.Passages, p)
		}
	}
	return c
}

// Vectors returns the measures of the options of a question, for training.
func (b *Book) Vectors(question string, options []string, hide map[int32]bool) []Vector {
	v := b.look(question, options, hide)
	defer v.release()
	return v.vectors()
}

// negativeShare is how much of its certainty an answer keeps where what is least
// supported is asked for: much that is true stands nowhere.
const negativeShare = 0.6

// scores returns how well each option fits, on a logarithmic scale.
func (v *view) scores(w *[Features]float64) []float64 {
	vectors := v.vectors()
	out := make([]float64, len(vectors))
	for i, x := range vectors {
		for j := range x {
			out[i] += w[j] * float64(x[j])
		}
		if v.negative {
			out[i] *= -negativeShare
		}
	}
	v.special(out)
	return out
}

// familiarShare is the share of a question that its best section holds where the
// question is about what the book is about. Of 0.3, 0.5, 0.6, 0.7, 0.85 and 1 it
// gives the least calibration error on generated questions (eval questions
// --seed 3 --per-kind 60): 0.012.
const familiarShare = 0.7

// familiar is how much of a question the section that suits it best holds, from
// 0 to 1. A question that no section holds well is about something else, and
// the answer to it less certain.
func (v *view) familiar() float64 {
	best := float32(0)
	for _, s := range v.q.touched {
		best = max(best, v.book.sectionNorm(s)*v.q.section[s])
	}
	return float64(min(1, best/familiarShare))
}

// softmax turns scores into probabilities; scale widens or narrows the gaps.
func softmax(scores []float64, scale float64) []float64 {
	best := slices.Max(scores)
	out := make([]float64, len(scores))
	total := 0.0
	for i, s := range scores {
		out[i] = math.Exp(scale * (s - best))
		total += out[i]
	}
	for i := range out {
		out[i] /= total
	}
	return out
}

// maxBeforeNot is how many words may stand between which or what and the verb
// that "not" denies.
const maxBeforeNot = 6

// negative reports whether a question asks for what is not so. Weaknesses are
// told by what a product does not do, so a plain "not" counts only where it
// denies the verb of the question itself.
func negative(question string) bool {
	fields := strings.FieldsFunc(question, func(r rune) bool { return r == ' ' || r == '\n' || r == ')' || r == '(' })
	asked := -1 // words since which or what; -1 outside such a clause
	before := ""
	for _, w := range fields[:min(len(fields), maxQueryWords)] {
		if bare := strings.Trim(w, ",.:;*?\"'"); bare == "NOT" || bare == "EXCEPT" || bare == "LEAST" {
			return true
		}
		low := strings.TrimRight(strings.ToLower(w), "?.")
		switch {
		case low == "which" || low == "what":
			asked = 0
		case asked >= 0 && (auxiliaries[before] && (low == "not" || low == "false" || low == "incorrect") && low == strings.Trim(w, "?.") || denials[low]):
			return true
		case asked >= 0:
			if asked++; asked > maxBeforeNot || clauseWords[low] || strings.ContainsAny(w, ",:;?.") {
				asked = -1
			}
		}
		if (low == "except" || low == "except:") && before != "" && strings.Contains(strings.ToLower(question), "following") {
			return true
		}
		if (low == "likely" || low == "effective") && before == "least" {
			return true
		}
		before = low
	}
	return false
}

// auxiliaries, denials and clauseWords are the words by which negative tells a
// denied question from a clause that describes something.
var (
	auxiliaries = set("is are was were does do did would should can could will may has have")
	denials     = set("isn't aren't doesn't don't wouldn't shouldn't cannot can't")
	clauseWords = set("when that if where because who whose involves involve describes describe occurs occur arises happens results refers exists allows lets")
)

// support returns the passage that supports an option best, or none where no
// word of it is in the book.
func (v *view) support(i int) Passage {
	if len(v.o[i].touched) == 0 {
		return Passage{}
	}
	at := v.telling(i)
	p := v.book.passage(at, float64(v.q.section[at]*v.o[i].section[at]))
	p.Answer = v.book.highlights(v.q, v.o[i], at)
	return p
}

// nearEnough is how much of the question a section of the entry that an option
// names must hold, next to the best section anywhere, to be shown instead: what
// an analyst would look up is the entry itself.
const nearEnough = 0.6

// telling returns the section that shows an option's support best.
func (v *view) telling(i int) int32 {
	best, at := v.q.section[v.best[i]]*nearEnough, v.best[i]
	for _, e := range v.names[i] {
		for s := v.book.entities[e].first; s < v.book.entities[e].last; s++ {
			if q := v.q.section[s]; q > 0 && q >= best && !v.hide[s] {
				best, at = q, s
			}
		}
	}
	return at
}

// passage returns a section as a passage.
func (b *Book) passage(at int32, score float64) Passage {
	if len(b.sections) == 0 {
		return Passage{}
	}
	s := b.sections[at]
	e := b.entities[s.entity]
	p := Passage{ID: e.id, Name: e.name, Kind: e.kind, Section: b.labels[s.label], Text: b.sectionText(at), Score: score}
	if s.other >= 0 {
		p.Other = b.entities[s.other].id
	}
	return p
}

// Holding returns the sections of an entry, or of a relation with it, that hold
// the beginning of a text: what a question was written from, to be hidden.
func (b *Book) Holding(id, text string) []int32 {
	e, ok := b.byID[id]
	parts := sentences(text)
	if !ok || len(parts) == 0 {
		return nil
	}
	first := strings.Join(strings.Fields(parts[0]), " ")
	var out []int32
	for s := b.entities[e].first; s < b.entities[e].last; s++ {
		if strings.Contains(b.sectionText(s), first) {
			out = append(out, s)
		}
	}
	return out
}

// Baseline answers as plain BM25 over passages does, for comparison: the option
// with the best sum of question and option in one section.
func (b *Book) Baseline(question string, options []string) int {
	bare := func(text string) *field {
		terms, missing := b.query(text)
		for i := range terms {
			terms[i].others = nil
		}
		return b.spread(terms, missing, nil)
	}
	q := bare(question)
	defer b.release(q)
	answer, best := 0, float32(-1)
	for i, o := range options {
		f := bare(o)
		self := float32(0.01)
		for _, s := range f.touched {
			self = max(self, b.sectionNorm(s)*f.section[s])
		}
		for _, s := range f.touched {
			n := b.sectionNorm(s)
			if score := n * (q.total*q.section[s] + 20*f.section[s]/self); score > best {
				answer, best = i, score
			}
		}
		b.release(f)
	}
	return answer
}

// What options that speak of other options are worth next to those. Who writes
// "all of the above" mostly means it, and "none of the above" mostly is filler.
const (
	allBonus    = 0.5
	bothBonus   = 0.3
	nonePenalty = 0.5
	// trueShare is the share of a statement that one sentence of the book must
	// hold for it to be more likely true than false, and trueSlope how fast the
	// answer turns around it.
	trueShare = 0.62
	trueSlope = 6
)

// special rewrites the scores of options that speak of other options, and of
// true and false.
func (v *view) special(scores []float64) {
	var plain []float64
	kinds := make([]string, len(v.texts))
	for i, t := range v.texts {
		if kinds[i] = specialKind(t); kinds[i] == "" {
			plain = append(plain, scores[i])
		}
	}
	v.truth(scores, kinds)
	if len(plain) == 0 || len(plain) == len(scores) {
		return
	}
	for i, k := range kinds {
		switch k {
		case "all":
			scores[i] = slices.Max(plain) + allBonus
			if v.negative {
				scores[i] = slices.Min(plain) - nonePenalty
			}
		case "none":
			scores[i] = slices.Min(plain) - nonePenalty
		case "both":
			sum, n := 0.0, 0
			for _, j := range letters(v.texts[i]) {
				if j < len(scores) && j != i {
					sum += scores[j]
					n++
				}
			}
			scores[i] = slices.Min(plain)
			if n > 0 {
				scores[i] = sum/float64(n) + bothBonus
			}
		}
	}
}

// truth scores the options true and false by whether a sentence says what the
// question states.
func (v *view) truth(scores []float64, kinds []string) {
	best := float32(0)
	for _, s := range v.q.sentences {
		best = max(best, v.q.sentence[s])
	}
	for i, k := range kinds {
		switch k {
		case "true":
			scores[i] = trueSlope * (float64(best) - trueShare)
		case "false":
			scores[i] = -trueSlope * (float64(best) - trueShare)
		}
	}
}

// specialKind says what an option is that is no answer of its own.
func specialKind(option string) string {
	o := strings.ToLower(strings.Trim(option, " ."))
	switch {
	case o == "true", o == "yes":
		return "true"
	case o == "false", o == "no":
		return "false"
	case strings.HasPrefix(o, "all of the"), strings.HasPrefix(o, "all the above"), o == "all", o == "all of these":
		return "all"
	case strings.HasPrefix(o, "none of the"), o == "none", o == "none of these", o == "neither":
		return "none"
	case len(letters(option)) > 1:
		return "both"
	}
	return ""
}

// letters returns the options that an option such as "Both A and C" names, or nil.
func letters(option string) []int {
	var out []int
	for _, f := range strings.FieldsFunc(option, func(r rune) bool { return strings.ContainsRune(" ,.()&", r) }) {
		switch f {
		case "Both", "both", "and", "AND", "options", "Options", "Answers", "answers":
			continue
		}
		if len(f) != 1 || f[0] < 'A' || f[0] > 'J' {
			return nil
		}
		out = append(out, int(f[0]-'A'))
	}
	return out
}
