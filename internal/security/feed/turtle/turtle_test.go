package turtle_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/feed/turtle"
)

func TestParse(t *testing.T) {
	const doc = `@prefix : <http://example/#> . # a comment with "quotes"
:T1003.001 a owl:Class ; rdfs:label "LSASS \"Memory\""@en ;
    rdfs:subClassOf :T1003, [ a owl:Restriction ; owl:onProperty :accesses ; owl:someValuesFrom :Process ] ;
    :note """two
lines; of [text] with "quotes" .""" ; :n 3, 1.5, "2020-01-01"^^xsd:date, "x"^^<http://t>, "" ; .
[] a owl:AllDisjointClasses ; owl:members ( :A ( :B ) "c" ) .
`
	var got []string
	if err := turtle.Parse([]byte(doc), func(s turtle.Triple) {
		got = append(got, strings.Join([]string{s.Subject, s.Predicate, s.Object, s.Text}, "|"))
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
		t.Errorf("turtle.Parse (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
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
		if err := turtle.Parse([]byte(tt.doc), func(turtle.Triple) {}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("turtle.Parse(%.30q) = %v, want an error with %q", tt.doc, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`:a :b """c\""""@en, "d"^^xsd:e, [ :f ( :g "h" ) ] ; ; :i <j> .`)
	f.Fuzz(func(t *testing.T, doc string) {
		n := 0
		err := turtle.Parse([]byte(doc), func(turtle.Triple) { n++ })
		if n > len(doc) {
			t.Fatalf("%d statements from %d bytes (%v)", n, len(doc), err)
		}
	})
}

func TestUnescape(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{`a \"word\" \\ end`, `a "word" \ end`},
		{`one\ntwo\tthree`, "one\ntwo\tthree"},
		{`caf\u00e9 \U0001F600`, "café 😀"},
		{`\u12`, `\u12`},
		{`\uZZZZ`, `\uZZZZ`},
		{`\UFFFFFFFF`, `\UFFFFFFFF`},
		{`ends \`, `ends \`},
	}
	for _, tt := range tests {
		if got := turtle.Unescape(tt.in); got != tt.want {
			t.Errorf("Unescape(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
