package grammar_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/grammar"
)

// single is the vocabulary of single bytes and an end, id 256.
func single(t testing.TB) *grammar.Vocabulary {
	t.Helper()
	tokens := make([][]byte, 257)
	for b := range 256 {
		tokens[b] = []byte{byte(b)}
	}
	v, err := grammar.NewVocabulary(tokens, []int{256})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNewVocabulary(t *testing.T) {
	if _, err := grammar.NewVocabulary(nil, nil); err == nil {
		t.Error("an empty vocabulary is accepted")
	}
	if _, err := grammar.NewVocabulary([][]byte{{'a'}}, []int{1}); err == nil {
		t.Error("an end token beyond the vocabulary is accepted")
	}
	if _, err := grammar.NewVocabulary([][]byte{make([]byte, 1<<20)}, nil); err == nil {
		t.Error("a token of a megabyte is accepted")
	}
	tokens := make([][]byte, 257)
	for b := range 256 {
		if b != '}' {
			tokens[b] = []byte{byte(b)}
		}
	}
	v, err := grammar.NewVocabulary(tokens, []int{256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compile(t, `true`, grammar.Options{}).Bind(v); err == nil || !strings.Contains(err.Error(), "0x7d") {
		t.Errorf("a vocabulary without a brace: %v", err)
	}
	if v, err = grammar.NewVocabulary(single1(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := compile(t, `true`, grammar.Options{}).Bind(v); err == nil {
		t.Error("a vocabulary without an end is accepted")
	}
}

func single1() [][]byte {
	tokens := make([][]byte, 256)
	for b := range tokens {
		tokens[b] = []byte{byte(b)}
	}
	return tokens
}

// TestForced jumps over what a schema leaves no choice about: names of
// properties, the rest of an id, and the name that belongs to it.
func TestForced(t *testing.T) {
	s := compile(t, `{"type":"object","properties":{"id":{"type":"string","x-casemate-id":"attack"},"name":{"type":"string","x-casemate-name-of":"id"},"sure":{"type":"boolean"}},"required":["id","name","sure"],"additionalProperties":false}`, grammar.Options{Whitespace: grammar.Spaced})
	m, err := s.Start(single(t))
	if err != nil {
		t.Fatal(err)
	}
	doc := ""
	for _, choice := range []string{"5", "f", ""} {
		forced := m.Forced()
		if err := m.AcceptBytes(forced); err != nil {
			t.Fatal(err)
		}
		doc += string(forced) + choice
		if err := m.AcceptBytes([]byte(choice)); err != nil {
			t.Fatal(err)
		}
	}
	doc += string(m.Forced())
	// After T1 come T1003, T1059, T1059.001 and T1566; f begins false.
	if want := `{"id": "T1566", "name": "Phishing", "sure": false}`; doc != want {
		t.Errorf("forced to %s, want %s", doc, want)
	}
}

func TestMatcherErrors(t *testing.T) {
	m, err := compile(t, `{"type":"integer"}`, grammar.Options{}).Start(single(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []int{-1, 257, 'x', 256} {
		if err := m.Accept(token); err == nil {
			t.Errorf("Accept(%d) at the start of an integer succeeds", token)
		}
	}
	if err := m.AcceptBytes([]byte("1x")); err == nil || m.Done() {
		t.Errorf("AcceptBytes(1x): %v, and has taken the 1: %v", err, m.Done())
	}
	other := m.Clone()
	for _, token := range []int{'4', '2', 256} {
		if err := m.Accept(token); err != nil {
			t.Fatal(err)
		}
	}
	if !m.Finished() || !m.Done() || slices.Max(m.Mask()) != 0 || len(m.Forced()) > 0 {
		t.Error("a finished document is not finished")
	}
	if err := m.Accept('1'); err == nil {
		t.Error("a finished document goes on")
	}
	if other.Done() || other.Accept('7') != nil || !other.Done() {
		t.Error("a clone does not stay where it was made")
	}
}

// TestCacheIsBounded goes through more places of strings than are kept, and
// back: the masks must stay the same.
func TestCacheIsBounded(t *testing.T) {
	s := compile(t, `{"type":"string","pattern":"^`+strings.Repeat("[ab][cd]", 400)+`$"}`, grammar.Options{})
	g, err := s.Bind(single(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m := g.Start()
		if err := m.Accept('"'); err != nil {
			t.Fatal(err)
		}
		for i := range 800 {
			want := []int{'a', 'b'}
			if i%2 == 1 {
				want = []int{'c', 'd'}
			}
			if got := allowed(m.Mask(), 257); !slices.Equal(got, want) {
				t.Fatalf("after %d characters: %v, want %v", i, got, want)
			}
			if err := m.Accept(want[i%3%2]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestParallel lets many matchers of one grammar run at once, for the race
// detector.
func TestParallel(t *testing.T) {
	v, tokens, _ := vocabulary(t)
	for _, schema := range schemas {
		g, err := compile(t, schema, grammar.Options{Limits: grammar.Limits{MaxDepth: 4, MaxString: 9}}).Bind(v)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for n := range 4 {
			group.Go(func() {
				m := g.Start()
				for step := range 25 {
					list := allowed(m.Mask(), len(tokens))
					if len(list) == 0 || m.Accept(list[(step*5+n)%len(list)]) != nil {
						break
					}
				}
			})
		}
		group.Wait()
	}
}

func Example() {
	tokens := make([][]byte, 257)
	for b := range 256 {
		tokens[b] = []byte{byte(b)}
	}
	vocabulary, err := grammar.NewVocabulary(tokens, []int{256})
	if err != nil {
		panic(err)
	}
	schema, err := grammar.Compile([]byte(`{
		"type": "object",
		"properties": {"verdict": {"enum": ["benign", "malicious"]}},
		"required": ["verdict"],
		"additionalProperties": false
	}`), grammar.Options{Whitespace: grammar.Spaced})
	if err != nil {
		panic(err)
	}
	m, err := schema.Start(vocabulary)
	if err != nil {
		panic(err)
	}
	fmt.Printf("forced: %s\n", m.Forced())
	if err := m.AcceptBytes(m.Forced()); err != nil {
		panic(err)
	}
	mask := m.Mask()
	for id := range tokens {
		if mask[id/64]>>(id%64)&1 == 1 {
			fmt.Printf("may come: %c\n", id)
		}
	}
	if err := m.Accept('m'); err != nil {
		panic(err)
	}
	fmt.Printf("forced: %s\n", m.Forced())
	// Output:
	// forced: {"verdict": "
	// may come: b
	// may come: m
	// forced: alicious"}
}
