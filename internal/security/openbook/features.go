package openbook

import (
	"math"
	"strings"
)

// The measures of how well the book supports an option. All lie between 0 and
// about 1, so that one set of weights serves every question.
const (
	featSentence       = iota // the best sentence for question and option together
	featSection               // the best section
	featSectionSum            // the same, added instead of multiplied
	featSectionSoft           // the option in the sections that the question is about
	featMatched               // the weight of the words of the option in the best section, as such
	featEntity                // the best entity
	featEntitySoft            // the option in the entities that the question is about
	featConcept               // how alike question and option are as mixtures of entities
	featPage                  // the best section of the page that question and options are about
	featAnchor                // the option in an entity that the question names
	featAnchorSection         // the option in one section of it
	featAnchorJoint           // question and option in one section of it
	featAnchorSentence        // question and option in one sentence of it
	featNamed                 // the question in the entity that the option names
	featNamedSection          // the question in one section of it
	featNamedSentence         // the question in one sentence of it
	featLinked                // an entity of the question is related to that of the option
	featExact                 // the option is a value of a fact of an entity that the question names
	featEcho                  // how much of the option the question says itself
	featLength                // how long the option is, next to the others
	Features                  // how many there are
)

// FeatureNames are the names of the measures, in their order.
var FeatureNames = [Features]string{
	"sentence", "section", "section-sum", "section-soft", "matched", "entity", "entity-soft", "concept", "page", "anchor", "anchor-section", "anchor-joint",
	"anchor-sentence", "named", "named-section", "named-sentence", "linked", "exact", "echo", "length",
}

// Vector holds the measures of one option.
type Vector [Features]float32

// sharedWeight is how little a word counts that all options share.
const sharedWeight = 0.2

// view is a question with its options, scored over the whole book.
type view struct {
	book    *Book
	hide    map[int32]bool
	q       *field
	o       []*field
	options [][]term
	asked   map[string]bool
	anchors []int32
	names   [][]int32
	texts   []string

	negative bool // what is not so is asked for

	best []int32 // the section that supports each option best
}

// look scores a question and its options.
func (b *Book) look(question string, options []string, hide map[int32]bool) *view {
	v := &view{book: b, hide: hide, asked: map[string]bool{}, negative: negative(question), texts: options, best: make([]int32, len(options))}
	qt, missing := b.query(question)
	for _, t := range qt {
		v.asked[t.stem] = true
	}
	v.q = b.spread(qt, missing, hide)
	v.anchors = b.anchors(question)
	in := map[string]int{}
	missings := make([]float32, len(options))
	for i, o := range options {
		t, m := b.query(o)
		v.options = append(v.options, t)
		missings[i] = m
		for _, t := range t {
			in[t.stem]++
		}
		v.names = append(v.names, b.named(o))
	}
	for i := range options {
		for j := range v.options[i] {
			t := &v.options[i][j]
			if n := len(options); n > 1 {
				t.weight *= 1 - (1-sharedWeight)*float32(in[t.stem]-1)/float32(n-1)
			}
			if v.asked[t.stem] {
				t.weight *= 0.5
			}
		}
		o := b.spread(v.options[i], missings[i], hide)
		o.lift()
		v.o = append(v.o, o)
	}
	return v
}

// release gives the fields back.
func (v *view) release() {
	v.book.release(v.q)
	for _, f := range v.o {
		v.book.release(f)
	}
}

// vectors returns the measures of all options.
func (v *view) vectors() []Vector {
	out := make([]Vector, len(v.o))
	v.joint(out)
	v.soft(out)
	v.concepts(out)
	v.page(out)
	v.anchored(out)
	v.described(out)
	v.plain(out)
	return out
}

// joint measures question and option in one sentence, section or entity.
func (v *view) joint(out []Vector) {
	b := v.book
	for i, o := range v.o {
		x := &out[i]
		best := float32(-1)
		for _, s := range o.sentences {
			x[featSentence] = max(x[featSentence], b.sentenceNorm(s)*v.q.sentence[s]*o.sentence[s])
		}
		for _, s := range o.touched {
			n := b.sectionNorm(s)
			both := n * v.q.section[s] * o.section[s]
			x[featSection] = max(x[featSection], both)
			x[featSectionSum] = max(x[featSectionSum], n*(v.q.section[s]+0.5*o.section[s]))
			x[featMatched] = max(x[featMatched], n*v.q.section[s]*float32(math.Log1p(float64(o.section[s]*o.total)))/4)
			if both > best {
				best, v.best[i] = both, s
			}
		}
		for _, e := range o.entities {
			x[featEntity] = max(x[featEntity], b.entityNorm(e)*v.q.entity[e]*o.entity[e])
		}
	}
}

// How sharply the sections and entities that suit a question best stand out
// when the options are looked for in them, and how many are looked at.
const (
	sharpness   = 14
	softSection = 60
	softEntity  = 25
)

// soft measures each option in what the question is about, weighted by how
// well that suits the question.
func (v *view) soft(out []Vector) {
	b := v.book
	sections := make([]scored, 0, len(v.q.touched))
	for _, s := range v.q.touched {
		sections = append(sections, scored{s, b.sectionNorm(s) * v.q.section[s]})
	}
	sections = top(sections, softSection)
	weigh(sections)
	for _, s := range sections {
		for i, o := range v.o {
			out[i][featSectionSoft] += s.score * o.section[s.at]
		}
	}
	entities := make([]scored, 0, len(v.q.entities))
	for _, e := range v.q.entities {
		entities = append(entities, scored{e, b.entityNorm(e) * v.q.entity[e]})
	}
	entities = top(entities, softEntity)
	weigh(entities)
	for _, e := range entities {
		for i, o := range v.o {
			out[i][featEntitySoft] += e.score * o.entity[e.at]
		}
	}
}

// concepts measures how alike question and option are as mixtures of the
// entities that support them, whether or not they share a word.
//
// Source: Gabrilovich and Markovitch 2007, explicit semantic analysis; here over
// the entries of the book, with shares cubed so that the best count.
func (v *view) concepts(out []Vector) {
	cube := func(x float32) float64 { return float64(x) * float64(x) * float64(x) }
	own := 0.0
	for _, e := range v.q.entities {
		own += cube(v.q.entity[e]) * cube(v.q.entity[e])
	}
	for i, o := range v.o {
		both, self := 0.0, 0.0
		for _, e := range o.entities {
			c := cube(o.entity[e])
			self += c * c
			both += c * cube(v.q.entity[e])
		}
		if both > 0 {
			out[i][featConcept] = float32(both / math.Sqrt(own*self))
		}
	}
}

// weigh turns scores, the best first, into weights that sum to one.
func weigh(list []scored) {
	if len(list) == 0 {
		return
	}
	best, total := list[0].score, float32(0)
	for i := range list {
		list[i].score = float32(math.Exp(sharpness * float64(list[i].score-best)))
		total += list[i].score
	}
	for i := range list {
		list[i].score /= total
	}
}

// maxPages is how many entities are taken for the page that was asked about,
// and maxPageSections how many sections of one are read.
const (
	maxPages        = 4
	maxPageSections = 800
)

// page measures the best section within the entities that suit the question
// and all its options together: wrong options often come from the same page.
func (v *view) page(out []Vector) {
	b := v.book
	var pages []scored
	for _, e := range v.q.entities {
		share := float32(0)
		for _, o := range v.o {
			share += o.entity[e] / float32(len(v.o))
		}
		pages = append(pages, scored{e, b.entityNorm(e) * (v.q.entity[e] + 0.4*share)})
	}
	pages = top(pages, maxPages)
	weigh(pages)
	for _, p := range pages {
		e := b.entities[p.at]
		for i, o := range v.o {
			best := float32(0)
			for s := e.first; s < min(e.last, e.first+maxPageSections); s++ {
				best = max(best, b.sectionNorm(s)*(0.3+v.q.section[s])*o.section[s])
			}
			out[i][featPage] += p.score * best
		}
	}
}

// anchored measures each option in the entities that the question names.
func (v *view) anchored(out []Vector) {
	b := v.book
	keys := make([]string, len(v.texts))
	for i, t := range v.texts {
		keys[i] = key(t)
	}
	for _, a := range v.anchors {
		e := b.entities[a]
		for i, o := range v.o {
			x := &out[i]
			x[featAnchor] = max(x[featAnchor], b.entityNorm(a)*o.entity[a])
			for s := e.first; s < min(e.last, e.first+maxPageSections); s++ {
				if o.section[s] == 0 {
					continue
				}
				n := b.sectionNorm(s)
				if x[featExact] < 1 && b.sections[s].last-b.sections[s].first == 1 {
					x[featExact] = max(x[featExact], v.exact(s, keys[i]))
				}
				x[featAnchorSection] = max(x[featAnchorSection], n*o.section[s])
				x[featAnchorJoint] = max(x[featAnchorJoint], n*o.section[s]*v.q.section[s])
				for t := b.sections[s].first; t < b.sections[s].last; t++ {
					x[featAnchorSentence] = max(x[featAnchorSentence], b.sentenceNorm(t)*v.q.sentence[t]*o.sentence[t])
				}
			}
			for _, n := range v.names[i] {
				if n != a && b.linked(a, n) > 0 {
					x[featLinked] = 1
				}
			}
		}
	}
}

// exact reports whether a section lists facts of its entity and an option, as
// key gives it, is one of the values: 1 where the question asks for such facts.
func (v *view) exact(at int32, option string) float32 {
	sec := v.book.sections[at]
	text := v.book.sentenceText(sec.first)
	_, list, ok := strings.Cut(text, " of "+v.book.entities[sec.entity].name+": ")
	if !ok || option == "" {
		return 0
	}
	for value := range strings.SplitSeq(strings.TrimSuffix(list, "."), ", ") {
		name, _, _ := strings.Cut(value, " (")
		if key(value) != option && key(name) != option {
			continue
		}
		for _, w := range words(v.book.labels[sec.label]) {
			if v.asked[w.stem] {
				return 1
			}
		}
		return 0.5
	}
	return 0
}

// described measures the question in the entity that an option names.
func (v *view) described(out []Vector) {
	b := v.book
	known := 0
	for _, names := range v.names {
		if len(names) > 0 {
			known++
		}
	}
	if known*4 < len(v.names)*3 {
		return // a name among options that are none is no more than a word
	}
	for i, names := range v.names {
		x := &out[i]
		for _, n := range names {
			x[featNamed] = max(x[featNamed], b.entityNorm(n)*v.q.entity[n])
			e := b.entities[n]
			for s := e.first; s < min(e.last, e.first+maxPageSections); s++ {
				if v.q.section[s] == 0 {
					continue
				}
				x[featNamedSection] = max(x[featNamedSection], b.sectionNorm(s)*v.q.section[s])
				for t := b.sections[s].first; t < b.sections[s].last; t++ {
					x[featNamedSentence] = max(x[featNamedSentence], b.sentenceNorm(t)*v.q.sentence[t])
				}
			}
		}
	}
}

// plain measures what needs no book.
func (v *view) plain(out []Vector) {
	mean := 0.0
	for _, t := range v.texts {
		mean += math.Sqrt(float64(len(t))) / float64(len(v.texts))
	}
	for i, terms := range v.options {
		echo, total := float32(0), float32(0.01)
		for _, t := range terms {
			total += t.weight
			if v.asked[t.stem] {
				echo += t.weight
			}
		}
		out[i][featEcho] = echo / total
		out[i][featLength] = float32(math.Log(math.Sqrt(float64(len(v.texts[i])))+1) - math.Log(mean+1))
	}
}
