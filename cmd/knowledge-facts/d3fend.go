package main

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/turtle"
)

const (
	ontologyFile = "d3fend-protege.ttl"
	artifactRoot = ":DigitalArtifact"
	defenceRoot  = ":DefensiveTechnique"
)

// class is what the generator reads of a class or individual of the ontology.
type class struct {
	label, defenceID, attackID string
	parents                    []string
	relations                  []relation
	related                    []string // of an ATT&CK mitigation: the defences it amounts to
	references                 int      // of a defence: the works that D3FEND cites
}

// relation is a verb and the class that it is about.
type relation struct{ verb, target string }

// ontology is D3FEND.
type ontology struct {
	classes   map[string]*class
	ancestors map[string]map[string]int // memo of up
}

// defence is a D3FEND technique.
type defence struct {
	id, name, tactic string
	acts             []relation // on artifacts
	references       int
}

var isDefence = regexp.MustCompile(`^D3-[A-Z0-9]+$`)

// readD3FEND reads the ontology and derives countermeasures for all techniques.
func readD3FEND(folder string, a *attackModel, sets *rows) (*rows, error) {
	path := filepath.Join(folder, "d3fend.zip")
	data, err := readMember(path, ontologyFile)
	if err != nil {
		return nil, err
	}
	o, err := parseOntology(data)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	defences, err := o.defences()
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	out := &rows{}
	for _, d := range defences {
		out.add('D', d.id, d.name, d.tactic)
	}
	r := newRanking(o, a, defences)
	for _, t := range byID(a.techniques) {
		for _, c := range r.counter(t) {
			out.add('d', t.id, c.defence.id, c.verb, c.artifact, c.mitigation)
		}
	}
	// The ontology states no version of its own: the digest of its file identifies it.
	sets.dataset("d3fend", "MITRE D3FEND", "", "", len(defences), data)
	return out, nil
}

// parseOntology collects the statements of each class.
func parseOntology(data []byte) (*ontology, error) {
	o := &ontology{classes: map[string]*class{}, ancestors: map[string]map[string]int{}}
	owners := map[string]string{} // restriction to the class that it restricts
	restrictions := map[string]*relation{}
	var order []string
	err := turtle.Parse(data, func(t turtle.Triple) {
		if strings.HasPrefix(t.Subject, "_:") {
			r := restrictions[t.Subject]
			if r == nil {
				r = &relation{}
				restrictions[t.Subject] = r
				order = append(order, t.Subject)
			}
			switch t.Predicate {
			case "owl:onProperty":
				r.verb = strings.TrimPrefix(t.Object, ":")
			case "owl:someValuesFrom":
				r.target = t.Object
			}
			return
		}
		if t.Predicate == "rdfs:subClassOf" && strings.HasPrefix(t.Object, "_:") {
			owners[t.Object] = t.Subject
			return
		}
		o.class(t.Subject).state(t)
	})
	if err != nil {
		return nil, err
	}
	for _, blank := range order {
		if r, owner := restrictions[blank], owners[blank]; owner != "" && r.verb != "" && r.target != "" {
			c := o.class(owner)
			c.relations = append(c.relations, *r)
		}
	}
	if o.classes[artifactRoot] == nil || o.classes[defenceRoot] == nil {
		return nil, fmt.Errorf("no class %s or %s: not the D3FEND ontology", artifactRoot, defenceRoot)
	}
	return o, nil
}

func (o *ontology) class(name string) *class {
	c := o.classes[name]
	if c == nil {
		c = &class{}
		o.classes[name] = c
	}
	return c
}

// state takes in one statement about a class.
func (c *class) state(t turtle.Triple) {
	switch t.Predicate {
	case "rdfs:label":
		c.label = clean(t.Text)
	case "rdfs:subClassOf":
		c.parents = append(c.parents, t.Object)
	case ":d3fend-id":
		c.defenceID = t.Text
	case ":attack-id":
		c.attackID = t.Text
	case ":kb-reference":
		c.references++
	case ":related":
		c.related = append(c.related, t.Object)
	}
}

// up returns the distances from a class to itself and to all classes above it.
func (o *ontology) up(name string) map[string]int {
	if known, ok := o.ancestors[name]; ok {
		return known
	}
	distance := map[string]int{name: 0}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		c := o.classes[queue[0]]
		if c == nil {
			continue
		}
		for _, p := range c.parents {
			if _, seen := distance[p]; !seen {
				distance[p] = distance[queue[0]] + 1
				queue = append(queue, p)
			}
		}
	}
	o.ancestors[name] = distance
	return distance
}

// below says whether a class is a root or stands under it.
func (o *ontology) below(name, root string) bool {
	_, ok := o.up(name)[root]
	return ok
}

// passive are relations of a defence that do not act on the artifact.
var passive = map[string]bool{
	"uses": true, "enables": true, "implements": true, "creates": true, "queries": true, "reads": true,
	"may-contain": true, "may-access": true, "may-query": true, "may-map": true,
}

// defences returns the defensive techniques, by id.
func (o *ontology) defences() ([]*defence, error) {
	var list []*defence
	for _, name := range slices.Sorted(maps.Keys(o.classes)) {
		c := o.classes[name]
		if !isDefence.MatchString(c.defenceID) || !o.below(name, defenceRoot) {
			continue
		}
		d := &defence{id: c.defenceID, name: c.label, tactic: o.tactic(name), references: c.references}
		if d.name == "" || d.tactic == "" {
			return nil, fmt.Errorf("defence %s has name %q and tactic %q", d.id, d.name, d.tactic)
		}
		for _, r := range c.relations {
			if !passive[r.verb] && o.below(r.target, artifactRoot) && r.target != artifactRoot {
				d.acts = append(d.acts, r)
			}
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(x, y *defence) int { return cmp.Compare(x.id, y.id) })
	for i := 1; i < len(list); i++ {
		if list[i].id == list[i-1].id {
			return nil, fmt.Errorf("defence %s is there twice", list[i].id)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no defensive techniques")
	}
	return list, nil
}

// tactic returns the tactic that the nearest class at or above name enables.
func (o *ontology) tactic(name string) string {
	above := o.up(name)
	order := slices.SortedFunc(maps.Keys(above), func(x, y string) int {
		return cmp.Or(above[x]-above[y], cmp.Compare(x, y))
	})
	for _, a := range order {
		c := o.classes[a]
		if c == nil {
			continue
		}
		for _, r := range c.relations {
			if tactic := strings.TrimPrefix(r.target, ":"); r.verb == "enables" && tacticWeight[tactic] > 0 {
				return tactic
			}
		}
	}
	return ""
}
