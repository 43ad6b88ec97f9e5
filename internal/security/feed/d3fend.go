package feed

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/ontology"
	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/casemate-ai/casemate/internal/security/feed/turtle"
	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxOntology   = 64 << 20  // bytes; D3FEND has 3 MB
	maxStatements = 2_000_000 // of an ontology in JSON
)

// graph is an ontology in JSON-LD in the making.
type graph struct {
	*ontology.Ontology
	statements int
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
	for _, name := range [...]string{"d3fend-id", ontology.ArtifactRoot, ontology.DefenceRoot} {
		if !bytes.Contains(data, []byte(name)) {
			return nil // some other ontology
		}
	}
	o := ontology.New()
	if err := turtle.Parse(data, func(t turtle.Triple) {
		t.Text = turtle.Unescape(t.Text)
		o.State(t)
	}); err != nil {
		return r.single(err)
	}
	return r.d3fend(o)
}

// node takes in one element of an ontology in JSON-LD.
func (j *jsonFile) node(v jsontext.Value) error {
	var n map[string]jsontext.Value
	if err := decode(v, &n); err != nil {
		j.fault(err.Error())
		return nil
	}
	if j.graph == nil {
		j.graph = &graph{Ontology: ontology.New()}
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
			if j.graph.statements++; j.graph.statements > maxStatements {
				return errors.New("an ontology of more than 2,000,000 statements")
			}
			j.graph.State(turtle.Triple{Subject: string(id), Predicate: predicate, Object: string(o.ID), Text: string(o.Value)})
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

// d3fend passes on what the ontology defines.
func (r *reader) d3fend(o *ontology.Ontology) error {
	classes := o.Classes()
	if len(classes) == 0 {
		return nil
	}
	pub, err := r.only("d3fend")
	if err != nil {
		return r.broken(err)
	}
	for i := range classes {
		r.at.Record = uint64(i + 1)
		if err := r.class(pub, &classes[i]); err != nil {
			return err
		}
	}
	return nil
}

// class passes on one class. What other catalogues describe is no entry here,
// but what it does to artifacts is said here alone.
func (r *reader) class(pub *edition, c *ontology.Class) error {
	id := prose.Line(c.ID)
	if c.Kind != ontology.Other {
		e := &Entry{Kind: KindArtifact, ID: id, Name: prose.Line(c.Label)}
		if c.Kind == ontology.Defence {
			e.Kind, e.Parent = KindDefence, c.Parent
			e.field("tactic", prose.Line(c.Tactic))
		}
		for _, s := range c.Synonyms {
			e.alias(prose.Line(s))
		}
		e.section("definition", prose.Text(c.Definition))
		e.section("article", prose.Text(c.Article))
		if taken, err := r.entry(pub, e); !taken {
			return err
		}
		for _, up := range c.Above {
			if err := r.relation(pub, id, "child-of", prose.Line(up), ""); err != nil {
				return err
			}
		}
	}
	for _, a := range c.Acts {
		if err := r.relation(pub, id, prose.Line(a.Verb), prose.Line(a.Artifact), ""); err != nil {
			return err
		}
	}
	for _, to := range c.Related {
		if err := r.relation(pub, id, "related", prose.Line(to), ""); err != nil {
			return err
		}
	}
	return nil
}
