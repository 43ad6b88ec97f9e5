package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTurtle(t *testing.T) {
	const doc = `@prefix : <http://example/#> . # a comment with "quotes"
:T1003.001 a owl:Class ; rdfs:label "LSASS \"Memory\""@en ;
    rdfs:subClassOf :T1003, [ a owl:Restriction ; owl:onProperty :accesses ; owl:someValuesFrom :Process ] ;
    :note """two
lines; of [text] with "quotes" .""" ; :n 3, 1.5, "2020-01-01"^^xsd:date, "x"^^<http://t>, "" ; .
[] a owl:AllDisjointClasses ; owl:members ( :A ( :B ) "c" ) .
`
	var got []string
	if err := parseTurtle([]byte(doc), func(s triple) {
		got = append(got, strings.Join([]string{s.subject, s.predicate, s.object, s.text}, "|"))
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		":T1003.001|a|owl:Class|",
		`:T1003.001|rdfs:label||LSASS \"Memory\"`,
		":T1003.001|rdfs:subClassOf|:T1003|",
		"_:1|a|owl:Restriction|",
		"_:1|owl:onProperty|:accesses|",
		"_:1|owl:someValuesFrom|:Process|",
		":T1003.001|rdfs:subClassOf|_:1|",
		":T1003.001|:note||two\nlines; of [text] with \"quotes\" .",
		":T1003.001|:n|3|",
		":T1003.001|:n|1.5|",
		":T1003.001|:n||2020-01-01",
		":T1003.001|:n||x",
		":T1003.001|:n||",
		"_:2|a|owl:AllDisjointClasses|",
		"_:2|owl:members||",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parseTurtle (-want +got):\n%s", diff)
	}
}

func TestParseTurtleRefuses(t *testing.T) {
	tests := []struct{ doc, want string }{
		{`:a :b "c`, "a string does not end"},
		{`:a :b """c" .`, "a string does not end"},
		{":a :b :c", "the file ends"},
		{":a :b :c\n:d :e .", "line 2"},
		{":a :b [ :c :d .", "closing bracket"},
		{":a :b ( :c", "the file ends"},
		{":a :b <http://x", "an IRI does not end"},
		{`:a :b "c"^^ .`, "no type"},
		{":a :b .", "a name or a value"},
		{":a :b " + strings.Repeat("[ :c ", 100), "brackets within each other"},
		{":a :b " + strings.Repeat("( ", 100), "brackets within each other"},
		{"\xff", "not UTF-8"},
	}
	for _, tt := range tests {
		if err := parseTurtle([]byte(tt.doc), func(triple) {}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("parseTurtle(%.30q) = %v, want an error with %q", tt.doc, err, tt.want)
		}
	}
}

func FuzzParseTurtle(f *testing.F) {
	f.Add(ontologyText)
	f.Add(`:a :b """c\""""@en, "d"^^xsd:e, [ :f ( :g "h" ) ] ; ; :i <j> .`)
	f.Fuzz(func(t *testing.T, doc string) {
		n := 0
		err := parseTurtle([]byte(doc), func(triple) { n++ })
		if n > len(doc) {
			t.Fatalf("%d statements from %d bytes (%v)", n, len(doc), err)
		}
	})
}

func FuzzBundle(f *testing.F) {
	f.Add(bundleText)
	f.Fuzz(func(t *testing.T, doc string) {
		m := newAttackModel()
		if _, err := m.bundle([]byte(doc), "e"); err != nil {
			return
		}
		for _, r := range []*rows{m.attackRows(), m.collectRows(), m.actorRows()} {
			if r.err == nil && strings.Count(r.text.String(), "\n") > 8*len(doc) {
				t.Fatalf("%d bytes of rows from %d bytes", r.text.Len(), len(doc))
			}
		}
	})
}

func TestChannel(t *testing.T) {
	tests := []struct{ in, want string }{
		{"EventCode=1", "EventCode=1"},
		{"EventCode=4663, 4670, 4656", "EventCode=4663, 4670, 4656"},
		{"EventCode=4104: suspicious script blocks", "EventCode=4104"},
		{"execve: Execution of odd binaries", "execve"},
		{"AssumeRole", "AssumeRole"},
		{"ptrace, mmap, process_vm_writev", "ptrace, mmap, process_vm_writev"},
		{"/var/log/auth.log", "/var/log/auth.log"},
		{"None", ""},
		{"", ""},
		{"Suspicious use of a thing", ""},
		{"Failed login, from anywhere", ""},
	}
	for _, tt := range tests {
		if got := channel(tt.in); got != tt.want {
			t.Errorf("channel(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
