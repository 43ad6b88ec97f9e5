// Package layout makes a page of a recipe's template. The template writes Markdown
// in which each value is only a mark, and the marks are replaced when the blocks
// of the page stand: no value can become a heading, a link or a table, whatever it
// holds.
package layout

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// Layout is a template that shows a result.
type Layout struct {
	file string
	t    *template.Template
}

// clock is how times are written, in UTC.
const clock = phrase.Layout

// The marks of a value in the text: a private character, the value's number, and
// another.
const (
	markOpen  = '\uE000'
	markClose = '\uE001'
)

const (
	maxLayout = 4 << 20 // bytes that a template may write
	maxTicks  = 200000  // rounds of all its loops together
)

// functionNames are what a template may call, besides out and tick, which are put
// in for each value and each round of a loop.
var functionNames = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "print", "printf",
	"badge", "first", "join", "lower", "plural", "timeline", "upper"}

// Parse parses a template and puts a call of out behind each value and a call
// of tick into each loop.
func Parse(file, text string) (*Layout, error) {
	if strings.ContainsAny(text, string([]rune{markOpen, markClose})) {
		return nil, fmt.Errorf("%s: holds characters of the private use area, which mark values", file)
	}
	t, err := template.New(file).Option("missingkey=error").Funcs((&sheet{}).functions()).Parse(text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	for _, tree := range t.Templates() {
		if tree.Tree == nil || tree.Root == nil {
			continue
		}
		if err := rewrite(tree.Tree, tree.Root); err != nil {
			return nil, err
		}
	}
	return &Layout{file, t}, nil
}

// rewrite walks a tree and refuses what a template may not call.
func rewrite(t *parse.Tree, n parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, c := range n.Nodes {
			if err := rewrite(t, c); err != nil {
				return err
			}
		}
	case *parse.ActionNode:
		if err := callable(t, n.Pipe); err != nil {
			return err
		}
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, call(t, n.Pos, "out"))
		}
	case *parse.IfNode:
		return rewriteBranch(t, &n.BranchNode, false)
	case *parse.WithNode:
		return rewriteBranch(t, &n.BranchNode, false)
	case *parse.RangeNode:
		return rewriteBranch(t, &n.BranchNode, true)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			return callable(t, n.Pipe)
		}
	}
	return nil
}

func call(t *parse.Tree, pos parse.Pos, name string) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{parse.NewIdentifier(name).SetTree(t).SetPos(pos)}}
}

func rewriteBranch(t *parse.Tree, n *parse.BranchNode, loop bool) error {
	if err := callable(t, n.Pipe); err != nil {
		return err
	}
	if err := rewrite(t, n.List); err != nil {
		return err
	}
	if loop {
		tick := &parse.ActionNode{NodeType: parse.NodeAction, Pos: n.Pos, Line: n.Line,
			Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: n.Pos, Line: n.Line, Cmds: []*parse.CommandNode{call(t, n.Pos, "tick")}}}
		n.List.Nodes = append([]parse.Node{tick}, n.List.Nodes...)
	}
	if n.ElseList != nil {
		return rewrite(t, n.ElseList)
	}
	return nil
}

// callable refuses functions that are not listed.
func callable(t *parse.Tree, n parse.Node) error {
	switch n := n.(type) {
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			if err := callable(t, c); err != nil {
				return err
			}
		}
	case *parse.CommandNode:
		for _, a := range n.Args {
			if err := callable(t, a); err != nil {
				return err
			}
		}
	case *parse.ChainNode:
		return callable(t, n.Node)
	case *parse.IdentifierNode:
		if !slices.Contains(functionNames, n.Ident) {
			at, _ := t.ErrorContext(n)
			return fmt.Errorf("%s: a template cannot call %q: there are %s", at, n.Ident, strings.Join(functionNames, ", "))
		}
	}
	return nil
}

// sheet is one execution of a template: its values in the order of their marks.
type sheet struct {
	values []any
	badges []page.Badge
	ticks  int
}

func (s *sheet) functions() template.FuncMap {
	return template.FuncMap{
		"out": s.out,
		"tick": func() (string, error) {
			if s.ticks++; s.ticks > maxTicks {
				return "", fmt.Errorf("loops go over %d rounds", maxTicks)
			}
			return "", nil
		},
		"badge": func(level, text any) any {
			s.badges = append(s.badges, page.Badge{Text: plain(text), Level: badgeLevel(plain(level))})
			return nothing{}
		},
		"eq": func(a any, others ...any) bool {
			return slices.ContainsFunc(others, func(b any) bool { return compare(a, b) == 0 })
		},
		"ne":       func(a, b any) bool { return compare(a, b) != 0 },
		"lt":       func(a, b any) bool { return compare(a, b) < 0 },
		"le":       func(a, b any) bool { return compare(a, b) <= 0 },
		"gt":       func(a, b any) bool { return compare(a, b) > 0 },
		"ge":       func(a, b any) bool { return compare(a, b) >= 0 },
		"first":    first,
		"join":     join,
		"lower":    func(v any) string { return strings.ToLower(plain(v)) },
		"upper":    func(v any) string { return strings.ToUpper(plain(v)) },
		"plural":   plural,
		"timeline": func(v any) (page.Timeline, error) { return timelineOf(v) },
	}
}

// compare orders two values: as numbers where both are, else as texts. A template
// need not know that numbers of JSON are not those of Go.
func compare(a, b any) int {
	x, isX := number(a)
	y, isY := number(b)
	if isX && isY {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(plain(a), plain(b))
}

func number(v any) (float64, bool) {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int64:
		return float64(r.Int()), true
	case reflect.Float64:
		return r.Float(), true
	}
	return 0, false
}

// nothing is a value that leaves no mark.
type nothing struct{}

// out notes a value and returns its mark.
func (s *sheet) out(v any) string {
	if v == nil || v == (nothing{}) {
		return ""
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		return ""
	}
	s.values = append(s.values, v)
	return fmt.Sprintf("%c%d%c", markOpen, len(s.values)-1, markClose)
}

// plain writes a value as text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case *casemate.Statement:
		return v.Text
	case casemate.Statement:
		return v.Text
	case time.Time:
		return v.UTC().Format(clock)
	case float64:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
	case []string:
		return strings.Join(v, ", ")
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = plain(v[i])
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

// badgeLevel takes a severity's name or a level that recipes like to use.
func badgeLevel(name string) casemate.Severity {
	switch name {
	case "malicious", "likely malicious", "phishing":
		return casemate.SeverityCritical
	case "suspicious":
		return casemate.SeverityHigh
	case "review", "needs review":
		return casemate.SeverityMedium
	case "benign", "likely benign", "none", "nothing":
		return casemate.SeverityInformational
	}
	return casemate.ParseSeverity(name)
}

// first returns the first n values of a list.
func first(n int, list any) (any, error) {
	v := reflect.ValueOf(list)
	if !v.IsValid() {
		return []any{}, nil
	}
	if v.Kind() != reflect.Slice {
		return nil, fmt.Errorf("first: %T is no list", list)
	}
	return v.Slice(0, max(0, min(n, v.Len()))).Interface(), nil
}

func join(separator string, list any) (string, error) {
	v := reflect.ValueOf(list)
	if !v.IsValid() {
		return "", nil
	}
	if v.Kind() != reflect.Slice {
		return "", fmt.Errorf("join: %T is no list", list)
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = plain(v.Index(i).Interface())
	}
	return strings.Join(parts, separator), nil
}

// plural writes a number with the word that goes with it.
func plural(n any, one, many string) string {
	if plain(n) == "1" {
		return "1 " + one
	}
	return plain(n) + " " + many
}

// timelineOf makes a timeline of what a rule of that kind found.
func timelineOf(v any) (page.Timeline, error) {
	l, ok := v.(map[string]any)
	items, _ := l["items"].([]any)
	if !ok {
		return nil, errors.New("timeline: give it what a rule of that kind found")
	}
	var out page.Timeline
	for _, item := range items {
		h, _ := item.(map[string]any)
		at, err := time.Parse(clock, plain(h["time"]))
		if err != nil {
			return nil, errors.New("timeline: give it what a rule of that kind found")
		}
		n, _ := h["count"].(float64)
		one := page.Happening{Time: at, Host: plain(h["host"]), User: plain(h["user"]), Text: plain(h["text"]), Severity: casemate.ParseSeverity(plain(h["severity"])), Count: int(n)}
		if ids, ok := h["evidence"].([]any); ok {
			for _, id := range ids {
				one.Evidence = append(one.Evidence, plain(id))
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// Write fills a page: its title, first sentences, badges and blocks. Values are
// maps, lists, texts, numbers and *casemate.Statement, which keeps its citations.
func (l *Layout) Write(values map[string]any, p *page.Page) error {
	text, s, err := l.execute(values)
	if err != nil {
		return err
	}
	p.Badges = s.badges
	readMarkdown(text, s.values, p)
	return nil
}

// execute writes the template over values.
func (l *Layout) execute(values map[string]any) (text string, s *sheet, err error) {
	s = &sheet{}
	t, err := l.t.Clone()
	if err != nil {
		return "", nil, err
	}
	w := &limitedText{left: maxLayout}
	if err := t.Funcs(s.functions()).Execute(w, values); err != nil {
		return "", nil, wrongName(errors.New(strings.TrimPrefix(err.Error(), "template: ")))
	}
	return w.String(), s, nil
}

// limitedText is a text that cannot grow without end.
type limitedText struct {
	strings.Builder
	left int
}

func (l *limitedText) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, fmt.Errorf("it writes more than %d MiB", maxLayout>>20)
	}
	return l.Builder.Write(b)
}

var _ io.Writer = (*limitedText)(nil)

var noEntry = regexp.MustCompile(`map has no entry for key "([^"]*)"`)

// wrongName says what text/template means by a key that a map does not have.
func wrongName(err error) error {
	if m := noEntry.FindStringSubmatch(err.Error()); m != nil {
		place, _, _ := strings.Cut(err.Error(), ": executing")
		return fmt.Errorf("%s: nothing is called %q here", place, m[1])
	}
	return err
}
