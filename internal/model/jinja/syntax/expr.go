package syntax

import (
	"slices"
	"strings"
)

// The order in which operators bind, loosest first: if-else, or, and, not,
// comparisons and in, + and -, ~, * / // %, **, signs, then filters and is.

// expression reads one expression.
func (p *parser) expression() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	e, err := p.or()
	for err == nil && p.isName("if") {
		n := &Choice{Line: p.here(), A: e}
		p.take()
		if n.Test, err = p.or(); err != nil {
			return nil, err
		}
		if p.skipName("else") {
			n.B, err = p.expression()
		}
		e = n
	}
	return e, err
}

// tuple reads one expression or several with commas between, which are a tuple.
// choices says whether if-else may stand outside parentheses; a name in end ends
// the tuple.
func (p *parser) tuple(choices bool, end ...string) (Expr, error) {
	at := p.here()
	var items []Expr
	comma := false
	for !p.tupleEnd(end) {
		e, err := p.tupleItem(choices)
		if err != nil {
			return nil, err
		}
		items = append(items, e)
		if !p.skipOp(",") {
			break
		}
		comma = true
	}
	switch {
	case comma:
		return &Sequence{at, true, items}, nil
	case len(items) == 0:
		return nil, p.fail("want an expression, got %s", p.cur().describe())
	}
	return items[0], nil
}

// tupleEnd reports whether a tuple cannot go on here.
func (p *parser) tupleEnd(end []string) bool {
	k := p.cur().kind
	return k == tVarEnd || k == tBlockEnd || p.isOp(")") || k == tName && slices.Contains(end, p.cur().s)
}

// tupleItem reads one expression of a tuple.
func (p *parser) tupleItem(choices bool) (Expr, error) {
	if choices {
		return p.expression()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.or()
}

// or reads operands of or.
func (p *parser) or() (Expr, error) {
	e, err := p.and()
	for err == nil && p.isName("or") {
		n := &Logic{Line: p.here(), Op: "or", A: e}
		p.take()
		n.B, err = p.and()
		e = n
	}
	return e, err
}

// and reads operands of and.
func (p *parser) and() (Expr, error) {
	e, err := p.not()
	for err == nil && p.isName("and") {
		n := &Logic{Line: p.here(), Op: "and", A: e}
		p.take()
		n.B, err = p.not()
		e = n
	}
	return e, err
}

// not reads an operand of not.
func (p *parser) not() (Expr, error) {
	if !p.isName("not") {
		return p.comparison()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	n := &Unary{Line: p.here(), Op: "not"}
	p.take()
	var err error
	n.Of, err = p.not()
	return n, err
}

// comparison reads comparisons, of which several may stand in a row.
func (p *parser) comparison() (Expr, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	n := &Comparison{Line: p.here(), First: first}
	for {
		op := ""
		switch {
		case p.cur().kind == tOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, p.cur().s):
			op = p.take().s
		case p.skipName("in"):
			op = "in"
		case p.isName("not") && p.look().kind == tName && p.look().s == "in":
			p.take()
			p.take()
			op = "not in"
		case len(n.Ops) == 0:
			return first, nil
		default:
			return n, nil
		}
		e, err := p.sum()
		if err != nil {
			return nil, err
		}
		n.Ops, n.Rest = append(n.Ops, op), append(n.Rest, e)
	}
}

// chain reads operands with the given operators between them, from the left.
func (p *parser) chain(operand func() (Expr, error), ops ...string) (Expr, error) {
	e, err := operand()
	for err == nil && p.cur().kind == tOp && slices.Contains(ops, p.cur().s) {
		n := &Binary{Line: p.here(), Op: p.take().s, A: e}
		n.B, err = operand()
		e = n
	}
	return e, err
}

func (p *parser) sum() (Expr, error)     { return p.chain(p.concat, "+", "-") }
func (p *parser) product() (Expr, error) { return p.chain(p.power, "*", "/", "//", "%") }
func (p *parser) power() (Expr, error) {
	return p.chain(func() (Expr, error) { return p.unary(true) }, "**")
}

// concat reads operands of ~.
func (p *parser) concat() (Expr, error) {
	at := p.here()
	e, err := p.product()
	if err != nil || !p.isOp("~") {
		return e, err
	}
	n := &Concat{at, []Expr{e}}
	for p.skipOp("~") {
		if e, err = p.product(); err != nil {
			return nil, err
		}
		n.Parts = append(n.Parts, e)
	}
	return n, nil
}

// unary reads an operand with its signs, and with its filters and tests if
// filters is set: -1|abs is the filter of -1.
func (p *parser) unary(filters bool) (Expr, error) {
	var e Expr
	var err error
	if p.isOp("-") || p.isOp("+") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		n := &Unary{Line: p.here(), Op: p.take().s}
		n.Of, err = p.unary(false)
		p.leave()
		e = n
	} else {
		e, err = p.primary()
	}
	if err == nil {
		e, err = p.postfix(e)
	}
	if err == nil && filters {
		e, err = p.filterExpr(e)
	}
	return e, err
}

// primary reads a name, a literal or an expression in brackets.
func (p *parser) primary() (Expr, error) {
	at, t := p.here(), p.cur()
	switch {
	case t.kind == tName:
		p.take()
		return p.named(at, t.s), nil
	case t.kind == tString:
		var s strings.Builder
		for p.cur().kind == tString {
			s.WriteString(p.take().s)
		}
		return &Constant{at, s.String()}, nil
	case t.kind == tInt:
		p.take()
		return &Constant{at, t.int}, nil
	case t.kind == tFloat:
		p.take()
		return &Constant{at, t.float}, nil
	case p.skipOp("("):
		if p.skipOp(")") {
			return &Sequence{at, true, nil}, nil
		}
		e, err := p.tuple(true)
		if err != nil {
			return nil, err
		}
		return e, p.wantOp(")")
	case p.skipOp("["):
		items, err := p.list("]")
		return &Sequence{at, false, items}, err
	case p.skipOp("{"):
		return p.mapping(at)
	}
	return nil, p.fail("want an expression, got %s", t.describe())
}

// named is what a name stands for.
func (p *parser) named(at Line, s string) Expr {
	switch s {
	case "true", "True":
		return &Constant{at, true}
	case "false", "False":
		return &Constant{at, false}
	case "none", "None":
		return &Constant{at, nil}
	}
	for _, u := range p.uses {
		u.Caller = u.Caller || s == "caller"
		u.Kwargs = u.Kwargs || s == "kwargs"
		u.Varargs = u.Varargs || s == "varargs"
	}
	return &Name{at, s}
}

// list reads expressions with commas between up to an operator, and moves over it.
func (p *parser) list(end string) ([]Expr, error) {
	var items []Expr
	for !p.isOp(end) {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
		if !p.skipOp(",") {
			break
		}
	}
	return items, p.wantOp(end)
}

// mapping reads a mapping behind its "{".
func (p *parser) mapping(at Line) (Expr, error) {
	n := &Mapping{Line: at}
	for !p.isOp("}") {
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.wantOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.Keys, n.Values = append(n.Keys, k), append(n.Values, v)
		if !p.skipOp(",") {
			break
		}
	}
	return n, p.wantOp("}")
}

// postfix reads attributes, items and calls behind e.
func (p *parser) postfix(e Expr) (Expr, error) {
	for {
		at := p.here()
		var err error
		switch {
		case p.skipOp("."):
			switch t := p.take(); t.kind {
			case tName:
				e = &Attribute{at, e, t.s}
			case tInt:
				e = &Item{at, e, &Constant{at, t.int}}
			default:
				err = p.fail("want a name or a number after the dot, got %s", t.describe())
			}
		case p.skipOp("["):
			e, err = p.subscript(at, e)
		case p.isOp("("):
			e, err = p.call(e)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// subscript reads an index or a slice behind "[".
func (p *parser) subscript(at Line, of Expr) (Expr, error) {
	n := &Slice{Line: at, Of: of}
	var err error
	if !p.isOp(":") {
		if n.From, err = p.expression(); err != nil {
			return nil, err
		}
		if p.skipOp("]") {
			return &Item{at, of, n.From}, nil
		}
	}
	if err := p.wantOp(":"); err != nil {
		return nil, err
	}
	if !p.isOp("]") && !p.isOp(":") {
		if n.To, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.skipOp(":") && !p.isOp("]") {
		if n.Step, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return n, p.wantOp("]")
}

// call reads the arguments of a call of e.
func (p *parser) call(e Expr) (Expr, error) {
	n := &Call{Line: p.here(), Of: e}
	var err error
	n.Args, err = p.callArgs()
	return n, err
}

// callArgs reads arguments in parentheses.
func (p *parser) callArgs() (CallArgs, error) {
	var a CallArgs
	if err := p.wantOp("("); err != nil {
		return a, err
	}
	for !p.isOp(")") {
		if err := p.callArg(&a); err != nil {
			return a, err
		}
		if !p.skipOp(",") {
			break
		}
	}
	return a, p.wantOp(")")
}

// callArg reads one argument.
func (p *parser) callArg(a *CallArgs) error {
	var err error
	switch {
	case a.Star2 != nil:
		return p.fail("an argument after **")
	case p.skipOp("**"):
		a.Star2, err = p.expression()
	case p.isOp("*"):
		if a.Star != nil {
			return p.fail("* twice in one call")
		}
		p.take()
		a.Star, err = p.expression()
	case p.cur().kind == tName && p.look().kind == tOp && p.look().s == "=":
		name := p.take().s
		p.take()
		var v Expr
		v, err = p.expression()
		a.Names, a.Named = append(a.Names, name), append(a.Named, v)
	case len(a.Names) > 0 || a.Star != nil:
		return p.fail("a positional argument after a named one")
	default:
		var v Expr
		v, err = p.expression()
		a.Pos = append(a.Pos, v)
	}
	return err
}

// filterExpr reads filters, tests and calls behind e.
func (p *parser) filterExpr(e Expr) (Expr, error) {
	for {
		var err error
		switch {
		case p.isOp("|"):
			e, err = p.filters(e)
		case p.isName("is"):
			e, err = p.test(e)
		case p.isOp("("):
			e, err = p.call(e)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// filters reads the filters behind e, each with its "|".
func (p *parser) filters(e Expr) (Expr, error) {
	for p.skipOp("|") {
		var err error
		if e, err = p.oneFilter(e); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// oneFilter reads the name and the arguments of a filter of e.
func (p *parser) oneFilter(e Expr) (Expr, error) {
	n := &Filter{Line: p.here(), Of: e}
	var err error
	if n.Name, err = p.wantName(); err != nil {
		return nil, err
	}
	if p.isOp("(") {
		n.Args, err = p.callArgs()
	}
	return n, err
}

// test reads a test behind "is".
func (p *parser) test(e Expr) (Expr, error) {
	n := &Test{Line: p.here(), Of: e}
	p.take()
	negated := p.skipName("not")
	var err error
	if n.Name, err = p.wantName(); err != nil {
		return nil, err
	}
	switch t := p.cur(); {
	case p.isOp("("):
		n.Args, err = p.callArgs()
	case p.isName("is"):
		err = p.fail("is twice in a row")
	case p.isName("else") || p.isName("or") || p.isName("and"):
	case t.kind == tName || t.kind == tString || t.kind == tInt || t.kind == tFloat || p.isOp("[") || p.isOp("{"):
		var arg Expr
		if arg, err = p.primary(); err == nil {
			arg, err = p.postfix(arg)
		}
		n.Args.Pos = []Expr{arg}
	}
	if err != nil || !negated {
		return n, err
	}
	return &Unary{Line: n.Line, Op: "not", Of: n}, nil
}
