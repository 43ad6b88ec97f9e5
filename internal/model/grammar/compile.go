package grammar

import (
	"errors"
	"fmt"
	"sort"

	"github.com/casemate-ai/casemate/internal/model/grammar/program"
	"github.com/casemate-ai/casemate/internal/model/grammar/schema"
)

// Schema is a compiled JSON Schema. It does not change and may be used by any
// number of goroutines.
type Schema struct {
	program *program.Program
	objects map[*program.Object]*object
	space   Whitespace
	depth   int
}

// Compile reads a JSON Schema of draft 2020-12. A keyword that cannot be
// honoured exactly is a *KeywordError, and a schema that no document satisfies
// is ErrNothing; every error wraps ErrSchema.
func Compile(src []byte, o Options) (*Schema, error) {
	l, err := o.Limits.withDefaults()
	if err == nil && (o.Whitespace < Single || o.Whitespace > Pretty) {
		err = fmt.Errorf("no kind %d of white space", o.Whitespace)
	}
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	in := schema.Options{
		Open: o.Open, Strict: o.Strict,
		MaxString: l.MaxString, MaxItems: l.MaxItems, MaxProperties: l.MaxProperties, MaxDepth: l.MaxDepth, MaxDigits: l.MaxDigits,
	}
	if o.Catalogue != nil {
		in.Catalogue = func(kind string) (program.Catalogue, bool) { return o.Catalogue(kind) }
	}
	p, err := schema.Compile(src, in)
	var keyword *schema.Error
	switch {
	case errors.Is(err, schema.ErrNothing):
		return nil, ErrNothing
	case errors.As(err, &keyword):
		return nil, &KeywordError{Pointer: keyword.Pointer, Reason: keyword.Reason}
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	s := &Schema{program: p, objects: map[*program.Object]*object{}, space: o.Whitespace, depth: l.MaxDepth}
	for _, n := range p.Nodes {
		for _, obj := range n.Objects {
			s.objects[obj] = sorted(obj)
		}
	}
	return s, nil
}

func sorted(in *program.Object) *object {
	o := &object{Object: in}
	for i, p := range in.Props {
		o.index = append(o.index, int32(i))
		o.fills = o.fills || p.NameOf >= 0
	}
	sort.Slice(o.index, func(a, b int) bool { return in.Props[o.index[a]].Name < in.Props[o.index[b]].Name })
	for _, i := range o.index {
		o.names = append(o.names, in.Props[i].Name)
	}
	return o
}

func (l Limits) withDefaults() (Limits, error) {
	for _, f := range []struct {
		name         string
		value        *int
		normal, most int
	}{
		{"MaxString", &l.MaxString, DefaultMaxString, 1 << 24},
		{"MaxItems", &l.MaxItems, DefaultMaxItems, 1 << 24},
		{"MaxProperties", &l.MaxProperties, DefaultMaxProperties, 1 << 16},
		{"MaxDepth", &l.MaxDepth, DefaultMaxDepth, 1 << 12},
		{"MaxDigits", &l.MaxDigits, DefaultMaxDigits, 1 << 8},
	} {
		if *f.value == 0 {
			*f.value = f.normal
		}
		if *f.value < 1 || *f.value > f.most {
			return l, fmt.Errorf("limit %s is %d, must be from 1 to %d", f.name, *f.value, f.most)
		}
	}
	return l, nil
}

// start returns the place before the first byte of a document.
func (s *Schema) start() config {
	end := &stack{frame: frame{kind: atEnd}}
	return config{&stack{frame{kind: value, p: s.program.Root, room: int32(s.depth)}, end}}
}

// Validate says whether instance, to its last byte, is a document that a
// Matcher of s can produce: one the schema accepts, spelled as this package
// spells documents.
func (s *Schema) Validate(instance []byte) error {
	c := s.start()
	for i, b := range instance {
		if c = s.step(c, b); len(c) == 0 {
			return fmt.Errorf("validate document: byte %d, %q, cannot come here", i, b)
		}
	}
	if !complete(c) {
		return fmt.Errorf("validate document: it ends after %d bytes and is not complete", len(instance))
	}
	return nil
}

// Bind prepares s for a vocabulary. It fails when the vocabulary has no single
// token for some byte that a document may need. The grammar holds the bounded
// cache of masks: bind once and start many matchers.
func (s *Schema) Bind(v *Vocabulary) (*Grammar, error) {
	if b, yes := v.missing(s.space == Pretty); yes {
		return nil, fmt.Errorf("bind schema to vocabulary: no token is the byte %#02x alone, so some documents could not be spelled", b)
	}
	if len(v.end) == 0 {
		return nil, errors.New("bind schema to vocabulary: no token ends the text")
	}
	return &Grammar{schema: s, vocabulary: v, cache: map[interiorKey]*interior{}}, nil
}

// Start returns a matcher at the start of a document.
func (g *Grammar) Start() *Matcher { return &Matcher{grammar: g, at: g.schema.start()} }

// Start binds s to v and starts a matcher. Where many documents are generated,
// bind once.
func (s *Schema) Start(v *Vocabulary) (*Matcher, error) {
	g, err := s.Bind(v)
	if err != nil {
		return nil, err
	}
	return g.Start(), nil
}
