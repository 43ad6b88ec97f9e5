package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/casemate-ai/casemate"
)

// MaxInputDocument is how large an input may be that is given as a document.
const MaxInputDocument = 8 << 20

// Decode reads an input that is given as a JSON document: what it leaves out has
// its default, and it must be valid by the input schema. It returns what New
// does, filled.
func (w Workflow) Decode(document []byte) (any, error) {
	wrong := func(err error) error {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "read the input of " + w.Name, Err: err,
			Hint: "casemate run --list --json prints the schema of each input"}
	}
	if len(document) > MaxInputDocument {
		return nil, wrong(fmt.Errorf("it is over %d MiB", MaxInputDocument>>20))
	}
	var values map[string]any
	if err := json.Unmarshal(document, &values); err != nil {
		return nil, wrong(err)
	}
	if values == nil {
		return nil, wrong(fmt.Errorf("want an object"))
	}
	schema, err := w.inputSchema()
	if err != nil {
		return nil, err
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("schema of the input of %s: %w", w.Name, err)
	}
	if err := resolved.Validate(values); err != nil {
		return nil, wrong(err)
	}
	if err := resolved.ApplyDefaults(&values); err != nil {
		return nil, wrong(err)
	}
	full, err := json.Marshal(values)
	if err != nil {
		return nil, wrong(err)
	}
	in := w.New()
	d := json.NewDecoder(bytes.NewReader(full))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return nil, wrong(err)
	}
	return in, nil
}
