package jinja

import (
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/syntax"
	"github.com/casemate-ai/casemate/internal/model/jinja/value"
)

// interp runs one rendering.
type interp struct {
	vm    *value.Machine
	scope *scope
	out   *marked.Builder
}

// scope holds the variables of a part of a template.
type scope struct {
	vars   map[string]any
	parent *scope
}

// set gives a variable of this scope a value.
func (s *scope) set(name string, v any) {
	if s.vars == nil {
		s.vars = map[string]any{}
	}
	s.vars[name] = v
}

// push opens a scope within parent and returns the scope to go back to.
func (it *interp) push(parent *scope) *scope {
	old := it.scope
	it.scope = &scope{parent: parent}
	return old
}

// lookup returns the value of a variable.
func (it *interp) lookup(name string) any {
	for s := it.scope; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	return &value.Undefined{Message: fmt.Sprintf("%q is undefined", marked.Plain(name).Shown())}
}

// eval computes an expression.
func (it *interp) eval(e syntax.Expr) (any, error) {
	if err := it.vm.Enter(); err != nil {
		return nil, syntax.At(e.At(), err)
	}
	v, err := it.compute(e)
	it.vm.Leave()
	if err != nil {
		return nil, syntax.At(e.At(), err)
	}
	return v, nil
}

// exec runs statements until one jumps.
func (it *interp) exec(nodes []syntax.Node) (control, error) {
	for _, n := range nodes {
		if err := it.vm.Enter(); err != nil {
			return goOn, syntax.At(n.At(), err)
		}
		c, err := it.run(n)
		it.vm.Leave()
		if err != nil {
			return goOn, syntax.At(n.At(), err)
		}
		if c != goOn {
			return c, nil
		}
	}
	return goOn, nil
}

// within runs statements in a scope of their own.
func (it *interp) within(nodes []syntax.Node) (control, error) {
	old := it.push(it.scope)
	defer func() { it.scope = old }()
	return it.exec(nodes)
}

// capture runs f and returns what it writes.
func (it *interp) capture(f func() error) (marked.Text, error) {
	old := it.out
	it.out = it.vm.Builder()
	defer func() { it.out = old }()
	if err := f(); err != nil {
		return marked.Text{}, err
	}
	return it.vm.Built(it.out)
}

// write appends a value to the output.
func (it *interp) write(v any) error {
	if err := it.vm.Write(it.out, v); err != nil {
		return err
	}
	return it.out.Err
}

// assign gives a target a value.
func (it *interp) assign(t *syntax.Target, v any) error {
	switch {
	case t.Tuple:
		return it.unpack(t, v)
	case t.Field == "":
		it.scope.set(t.Name, v)
		return nil
	case t.Field[0] == '_':
		return fmt.Errorf("field %s of a namespace: it must not begin with an underscore", t.Field)
	}
	ns, ok := it.lookup(t.Name).(*value.Namespace)
	if !ok {
		return fmt.Errorf("%s is not a namespace: its fields cannot be assigned", t.Name)
	}
	ns.SetText(marked.Plain(t.Field), v)
	return nil
}

// unpack gives each part of a tuple an item of v.
func (it *interp) unpack(t *syntax.Target, v any) error {
	items, err := it.vm.Items(v)
	if err != nil {
		return err
	}
	if len(items) != len(t.Parts) {
		return fmt.Errorf("unpack %d values into %d names", len(items), len(t.Parts))
	}
	for i := range t.Parts {
		if err := it.assign(&t.Parts[i], items[i]); err != nil {
			return err
		}
	}
	return nil
}
