package sigma

import (
	"errors"
	"fmt"
	"math"
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
	engine  *Engine
	rules   map[string]*compiled // detections by id and name
	waiting map[string]*Rule     // correlations by id and name
	done    map[*Rule]*relation
	failed  map[*Rule]error
	carried map[string]int // folded names of fields that correlations read
	whole   map[*compiled]bool
	part    map[*compiled]bool
}

// relate compiles the correlation rules and the aggregations of Sigma 1.
func (e *Engine) relate(rules []*Rule) {
	r := &relator{
		engine: e, rules: map[string]*compiled{}, waiting: map[string]*Rule{},
		done: map[*Rule]*relation{}, failed: map[*Rule]error{}, carried: map[string]int{},
		whole: map[*compiled]bool{}, part: map[*compiled]bool{},
	}
	e.carried = r.carried
	r.aggregations()
	for _, c := range e.rules {
		index(r.rules, c.rule, c)
	}
	for _, rule := range rules {
		index(r.waiting, rule, rule)
	}
	for _, rule := range rules {
		if _, err := r.relation(rule, 0); err != nil {
			e.refuse(rule, err)
		}
	}
	for c := range r.part {
		c.alone = r.whole[c]
	}
}

// index files a rule under its id and name; the first of a name keeps it.
func index[T any](into map[string]T, r *Rule, v T) {
	for _, key := range []string{strings.ToLower(r.ID), "name:" + r.Name} {
		if _, taken := into[key]; !taken && key != "" && key != "name:" {
			into[key] = v
		}
	}
}

// lookup finds what index filed.
func lookup[T any](in map[string]T, ref string) (T, bool) {
	v, ok := in["name:"+ref]
	if !ok {
		v, ok = in[strings.ToLower(ref)]
	}
	return v, ok
}

// relation compiles one correlation rule, and those that it names first.
func (r *relator) relation(rule *Rule, depth int) (*relation, error) {
	if rel := r.done[rule]; rel != nil {
		return rel, nil
	}
	if err := r.failed[rule]; err != nil {
		return nil, err
	}
	if depth > MaxChain {
		return nil, fmt.Errorf("correlations are chained deeper than %d", MaxChain)
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
	r.engine.relations = append(r.engine.relations, rel)
	return rel, nil
}

func (r *relator) build(rule *Rule, depth int) (*relation, error) {
	body := rule.body
	rel := &relation{rule: rule, kind: body.str("type"), alone: true}
	refs := body.get("rules").strs()
	if len(refs) == 0 || len(refs) > MaxRelated {
		return nil, fmt.Errorf("correlation names %d rules, want 1 to %d", len(refs), MaxRelated)
	}
	rel.refs = len(refs)
	var err error
	if rel.span, err = timespan(body.str("timespan")); err != nil {
		return nil, err
	}
	if err := rel.condition(body.get("condition")); err != nil {
		return nil, err
	}
	rel.groupBy = body.get("group-by").strs()
	counted := body.get("condition").get("field").strs()
	if len(rel.groupBy) > MaxGroupBy || len(counted) > MaxGroupBy {
		return nil, fmt.Errorf("correlation names more than %d fields", MaxGroupBy)
	}
	if (rel.kind == "value_count") != (len(counted) > 0) {
		return nil, fmt.Errorf("%s and a condition with a field do not go together", rel.kind)
	}
	if body.get("aliases") != nil && body.get("aliases").kind != mapNode {
		return nil, fmt.Errorf("aliases is %s, not a map", body.get("aliases").kind)
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
// connects it.
func (r *relator) resolve(rel *relation, i int, ref string, body *node, depth int) (func(), error) {
	generate := body.str("generate") == "true"
	var below *Rule
	var from func(feed)
	if c, ok := lookup(r.rules, ref); ok {
		below = c.rule
		from = func(f feed) {
			c.feeds = append(c.feeds, f)
			r.part[c] = true
			r.whole[c] = r.whole[c] || generate
		}
	} else if rule, ok := lookup(r.waiting, ref); ok {
		inner, err := r.relation(rule, depth+1)
		if err != nil {
			return nil, fmt.Errorf("correlation names %q: %w", ref, err)
		}
		below = rule
		rel.chain = max(rel.chain, inner.chain+1)
		if rel.chain > MaxChain {
			return nil, fmt.Errorf("correlations are chained deeper than %d", MaxChain)
		}
		from = func(f feed) {
			inner.feeds = append(inner.feeds, f)
			inner.alone = generate
		}
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
	return func() { from(feed{rel, i}) }, nil
}

// aliased returns the field that a name stands for in the events of a rule.
func aliased(aliases *node, field, ref string, rule *Rule) (string, error) {
	alias := aliases.get(field)
	if alias == nil {
		return field, nil
	}
	for _, key := range []string{ref, rule.Name, rule.ID} {
		if name := alias.str(key); key != "" && name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("alias %q says nothing of rule %q", field, ref)
}

// carry returns the place of a field in the records that correlations see.
func (r *relator) carry(name string) int {
	name = fold(name)
	i, ok := r.carried[name]
	if !ok {
		i = len(r.carried)
		r.carried[name] = i
	}
	return i
}

// condition reads what the count must fulfil.
func (rel *relation) condition(n *node) error {
	temporal := false
	switch rel.kind {
	case "event_count", "value_count":
	case "temporal", "temporal_ordered":
		temporal = true
	case "":
		return errors.New("correlation has no type")
	default:
		return fmt.Errorf("correlation type %q is not supported", rel.kind)
	}
	if n == nil && temporal {
		rel.bounds = []bound{{"gte", rel.refs}}
	}
	if n != nil && n.kind != mapNode {
		return fmt.Errorf("condition is %s, not a map of one operator and a number", n.kind)
	}
	for i := 0; n != nil && i < len(n.keys); i++ {
		if n.keys[i] == "field" {
			continue
		}
		if err := rel.bound(n.keys[i], n.kids[i].text); err != nil {
			return err
		}
	}
	if len(rel.bounds) == 0 {
		return errors.New("correlation has no condition")
	}
	return rel.window(temporal)
}

func (rel *relation) bound(op, text string) error {
	if !slices.Contains([]string{"gt", "gte", "lt", "lte", "eq", "neq"}, op) {
		return fmt.Errorf("condition %q is not supported", op)
	}
	want, err := strconv.Atoi(text)
	if err != nil || want < 0 || want > MaxThreshold {
		return fmt.Errorf("condition %s wants a number from 0 to %d, not %q", op, MaxThreshold, text)
	}
	rel.bounds = append(rel.bounds, bound{op, want})
	return nil
}

// window decides when the count is looked at. A condition that more events can
// only fulfil is looked at with each event; any other when the window, opened
// by a group's first event, ends.
func (rel *relation) window(temporal bool) error {
	for _, b := range rel.bounds {
		switch b.op {
		case "gte":
			rel.need = max(rel.need, b.want)
		case "gt":
			rel.need = max(rel.need, b.want+1)
		default:
			rel.closed = true
		}
	}
	if !temporal {
		// A group without events is never seen, so a count is at least one.
		rel.need = max(rel.need, 1)
		return nil
	}
	if len(rel.bounds) == 1 && rel.bounds[0].op == "eq" && rel.bounds[0].want == rel.refs {
		rel.closed, rel.need = false, rel.refs
	}
	if rel.closed || rel.need < 1 || rel.need > rel.refs || rel.kind == "temporal_ordered" && rel.need != rel.refs {
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
	s = strings.TrimSpace(s)
	units := map[byte]time.Duration{
		's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour,
	}
	if s == "" {
		return 0, errors.New("no timespan")
	}
	unit := units[s[len(s)-1]]
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 32)
	if err != nil || unit == 0 || n < 1 || n > math.MaxInt64/int64(unit) || time.Duration(n)*unit > MaxTimespan {
		return 0, fmt.Errorf("timespan %q is not a number of s, m, h, d or w up to %d days", s, int(MaxTimespan.Hours()/24))
	}
	return time.Duration(n) * unit, nil
}

// aggregations makes correlations of the conditions of Sigma 1 that count:
// "| count() by Host > 5" and "| count(User) by Host >= 5" with a timeframe.
func (r *relator) aggregations() {
	kept := r.engine.rules[:0]
	for _, c := range r.engine.rules {
		if c.aggregation != "" {
			if err := r.aggregation(c); err != nil {
				r.engine.refuse(c.rule, err)
				continue
			}
		}
		kept = append(kept, c)
	}
	r.engine.rules = kept
}

func (r *relator) aggregation(c *compiled) error {
	unsupported := fmt.Errorf("aggregation %q is not supported", c.aggregation)
	call, rest, ok := strings.Cut(c.aggregation, ")")
	name, field, opened := strings.Cut(call, "(")
	if !ok || !opened || strings.TrimSpace(name) != "count" {
		return unsupported
	}
	words := strings.Fields(rest)
	if len(words) < 2 {
		return unsupported
	}
	ops := map[string]string{">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "eq", "==": "eq"}
	op, known := ops[words[len(words)-2]]
	if !known {
		return unsupported
	}
	rel := &relation{rule: c.rule, kind: "event_count", refs: 1, alone: true}
	if err := rel.bound(op, words[len(words)-1]); err != nil {
		return err
	}
	if err := rel.window(false); err != nil {
		return err
	}
	if by := words[:len(words)-2]; len(by) > 0 {
		if !strings.EqualFold(by[0], "by") || len(by) == 1 || len(by) > MaxGroupBy {
			return unsupported
		}
		for _, f := range strings.Split(strings.Join(by[1:], " "), ",") {
			rel.groupBy = append(rel.groupBy, strings.TrimSpace(f))
		}
	}
	var err error
	if rel.span, err = timespan(c.timeframe); err != nil {
		return fmt.Errorf("aggregation with a timeframe: %w", err)
	}
	group := make([]int, len(rel.groupBy))
	for i, f := range rel.groupBy {
		group[i] = r.carry(f)
	}
	rel.groups = [][]int{group}
	if field = strings.TrimSpace(field); field != "" {
		rel.kind, rel.counted = "value_count", []int{r.carry(field)}
	}
	c.feeds = append(c.feeds, feed{rel, 0})
	c.alone = false
	r.engine.relations = append(r.engine.relations, rel)
	return nil
}
