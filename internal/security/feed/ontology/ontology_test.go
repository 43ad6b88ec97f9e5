package ontology_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed/ontology"
	"github.com/casemate-ai/casemate/internal/security/feed/turtle"
)

// state makes an ontology of statements: subject, predicate, object, text.
func state(all ...[4]string) *ontology.Ontology {
	o := ontology.New()
	for _, s := range all {
		o.State(turtle.Triple{Subject: s[0], Predicate: s[1], Object: s[2], Text: s[3]})
	}
	return o
}

var roots = [][4]string{
	{":DigitalArtifact", "rdfs:label", "", "Digital Artifact"},
	{"d3f:DefensiveTechnique", "rdfs:label", "", "Defensive Technique"},
	{":Detect", "rdfs:subClassOf", ":DefensiveTactic", ""},
	{":Detect", "rdfs:label", "", "Detect"},
}

func TestClasses(t *testing.T) {
	o := state(append(roots,
		[4]string{":Door", "rdfs:subClassOf", "d3f:DigitalArtifact", ""},
		[4]string{":Door", "rdfs:label", "", "Door"},
		[4]string{"<http://d3fend.mitre.org/ontologies/d3fend.owl#Watch>", "rdfs:subClassOf", ":DefensiveTechnique", ""},
		[4]string{":Watch", "d3f:d3fend-id", "", "D3-W"},
		[4]string{":Watch", ":enables", ":Detect", ""},
		[4]string{":Watch", "rdfs:subClassOf", "_:1", ""},
		[4]string{"_:1", "owl:onProperty", ":analyzes", ""},
		[4]string{"_:1", "owl:someValuesFrom", ":Door", ""},
		[4]string{":Watch", "rdfs:subClassOf", "_:2", ""},
		[4]string{"_:2", "owl:onProperty", ":enables", ""},
		[4]string{":T1", ":attack-id", "", "T1"},
		[4]string{":T1", ":related", ":Watch", ""})...)
	got := o.Classes()
	want := []ontology.Class{
		{ID: "d3f:DigitalArtifact", Kind: ontology.Artifact, Label: "Digital Artifact"},
		{ID: "d3f:Door", Kind: ontology.Artifact, Label: "Door", Above: []string{"d3f:DigitalArtifact"}},
		{ID: "T1", Related: []string{"D3-W"}},
		{ID: "D3-W", Kind: ontology.Defence, Tactic: "Detect", Acts: []ontology.Act{{"analyzes", "d3f:Door"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, o.Classes()); diff != "" {
		t.Errorf("a second time (-want +got):\n%s", diff)
	}
}

// TestCircle ends where classes stand above one another, and where very many do.
func TestCircle(t *testing.T) {
	o := state(append(roots,
		[4]string{":A", "rdfs:subClassOf", ":B", ""}, [4]string{":B", "rdfs:subClassOf", ":A", ""},
		[4]string{":A", "rdfs:label", "", "A"}, [4]string{":A", ":d3fend-id", "", "D3-A"})...)
	for i := range 10_000 {
		o.State(turtle.Triple{Subject: fmt.Sprintf(":C%d", i), Predicate: "rdfs:subClassOf", Object: fmt.Sprintf(":C%d", i+1)})
		o.State(turtle.Triple{Subject: fmt.Sprintf(":C%d", i), Predicate: "rdfs:label", Text: "C"})
	}
	if got := o.Classes(); len(got) != 1 {
		t.Errorf("%d classes, want the root alone", len(got))
	}
}

func TestOther(t *testing.T) {
	if got := state(roots[0]).Classes(); got != nil {
		t.Errorf("classes of another ontology are %v", got)
	}
}

func FuzzClasses(f *testing.F) {
	f.Add(":DigitalArtifact rdfs:label \"a\" . :DefensiveTechnique rdfs:label \"b\" . :X rdfs:subClassOf :DigitalArtifact, [ owl:onProperty :uses ; owl:someValuesFrom :X ] .")
	f.Fuzz(func(t *testing.T, in string) {
		o := ontology.New()
		n := 0
		if err := turtle.Parse([]byte(in), func(s turtle.Triple) {
			n++
			o.State(s)
		}); err != nil {
			return
		}
		if got := o.Classes(); len(got) > n {
			t.Fatalf("%d classes of %d statements", len(got), n)
		}
	})
}
