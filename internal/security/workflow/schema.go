package workflow

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/mapping"
)

const dialect = "https://json-schema.org/draft/2020-12/schema"

// InputSchema returns the JSON Schema (2020-12) of the workflow's input.
func (w Workflow) InputSchema() json.RawMessage { return encode(w.inputSchema()) }

// OutputSchema returns the JSON Schema of its output.
func (w Workflow) OutputSchema() json.RawMessage { return encode(w.schema(w.Output, "output")) }

// LineSchema returns the JSON Schema of the objects that it emits one by one, or
// nil if it emits none.
func (w Workflow) LineSchema() json.RawMessage {
	switch {
	case w.Line != nil:
		return encode(w.schema(w.Line, "line"))
	case w.Stream:
		return w.OutputSchema()
	}
	return nil
}

func encode(s *jsonschema.Schema, err error) json.RawMessage {
	if err != nil {
		panic("workflow: " + err.Error()) // a type of ours; TestSchemas makes all of them
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("workflow: " + err.Error())
	}
	return b
}

// schema derives the schema of a value of ours, or takes it as it is given.
func (w Workflow) schema(v any, part string) (*jsonschema.Schema, error) {
	if given, ok := v.(json.RawMessage); ok {
		s := new(jsonschema.Schema)
		return s, json.Unmarshal(given, s)
	}
	s, err := derive(reflect.TypeOf(v))
	if err == nil && reflect.TypeOf(v) == reflect.TypeFor[intake.Enriched]() {
		s, err = enrichedSchema()
	}
	if err != nil {
		return nil, fmt.Errorf("schema of the %s of %s: %w", part, w.Name, err)
	}
	s.Schema, s.Title = dialect, "casemate "+w.Name+": "+part
	return s, nil
}

// enrichedSchema is the schema of an enriched record: what the record had, and
// one key more.
func enrichedSchema() (*jsonschema.Schema, error) {
	enrichment, err := derive(reflect.TypeFor[intake.Enrichment]())
	return &jsonschema.Schema{Type: "object", Required: []string{"casemate"}, Properties: map[string]*jsonschema.Schema{"casemate": enrichment}}, err
}

// inputSchema is the schema of the input with what the tags for flags say.
func (w Workflow) inputSchema() (*jsonschema.Schema, error) {
	in := reflect.TypeOf(w.New()).Elem()
	s, err := w.schema(reflect.New(in).Elem().Interface(), "input")
	if err != nil {
		return nil, err
	}
	s.Description = w.Summary
	for _, f := range reflect.VisibleFields(in) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.Properties[name]
		if f.Anonymous || p == nil {
			continue
		}
		p.Description = Interpolate(f.Tag.Get("help"))
		if enum, ok := f.Tag.Lookup("enum"); ok {
			to := p
			if p.Items != nil {
				to = p.Items
			}
			for v := range strings.SplitSeq(enum, ",") {
				to.Enum = append(to.Enum, v)
			}
		}
		if value := f.Tag.Get("default"); value != "" {
			if p.Default, err = literal(f.Type, value); err != nil {
				return nil, fmt.Errorf("default of %s of %s: %w", name, w.Name, err)
			}
			s.Required = slices.DeleteFunc(s.Required, func(r string) bool { return r == name })
		}
	}
	return s, nil
}

// literal writes the default of a flag as JSON.
func literal(t reflect.Type, value string) (json.RawMessage, error) {
	var v any
	var err error
	switch t.Kind() {
	case reflect.Bool:
		v, err = strconv.ParseBool(value)
	case reflect.String:
		v = value
	case reflect.Slice:
		v = strings.Split(value, ",")
	default:
		v, err = strconv.ParseFloat(value, 64)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// Variables are the values that help texts of inputs name as ${name}.
func Variables() map[string]string {
	return map[string]string{"threshold": fmt.Sprint(mapping.DefaultThreshold)}
}

// Interpolate puts Variables into a help text.
func Interpolate(help string) string {
	for _, name := range slices.Sorted(maps.Keys(Variables())) {
		help = strings.ReplaceAll(help, "${"+name+"}", Variables()[name])
	}
	return strings.ReplaceAll(help, "$$", "$")
}

// derive makes the schema of a type. Types that write themselves as JSON are
// known by what they write, and a type that contains itself becomes a definition.
func derive(t reflect.Type) (*jsonschema.Schema, error) {
	known := knownTypes()
	recursive := map[reflect.Type]bool{}
	walkTypes(t, nil, map[reflect.Type]bool{}, func(u reflect.Type, cycle bool) {
		if cycle {
			recursive[u] = true
		} else if known[u] == nil && u.Kind() != reflect.Pointer && u.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
			known[u] = &jsonschema.Schema{Type: "string"}
		}
	})
	types := slices.SortedFunc(maps.Keys(recursive), func(a, b reflect.Type) int { return strings.Compare(a.Name(), b.Name()) })
	for _, r := range types {
		known[r] = &jsonschema.Schema{Ref: "#/$defs/" + r.Name()}
	}
	opt := &jsonschema.ForOptions{TypeSchemas: known}
	if len(types) == 0 {
		s, err := jsonschema.ForType(t, opt)
		return emptyMaps(s), err
	}
	root, err := jsonschema.ForType(bare(t, recursive), opt)
	if err != nil {
		return nil, err
	}
	root.Defs = map[string]*jsonschema.Schema{}
	for _, r := range types {
		if root.Defs[r.Name()], err = jsonschema.ForType(bare(r, recursive), opt); err != nil {
			return nil, err
		}
	}
	return emptyMaps(root), nil
}

// emptyMaps lets a map be null, as an empty one is written.
func emptyMaps(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	if s.Type == "object" && s.Properties == nil && s.AdditionalProperties != nil {
		s.Type, s.Types = "", []string{"null", "object"}
	}
	emptyMaps(s.Items)
	for _, p := range s.Properties {
		emptyMaps(p)
	}
	for _, p := range s.Defs {
		emptyMaps(p)
	}
	return s
}

// bare returns a struct that is recursive, or has the fields of one that is, as a
// type without a name, which the schema of a name does not stand for.
func bare(t reflect.Type, recursive map[reflect.Type]bool) reflect.Type {
	visible := reflect.VisibleFields(t)
	if !recursive[t] && !slices.ContainsFunc(visible, func(f reflect.StructField) bool { return f.Anonymous && recursive[f.Type] }) {
		return t
	}
	var fields []reflect.StructField
	for _, f := range visible {
		if !f.Anonymous && f.IsExported() {
			fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
		}
	}
	return reflect.StructOf(fields)
}

// walkTypes visits the types that a type is made of, and says of each whether it
// contains itself.
func walkTypes(t reflect.Type, path []reflect.Type, seen map[reflect.Type]bool, visit func(t reflect.Type, cycle bool)) {
	if t.Name() != "" && slices.Contains(path, t) {
		visit(t, true)
		return
	}
	if seen[t] || knownTypes()[t] != nil {
		return
	}
	seen[t] = true
	visit(t, false)
	path = append(slices.Clip(path), t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		walkTypes(t.Elem(), path, seen, visit)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() || f.Anonymous {
				walkTypes(f.Type, path, seen, visit)
			}
		}
	}
}

// knownTypes are the types whose JSON is not what their Go says.
func knownTypes() map[reflect.Type]*jsonschema.Schema {
	words := func(values ...any) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Enum: values} }
	var severities []any
	for s := casemate.SeverityUnknown; s <= casemate.SeverityCritical; s++ {
		severities = append(severities, s.String())
	}
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Time]():         {Type: "string", Format: "date-time"},
		reflect.TypeFor[json.RawMessage]():   {},
		reflect.TypeFor[casemate.Severity](): words(severities...),
		reflect.TypeFor[casemate.Verdict]():  words(string(casemate.VerdictMalicious), string(casemate.VerdictSuspicious), string(casemate.VerdictReview), string(casemate.VerdictBenign)),
		reflect.TypeFor[casemate.Decider]():  words(string(casemate.DecidedByRule), string(casemate.DecidedByClassifier), string(casemate.DecidedByModel), string(casemate.DecidedByAnalyst)),
		reflect.TypeFor[casemate.Support]():  words("", string(casemate.Supported), string(casemate.Unsupported), string(casemate.Struck)),
	}
}
