package jinja

import (
	"errors"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/syntax"
	"github.com/casemate-ai/casemate/internal/model/jinja/value"
)

// control is how a statement ends.
type control uint8

const (
	goOn control = iota
	breakLoop
	continueLoop
)

// run runs one statement. Those whose body may jump out of a loop come first.
func (it *interp) run(n syntax.Node) (control, error) {
	switch n := n.(type) {
	case *syntax.If:
		return it.runIf(n)
	case *syntax.With:
		return it.runWith(n)
	case *syntax.Scoped:
		return it.within(n.Body)
	case *syntax.Jump:
		if n.Break {
			return breakLoop, nil
		}
		return continueLoop, nil
	}
	return goOn, it.runPlain(n)
}

// runPlain runs a statement that does not jump.
func (it *interp) runPlain(n syntax.Node) error {
	switch n := n.(type) {
	case *syntax.Output:
		it.out.Add(n.Text, false)
		if it.out.Err != nil {
			return it.out.Err
		}
		return it.vm.Charge(len(n.Text) / 8)
	case *syntax.Show:
		return it.show(n.Parts)
	case *syntax.For:
		v, err := it.eval(n.Of)
		if err != nil {
			return err
		}
		return it.loop(n, v, 0)
	case *syntax.Set:
		v, err := it.eval(n.Value)
		if err != nil {
			return err
		}
		return it.assign(&n.Target, v)
	case *syntax.SetBlock:
		v, err := it.filtered(n.Filter, n.Body)
		if err != nil {
			return err
		}
		return it.assign(&n.Target, v)
	case *syntax.FilterBlock:
		v, err := it.filtered(n.Filter, n.Body)
		if err != nil {
			return err
		}
		return it.write(v)
	case *syntax.Macro:
		it.scope.set(n.Name, &macro{Macro: n, it: it, scope: it.scope})
		return nil
	case *syntax.CallBlock:
		return it.callBlock(n)
	}
	return errors.New("this statement is not supported")
}

// show writes expressions.
func (it *interp) show(parts []syntax.Expr) error {
	for _, e := range parts {
		v, err := it.eval(e)
		if err != nil {
			return err
		}
		if err := it.write(v); err != nil {
			return err
		}
	}
	return nil
}

// runIf runs the first body whose test holds.
func (it *interp) runIf(n *syntax.If) (control, error) {
	for i, test := range n.Tests {
		v, err := it.eval(test)
		if err != nil {
			return goOn, err
		}
		if value.Truth(v) {
			return it.exec(n.Bodies[i])
		}
	}
	return it.exec(n.Others)
}

// runWith runs a body with variables of its own, all computed before any is set.
func (it *interp) runWith(n *syntax.With) (control, error) {
	values, err := it.evalAll(n.Values)
	if err != nil {
		return goOn, err
	}
	old := it.push(it.scope)
	defer func() { it.scope = old }()
	for i, v := range values {
		if err := it.assign(&n.Targets[i], v); err != nil {
			return goOn, err
		}
	}
	return it.exec(n.Body)
}

// filtered returns what a body writes, through a chain of filters if f is one.
func (it *interp) filtered(f syntax.Expr, body []syntax.Node) (any, error) {
	t, err := it.capture(func() error {
		_, err := it.within(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return it.through(f, t)
}

// through sends v through a chain of filters, of which the innermost has nothing
// of its own to filter.
func (it *interp) through(f syntax.Expr, v any) (any, error) {
	var chain []*syntax.Filter
	for f != nil {
		n, ok := f.(*syntax.Filter)
		if !ok {
			return nil, errors.New("a block takes filters alone")
		}
		chain = append(chain, n)
		f = n.Of
	}
	for i := len(chain) - 1; i >= 0; i-- {
		var err error
		if v, err = it.filter(chain[i], v); err != nil {
			return nil, syntax.At(chain[i].At(), err)
		}
	}
	return v, nil
}

// callBlock calls a macro with its body as caller.
func (it *interp) callBlock(n *syntax.CallBlock) error {
	f, err := it.eval(n.Call.Of)
	if err != nil {
		return err
	}
	a, err := it.args(&n.Call.Args)
	if err != nil {
		return err
	}
	a.Names = append(a.Names, "caller")
	a.Named = append(a.Named, &macro{Macro: n.Caller, it: it, scope: it.scope})
	v, err := it.vm.Call(f, a)
	if err != nil {
		return err
	}
	return it.write(v)
}

// loop runs a loop over the items of v. depth is how many runs of the same
// recursive loop are around it.
func (it *interp) loop(n *syntax.For, v any, depth int) error {
	items, err := it.vm.Items(v)
	if err != nil {
		return err
	}
	outer := it.scope
	defer func() { it.scope = outer }()
	if n.Only != nil {
		if items, err = it.only(n, items); err != nil {
			return err
		}
	}
	l := &loop{node: n, it: it, items: items, depth: depth, scope: outer}
	for l.at = range items {
		it.push(outer)
		it.scope.set("loop", l)
		if err := it.assign(&n.Target, items[l.at]); err != nil {
			return err
		}
		c, err := it.exec(n.Body)
		if err != nil {
			return err
		}
		if c == breakLoop {
			break
		}
	}
	it.scope = outer
	if len(items) > 0 {
		return nil
	}
	_, err = it.within(n.Others)
	return err
}

// only returns the items for which a loop's if holds. It sees the loop's target
// and not the loop.
func (it *interp) only(n *syntax.For, items []any) ([]any, error) {
	var out []any
	outer := it.scope
	defer func() { it.scope = outer }()
	for _, item := range items {
		it.push(outer)
		it.scope.set("loop", &value.Undefined{Message: "a loop's if cannot use the loop"})
		if err := it.assign(&n.Target, item); err != nil {
			return nil, err
		}
		v, err := it.eval(n.Only)
		if err != nil {
			return nil, err
		}
		if value.Truth(v) {
			out = append(out, item)
		}
	}
	return out, nil
}

// loop is the variable loop of a running loop.
type loop struct {
	node    *syntax.For
	it      *interp
	items   []any
	at      int
	depth   int // from 0
	scope   *scope
	changed any // what changed was given last; nil before
}

// TypeName is Python's name for the type.
func (l *loop) TypeName() string { return "LoopContext" }

// Len is how many items the loop has.
func (l *loop) Len() int { return len(l.items) }

// Attribute returns a field of loop.
func (l *loop) Attribute(name string) (any, bool) {
	i, n := int64(l.at), int64(len(l.items))
	switch name {
	case "index":
		return i + 1, true
	case "index0":
		return i, true
	case "revindex":
		return n - i, true
	case "revindex0":
		return n - i - 1, true
	case "first":
		return i == 0, true
	case "last":
		return i == n-1, true
	case "length":
		return n, true
	case "depth":
		return int64(l.depth + 1), true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if i == 0 {
			return &value.Undefined{Message: "there is no previous item"}, true
		}
		return l.items[i-1], true
	case "nextitem":
		if i == n-1 {
			return &value.Undefined{Message: "there is no next item"}, true
		}
		return l.items[i+1], true
	case "cycle":
		return &value.Function{Name: name, Call: l.cycle}, true
	case "changed":
		return &value.Function{Name: name, Call: l.hasChanged}, true
	}
	return nil, false
}

// cycle returns the argument whose turn it is.
func (l *loop) cycle(_ *value.Machine, a value.Args) (any, error) {
	if len(a.Pos) == 0 {
		return nil, errors.New("cycle without arguments")
	}
	return a.Pos[l.at%len(a.Pos)], nil
}

// hasChanged reports whether its arguments differ from those of the last call.
func (l *loop) hasChanged(vm *value.Machine, a value.Args) (any, error) {
	now := &value.Seq{Kind: value.Tuple, Items: a.Pos}
	same, err := vm.Compare("==", l.changed, now)
	l.changed = now
	return !same, err
}

// Call runs the loop's body over other items and returns what it writes.
func (l *loop) Call(vm *value.Machine, a value.Args) (any, error) {
	if !l.node.Recursive {
		return nil, errors.New("the loop is called but not marked recursive")
	}
	p, err := a.Bind("loop", "iterable")
	if err != nil {
		return nil, err
	}
	end, err := vm.Nested()
	if err != nil {
		return nil, err
	}
	defer end()
	old := l.it.scope
	l.it.scope = l.scope
	defer func() { l.it.scope = old }()
	return l.text(p[0])
}

// text is what the loop's body writes over the items of v.
func (l *loop) text(v any) (marked.Text, error) {
	return l.it.capture(func() error { return l.it.loop(l.node, v, l.depth+1) })
}
