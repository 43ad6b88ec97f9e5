package jinja

import (
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/syntax"
	"github.com/casemate-ai/casemate/internal/model/jinja/value"
)

// compute is eval without its account. Each kind of expression has a case; those
// that need more than one call have a method.
func (it *interp) compute(e syntax.Expr) (any, error) {
	switch n := e.(type) {
	case *syntax.Constant:
		if s, ok := n.Value.(string); ok {
			return marked.Plain(s), nil
		}
		return n.Value, nil
	case *syntax.Name:
		return it.lookup(n.Name), nil
	case *syntax.Sequence:
		items, err := it.evalAll(n.Items)
		if n.Tuple {
			return &value.Seq{Kind: value.Tuple, Items: items}, err
		}
		return &value.Seq{Items: items}, err
	case *syntax.Mapping:
		return it.mapping(n)
	case *syntax.Attribute:
		v, err := it.eval(n.Of)
		if err != nil {
			return nil, err
		}
		return it.vm.Attribute(v, marked.Plain(n.Name))
	case *syntax.Item:
		v, err := it.evalAll([]syntax.Expr{n.Of, n.Key})
		if err != nil {
			return nil, err
		}
		return it.vm.Item(v[0], v[1])
	case *syntax.Slice:
		v, err := it.evalAll([]syntax.Expr{n.Of, n.From, n.To, n.Step})
		if err != nil {
			return nil, err
		}
		return it.vm.Slice(v[0], [3]any(v[1:]))
	case *syntax.Binary:
		v, err := it.evalAll([]syntax.Expr{n.A, n.B})
		if err != nil {
			return nil, err
		}
		return it.vm.Binary(n.Op, v[0], v[1])
	}
	return it.computeMore(e)
}

// computeMore is compute for the rest of the expressions.
func (it *interp) computeMore(e syntax.Expr) (any, error) {
	switch n := e.(type) {
	case *syntax.Call:
		f, err := it.eval(n.Of)
		if err != nil {
			return nil, err
		}
		a, err := it.args(&n.Args)
		if err != nil {
			return nil, err
		}
		return it.vm.Call(f, a)
	case *syntax.Filter:
		v, err := it.eval(n.Of)
		if err != nil {
			return nil, err
		}
		return it.filter(n, v)
	case *syntax.Test:
		v, err := it.eval(n.Of)
		if err != nil {
			return nil, err
		}
		a, err := it.args(&n.Args)
		if err != nil {
			return nil, err
		}
		return it.vm.Test(n.Name, v, a)
	case *syntax.Unary:
		return it.unary(n)
	case *syntax.Logic:
		v, err := it.eval(n.A)
		if err != nil || value.Truth(v) == (n.Op == "or") {
			return v, err
		}
		return it.eval(n.B)
	case *syntax.Concat:
		return it.concat(n)
	case *syntax.Comparison:
		return it.comparison(n)
	case *syntax.Choice:
		return it.choice(n)
	}
	return nil, errors.New("this expression is not supported")
}

// evalAll computes expressions in order; one that is nil gives nil.
func (it *interp) evalAll(es []syntax.Expr) ([]any, error) {
	out := make([]any, len(es))
	for i, e := range es {
		if e == nil {
			continue
		}
		v, err := it.eval(e)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// mapping makes a mapping.
func (it *interp) mapping(n *syntax.Mapping) (any, error) {
	d := &value.Dict{}
	for i := range n.Keys {
		kv, err := it.evalAll([]syntax.Expr{n.Keys[i], n.Values[i]})
		if err != nil {
			return nil, err
		}
		if err := it.vm.Set(d, kv[0], kv[1]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// args computes the arguments of a call.
func (it *interp) args(c *syntax.CallArgs) (value.Args, error) {
	var a value.Args
	var err error
	if a.Pos, err = it.evalAll(c.Pos); err != nil {
		return a, err
	}
	if c.Star != nil {
		v, err := it.eval(c.Star)
		if err != nil {
			return a, err
		}
		more, err := it.vm.Items(v)
		if err != nil {
			return a, err
		}
		a.Pos = append(a.Pos, more...)
	}
	if a.Named, err = it.evalAll(c.Named); err != nil {
		return a, err
	}
	a.Names = append(a.Names, c.Names...)
	if c.Star2 == nil {
		return a, nil
	}
	v, err := it.eval(c.Star2)
	if err != nil {
		return a, err
	}
	return a, it.vm.Spread(&a, v)
}

// filter computes the filter n of v.
func (it *interp) filter(n *syntax.Filter, v any) (any, error) {
	a, err := it.args(&n.Args)
	if err != nil {
		return nil, err
	}
	return it.vm.Filter(n.Name, v, a)
}

// unary computes not and the signs.
func (it *interp) unary(n *syntax.Unary) (any, error) {
	v, err := it.eval(n.Of)
	if err != nil {
		return nil, err
	}
	switch n.Op {
	case "not":
		return !value.Truth(v), nil
	case "-":
		return value.Negate(v)
	}
	return value.Positive(v)
}

// concat joins what its parts print.
func (it *interp) concat(n *syntax.Concat) (any, error) {
	parts, err := it.evalAll(n.Parts)
	if err != nil {
		return nil, err
	}
	b := it.vm.Builder()
	for _, p := range parts {
		if err := it.vm.Write(b, p); err != nil {
			return nil, err
		}
	}
	return it.vm.Built(b)
}

// comparison compares neighbours up to the first that fails.
func (it *interp) comparison(n *syntax.Comparison) (any, error) {
	a, err := it.eval(n.First)
	if err != nil {
		return nil, err
	}
	for i, op := range n.Ops {
		b, err := it.eval(n.Rest[i])
		if err != nil {
			return nil, err
		}
		ok, err := it.vm.Compare(op, a, b)
		if err != nil || !ok {
			return false, err
		}
		a = b
	}
	return true, nil
}

// choice computes one of two expressions.
func (it *interp) choice(n *syntax.Choice) (any, error) {
	v, err := it.eval(n.Test)
	if err != nil {
		return nil, err
	}
	if value.Truth(v) {
		return it.eval(n.A)
	}
	if n.B == nil {
		return &value.Undefined{Message: fmt.Sprintf("the if without else on line %d does not hold", n.At())}, nil
	}
	return it.eval(n.B)
}
