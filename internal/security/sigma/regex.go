package sigma

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// regexTest is a regular expression, with the lookaheads that stood at its
// start as expressions of their own.
type regexTest struct {
	source string // with its flags
	re     *regexp.Regexp
	ahead  []lookahead
}

type lookahead struct {
	re   *regexp.Regexp
	want bool
}

func (t *regexTest) key() string { return "re" + t.source }

func (t *regexTest) test(raw, _ string) bool {
	for _, a := range t.ahead {
		if a.re.MatchString(raw) != a.want {
			return false
		}
	}
	return t.re.MatchString(raw)
}

// newRegex compiles a PCRE pattern. Go's engine takes linear time and so has
// no lookaround, no backreference, no atomic group and no possessive quantifier. Three
// uses of lookaround have an equivalent when all that is asked is whether the
// pattern occurs, and are translated; the rest is refused:
//
//	^(?=X)(?!Y)Z   ^X occurs, ^Y does not, ^Z occurs
//	X(?=Y)         XY, at the end of the pattern
//	(?<=X)Y        XY, at the start of the pattern
func newRegex(pattern, flags string) (*regexTest, error) {
	if len(pattern) > MaxRegex {
		return nil, fmt.Errorf("regular expression has %d bytes, limit %d", len(pattern), MaxRegex)
	}
	lead := ""
	if flags != "" {
		lead = "(?" + flags + ")"
	}
	t := &regexTest{source: lead + pattern}
	body := pattern
	// With the m flag ^ stands at every line, and the lookaheads of one line
	// say nothing of another.
	if !strings.Contains(flags, "m") {
		for strings.HasPrefix(body, "^(?=") || strings.HasPrefix(body, "^(?!") {
			end, err := groupEnd(body, 1)
			if err != nil {
				return nil, err
			}
			if topAlternation(body[end:]) {
				return nil, errLookaround
			}
			re, err := compileRegex(lead + "^(?:" + body[4:end-1] + ")")
			if err != nil {
				return nil, err
			}
			t.ahead = append(t.ahead, lookahead{re, body[3] == '='})
			body = "^" + body[end:]
		}
	}
	body, err := foldLookaround(body)
	if err != nil {
		return nil, err
	}
	t.re, err = compileRegex(lead + body)
	return t, err
}

var errLookaround = errors.New("regular expression uses lookaround that has no equivalent in linear time")

func compileRegex(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		var se *syntax.Error
		if errors.As(err, &se) {
			return nil, fmt.Errorf("regular expression is not supported: %s: %q", se.Code, se.Expr)
		}
		return nil, fmt.Errorf("regular expression is not supported: %w", err)
	}
	return re, nil
}

// foldLookaround takes up a lookahead at the end and a lookbehind at the start.
func foldLookaround(p string) (string, error) {
	if !strings.Contains(p, "(?=") && !strings.Contains(p, "(?<=") {
		return p, nil
	}
	if topAlternation(p) {
		return "", errLookaround
	}
	if strings.HasPrefix(p, "(?<=") {
		end, err := groupEnd(p, 0)
		if err != nil {
			return "", err
		}
		p = "(?:" + p[4:end-1] + ")" + p[end:]
	}
	if i := strings.LastIndex(p, "(?="); i >= 0 {
		end, err := groupEnd(p, i)
		if err == nil && end == len(p) && !insideClass(p, i) {
			p = p[:i] + "(?:" + p[i+3:]
		}
	}
	return p, nil
}

// scanRegex calls visit for each byte that is neither escaped nor in a class,
// with the depth of groups around it, until visit returns false. A "(" has the
// depth outside it, and so has its ")".
func scanRegex(p string, visit func(i, depth int) bool) {
	depth := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			if strings.HasPrefix(p[i:], `\Q`) {
				// Quoted text ends at \E, and brackets in it are text.
				end := strings.Index(p[i:], `\E`)
				if end < 0 {
					return
				}
				i += end
			}
			i++
			continue
		case '[':
			i = classEnd(p, i)
			continue
		case ')':
			depth--
		}
		if !visit(i, depth) {
			return
		}
		if p[i] == '(' {
			depth++
		}
	}
}

// classEnd returns the place of the bracket that ends the class begun at i.
func classEnd(p string, i int) int {
	j := i + 1
	if j < len(p) && p[j] == '^' {
		j++
	}
	if j < len(p) && p[j] == ']' {
		j++
	}
	for ; j < len(p) && p[j] != ']'; j++ {
		switch {
		case p[j] == '\\':
			j++
		case strings.HasPrefix(p[j:], "[:"):
			if end := strings.Index(p[j:], ":]"); end > 0 {
				j += end + 1
			}
		}
	}
	return j
}

// groupEnd returns the place behind the group that opens at i.
func groupEnd(p string, i int) (int, error) {
	end := -1
	scanRegex(p[i:], func(j, depth int) bool {
		if p[i+j] == ')' && depth == 0 {
			end = i + j + 1
		}
		return end < 0
	})
	if end < 0 {
		return 0, errors.New("regular expression has ( without )")
	}
	return end, nil
}

// topAlternation reports whether a | stands outside all groups.
func topAlternation(p string) bool {
	found := false
	scanRegex(p, func(i, depth int) bool {
		found = found || depth == 0 && p[i] == '|'
		return !found
	})
	return found
}

// insideClass reports whether the byte at i is text of a class, or escaped.
func insideClass(p string, i int) bool {
	plain := false
	scanRegex(p, func(j, _ int) bool {
		plain = plain || i == j
		return j < i
	})
	return !plain
}

// maxRequired bounds how many alternative literals stand for one expression.
const maxRequired = 64

// required returns folded literals of which one occurs, folded, in whatever
// the expression matches, or nil if there is none worth looking for.
func (t *regexTest) required() []string {
	if t.re == nil {
		return nil
	}
	tree, err := syntax.Parse(t.re.String(), syntax.Perl)
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
			if r := requiredOf(sub); rarer(r, best) {
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

// rarer reports whether the set a is likely to occur less often than b: its
// shortest literal is longer.
func rarer(a, b []string) bool {
	return a != nil && (b == nil || shortest(a) > shortest(b))
}

func shortest(list []string) int {
	n := len(list[0])
	for _, s := range list {
		n = min(n, len(s))
	}
	return n
}
