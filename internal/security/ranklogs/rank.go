package ranklogs

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// Limits of one ranking.
const (
	chunkLines = 512
	sampleSize = 64 // lines of the uniform sample, for a model's calibration
)

// scored is a line with what speaks for it.
type scored struct {
	at     int // its place in the input, from 0
	entry  entry
	time   time.Time
	host   string
	user   string
	form   string // until its kind is known
	kind   uint64
	signs  []sign // of the catalogue
	found  []sign // by taking it apart; else those of its kind
	facts  []fact
	points Points
	taken  bool // it was taken apart itself
	model  *float64
	draw   uint64 // orders the uniform sample
}

// fact is what the rest of the log makes of a line.
type fact struct {
	text   string // goes on from "It": a whole sentence without it
	detail string // what it rests on, as evidence
	points float64
	course bool
}

// ranking is what came of all lines.
type ranking struct {
	total     int
	explained int
	counts    *counts
	kept      []*scored      // those with the most points
	sample    []*scored      // a uniform sample of all lines
	shared    map[string]int // how many lines show a sign
	src       *source
}

// detector finds signs.
type detector struct {
	opt explain.Options
	ref time.Time
	// guessed says that the year of lines without one is not known.
	guessed bool
}

func newDetector(in Input) (*detector, error) {
	ref, err := evidence.Day("--as-of", in.AsOf)
	if err != nil {
		return nil, err
	}
	d := &detector{ref: ref}
	if d.ref.IsZero() {
		// Any year does: lines are compared with each other alone.
		d.guessed, d.ref = true, time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	rules, err := loadRules(in)
	if err != nil {
		return nil, err
	}
	d.opt = explain.Options{Catalogue: knowledge.Embedded(), Rules: rules, Reference: d.ref}
	return d, nil
}

// dated returns the time of a line, or none where its year is a guess.
func (d *detector) dated(t time.Time, text string) time.Time {
	if d.guessed && !strings.Contains(phrase.Cut(text, 200), strconv.Itoa(t.Year())) {
		return time.Time{}
	}
	return t
}

// loadRules compiles the starter pack and the rules of the paths.
func loadRules(in Input) (*sigma.Engine, error) {
	var all []*sigma.Rule
	if !in.NoRules {
		starter, err := sigma.Starter()
		if err != nil {
			return nil, fmt.Errorf("load the starter rules: %w", err)
		}
		all = starter.Rules
	}
	for _, p := range in.Rules {
		loaded, err := sigma.LoadPath(p)
		if err != nil {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("load rules %q", p), Err: err, Hint: "give a folder, a .yml file or a .zip of Sigma rules"}
		}
		all = append(all, loaded.Rules...)
	}
	engine, err := sigma.Compile(all, sigma.Options{})
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	return engine, nil
}

// rank reads the source three times: for words, for forms and values, and to
// score each line by them.
func rank(ctx context.Context, src *source, d *detector) (*ranking, error) {
	st := &ranking{counts: newCounts(), shared: map[string]int{}, src: src}
	v := &viewer{ref: d.ref}
	if err := src.each(ctx, true, func(e *entry) error { st.counts.addWords(v.view(e.text)); return nil }); err != nil {
		return nil, err
	}
	st.total = st.counts.lines
	v.common = st.counts.common
	if err := src.each(ctx, false, func(e *entry) error { st.counts.add(v.view(e.text)); return nil }); err != nil {
		return nil, err
	}
	st.counts.rest()
	if err := st.score(ctx, src, d); err != nil {
		return nil, err
	}
	st.discount()
	return st, nil
}

// score scores all lines in chunks: signs by all processors, the rest in order.
// Then the best of them are looked at once more.
func (st *ranking) score(ctx context.Context, src *source, d *detector) error {
	course := newCourse()
	signs := &apart{d: d, all: st.total <= maxExplained, kinds: map[uint64]*kind{}}
	v := &viewer{ref: d.ref, common: st.counts.common}
	var chunk []*scored
	flush := func() error {
		signs.chunk(ctx, chunk)
		for _, s := range chunk {
			st.keep(s)
		}
		chunk = chunk[:0]
		return ctx.Err()
	}
	at := 0
	err := src.each(ctx, false, func(e *entry) error {
		view := v.view(e.text)
		s := &scored{at: at, entry: *e, time: d.dated(view.time, e.text), host: strings.Clone(view.host), user: strings.Clone(view.user), form: view.form, draw: draw(at)}
		at++
		st.rarity(s, view)
		course.add(s, view)
		if chunk = append(chunk, s); len(chunk) == chunkLines {
			return flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	signs.best(ctx, st)
	st.explained = signs.count
	if err := ctx.Err(); err != nil {
		return err
	}
	slices.SortFunc(st.kept, func(a, b *scored) int { return a.at - b.at })
	slices.SortFunc(st.sample, func(a, b *scored) int { return a.at - b.at })
	return nil
}

// draw gives a line its place in the order of a uniform sample (splitmix64).
func draw(at int) uint64 {
	x := uint64(at)*0x9e3779b97f4a7c15 + 0x1234567
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// levelPoints is what a sign of a level adds, in natural log-odds: with Base, a
// high one alone makes an even chance.
func levelPoints(s sign) float64 {
	switch s.level {
	case casemate.SeverityLow:
		if s.source == "behaviour" { // what administrators do all day, too
			return 0.4
		}
		return 0.7
	case casemate.SeverityMedium:
		return 2.2
	case casemate.SeverityHigh:
		return 4
	case casemate.SeverityCritical:
		return 5
	}
	return 0
}

const (
	moreSigns = 0.25 // of its points, for each sign after the gravest
	maxSigns  = 7.0
	maxRarity = 2.5
)

// signPoints adds signs up. Signs that many lines share say less, unless they are
// grave.
func signPoints(signs []sign, shared map[string]int, total int) float64 {
	var list []float64
	for _, s := range signs {
		p := levelPoints(s)
		if s.level < casemate.SeverityHigh && total >= 20 {
			if f := float64(shared[s.key]) / float64(total); f > 0.05 {
				p *= max(0.3, 1-0.7*math.Log(f/0.05)/math.Log(10))
			}
		}
		list = append(list, p)
	}
	slices.Sort(list)
	sum := 0.0
	for i, p := range slices.Backward(list) {
		if i == len(list)-1 {
			sum += p
		} else {
			sum += moreSigns * p
		}
	}
	return min(sum, maxSigns)
}

// discount scores signs once more, now that it is known how many lines share them.
func (st *ranking) discount() {
	for _, list := range [][]*scored{st.kept, st.sample} {
		for _, s := range list {
			s.points.Signs = signPoints(s.all(), st.shared, st.total)
		}
	}
}

// rarity adds what is rare of a line.
func (st *ranking) rarity(s *scored, v *view) {
	c := st.counts
	type found struct {
		bits float64
		fact fact
	}
	var all []found
	add := func(at uint64, value, before, after string) {
		if bits, have, of := c.excess(at, value); bits >= 2 {
			all = append(all, found{bits, rarityFact(before, have, of, after)})
		}
	}
	add(key("form"), v.form, "of %d lines, ", " its form")
	c.follow(v, func(k uint64, form string) { add(k, form, "of %d lines after one like that before it, ", " its form") })
	for _, sl := range v.slots {
		if sl.name == "hour" && !c.days() {
			continue
		}
		at := placeOf(v, sl)
		switch {
		case sl.name == "hour":
			add(at, sl.value, "of %d lines, ", " its hour of the day")
		case sl.whose != "":
			add(at, sl.value, "of %d lines of "+shown(sl.whose)+", ", " its "+shown(sl.name))
		default:
			add(at, sl.value, "of %d lines of its form, ", " its "+shown(sl.name))
		}
		if bits, have, of := c.excess(at, sl.value); sl.name == grantedSource && bits >= 2 && outside(sl.value) {
			text := fmt.Sprintf("%d of %d granted logins came from %s, which is an address outside.", have, of, shown(sl.value))
			s.course(text, text, min(0.4*bits, 2))
		}
		if z := c.long(at, sl.value); z > 4 {
			all = append(all, found{z, fact{text: fmt.Sprintf("Its %s is much longer than those of other lines.", shown(sl.name)), detail: fmt.Sprintf("its %s has %d bytes, far more than those of other lines of its form", shown(sl.name), len(sl.value))}})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.bits, a.bits) })
	weight := 0.2
	for _, f := range all[:min(len(all), 5)] {
		f.fact.points = min(f.bits, 10) * weight
		s.points.Rarity += f.fact.points
		s.facts = append(s.facts, f.fact)
		weight *= 0.5
	}
	s.points.Rarity = min(s.points.Rarity, maxRarity)
}

func rarityFact(before string, have, of int, after string) fact {
	verb := " have"
	if have == 1 {
		verb = " has"
	}
	text := strings.Replace(before, "%d", strconv.Itoa(of), 1) + strconv.Itoa(have) + verb + after + "."
	return fact{text: "Rare: " + text, detail: text}
}

// shown makes a name out of the data fit for a sentence.
func shown(name string) string { return phrase.Cut(explain.Visible(name), 80) }

// keep holds a line if it is among the best, or in the sample.
func (st *ranking) keep(s *scored) {
	s.countSigns(st.shared, 1)
	push((*byPoints)(&st.kept), s, MaxRanked)
	push((*byDraw)(&st.sample), s, sampleSize)
}

// push adds s to a heap of at most n, the least of which goes.
func push(h interface {
	heap.Interface
	less(a, b *scored) bool
	top() *scored
}, s *scored, n int) {
	if h.Len() < n {
		heap.Push(h, s)
		return
	}
	if h.less(h.top(), s) {
		heap.Pop(h)
		heap.Push(h, s)
	}
}

// byPoints is a heap with the line of the fewest points on top.
type byPoints []*scored

func (h byPoints) Len() int           { return len(h) }
func (h byPoints) Less(i, j int) bool { return h.less(h[i], h[j]) }
func (h byPoints) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h byPoints) top() *scored       { return h[0] }
func (h byPoints) less(a, b *scored) bool {
	if x, y := a.points.sum(), b.points.sum(); x != y {
		return x < y
	}
	return a.at > b.at
}

// Push implements heap.Interface.
func (h *byPoints) Push(x any) { *h = append(*h, x.(*scored)) }

// Pop implements heap.Interface.
func (h *byPoints) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// byDraw is a heap with the line drawn last on top.
type byDraw []*scored

func (h byDraw) Len() int               { return len(h) }
func (h byDraw) Less(i, j int) bool     { return h.less(h[i], h[j]) }
func (h byDraw) Swap(i, j int)          { h[i], h[j] = h[j], h[i] }
func (h byDraw) top() *scored           { return h[0] }
func (h byDraw) less(a, b *scored) bool { return a.draw > b.draw }

// Push implements heap.Interface.
func (h *byDraw) Push(x any) { *h = append(*h, x.(*scored)) }

// Pop implements heap.Interface.
func (h *byDraw) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
