package sigma

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// regexTest is a value of the modifier re.
type regexTest struct {
	source string // with its flags
	re     *regexp.Regexp
}

func (t *regexTest) key() string { return "re" + t.source }

func (t *regexTest) test(raw, _ string) bool { return t.re.MatchString(raw) }

// newRegex compiles a pattern. The specification allows what Go's engine and
// PCRE share. That engine takes linear time, whatever an attacker writes, and
// so has no lookaround, backreference, atomic group or possessive quantifier:
// a rule with one is refused, since leaving it out would change what matches.
func newRegex(pattern, flags string) (*regexTest, error) {
	if len(pattern) > MaxRegex {
		return nil, fmt.Errorf("regular expression has %d bytes, limit %d", len(pattern), MaxRegex)
	}
	if flags != "" {
		pattern = "(?" + flags + ")" + pattern
	}
	re, err := regexp.Compile(pattern)
	var se *syntax.Error
	if errors.As(err, &se) {
		return nil, fmt.Errorf("regular expression is not supported: %s: %q", se.Code, se.Expr)
	}
	return &regexTest{pattern, re}, err
}

// maxRequired bounds how many alternative literals stand for one expression.
const maxRequired = 64

// required returns folded literals of which one occurs, folded, in whatever
// the expression matches, or nil if there is none worth looking for.
func (t *regexTest) required() []string {
	tree, err := syntax.Parse(t.source, syntax.Perl)
	if err != nil {
		return nil
	}
	return requiredOf(tree.Simplify())
}

func requiredOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		// The engine sees a byte that is not UTF-8 as U+FFFD; folding keeps it.
		if slices.Contains(re.Rune, utf8.RuneError) {
			return nil
		}
		return []string{fold(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredOf(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			// Of two sets, the one whose shortest literal is longer is rarer.
			if r := requiredOf(sub); r != nil && (best == nil || shortest(r) > shortest(best)) {
				best = r
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			r := requiredOf(sub)
			if r == nil || len(all)+len(r) > maxRequired {
				return nil
			}
			all = append(all, r...)
		}
		return all
	}
	return nil
}

func shortest(list []string) int {
	return len(slices.MinFunc(list, func(a, b string) int { return len(a) - len(b) }))
}
