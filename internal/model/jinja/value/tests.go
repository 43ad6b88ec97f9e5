package value

import (
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// comparisons are the tests that are operators.
func comparisonOf(name string) string {
	switch name {
	case "==", "eq", "equalto":
		return "=="
	case "!=", "ne":
		return "!="
	case ">", "gt", "greaterthan":
		return ">"
	case ">=", "ge":
		return ">="
	case "<", "lt", "lessthan":
		return "<"
	case "<=", "le":
		return "<="
	case "in":
		return "in"
	}
	return ""
}

// Test computes v is name(args).
func (vm *Machine) Test(name string, v any, a Args) (bool, error) {
	if op := comparisonOf(name); op != "" {
		p, err := a.Bind(name, "other")
		if err != nil {
			return false, err
		}
		return vm.Compare(op, v, p[0])
	}
	switch name {
	case "divisibleby":
		p, err := a.Bind(name, "num")
		if err != nil {
			return false, err
		}
		return vm.remainder(v, p[0], 0)
	case "sameas":
		p, err := a.Bind(name, "other")
		if err != nil {
			return false, err
		}
		return vm.same(v, p[0])
	}
	if _, err := a.Bind(name); err != nil {
		return false, err
	}
	switch name {
	case "odd":
		return vm.remainder(v, int64(2), 1)
	case "even":
		return vm.remainder(v, int64(2), 0)
	case "lower", "upper":
		t, err := vm.str(v)
		return marked.HasCase(t.S, name == "lower"), err
	case "filter":
		t, ok := v.(marked.Text)
		return ok && filterOf(t.S) != nil, nil
	case "test":
		t, ok := v.(marked.Text)
		return ok && isTest(t.S), nil
	}
	is, ok := typeTest(name, v)
	if !ok {
		return false, fmt.Errorf("no test named %q", marked.Plain(name).Shown())
	}
	return is, nil
}

// isTest reports whether there is a test of that name.
func isTest(name string) bool {
	switch name {
	case "odd", "even", "lower", "upper", "filter", "test", "divisibleby", "sameas":
		return true
	}
	if comparisonOf(name) != "" {
		return true
	}
	_, ok := typeTest(name, nil)
	return ok
}

// remainder reports whether v % n is want.
func (vm *Machine) remainder(v, n any, want int64) (bool, error) {
	r, err := vm.Binary("%", v, n)
	if err != nil {
		return false, err
	}
	return vm.equal(r, want, 0)
}

// same is Python's is. Numbers and texts, of which Python may or may not have
// two that are equal, are the same where they are equal and of one type.
func (vm *Machine) same(v, other any) (bool, error) {
	if typeName(v) != typeName(other) {
		return false, nil
	}
	switch v.(type) {
	case *Seq, *Dict, *iterator, *Undefined:
		return v == other, nil
	}
	return vm.equal(v, other, 0)
}

// typeTest computes the tests that look at nothing but the type or identity of
// v; ok is false where there is no such test.
func typeTest(name string, v any) (is, ok bool) {
	switch name {
	case "defined":
		_, no := v.(*Undefined)
		return !no, true
	case "undefined":
		_, is = v.(*Undefined)
	case "none":
		return v == nil, true
	case "boolean":
		_, is = v.(bool)
	case "true":
		return v == true, true
	case "false":
		return v == false, true
	case "integer":
		_, is = v.(int64)
	case "float":
		_, is = v.(float64)
	case "number":
		_, is = asFloat(v)
	case "string":
		_, is = v.(marked.Text)
	case "mapping":
		_, is = v.(*Dict)
	case "sequence":
		return isSequence(v), true
	case "iterable":
		_, generator := v.(*iterator)
		_, view := v.(*Seq)
		return generator || view || isSequence(v), true
	case "callable":
		switch v.(type) {
		case *Function, Object, *Undefined:
			is = true
		}
	case "escaped":
	default:
		return false, false
	}
	return is, true
}

// isSequence reports whether v has a length and items.
func isSequence(v any) bool {
	switch x := v.(type) {
	case marked.Text, *Dict, *Undefined:
		return true
	case *Seq:
		return x.Kind < Keys
	}
	return false
}

// length is Python's len(v).
func length(v any) (int64, error) {
	switch x := v.(type) {
	case *Undefined:
		return 0, nil
	case marked.Text:
		return int64(x.Length()), nil
	case *Seq:
		return int64(len(x.Items)), nil
	case *Dict:
		return int64(len(x.keys)), nil
	case Object:
		if x.Len() >= 0 {
			return int64(x.Len()), nil
		}
	case *iterator:
		return 0, errors.New("a generator has no length: make it a list first")
	}
	return 0, fmt.Errorf("%s has no length", typeName(v))
}
