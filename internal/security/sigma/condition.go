package sigma

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// maxConditionDepth bounds parentheses and "not"s within each other.
const maxConditionDepth = 100

// conditionParser reads
//
//	or    = and { "or" and }
//	and   = not { "and" not }
//	not   = "not" not | "(" or ")" | count "of" names | name
//	count = "all" | "any" | number
//	names = "them" | pattern
//
// over the search identifiers of one rule.
type conditionParser struct {
	words []string
	names []string // search identifiers, in the rule's order
	exprs map[string]*expr
	terms int
	depth int
}

// parseCondition compiles a condition.
func parseCondition(text string, names []string, exprs map[string]*expr) (*expr, error) {
	if len(text) > MaxCondition {
		return nil, fmt.Errorf("condition has %d bytes, limit %d", len(text), MaxCondition)
	}
	if strings.Contains(text, "|") {
		return nil, errors.New("condition aggregates behind a |, as Sigma 1 did: Sigma 2 has correlation rules for that")
	}
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	p := conditionParser{words: words, names: names, exprs: exprs}
	e, err := p.or()
	if err == nil && len(p.words) > 0 {
		err = fmt.Errorf("condition has %q where and, or or its end is wanted", p.words[0])
	}
	return e, err
}

// peek reports whether the next word is the keyword.
func (p *conditionParser) peek(keyword string) bool {
	return len(p.words) > 0 && strings.EqualFold(p.words[0], keyword)
}

func (p *conditionParser) take(keyword string) bool {
	if p.peek(keyword) {
		p.words = p.words[1:]
		return true
	}
	return false
}

func (p *conditionParser) or() (*expr, error) {
	if p.depth++; p.depth > maxConditionDepth {
		return nil, fmt.Errorf("condition is nested deeper than %d", maxConditionDepth)
	}
	defer func() { p.depth-- }()
	return p.chain("or", anyOf, p.and)
}

func (p *conditionParser) and() (*expr, error) { return p.chain("and", allOf, p.not) }

func (p *conditionParser) chain(keyword string, join func(...*expr) *expr, operand func() (*expr, error)) (*expr, error) {
	var kids []*expr
	for {
		e, err := operand()
		if err != nil {
			return nil, err
		}
		kids = append(kids, e)
		if !p.take(keyword) {
			return join(kids...), nil
		}
	}
}

func (p *conditionParser) not() (*expr, error) {
	negate := false
	for p.take("not") {
		negate = !negate
	}
	e, err := p.operand()
	if err != nil || !negate {
		return e, err
	}
	return negation(e), nil
}

func (p *conditionParser) operand() (*expr, error) {
	if len(p.words) == 0 {
		return nil, errors.New("condition ends where a search identifier is wanted")
	}
	if p.take("(") {
		e, err := p.or()
		if err == nil && !p.take(")") {
			err = errors.New("condition has ( without )")
		}
		return e, err
	}
	word := p.words[0]
	p.words = p.words[1:]
	if p.peek("of") {
		return p.of(word)
	}
	switch strings.ToLower(word) {
	case ")", "and", "or", "of", "them":
		return nil, fmt.Errorf("condition has %q where a search identifier is wanted", word)
	}
	e := p.exprs[word]
	if e == nil {
		return nil, fmt.Errorf("condition names %q, which is not in the detection", word)
	}
	return e, p.spend(1)
}

// of reads the pattern behind "N of" and joins what it names.
func (p *conditionParser) of(count string) (*expr, error) {
	p.words = p.words[1:]
	if len(p.words) == 0 {
		return nil, fmt.Errorf("condition ends behind %q", count+" of")
	}
	pattern := p.words[0]
	p.words = p.words[1:]
	kids, err := p.named(pattern)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(count) {
	case "all":
		return allOf(kids...), nil
	case "any":
		return anyOf(kids...), nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("condition has %q before of, want all, any or a number", count)
	}
	if n > len(kids) {
		return nil, fmt.Errorf("condition wants %d of %q, which names only %d", n, pattern, len(kids))
	}
	return atLeast(n, kids), nil
}

// named returns the searches that a pattern names, in the rule's order. Names
// that begin with an underscore are meant only where the pattern begins so.
func (p *conditionParser) named(pattern string) ([]*expr, error) {
	if strings.EqualFold(pattern, "them") {
		pattern = "*"
	}
	// Of what path.Match knows, only the star is Sigma's.
	if strings.ContainsAny(pattern, `()?[]\/`) {
		return nil, fmt.Errorf("condition has %q behind of, want them or a name", pattern)
	}
	var kids []*expr
	for _, name := range p.names {
		if strings.HasPrefix(name, "_") && !strings.HasPrefix(pattern, "_") {
			continue
		}
		if ok, _ := path.Match(pattern, name); ok {
			kids = append(kids, p.exprs[name])
		}
	}
	if len(kids) == 0 {
		return nil, fmt.Errorf("condition names %q, which nothing in the detection is called", pattern)
	}
	return kids, p.spend(len(kids))
}

func (p *conditionParser) spend(n int) error {
	if p.terms += n; p.terms > MaxTerms {
		return fmt.Errorf("condition names more than %d searches", MaxTerms)
	}
	return nil
}
