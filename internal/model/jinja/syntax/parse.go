package syntax

import (
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/jinja/marked"
)

// parser turns tokens into statements and expressions by recursive descent.
type parser struct {
	tokens []token
	pos    int
	depth  int
	loops  int // around the statement being read, within its macro
	// uses has an entry for each macro around the statement being read.
	uses []*Special
}

func (p *parser) cur() token  { return p.tokens[p.pos] }
func (p *parser) here() Line  { return Line(p.tokens[p.pos].line) }
func (p *parser) look() token { return p.tokens[min(p.pos+1, len(p.tokens)-1)] }

// take returns the current token and moves on.
func (p *parser) take() token {
	t := p.tokens[p.pos]
	if t.kind != tEnd {
		p.pos++
	}
	return t
}

// fail is an error at the current line.
func (p *parser) fail(format string, a ...any) error {
	return At(p.cur().line, fmt.Errorf(format, a...))
}

// isOp and isName report what the current token is.
func (p *parser) isOp(s string) bool   { return p.cur().kind == tOp && p.cur().s == s }
func (p *parser) isName(s string) bool { return p.cur().kind == tName && p.cur().s == s }

// skipOp and skipName move over the token if it is the current one.
func (p *parser) skipOp(s string) bool {
	ok := p.isOp(s)
	if ok {
		p.pos++
	}
	return ok
}

func (p *parser) skipName(s string) bool {
	ok := p.isName(s)
	if ok {
		p.pos++
	}
	return ok
}

// wantOp moves over an operator that must be here.
func (p *parser) wantOp(s string) error {
	if !p.skipOp(s) {
		return p.fail("want %q, got %s", s, p.cur().describe())
	}
	return nil
}

// wantName moves over a name that must be here and returns it.
func (p *parser) wantName() (string, error) {
	if p.cur().kind != tName {
		return "", p.fail("want a name, got %s", p.cur().describe())
	}
	return p.take().s, nil
}

// want moves over a token of a kind that must be here.
func (p *parser) want(kind tokenKind) error {
	if p.cur().kind != kind {
		return p.fail("want %s, got %s", token{kind: kind}.describe(), p.cur().describe())
	}
	p.take()
	return nil
}

// enter counts one level of nesting; leave ends it.
func (p *parser) enter() error {
	p.depth++
	if p.depth > maxNesting {
		return p.fail("nested more than %d deep: %w", maxNesting, marked.ErrLimit)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// nodes reads statements up to the end of the template or a tag of one of the
// given names, over whose "{%" it moves.
func (p *parser) nodes(ends ...string) ([]Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var out []Node
	for {
		switch p.cur().kind {
		case tEnd:
			if len(ends) > 0 {
				return nil, p.fail("the template ends without %s", ends[len(ends)-1])
			}
			return out, nil
		case tData:
			out = append(out, &Output{p.here(), p.take().s})
		case tVarBegin:
			at := p.here()
			p.take()
			e, err := p.tuple(true)
			if err != nil {
				return nil, err
			}
			if err := p.want(tVarEnd); err != nil {
				return nil, err
			}
			out = append(out, &Show{at, []Expr{e}})
		default:
			p.take()
			if p.cur().kind == tName && slices.Contains(ends, p.cur().s) {
				return out, nil
			}
			n, err := p.statement()
			if err != nil {
				return nil, err
			}
			if err := p.want(tBlockEnd); err != nil {
				return nil, err
			}
			out = append(out, n)
		}
	}
}

// body reads the end of a tag and the statements up to a tag of one of the given
// names, whose name is the current token afterwards.
func (p *parser) body(ends ...string) ([]Node, error) {
	p.skipOp(":")
	if err := p.want(tBlockEnd); err != nil {
		return nil, err
	}
	return p.nodes(ends...)
}

// closed is body for one end, over whose name it moves.
func (p *parser) closed(end string) ([]Node, error) {
	body, err := p.body(end)
	p.skipName(end)
	return body, err
}

// statement reads the inside of a tag, up to its end or that of its body.
func (p *parser) statement() (Node, error) {
	at := p.here()
	tag, err := p.wantName()
	if err != nil {
		return nil, err
	}
	switch tag {
	case "if":
		return p.branch(at)
	case "for":
		return p.forLoop(at)
	case "set":
		return p.set(at)
	case "macro":
		return p.macro(at)
	case "call":
		return p.callBlock(at)
	case "filter":
		return p.filterBlock(at)
	case "with":
		return p.with(at)
	case "print":
		return p.print(at)
	case "generation":
		body, err := p.closed("endgeneration")
		return &Scoped{at, body}, err
	case "break", "continue":
		if p.loops == 0 {
			return nil, p.fail("%s outside a loop", tag)
		}
		return &Jump{at, tag == "break"}, nil
	case "include", "import", "from", "extends", "block", "autoescape", "do":
		return nil, p.fail("%s is not allowed in a chat template", tag)
	}
	return nil, p.fail("unknown tag %q", clip(tag))
}

// branch reads an if with its elifs and else.
func (p *parser) branch(at Line) (Node, error) {
	n := &If{Line: at}
	for {
		test, err := p.tuple(false)
		if err != nil {
			return nil, err
		}
		body, err := p.body("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		n.Tests, n.Bodies = append(n.Tests, test), append(n.Bodies, body)
		switch p.take().s {
		case "endif":
			return n, nil
		case "else":
			n.Others, err = p.closed("endif")
			return n, err
		}
	}
}

// forLoop reads a for.
func (p *parser) forLoop(at Line) (Node, error) {
	n := &For{Line: at}
	var err error
	if n.Target, err = p.target(false, "in"); err != nil {
		return nil, err
	}
	if !p.skipName("in") {
		return nil, p.fail("want in, got %s", p.cur().describe())
	}
	if n.Of, err = p.tuple(false, "recursive"); err != nil {
		return nil, err
	}
	if p.skipName("if") {
		if n.Only, err = p.expression(); err != nil {
			return nil, err
		}
	}
	n.Recursive = p.skipName("recursive")
	p.loops++
	n.Body, err = p.body("else", "endfor")
	p.loops--
	if err != nil {
		return nil, err
	}
	if p.take().s == "else" {
		n.Others, err = p.closed("endfor")
	}
	return n, err
}

// set reads a set, with a value or a body.
func (p *parser) set(at Line) (Node, error) {
	t, err := p.target(true)
	if err != nil {
		return nil, err
	}
	if p.skipOp("=") {
		v, err := p.tuple(true)
		return &Set{at, t, v}, err
	}
	n := &SetBlock{Line: at, Target: t}
	if n.Filter, err = p.filters(nil); err != nil {
		return nil, err
	}
	n.Body, err = p.closed("endset")
	return n, err
}

// macro reads a macro.
func (p *parser) macro(at Line) (Node, error) {
	n := &Macro{Line: at}
	var err error
	if n.Name, err = p.assignable(); err != nil {
		return nil, err
	}
	return n, p.macroRest(n, "endmacro")
}

// macroRest reads a macro's parameters and body.
func (p *parser) macroRest(n *Macro, end string) error {
	var err error
	if n.Signature, err = p.signature(); err != nil {
		return err
	}
	return p.macroBody(n, end)
}

// macroBody reads a macro's body and notes which special names it uses.
func (p *parser) macroBody(n *Macro, end string) error {
	p.uses = append(p.uses, &n.Uses)
	loops := p.loops
	p.loops = 0
	var err error
	n.Body, err = p.closed(end)
	p.loops = loops
	p.uses = p.uses[:len(p.uses)-1]
	return err
}

// signature reads parameters in parentheses.
func (p *parser) signature() (Signature, error) {
	var sig Signature
	if err := p.wantOp("("); err != nil {
		return sig, err
	}
	for !p.isOp(")") {
		if len(sig.Names) > 0 {
			if err := p.wantOp(","); err != nil {
				return sig, err
			}
		}
		name, err := p.assignable()
		if err != nil {
			return sig, err
		}
		sig.Names = append(sig.Names, name)
		if p.skipOp("=") {
			v, err := p.expression()
			if err != nil {
				return sig, err
			}
			sig.Defaults = append(sig.Defaults, v)
		} else if len(sig.Defaults) > 0 {
			return sig, p.fail("a parameter without a default follows one with it")
		}
	}
	return sig, p.wantOp(")")
}

// callBlock reads a call.
func (p *parser) callBlock(at Line) (Node, error) {
	caller := &Macro{Line: at, Name: "caller"}
	if p.isOp("(") {
		sig, err := p.signature()
		if err != nil {
			return nil, err
		}
		caller.Signature = sig
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	c, ok := e.(*Call)
	if !ok {
		return nil, p.fail("want a call of a macro")
	}
	return &CallBlock{at, c, caller}, p.macroBody(caller, "endcall")
}

// filterBlock reads a filter block.
func (p *parser) filterBlock(at Line) (Node, error) {
	f, err := p.oneFilter(nil)
	if err != nil {
		return nil, err
	}
	if f, err = p.filters(f); err != nil {
		return nil, err
	}
	body, err := p.closed("endfilter")
	return &FilterBlock{at, f, body}, err
}

// with reads a with.
func (p *parser) with(at Line) (Node, error) {
	n := &With{Line: at}
	for p.cur().kind != tBlockEnd {
		if len(n.Targets) > 0 {
			if err := p.wantOp(","); err != nil {
				return nil, err
			}
		}
		t, err := p.target(false)
		if err != nil {
			return nil, err
		}
		if err := p.wantOp("="); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.Targets, n.Values = append(n.Targets, t), append(n.Values, v)
	}
	var err error
	n.Body, err = p.closed("endwith")
	return n, err
}

// print reads a print.
func (p *parser) print(at Line) (Node, error) {
	n := &Show{Line: at}
	for p.cur().kind != tBlockEnd {
		if len(n.Parts) > 0 {
			if err := p.wantOp(","); err != nil {
				return nil, err
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.Parts = append(n.Parts, e)
	}
	return n, nil
}

// reserved names cannot be assigned to.
var reserved = []string{"true", "false", "none", "True", "False", "None"}

// assignable reads a name that can be assigned to.
func (p *parser) assignable() (string, error) {
	if p.cur().kind == tName && slices.Contains(reserved, p.cur().s) {
		return "", p.fail("%s cannot be assigned to", p.cur().s)
	}
	return p.wantName()
}

// target reads what is assigned to, which ends before the given name, and may
// be a field of a namespace if fields is set.
func (p *parser) target(fields bool, end ...string) (Target, error) {
	if err := p.enter(); err != nil {
		return Target{}, err
	}
	defer p.leave()
	var parts []Target
	comma := false
	for {
		if p.cur().kind == tBlockEnd || p.isOp(")") || p.cur().kind == tName && slices.Contains(end, p.cur().s) {
			break
		}
		t, err := p.oneTarget(fields)
		if err != nil {
			return Target{}, err
		}
		parts = append(parts, t)
		if !p.skipOp(",") {
			break
		}
		comma = true
	}
	switch {
	case comma:
		return Target{Parts: parts, Tuple: true}, nil
	case len(parts) == 0:
		return Target{}, p.fail("want something to assign to, got %s", p.cur().describe())
	}
	return parts[0], nil
}

// oneTarget reads one part of a target.
func (p *parser) oneTarget(fields bool) (Target, error) {
	if p.skipOp("(") {
		t, err := p.target(fields)
		if err != nil {
			return t, err
		}
		return t, p.wantOp(")")
	}
	name, err := p.assignable()
	if err != nil {
		return Target{}, err
	}
	t := Target{Name: name}
	if fields && p.skipOp(".") {
		t.Field, err = p.wantName()
	}
	return t, err
}
