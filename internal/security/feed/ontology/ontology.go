// Package ontology makes defences, artifacts and what acts on them of the
// statements of MITRE's D3FEND.
package ontology

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/turtle"
)

// The roots of the classes that are read.
const (
	ArtifactRoot = "DigitalArtifact"
	DefenceRoot  = "DefensiveTechnique"
)

// Class is a class that has a published id.
type Class struct {
	ID         string // D3-PA, d3f:Process; of a technique or a weakness its own
	Kind       Kind
	Label      string
	Tactic     string // of a defence
	Parent     string // id of the nearest defence above it
	Synonyms   []string
	Definition string
	Article    string
	Above      []string // ids of the classes directly above
	Acts       []Act    // on artifacts
	Related    []string // ids
}

// Act is what a class does to an artifact.
type Act struct{ Verb, Artifact string }

// Kind is what a class is.
type Kind uint8

// The kinds.
const (
	Other Kind = iota // a technique of ATT&CK or a weakness: other catalogues describe it
	Defence
	Artifact
)

// Ontology is D3FEND as its statements tell.
type Ontology struct {
	classes map[string]*class
	blanks  map[string]*restriction
	owners  []ownership
}

// class is a class or an individual.
type class struct {
	label, definition, article string
	defence, attack, cwe       string // its ids
	parents, synonyms, related []string
	acts                       []restriction
	defined                    bool // it is a subject itself
}

// restriction says that what it restricts does something to a target.
type restriction struct{ verb, target string }

type ownership struct{ owner, blank string }

// New returns an ontology without statements.
func New() *Ontology {
	return &Ontology{classes: map[string]*class{}, blanks: map[string]*restriction{}}
}

const ontologyIRI = "<http://d3fend.mitre.org/ontologies/d3fend.owl#"

// local returns a name without the prefix of the ontology.
func local(name string) string {
	if iri, ok := strings.CutPrefix(name, ontologyIRI); ok {
		return strings.TrimSuffix(iri, ">")
	}
	if rest, ok := strings.CutPrefix(name, "d3f:"); ok {
		return rest
	}
	return strings.TrimPrefix(name, ":")
}

func (o *Ontology) class(name string) *class {
	c := o.classes[name]
	if c == nil {
		c = &class{}
		o.classes[name] = c
	}
	return c
}

// State takes in one statement, its literal unescaped.
func (o *Ontology) State(t turtle.Triple) {
	predicate, object := local(t.Predicate), local(t.Object)
	if strings.HasPrefix(t.Subject, "_:") {
		r := o.blanks[t.Subject]
		if r == nil {
			r = &restriction{}
			o.blanks[t.Subject] = r
		}
		switch predicate {
		case "owl:onProperty":
			r.verb = object
		case "owl:someValuesFrom":
			r.target = object
		}
		return
	}
	subject := local(t.Subject)
	if predicate == "rdfs:subClassOf" && strings.HasPrefix(t.Object, "_:") {
		o.owners = append(o.owners, ownership{subject, t.Object})
		return
	}
	o.class(subject).state(predicate, object, t.Text)
}

func (c *class) state(predicate, object, text string) {
	c.defined = true
	switch predicate {
	case "rdfs:label":
		c.label = first(c.label, text)
	case "definition":
		c.definition = first(c.definition, text)
	case "kb-article":
		c.article = first(c.article, text)
	case "d3fend-id":
		c.defence = text
	case "attack-id":
		c.attack = text
	case "cwe-id":
		c.cwe = text
	case "synonym", "skos:altLabel":
		c.synonyms = append(c.synonyms, text)
	case "rdfs:subClassOf":
		c.parents = append(c.parents, object)
	case "related":
		c.related = append(c.related, object)
	case "enables":
		c.acts = append(c.acts, restriction{"enables", object})
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Classes returns the classes with ids, by name. It is empty for a set of
// statements without both roots: some other ontology.
func (o *Ontology) Classes() []Class {
	if !o.class(ArtifactRoot).defined || !o.class(DefenceRoot).defined {
		return nil
	}
	for _, own := range o.owners {
		if b := o.blanks[own.blank]; b != nil && b.verb != "" && b.target != "" {
			o.class(own.owner).acts = append(o.class(own.owner).acts, *b)
		}
	}
	o.owners = nil
	var out []Class
	for _, name := range slices.Sorted(maps.Keys(o.classes)) {
		if id := o.id(name); id != "" {
			out = append(out, o.describe(name, id))
		}
	}
	return out
}

// describe makes a Class of what is stated of a class.
func (o *Ontology) describe(name, id string) Class {
	c := o.classes[name]
	out := Class{ID: id, Label: c.label, Synonyms: c.synonyms, Definition: c.definition, Article: c.article}
	switch {
	case id == c.defence:
		out.Kind, out.Tactic = Defence, o.tactic(name)
	case strings.HasPrefix(id, artifactPrefix):
		out.Kind = Artifact
	}
	for _, p := range c.parents {
		up := o.id(p)
		if up == "" {
			continue
		}
		out.Above = append(out.Above, up)
		if out.Parent == "" && out.Kind == Defence && defenceID.MatchString(up) {
			out.Parent = up
		}
	}
	seen := map[Act]bool{}
	for _, a := range c.acts {
		act := Act{a.verb, o.id(a.target)}
		if !seen[act] && strings.HasPrefix(act.Artifact, artifactPrefix) {
			seen[act] = true
			out.Acts = append(out.Acts, act)
		}
	}
	for _, r := range c.related {
		if r = o.id(r); r != "" {
			out.Related = append(out.Related, r)
		}
	}
	return out
}

var defenceID = regexp.MustCompile(`^D3-[A-Z0-9]+$`)

const artifactPrefix = "d3f:"

// id returns the published id of a class, or "".
func (o *Ontology) id(name string) string {
	c := o.classes[name]
	switch {
	case c == nil:
		return ""
	case c.attack != "":
		return c.attack
	case c.cwe != "":
		return c.cwe
	case defenceID.MatchString(c.defence) && o.below(name, DefenceRoot):
		return c.defence
	case c.label != "" && o.below(name, ArtifactRoot):
		return artifactPrefix + name
	}
	return ""
}

// up walks from a class to all above it, nearest first, until stop says so.
func (o *Ontology) up(name string, stop func(name string, c *class) bool) {
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		c := o.classes[queue[0]]
		if c == nil {
			continue
		}
		if stop(queue[0], c) {
			return
		}
		for _, p := range c.parents {
			if !seen[p] && len(seen) < maxAncestors {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
}

const maxAncestors = 200 // D3FEND's classes have 15 at most

func (o *Ontology) below(name, root string) (found bool) {
	o.up(name, func(n string, _ *class) bool {
		found = n == root
		return found
	})
	return found
}

// tactic returns the label of the tactic that the nearest class at or above
// name enables.
func (o *Ontology) tactic(name string) (tactic string) {
	o.up(name, func(_ string, c *class) bool {
		for _, a := range c.acts {
			if t := o.classes[a.target]; a.verb == "enables" && t != nil && slices.Contains(t.parents, "DefensiveTactic") {
				tactic = t.label
				return true
			}
		}
		return false
	})
	return tactic
}
