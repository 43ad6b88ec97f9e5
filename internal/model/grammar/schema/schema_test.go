package schema_test

import (
	"errors"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/grammar/program"
	"github.com/casemate-ai/casemate/internal/model/grammar/schema"
)

var options = schema.Options{MaxString: 100, MaxItems: 10, MaxProperties: 5, MaxDepth: 10, MaxDigits: 5}

func compile(t *testing.T, src string) *program.Program {
	t.Helper()
	p, err := schema.Compile([]byte(src), options)
	if err != nil {
		t.Fatalf("Compile(%s): %v", src, err)
	}
	return p
}

// TestHeight is how deep the flattest document is.
func TestHeight(t *testing.T) {
	for src, want := range map[string]int{
		`true`:             1,
		`{"type":"array"}`: 1,
		`{"type":"array","minItems":1,"items":{"type":"array","minItems":1}}`:                                                       3,
		`{"type":"object","required":["a"],"properties":{"a":{"type":"object","required":["b"]}}}`:                                  3,
		`{"$ref":"#/$defs/n","$defs":{"n":{"type":"array","minItems":1,"items":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}}}}`: 2,
		`{"type":"array","prefixItems":[{"type":"null"},{"type":"array","minItems":1}],"contains":{"type":"array"}}`:                3,
	} {
		if got := compile(t, src).Root.Height; got != want {
			t.Errorf("%s has height %d, want %d", src, got, want)
		}
	}
}

func TestTooDeep(t *testing.T) {
	src := `{"type":"null"}`
	for range 12 {
		src = `{"type":"array","minItems":1,"items":` + src + `}`
	}
	if _, err := schema.Compile([]byte(src), options); !errors.Is(err, schema.ErrNothing) {
		t.Errorf("a document of 13 values inside one another, of 10 allowed: %v, want ErrNothing", err)
	}
}

// TestBounds keeps what a schema asks for when the options are lower.
func TestBounds(t *testing.T) {
	p := compile(t, `{"type":"string","minLength":500}`)
	if text := p.Root.Texts[0]; text.Min != 500 || text.Max != 500 {
		t.Errorf("from %d to %d code points, want 500", text.Min, text.Max)
	}
	p = compile(t, `{"type":"array","minItems":50}`)
	if a := p.Root.Arrays[0]; !a.Live(0, program.Hits{}, 9) || a.Max != 50 {
		t.Errorf("at most %d items, want 50", a.Max)
	}
}
