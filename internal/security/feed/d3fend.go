package feed

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/casemate-ai/casemate/internal/security/feed/turtle"
	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxOntology   = 64 << 20  // bytes; D3FEND has 3 MB
	maxStatements = 2_000_000 // of an ontology in JSON
	artifactRoot  = "DigitalArtifact"
	defenceRoot   = "DefensiveTechnique"
)

// ontology is D3FEND as its statements tell.
type ontology struct {
	classes map[string]*class
	blanks  map[string]*restriction
	owners  []ownership
	count   int
	release string
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

func newOntology() *ontology {
	return &ontology{classes: map[string]*class{}, blanks: map[string]*restriction{}}
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

func (o *ontology) class(name string) *class {
	c := o.classes[name]
	if c == nil {
		c = &class{}
		o.classes[name] = c
	}
	return c
}

// state takes in one statement.
func (o *ontology) state(t turtle.Triple) {
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

// turtle reads an ontology in Turtle.
func (r *reader) turtle(f *unpack.File) error {
	data, err := io.ReadAll(io.LimitReader(f, maxOntology+1))
	if err == nil && len(data) > maxOntology {
		err = errors.New("an ontology of more than 64 MiB")
	}
	if err != nil {
		return r.single(err)
	}
	for _, name := range [...]string{"d3fend-id", artifactRoot, defenceRoot} {
		if !bytes.Contains(data, []byte(name)) {
			return nil // some other ontology
		}
	}
	o := newOntology()
	if err := turtle.Parse(data, func(t turtle.Triple) {
		t.Text = turtle.Unescape(t.Text)
		o.state(t)
	}); err != nil {
		return r.single(err)
	}
	return r.ontology(o)
}

// node takes in one element of an ontology in JSON-LD.
func (j *jsonFile) node(v jsontext.Value) error {
	var n map[string]jsontext.Value
	if err := decode(v, &n); err != nil {
		j.fault(err.Error())
		return nil
	}
	if j.graph == nil {
		j.graph = newOntology()
	}
	var id text
	if n["@id"] == nil || decode(n["@id"], &id) != nil {
		return nil
	}
	for _, predicate := range sortedKeys(n) {
		if strings.HasPrefix(predicate, "@") {
			continue
		}
		var values objects
		if err := decode(n[predicate], &values); err != nil {
			continue // a value of a kind that no statement of ours has
		}
		for _, o := range values {
			if j.graph.count++; j.graph.count > maxStatements {
				return errors.New("an ontology of more than 2,000,000 statements")
			}
			j.graph.state(turtle.Triple{Subject: string(id), Predicate: predicate, Object: string(o.ID), Text: string(o.Value)})
		}
	}
	return nil
}

// objects are the values of a JSON-LD member: one, or a list.
type objects []object

type object struct {
	ID    text `json:"@id"`
	Value text `json:"@value"`
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *objects) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	list := dec.PeekKind() == '['
	if list {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
	}
	for !list || dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		one := object{}
		switch v.Kind() {
		case '{':
			err = decode(v, &one)
		default:
			err = decode(v, &one.Value)
		}
		if err != nil {
			return err
		}
		*o = append(*o, one)
		if !list {
			return nil
		}
	}
	_, err := dec.ReadToken()
	return err
}

// ontology passes on what D3FEND defines. A file without both of its roots is
// some other ontology.
func (r *reader) ontology(o *ontology) error {
	if !o.class(artifactRoot).defined || !o.class(defenceRoot).defined {
		return nil
	}
	pub, err := r.only("d3fend")
	if err != nil {
		return err
	}
	for _, own := range o.owners {
		if b := o.blanks[own.blank]; b != nil && b.verb != "" && b.target != "" {
			o.class(own.owner).acts = append(o.class(own.owner).acts, *b)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.classes)) {
		if err := r.ontologyClass(pub, o, name); err != nil {
			return err
		}
	}
	return nil
}

var defenceID = regexp.MustCompile(`^D3-[A-Z0-9]+$`)

// ontologyClass passes on one class, if it is a defence, an artifact, or a
// technique or weakness that touches one.
func (r *reader) ontologyClass(pub *edition, o *ontology, name string) error {
	c := o.classes[name]
	id := o.id(name)
	if id == "" {
		return nil
	}
	if c.defence != "" || strings.HasPrefix(id, "d3f:") {
		e := &Entry{Kind: KindArtifact, ID: id, Name: prose.Line(c.label)}
		if id == c.defence {
			e.Kind = KindDefence
			e.field("tactic", o.tactic(name))
			for _, p := range c.parents {
				if d := o.id(p); e.Parent == "" && defenceID.MatchString(d) {
					e.Parent = d
				}
			}
		}
		for _, s := range c.synonyms {
			if s = prose.Line(s); s != "" && s != e.Name && !slices.Contains(e.Aliases, s) {
				e.Aliases = append(e.Aliases, s)
			}
		}
		e.section("definition", prose.Text(c.definition))
		e.section("article", prose.Text(c.article))
		if taken, err := r.entry(pub, e); !taken {
			return err
		}
		for _, p := range c.parents {
			if up := o.id(p); up != "" {
				if err := r.relation(pub, id, "child-of", up, ""); err != nil {
					return err
				}
			}
		}
	}
	return r.ontologyActs(pub, o, c, id)
}

// ontologyActs passes on what a class does to artifacts and what it is related to.
func (r *reader) ontologyActs(pub *edition, o *ontology, c *class, id string) error {
	seen := map[restriction]bool{}
	for _, a := range c.acts {
		to := o.id(a.target)
		if seen[a] || !strings.HasPrefix(to, "d3f:") {
			continue
		}
		seen[a] = true
		if err := r.relation(pub, id, prose.Line(a.verb), to, ""); err != nil {
			return err
		}
	}
	for _, to := range c.related {
		if to = o.id(to); to != "" {
			if err := r.relation(pub, id, "related", to, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// id returns the published id of a class, or "".
func (o *ontology) id(name string) string {
	c := o.classes[name]
	switch {
	case c == nil:
		return ""
	case c.attack != "":
		return prose.Line(c.attack)
	case c.cwe != "":
		return prose.Line(c.cwe)
	case defenceID.MatchString(c.defence) && o.below(name, defenceRoot):
		return c.defence
	case c.label != "" && o.below(name, artifactRoot):
		return "d3f:" + name
	}
	return ""
}

// up walks from a class to all above it, nearest first, until stop says so.
func (o *ontology) up(name string, stop func(name string, c *class) bool) {
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

func (o *ontology) below(name, root string) (found bool) {
	o.up(name, func(n string, _ *class) bool {
		found = n == root
		return found
	})
	return found
}

// tactic returns the label of the tactic that the nearest class at or above
// name enables.
func (o *ontology) tactic(name string) (tactic string) {
	o.up(name, func(_ string, c *class) bool {
		for _, a := range c.acts {
			if t := o.classes[a.target]; a.verb == "enables" && t != nil && slices.Contains(t.parents, "DefensiveTactic") {
				tactic = prose.Line(t.label)
				return true
			}
		}
		return false
	})
	return tactic
}
