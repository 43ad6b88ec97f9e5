package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits on correlation rules.
const (
	MaxThreshold = 10_000               // events or values that a correlation counts up to
	MaxTimespan  = 366 * 24 * time.Hour // its window
	MaxRelated   = 64                   // rules that it names
	MaxChain     = 16                   // correlations of correlations
	MaxGroupBy   = 16                   // fields that it groups by, or counts values of
)

// relation is a correlation rule ready to run.
type relation struct {
	rule   *Rule
	place  int    // in Engine.relations
	kind   string // event_count, value_count, temporal or temporal_ordered
	refs   int    // rules it names
	span   time.Duration
	bounds []bound
	need   int  // sliding: the count from which it holds
	closed bool // counted at the end of a window, because more events may end it
	alone  bool
	chain  int // correlations below it

	groupBy []string // as the rule writes them
	groups  [][]int  // by rule named, the carried fields to group by
	counted []int    // the carried fields whose values are counted
	feeds   []feed
}

// feed says that a rule is the n-th that a correlation names.
type feed struct {
	to  *relation
	ref int
}

// bound is one criterion of a correlation's condition.
type bound struct {
	op   string
	want int
}

// relator compiles the correlation rules of an engine.
type relator struct {
	engine *Engine
	rules  map[string]*compiled // detections by id and name
	others map[string]*Rule     // correlations by id and name
	done   map[*Rule]*relation
	failed map[*Rule]error
}

// relate compiles the correlation rules.
func (e *Engine) relate(rules []*Rule) {
	r := &relator{e, map[string]*compiled{}, map[string]*Rule{}, map[*Rule]*relation{}, map[*Rule]error{}}
	for _, c := range e.rules {
		index(r.rules, c.rule, c)
	}
	for _, rule := range rules {
		index(r.others, rule, rule)
	}
	for _, rule := range rules {
		if _, err := r.relation(rule, 0); err != nil {
			e.refuse(rule, err)
		}
	}
}

// index files a rule under its id and name; the first of a name keeps it.
func index[T any](into map[string]T, r *Rule, v T) {
	for _, key := range []string{strings.ToLower(r.ID), strings.ToLower(r.Name)} {
		if _, taken := into[key]; !taken && key != "" {
			into[key] = v
		}
	}
}

// relation compiles one correlation rule, and those that it names first.
func (r *relator) relation(rule *Rule, depth int) (*relation, error) {
	if rel := r.done[rule]; rel != nil {
		return rel, nil
	}
	if err := r.failed[rule]; err != nil {
		return nil, err
	}
	// Until it is done, a rule that names itself by others finds this.
	r.failed[rule] = errors.New("correlation names itself")
	rel, err := r.build(rule, depth)
	if err != nil {
		r.failed[rule] = err
		return nil, err
	}
	delete(r.failed, rule)
	r.done[rule] = rel
	rel.place = len(r.engine.relations)
	r.engine.relations = append(r.engine.relations, rel)
	return rel, nil
}

func (r *relator) build(rule *Rule, depth int) (*relation, error) {
	body := rule.body
	rel := &relation{rule: rule, kind: body.str("type"), alone: true, groupBy: body.get("group-by").strs()}
	refs := body.get("rules").strs()
	counted := body.get("condition").get("field").strs()
	rel.refs = len(refs)
	var err error
	switch {
	case len(refs) == 0 || len(refs) > MaxRelated:
		return nil, fmt.Errorf("correlation names %d rules, want 1 to %d", len(refs), MaxRelated)
	case len(rel.groupBy) > MaxGroupBy || len(counted) > MaxGroupBy:
		return nil, fmt.Errorf("correlation names more than %d fields", MaxGroupBy)
	case depth > MaxChain:
		return nil, fmt.Errorf("correlations are chained deeper than %d", MaxChain)
	}
	if rel.span, err = timespan(body.str("timespan")); err != nil {
		return nil, err
	}
	if err := rel.condition(body.get("condition")); err != nil {
		return nil, err
	}
	if (rel.kind == "value_count") != (len(counted) > 0) {
		return nil, fmt.Errorf("%s and a condition with a field do not go together", rel.kind)
	}
	// All rules must be there before any of them is told to feed this one.
	connect := make([]func(), len(refs))
	for i, ref := range refs {
		if connect[i], err = r.resolve(rel, i, ref, body, depth); err != nil {
			return nil, err
		}
	}
	for _, name := range counted {
		rel.counted = append(rel.counted, r.carry(name))
	}
	for _, c := range connect {
		c()
	}
	return rel, nil
}

// resolve finds the i-th rule that a correlation names, and returns what
// connects it. A rule that feeds a correlation does not stand alone any more,
// unless some correlation asks to generate it.
func (r *relator) resolve(rel *relation, i int, ref string, body *node, depth int) (func(), error) {
	generate := body.str("generate") == "true"
	var below *Rule
	var connect func()
	if c := r.rules[strings.ToLower(ref)]; c != nil {
		below = c.rule
		connect = func() {
			c.generated = c.generated || generate
			c.feeds, c.alone = append(c.feeds, feed{rel, i}), c.generated
		}
	} else if rule := r.others[strings.ToLower(ref)]; rule != nil {
		inner, err := r.relation(rule, depth+1)
		if err != nil {
			return nil, fmt.Errorf("correlation names %q: %w", ref, err)
		}
		if rel.chain = max(rel.chain, inner.chain+1); rel.chain > MaxChain {
			return nil, fmt.Errorf("correlations are chained deeper than %d", MaxChain)
		}
		below = rule
		connect = func() { inner.feeds, inner.alone = append(inner.feeds, feed{rel, i}), generate }
	} else {
		return nil, fmt.Errorf("correlation names %q, which is not among the rules that run", ref)
	}
	group := make([]int, len(rel.groupBy))
	for j, field := range rel.groupBy {
		name, err := aliased(body.get("aliases"), field, ref, below)
		if err != nil {
			return nil, err
		}
		group[j] = r.carry(name)
	}
	rel.groups = append(rel.groups, group)
	return connect, nil
}

// aliased returns the field that a name stands for in the events of a rule.
func aliased(aliases *node, field, ref string, rule *Rule) (string, error) {
	alias := aliases.get(field)
	if alias == nil {
		return field, nil
	}
	for _, key := range []string{ref, rule.Name, rule.ID} {
		if name := alias.str(key); name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("alias %q says nothing of rule %q", field, ref)
}

// carry returns the place of a field in the records that correlations see.
func (r *relator) carry(name string) int {
	carried := r.engine.carried
	name = fold(name)
	if _, ok := carried[name]; !ok {
		carried[name] = len(carried)
	}
	return carried[name]
}

// condition reads what the count must fulfil.
func (rel *relation) condition(n *node) error {
	temporal := rel.kind == "temporal" || rel.kind == "temporal_ordered"
	if !temporal && rel.kind != "event_count" && rel.kind != "value_count" {
		return fmt.Errorf("correlation type %q is not supported", rel.kind)
	}
	if n == nil && temporal {
		rel.bounds, rel.need = []bound{{"gte", rel.refs}}, rel.refs
		return nil
	}
	if n == nil || n.kind != mapNode {
		return errors.New("condition is not a map of an operator and a number")
	}
	for i, op := range n.keys {
		if op == "field" {
			continue
		}
		if !slices.Contains([]string{"gt", "gte", "lt", "lte", "eq", "neq"}, op) {
			return fmt.Errorf("condition %q is not supported", op)
		}
		want, err := strconv.Atoi(n.kids[i].text)
		if err != nil || want < 0 || want > MaxThreshold {
			return fmt.Errorf("condition %s wants a number from 0 to %d, not %q", op, MaxThreshold, n.kids[i].text)
		}
		rel.bounds = append(rel.bounds, bound{op, want})
	}
	if len(rel.bounds) == 0 {
		return errors.New("correlation has no condition")
	}
	return rel.window(temporal)
}

// window decides when the count is looked at. A condition that more events can
// only fulfil is looked at with each event; any other when the window, opened
// by a group's first event, ends.
func (rel *relation) window(temporal bool) error {
	for _, b := range rel.bounds {
		switch {
		case b.op == "gte" || temporal && b.op == "eq" && b.want == rel.refs:
			rel.need = max(rel.need, b.want)
		case b.op == "gt":
			rel.need = max(rel.need, b.want+1)
		default:
			rel.closed = true
		}
	}
	// A group without events is never seen, so a count is at least one.
	rel.need = max(rel.need, 1)
	if temporal && (rel.closed || rel.need > rel.refs || rel.kind == "temporal_ordered" && rel.need < rel.refs) {
		return fmt.Errorf("condition of a %s correlation must want its %d rules", rel.kind, rel.refs)
	}
	return nil
}

// holds reports whether a count fulfils the condition.
func (rel *relation) holds(count int) bool {
	for _, b := range rel.bounds {
		if !holds(b.op, count-b.want) {
			return false
		}
	}
	return true
}

// timespan reads "15s", "90m", "1h", "2d" or "1w".
func timespan(s string) (time.Duration, error) {
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	if s == "" {
		return 0, errors.New("no timespan")
	}
	unit := units[s[len(s)-1]]
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	if err != nil || unit == 0 || n < 1 || n > int64(MaxTimespan/unit) {
		return 0, fmt.Errorf("timespan %q is not a number of s, m, h, d or w up to %d days", s, MaxTimespan/(24*time.Hour))
	}
	return time.Duration(n) * unit, nil
}
