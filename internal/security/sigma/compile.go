package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
)

// Engine is a compiled set of rules. It may be used by many goroutines; each
// needs its own Matcher.
type Engine struct {
	rules    []*compiled // detections
	refused  []Refusal
	mappings []Mapping

	atoms   []*atom
	names   map[string]int32 // field names, folded and as rules write them, to ids
	fields  int              // number of field ids
	sources []casemate.Logsource

	relations []*relation    // correlations, those that feed others first
	carried   map[string]int // folded names of the fields that they read, to places

	mu    sync.Mutex
	plans map[string]*plan
}

// compiled is a detection ready to be matched.
type compiled struct {
	rule      *Rule
	expr      *expr
	source    int    // in Engine.sources
	feeds     []feed // correlations that take its matches
	alone     bool   // whether it is reported besides
	generated bool   // whether one of them asks for that
}

// Compile makes an engine of rules. Rules that cannot be run are in
// Engine.Refused; an error means that nothing can.
func Compile(rules []*Rule, opt Options) (*Engine, error) {
	if len(rules) > MaxRules {
		return nil, fmt.Errorf("compile rules: %d rules, limit %d", len(rules), MaxRules)
	}
	e := &Engine{names: map[string]int32{}, carried: map[string]int{}, plans: map[string]*plan{}}
	for _, m := range opt.Logsources {
		e.mappings = append(e.mappings, Mapping{From: lowerLog(m.From), To: lowerLog(m.To)})
	}
	rules, e.refused = unique(rules, nil)
	b := &builder{placeholders: opt.Placeholders}
	all := make([]*compiled, len(rules))
	errs := make([]error, len(rules))
	parallel(len(rules), func(i int) {
		switch rules[i].kind {
		case detectionRule:
			all[i], errs[i] = b.detection(rules[i])
		case filterRule:
			all[i], errs[i] = b.filter(rules[i])
		}
	})
	var filters []*compiled
	var relating []*Rule
	for i, r := range rules {
		switch {
		case errs[i] != nil:
			e.refuse(r, errs[i])
		case r.kind == correlationRule:
			relating = append(relating, r)
		case r.kind == filterRule:
			filters = append(filters, all[i])
		default:
			e.rules = append(e.rules, all[i])
		}
	}
	for _, f := range filters {
		e.apply(f)
	}
	e.relate(relating)
	e.intern()
	return e, nil
}

// Refused returns the rules that cannot be run, with the reasons.
func (e *Engine) Refused() []Refusal { return e.refused }

// Rules returns the detections and correlations that run.
func (e *Engine) Rules() []*Rule {
	out := make([]*Rule, 0, len(e.rules)+len(e.relations))
	for _, c := range e.rules {
		out = append(out, c.rule)
	}
	for _, r := range e.relations {
		out = append(out, r.rule)
	}
	return out
}

func (e *Engine) refuse(r *Rule, err error) {
	e.refused = append(e.refused, r.refuse(err.Error()))
}

// detection compiles a detection rule.
func (b *builder) detection(r *Rule) (*compiled, error) {
	names, exprs, err := b.searches(r.body, "condition", "timeframe")
	if err != nil {
		return nil, err
	}
	e, err := conditions(r.body, names, exprs)
	if err != nil {
		return nil, err
	}
	return &compiled{rule: r, expr: e, alone: true}, nil
}

// conditions compiles a condition, or a list of which any may hold.
func conditions(body *node, names []string, exprs map[string]*expr) (*expr, error) {
	list := []*node{body.get("condition")}
	if list[0] != nil && list[0].kind == listNode {
		list = list[0].kids
	}
	if len(list) == 0 || list[0] == nil {
		return nil, errors.New("no condition")
	}
	kids := make([]*expr, len(list))
	for i, c := range list {
		if c.kind != stringNode {
			return nil, fmt.Errorf("condition is %s, not a string", c.kind)
		}
		var err error
		if kids[i], err = parseCondition(c.text, names, exprs); err != nil {
			return nil, err
		}
	}
	return anyOf(kids...), nil
}

// filter compiles a filter into what a rule must fulfil besides its own
// condition. The specification's example names the events to suppress
// ("selection"), the reference implementation the events to keep ("not
// selection"). Both are taken as meant; a condition that is neither is
// refused, because the wrong guess would hide what a rule is there to find.
func (b *builder) filter(r *Rule) (*compiled, error) {
	names, exprs, err := b.searches(r.body, "condition", "rules")
	if err != nil {
		return nil, err
	}
	e, err := conditions(r.body, names, exprs)
	if err != nil {
		return nil, err
	}
	negated := false
	e.walk(func(x *expr) { negated = negated || x.op == opNot })
	condition := strings.Fields(strings.ToLower(r.body.str("condition")))
	switch {
	case len(condition) > 0 && condition[0] == "not" && e.op == opNot:
	case !negated:
		e = negation(e)
	default:
		return nil, errors.New("filter condition names neither what to suppress (selection) nor what to keep (not selection)")
	}
	return &compiled{rule: r, expr: e}, nil
}

// apply narrows the rules that a filter names.
func (e *Engine) apply(f *compiled) {
	refs := f.rule.body.get("rules")
	list := refs.strs()
	every := refs != nil && refs.kind == listNode && len(list) == 0 || refs != nil && refs.kind == stringNode && (refs.text == "any" || refs.text == "all")
	used := false
	for _, c := range e.rules {
		named := func(ref string) bool { return strings.EqualFold(ref, c.rule.ID) || ref == c.rule.Name }
		if covers(f.rule.Log, c.rule.Log) && (every || slices.ContainsFunc(list, named)) {
			c.expr = allOf(c.expr, f.expr)
			used = true
		}
	}
	if !used {
		e.refuse(f.rule, errors.New("filter applies to none of the rules"))
	}
}

// covers reports whether all that a names, b names too.
func covers(a, b casemate.Logsource) bool {
	same := func(x, y string) bool { return x == "" || x == y }
	return same(a.Product, b.Product) && same(a.Category, b.Category) && same(a.Service, b.Service)
}

// intern gives each question that rules ask one atom, and each field an id.
func (e *Engine) intern() {
	known := map[string]*atom{}
	var share func(a *atom) *atom
	share = func(a *atom) *atom {
		key := a.key()
		if have := known[key]; have != nil {
			return have
		}
		known[key] = a
		if a.pre != nil {
			a.pre = share(a.pre)
		}
		a.id = int32(len(e.atoms))
		e.atoms = append(e.atoms, a)
		e.name(a.field, a.label)
		if a.kind == refAtom {
			e.name(a.other, a.other)
		}
		return a
	}
	sources := map[casemate.Logsource]int{}
	for _, c := range e.rules {
		c.expr.walk(func(x *expr) {
			if x.op == opAtom {
				x.atom = share(x.atom)
			}
		})
		i, ok := sources[c.rule.Log]
		if !ok {
			i = len(e.sources)
			sources[c.rule.Log] = i
			e.sources = append(e.sources, c.rule.Log)
		}
		c.source = i
	}
}

// name gives a field an id under its folded name and the rule's spelling.
func (e *Engine) name(folded, label string) {
	if folded == "" {
		return
	}
	id, ok := e.names[folded]
	if !ok {
		id = int32(e.fields)
		e.fields++
		e.names[folded] = id
	}
	e.names[label] = id
}
