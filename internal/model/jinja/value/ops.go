package value

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
	"github.com/casemate-ai/casemate/internal/model/jinja/number"
)

// Binary computes a op b for the arithmetic operators.
func (vm *Machine) Binary(op string, a, b any) (any, error) {
	if err := Used(a, b); err != nil {
		return nil, err
	}
	if t, ok := a.(marked.Text); ok {
		return vm.textBinary(op, t, b)
	}
	if s, ok := a.(*Seq); ok && (s.Kind == List || s.Kind == Tuple) {
		return vm.seqBinary(op, s, b)
	}
	if op == "*" {
		switch b.(type) {
		case marked.Text, *Seq:
			if _, ok := asInt(a); ok {
				return vm.Binary(op, b, a)
			}
		}
	}
	x, ok1 := asInt(a)
	y, ok2 := asInt(b)
	if ok1 && ok2 && op != "/" && (op != "**" || y >= 0) {
		return number.Int(op, x, y)
	}
	f, ok1 := asFloat(a)
	g, ok2 := asFloat(b)
	if !ok1 || !ok2 {
		return nil, badOperands(op, a, b)
	}
	return number.Float(op, f, g)
}

// badOperands is the fault of operands that do not go together.
func badOperands(op string, a, b any) error {
	return fmt.Errorf("operands of %s are %s and %s", op, typeName(a), typeName(b))
}

// Used returns the error of the first value that is undefined.
func Used(vs ...any) error {
	for _, v := range vs {
		if u, ok := v.(*Undefined); ok {
			return errors.New(u.Message)
		}
	}
	return nil
}

// textBinary is binary for a text on the left.
func (vm *Machine) textBinary(op string, t marked.Text, b any) (any, error) {
	switch op {
	case "+":
		if u, ok := b.(marked.Text); ok {
			return vm.concat(t, u)
		}
	case "*":
		if n, ok := asInt(b); ok {
			return vm.repeat(t, n)
		}
	case "%":
		if s, ok := b.(*Seq); ok && s.Kind == Tuple {
			return vm.percent(t, s.Items, nil)
		}
		switch x := b.(type) {
		case *Dict:
			return vm.percent(t, []any{b}, x)
		case *Seq: // which Python takes for a mapping without keys
			return vm.percent(t, []any{b}, &Dict{})
		}
		return vm.percent(t, []any{b}, nil)
	}
	return nil, badOperands(op, t, b)
}

// concat joins two texts.
func (vm *Machine) concat(t, u marked.Text) (marked.Text, error) {
	b := vm.Builder()
	b.AddText(t)
	b.AddText(u)
	return vm.Built(b)
}

// repeat is t written n times.
func (vm *Machine) repeat(t marked.Text, n int64) (marked.Text, error) {
	if n <= 0 || t.S == "" {
		return marked.Text{}, nil
	}
	if n > int64(vm.limits.Output) || int64(len(t.S))*n > int64(vm.limits.Output) {
		return marked.Text{}, fmt.Errorf("more than %d bytes of text: %w", vm.limits.Output, marked.ErrLimit)
	}
	b := vm.Builder()
	for ; n > 0; n-- {
		b.AddText(t)
	}
	return vm.Built(b)
}

// spaces is n spaces.
func (vm *Machine) spaces(n int64) (marked.Text, error) { return vm.repeat(marked.Plain(" "), n) }

// seqBinary is binary for a list or tuple on the left.
func (vm *Machine) seqBinary(op string, s *Seq, b any) (any, error) {
	switch op {
	case "+":
		if u, ok := b.(*Seq); ok && u.Kind == s.Kind {
			if err := vm.Charge(len(s.Items) + len(u.Items)); err != nil {
				return nil, err
			}
			items := make([]any, 0, len(s.Items)+len(u.Items))
			return &Seq{Kind: s.Kind, Items: append(append(items, s.Items...), u.Items...)}, nil
		}
	case "*":
		n, ok := asInt(b)
		if !ok {
			break
		}
		out := &Seq{Kind: s.Kind}
		for ; n > 0 && len(s.Items) > 0; n-- {
			if err := vm.Charge(len(s.Items)); err != nil {
				return nil, err
			}
			out.Items = append(out.Items, s.Items...)
		}
		return out, nil
	}
	return nil, badOperands(op, s, b)
}

// Negate is -v.
func Negate(v any) (any, error) {
	if err := Used(v); err != nil {
		return nil, err
	}
	if f, ok := v.(float64); ok {
		return -f, nil
	}
	if n, ok := asInt(v); ok {
		return number.Int("-", 0, n)
	}
	return nil, fmt.Errorf("operand of - is %s", typeName(v))
}

// Positive is +v.
func Positive(v any) (any, error) {
	if err := Used(v); err != nil {
		return nil, err
	}
	if f, ok := v.(float64); ok {
		return f, nil
	}
	if n, ok := asInt(v); ok {
		return n, nil
	}
	return nil, fmt.Errorf("operand of + is %s", typeName(v))
}

// Compare computes a op b for the operators of comparison.
func (vm *Machine) Compare(op string, a, b any) (bool, error) {
	switch op {
	case "==", "!=":
		eq, err := vm.equal(a, b, 0)
		return eq == (op == "=="), err
	case "in", "not in":
		in, err := vm.contains(b, a)
		return in == (op == "in"), err
	case ">":
		return vm.less(b, a)
	case "<":
		return vm.less(a, b)
	}
	c, ordered, err := vm.order(a, b, 0)
	if op == ">=" {
		c = -c
	}
	return ordered && c <= 0, err
}

// equal is Python's ==.
func (vm *Machine) equal(a, b any, depth int) (bool, error) {
	if err := vm.visit(depth); err != nil {
		return false, err
	}
	switch x := a.(type) {
	case marked.Text:
		y, ok := b.(marked.Text)
		return ok && x.S == y.S, vm.Charge(len(x.S) / 64)
	case *Undefined:
		_, ok := b.(*Undefined)
		return ok, nil
	case *Seq:
		y, ok := b.(*Seq)
		if !ok || x.Kind != y.Kind || len(x.Items) != len(y.Items) {
			return false, nil
		}
		for i := range x.Items {
			if eq, err := vm.equal(x.Items[i], y.Items[i], depth+1); err != nil || !eq {
				return false, err
			}
		}
		return true, nil
	case *Dict:
		return vm.equalDicts(x, b, depth)
	}
	if x, ok := asInt(a); ok {
		if y, ok := asInt(b); ok {
			return x == y, nil
		}
	}
	if x, ok := asFloat(a); ok {
		y, ok := asFloat(b)
		return ok && x == y, nil
	}
	return a == b, nil
}

// equalDicts compares mappings without regard to their order.
func (vm *Machine) equalDicts(x *Dict, b any, depth int) (bool, error) {
	y, ok := b.(*Dict)
	if !ok || len(x.keys) != len(y.keys) {
		return false, nil
	}
	for i, k := range x.keys {
		h, err := vm.hash(k, depth+1)
		if err != nil {
			return false, err
		}
		v, ok := y.get(h)
		if !ok {
			return false, nil
		}
		if eq, err := vm.equal(x.values[i], v, depth+1); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// less is Python's a < b.
func (vm *Machine) less(a, b any) (bool, error) {
	c, ordered, err := vm.order(a, b, 0)
	return ordered && c < 0, err
}

// order is negative if a comes before b and positive if after; ordered is false
// where one is not a number.
func (vm *Machine) order(a, b any, depth int) (c int, ordered bool, err error) {
	if err := Used(a, b); err != nil {
		return 0, false, err
	}
	if err := vm.visit(depth); err != nil {
		return 0, false, err
	}
	x, ok1 := asInt(a)
	y, ok2 := asInt(b)
	if ok1 && ok2 {
		return sign(x < y, x > y), true, nil
	}
	f, ok1 := asFloat(a)
	g, ok2 := asFloat(b)
	if ok1 && ok2 {
		return sign(f < g, f > g), f == f && g == g, nil
	}
	t, ok1 := a.(marked.Text)
	u, ok2 := b.(marked.Text)
	if ok1 && ok2 {
		return strings.Compare(t.S, u.S), true, vm.Charge(min(len(t.S), len(u.S)) / 64)
	}
	s, ok1 := a.(*Seq)
	r, ok2 := b.(*Seq)
	if !ok1 || !ok2 || s.Kind != r.Kind || s.Kind > Tuple {
		return 0, false, fmt.Errorf("%s and %s have no order", typeName(a), typeName(b))
	}
	for i := range min(len(s.Items), len(r.Items)) {
		eq, err := vm.equal(s.Items[i], r.Items[i], depth+1)
		if err != nil {
			return 0, false, err
		}
		if !eq {
			return vm.order(s.Items[i], r.Items[i], depth+1)
		}
	}
	return sign(len(s.Items) < len(r.Items), len(s.Items) > len(r.Items)), true, nil
}

// sign is -1, 0 or 1.
func sign(less, more bool) int {
	switch {
	case less:
		return -1
	case more:
		return 1
	}
	return 0
}

// contains is Python's v in box.
func (vm *Machine) contains(box, v any) (bool, error) {
	switch x := box.(type) {
	case *Undefined:
		return false, nil
	case marked.Text:
		t, ok := v.(marked.Text)
		if !ok {
			if err := Used(v); err != nil {
				return false, err
			}
			return false, fmt.Errorf("%s in str: the left operand must be a str", typeName(v))
		}
		return strings.Contains(x.S, t.S), vm.Charge(len(x.S) / 16)
	case *Dict:
		h, err := vm.hash(v, 0)
		if err != nil {
			return false, err
		}
		_, ok := x.get(h)
		return ok, nil
	case *iterator:
		for x.pos < len(x.Items) {
			x.pos++
			if eq, err := vm.equal(v, x.Items[x.pos-1], 0); err != nil || eq {
				return eq, err
			}
		}
		return false, nil
	case *Seq:
		for _, e := range x.Items {
			if eq, err := vm.equal(v, e, 0); err != nil || eq {
				return eq, err
			}
		}
		return false, nil
	}
	return false, fmt.Errorf("%s is no container", typeName(box))
}
