package jinja

import (
	"errors"
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/syntax"
	"github.com/casemate-ai/casemate/internal/model/jinja/value"
)

// macro is a macro with the scope that it was defined in.
type macro struct {
	*syntax.Macro
	it    *interp
	scope *scope
}

// TypeName is Python's name for the type.
func (m *macro) TypeName() string { return "Macro" }

// Len is -1: a macro has no length.
func (m *macro) Len() int { return -1 }

// Attribute returns the macro's name, its one field here.
func (m *macro) Attribute(name string) (any, bool) {
	return marked.Plain(m.Name), name == "name"
}

// Call runs the macro and returns what it writes.
func (m *macro) Call(vm *value.Machine, a value.Args) (any, error) {
	end, err := vm.Nested()
	if err != nil {
		return nil, err
	}
	defer end()
	old := m.it.push(m.scope)
	defer func() { m.it.scope = old }()
	if err := m.bind(a); err != nil {
		return nil, fmt.Errorf("call macro %s: %w", marked.Plain(m.Name).Shown(), err)
	}
	return m.it.capture(func() error {
		_, err := m.it.exec(m.Body)
		return err
	})
}

// bind sets the macro's parameters in the current scope.
func (m *macro) bind(a value.Args) error {
	given := make(map[string]any, len(a.Names))
	for i, n := range a.Names {
		given[n] = a.Named[i]
	}
	params, defaults := m.Signature.Names, m.Signature.Defaults
	for i, p := range params {
		v, named := given[p]
		d := i - len(params) + len(defaults)
		switch {
		case i < len(a.Pos):
			v = a.Pos[i]
		case named:
			delete(given, p)
		case d >= 0:
			var err error
			if v, err = m.it.eval(defaults[d]); err != nil {
				return err
			}
		default:
			v = &value.Undefined{Message: fmt.Sprintf("parameter %q was not given", p)}
		}
		m.it.scope.set(p, v)
	}
	if m.Uses.Caller && !slices.Contains(params, "caller") {
		v, ok := given["caller"]
		if !ok {
			v = &value.Undefined{Message: "there is no caller"}
		}
		delete(given, "caller")
		m.it.scope.set("caller", v)
	}
	return m.bindRest(a, given)
}

// bindRest sets what a macro gets beside its parameters, if it uses it. Names
// that no parameter took are left in given.
func (m *macro) bindRest(a value.Args, given map[string]any) error {
	extra := a.Pos[min(len(m.Signature.Names), len(a.Pos)):]
	if m.Uses.Varargs {
		m.it.scope.set("varargs", &value.Seq{Kind: value.Tuple, Items: extra})
	} else if len(extra) > 0 {
		return fmt.Errorf("%d arguments, at most %d", len(a.Pos), len(m.Signature.Names))
	}
	if !m.Uses.Kwargs {
		if len(given) > 0 {
			return errors.New("it has no parameter of the name given")
		}
		return nil
	}
	rest := &value.Dict{}
	for _, n := range a.Names {
		if v, ok := given[n]; ok {
			rest.SetText(marked.Plain(n), v)
		}
	}
	m.it.scope.set("kwargs", rest)
	return nil
}
