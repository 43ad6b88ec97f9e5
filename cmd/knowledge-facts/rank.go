package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

// maxCounters is how many countermeasures the catalogue keeps for a technique.
const maxCounters = 8

// tacticWeight says how much a defence helps whoever triages an alert now:
// seeing, containing and removing before what needs a project.
var tacticWeight = map[string]float64{
	"Detect": 1, "Isolate": 0.9, "Evict": 0.9, "Harden": 0.7, "Restore": 0.6, "Deceive": 0.4, "Model": 0.2,
}

// The other weights of the ranking; docs/formats/facts.md explains them.
const (
	weightParent     = 0.8  // an artifact of the parent technique
	weightChild      = 0.5  // an artifact of sub-techniques, times their share
	weightGeneric    = 0.15 // an artifact of a whole ATT&CK tactic
	weightMay        = 0.6  // "may-modify" and the like
	weightWider      = 0.7  // for each level that the defence's artifact is above
	weightNarrower   = 0.15 // for each level that it is below
	weightMitigation = 0.5  // a defence that D3FEND relates to a mitigation
	sameTactic       = 0.8  // for each defence of that tactic already chosen
	sameArtifact     = 0.6  // for each defence of that artifact already chosen
	weightCited      = 0.2  // for each doubling of the references that D3FEND gives
	minScore         = 0.03
	sameScore        = 1e-9 // below it two scores are one: processors round differently
	maxLevels        = 3    // between the two artifacts
)

// counter is one candidate for one technique.
type counter struct {
	defence                    *defence
	verb, artifact, mitigation string
	score                      float64
	best                       float64 // of its links
}

// ranking knows how techniques and defences meet.
type ranking struct {
	o        *ontology
	a        *attackModel
	defences []*defence
	byClass  map[string]*defence
	former   map[string][]string // technique to those that it replaced
	children map[string][]string
	profiles map[string]map[string]float64 // technique to the weight of its artifacts
	rare     map[*defence]float64          // near 1 for a defence that meets few techniques
	spread   map[string]float64            // the same for mitigations
}

func newRanking(o *ontology, a *attackModel, defences []*defence) *ranking {
	r := &ranking{
		o: o, a: a, defences: defences, byClass: map[string]*defence{}, former: map[string][]string{},
		children: map[string][]string{}, profiles: map[string]map[string]float64{},
		rare: map[*defence]float64{}, spread: map[string]float64{},
	}
	ids := map[string]*defence{}
	for _, d := range defences {
		ids[d.id] = d
	}
	for name, c := range o.classes {
		if d := ids[c.defenceID]; d != nil {
			r.byClass[name] = d
		}
	}
	current := 0
	uses := map[string]int{}
	for _, t := range byID(a.techniques) {
		if t.successor != "" {
			r.former[t.successor] = append(r.former[t.successor], t.id)
		}
		if t.status != "" {
			continue
		}
		current++
		if parent, _, sub := strings.Cut(t.id, "."); sub {
			r.children[parent] = append(r.children[parent], t.id)
		}
		for m := range t.relations {
			uses[m]++
		}
	}
	rarity := func(n int) float64 {
		return max(0.1, math.Log(float64(current+1)/float64(n+1))/math.Log(float64(current+1)))
	}
	for m, n := range uses {
		r.spread[m] = rarity(n)
	}
	for _, t := range byID(a.techniques) {
		r.profiles[t.id] = r.profile(t)
	}
	for _, d := range defences {
		meets := 0
		for _, t := range a.techniques {
			if w, _ := r.meet(d, r.profiles[t.id]); t.status == "" && w > 0.3 {
				meets++
			}
		}
		r.rare[d] = rarity(meets)
	}
	return r
}

// weight says how useful a defence is whatever the technique: by its tactic, and
// by how much there is to read about it.
func (d *defence) weight() float64 {
	return tacticWeight[d.tactic] * (1 + weightCited*math.Log2(1+float64(d.references)))
}

// profile weighs the artifacts that a technique touches.
func (r *ranking) profile(t *entry) map[string]float64 {
	p := map[string]float64{}
	r.touch(p, t.id, 1)
	parent, _, sub := strings.Cut(t.id, ".")
	if sub {
		r.touch(p, parent, weightParent)
	}
	for _, w := range p {
		if w > weightGeneric {
			return p
		}
	}
	for _, child := range r.children[t.id] {
		q := map[string]float64{}
		r.touch(q, child, weightChild)
		for artifact, w := range q {
			p[artifact] += w / float64(len(r.children[t.id]))
		}
	}
	return p
}

// touch adds the artifacts of a technique's own class, or of those that it
// replaced where D3FEND does not have it yet, and of the classes above them.
func (r *ranking) touch(p map[string]float64, id string, weight float64) {
	names := []string{id}
	if r.o.classes[":"+id] == nil {
		names = r.former[id]
	}
	for _, name := range names {
		for above := range r.o.up(":" + name) {
			c := r.o.classes[above]
			if c == nil {
				continue
			}
			w := weight
			switch {
			case c.attackID == "":
				w = weightGeneric
			case c.attackID != name:
				w *= weightParent
			}
			for _, rel := range c.relations {
				if !r.o.below(rel.target, artifactRoot) || rel.target == artifactRoot {
					continue
				}
				if strings.HasPrefix(rel.verb, "may-") {
					p[rel.target] = max(p[rel.target], w*weightMay)
				} else {
					p[rel.target] = max(p[rel.target], w)
				}
			}
		}
	}
}

// meet returns how closely a defence acts on what a profile touches, and the act.
func (r *ranking) meet(d *defence, profile map[string]float64) (best float64, act relation) {
	for _, rel := range d.acts {
		sure := 1.0
		if strings.HasPrefix(rel.verb, "may-") {
			sure = weightMay
		}
		for artifact, w := range profile {
			if s := sure * w * r.near(rel.target, artifact); s > best {
				best, act = s, rel
			}
		}
	}
	return best, act
}

// near returns 1 for the same artifact and less for one above or below it.
func (r *ranking) near(defended, touched string) float64 {
	if k, ok := r.o.up(touched)[defended]; ok && k <= maxLevels {
		return math.Pow(weightWider, float64(k))
	}
	if k, ok := r.o.up(defended)[touched]; ok && k <= maxLevels {
		return math.Pow(weightNarrower, float64(k))
	}
	return 0
}

// counter returns the best countermeasures for a technique, the best first.
func (r *ranking) counter(t *entry) []*counter {
	if t.status != "" {
		return nil
	}
	found := map[*defence]*counter{}
	for _, d := range r.defences {
		if w, act := r.meet(d, r.profiles[t.id]); w > 0 {
			link := counter{verb: act.verb, artifact: r.o.classes[act.target].label}
			offer(found, d, link, w*r.rare[d]*d.weight())
		}
	}
	mitigations := t.relations
	if parent, _, sub := strings.Cut(t.id, "."); sub && len(mitigations) == 0 && r.a.techniques[parent] != nil {
		mitigations = r.a.techniques[parent].relations
	}
	for _, m := range mitigations.sorted() {
		c := r.o.classes[":"+m]
		if c == nil {
			continue
		}
		share := 1 / float64(max(1, len(c.related)))
		for _, name := range c.related {
			if d := r.byClass[name]; d != nil {
				offer(found, d, counter{mitigation: m}, weightMitigation*share*r.spread[m]*d.weight())
			}
		}
	}
	return choose(slices.SortedFunc(maps.Values(found), func(x, y *counter) int {
		return cmp.Compare(x.defence.id, y.defence.id)
	}))
}

// offer adds a link between the technique and a defence. Links add up; the
// strongest is the one that is told.
func offer(found map[*defence]*counter, d *defence, link counter, score float64) {
	c := found[d]
	if c == nil {
		c = &counter{defence: d}
		found[d] = c
	}
	c.score += score
	if score > c.best {
		c.best = score
		c.verb, c.artifact, c.mitigation = link.verb, link.artifact, link.mitigation
	}
}

// choose takes the best candidate again and again, and marks down those that
// are like it, so that the first few are of different kinds.
func choose(candidates []*counter) []*counter {
	var chosen []*counter
	for len(chosen) < maxCounters && len(candidates) > 0 {
		best := 0
		for i, c := range candidates {
			if c.score > candidates[best].score+sameScore {
				best = i
			}
		}
		c := candidates[best]
		if c.score < minScore {
			break
		}
		chosen = append(chosen, c)
		candidates = slices.Delete(candidates, best, best+1)
		for _, other := range candidates {
			if other.defence.tactic == c.defence.tactic {
				other.score *= sameTactic
			}
			if c.artifact != "" && other.artifact == c.artifact {
				other.score *= sameArtifact
			}
		}
	}
	return chosen
}
