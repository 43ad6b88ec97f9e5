// Package yaml reads YAML of hostile origin into a small tree: without aliases,
// whose expansion grows without bound, without tags, and within limits that are
// checked before the recursive parser sees the text.
package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits of one file. The time of the lexer grows with the square of a long
// line and of a long run of blank lines; real rules have 2,000 bytes and 20
// lines at most.
const (
	MaxBytes = 512 << 10
	MaxLine  = 4096
	MaxBlank = 100 // lines
	MaxDepth = 64
	MaxNodes = 200_000

	maxCommas = 20_000 // the parser is slow at long maps in braces
)

// Kind is the kind of a Node.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Scalar
	List
	Map
)

// Node is a value.
type Node struct {
	Kind  Kind
	Text  string // of a scalar
	Keys  []string
	Lines []int   // of the keys, from 1
	Kids  []*Node // elements, or the values of keys
}

// Get returns the value of a key, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i, k := range n.Keys {
		if k == key {
			return n.Kids[i]
		}
	}
	return nil
}

// Str returns the scalar of a key, or "".
func (n *Node) Str(key string) string {
	if v := n.Get(key); v != nil && v.Kind == Scalar {
		return v.Text
	}
	return ""
}

// Strs returns the scalars of a key that has one or a list of them.
func (n *Node) Strs(key string) []string {
	v := n.Get(key)
	if v == nil {
		return nil
	}
	if v.Kind == Scalar {
		return []string{v.Text}
	}
	if v.Kind != List {
		return nil
	}
	var out []string
	for _, kid := range v.Kids {
		if kid.Kind == Scalar {
			out = append(out, kid.Text)
		}
	}
	return out
}

// Items returns the elements of the list at a key.
func (n *Node) Items(key string) []*Node {
	if v := n.Get(key); v != nil && v.Kind == List {
		return v.Kids
	}
	return nil
}

// Block returns the lines of text, from which n was parsed, that hold a key of
// n and its value: to the next key, or to the end of the document.
func (n *Node) Block(text, key string) string {
	if n == nil || n.Kind != Map {
		return ""
	}
	all := strings.Split(text, "\n")
	for i, k := range n.Keys {
		from := n.Lines[i] - 1
		if k != key || from < 0 || from >= len(all) {
			continue
		}
		to := len(all)
		if i+1 < len(n.Lines) {
			to = max(from, min(to, n.Lines[i+1]-1))
		}
		return trim(all[from:to])
	}
	return ""
}

// trim cuts lines at the end of their document, and drops blank ones and
// comments at their end.
func trim(lines []string) string {
	for i, l := range lines {
		if i > 0 && (strings.HasPrefix(l, "---") || strings.HasPrefix(l, "...")) {
			lines = lines[:i]
			break
		}
	}
	for n := len(lines); n > 0; n-- {
		if l := strings.TrimSpace(lines[n-1]); l != "" && !strings.HasPrefix(l, "#") {
			break
		}
		lines = lines[:n-1]
	}
	return strings.Join(lines, "\n")
}

// Parse returns the documents of a file whose lines end in a line feed.
func Parse(text []byte) (docs []*Node, err error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("YAML of %d bytes, limit %d", len(text), MaxBytes)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, errors.New("YAML with a NUL byte")
	}
	if err := lines(text); err != nil {
		return nil, err
	}
	// The parser has panicked on malformed input before. A file must never end
	// the program.
	defer func() {
		if r := recover(); r != nil {
			docs, err = nil, fmt.Errorf("parse YAML: %.200v", r)
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if err := check(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // behind it comes an excerpt
		return nil, fmt.Errorf("parse YAML: %s", reason)
	}
	b := builder{}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		n, err := b.node(doc.Body, 0)
		if err != nil {
			return nil, err
		}
		docs = append(docs, n)
	}
	return docs, nil
}

// lines bounds what the lexer is slow at.
func lines(text []byte) error {
	blank, n := 0, 0
	for line := range bytes.Lines(text) {
		n++
		if len(line) > MaxLine {
			return fmt.Errorf("YAML with a line of %d bytes, limit %d, at line %d", len(line), MaxLine, n)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			blank = 0
		} else if blank++; blank > MaxBlank {
			return fmt.Errorf("YAML with more than %d blank lines in a row, at line %d", MaxBlank, n)
		}
	}
	return nil
}

// check bounds the nesting that tokens ask for: brackets that are open, and
// marks that open one block on another in one line.
func check(tokens token.Tokens) error {
	if len(tokens) > 4*MaxNodes {
		return fmt.Errorf("more than %d YAML nodes", MaxNodes)
	}
	open, line, marks, commas := 0, -1, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.CollectEntryType:
			if commas++; commas > maxCommas {
				return fmt.Errorf("YAML with more than %d commas between elements", maxCommas)
			}
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		case token.AliasType:
			return errors.New("YAML with an alias, which may expand without bound")
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			if t.Position.Line != line {
				line, marks = t.Position.Line, 0
			}
			marks++
		}
		if open > MaxDepth || marks > MaxDepth {
			return fmt.Errorf("YAML is nested deeper than %d", MaxDepth)
		}
	}
	return nil
}

// builder makes nodes of the parser's tree.
type builder struct{ count int }

func (b *builder) node(n ast.Node, depth int) (*Node, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("YAML is nested deeper than %d", MaxDepth)
	}
	if b.count++; b.count > MaxNodes {
		return nil, fmt.Errorf("more than %d YAML nodes", MaxNodes)
	}
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return &Node{}, nil
	case *ast.MappingNode:
		return b.mapping(v.Values, depth)
	case *ast.MappingValueNode:
		return b.mapping([]*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		out := &Node{Kind: List}
		for _, item := range v.Values {
			kid, err := b.node(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.Kids = append(out.Kids, kid)
		}
		return out, nil
	case *ast.AnchorNode:
		return b.node(v.Value, depth+1)
	}
	return scalar(n)
}

func scalar(n ast.Node) (*Node, error) {
	switch v := n.(type) {
	case *ast.StringNode:
		return &Node{Kind: Scalar, Text: v.Value}, nil
	case *ast.LiteralNode:
		return &Node{Kind: Scalar, Text: v.Value.Value}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return &Node{Kind: Scalar, Text: n.GetToken().Value}, nil
	case *ast.NullNode:
		return &Node{}, nil
	}
	return nil, fmt.Errorf("YAML with a %s, which is not read", strings.ToLower(n.Type().String()))
}

func (b *builder) mapping(values []*ast.MappingValueNode, depth int) (*Node, error) {
	out := &Node{Kind: Map}
	seen := make(map[string]bool, len(values))
	for _, kv := range values {
		key, err := scalar(ast.Node(kv.Key))
		if err != nil {
			return nil, err
		}
		if seen[key.Text] {
			return nil, fmt.Errorf("YAML key %.40q appears twice", key.Text)
		}
		seen[key.Text] = true
		kid, err := b.node(kv.Value, depth+1)
		if err != nil {
			return nil, err
		}
		out.Keys = append(out.Keys, key.Text)
		out.Lines = append(out.Lines, kv.Key.GetToken().Position.Line)
		out.Kids = append(out.Kids, kid)
	}
	return out, nil
}
