package sigma

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// nodeKind is the type of a YAML value.
type nodeKind uint8

const (
	nullNode nodeKind = iota
	stringNode
	numberNode
	boolNode
	listNode
	mapNode
)

var nodeNames = [...]string{"null", "a string", "a number", "a boolean", "a list", "a map"}

func (k nodeKind) String() string { return nodeNames[k] }

// node is a YAML value with its aliases resolved. An alias shares its anchor's
// node, so nodes are not changed once made.
type node struct {
	kind nodeKind
	text string // of a scalar: a string's content; anything else as the file writes it
	keys []string
	kids []*node // elements, or the values of keys
	size int     // nodes in it, itself included, with aliases expanded
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapNode {
		return nil
	}
	for i, k := range n.keys {
		if k == key {
			return n.kids[i]
		}
	}
	return nil
}

// str returns the text of a scalar under key, or "".
func (n *node) str(key string) string {
	if v := n.get(key); v != nil && v.kind <= boolNode {
		return v.text
	}
	return ""
}

// strs returns the texts of a scalar, or of the scalars of a list.
func (n *node) strs() []string {
	if n == nil {
		return nil
	}
	if n.kind != listNode {
		if n.kind == nullNode || n.kind == mapNode {
			return nil
		}
		return []string{n.text}
	}
	out := make([]string, 0, len(n.kids))
	for _, kid := range n.kids {
		if kid.kind != nullNode && kid.kind < listNode {
			out = append(out, kid.text)
		}
	}
	return out
}

// parseYAML returns the documents of a file. Depth is checked on the tokens,
// before the recursive parser sees them: a Go stack that overflows cannot be
// recovered.
func parseYAML(text []byte) (docs []*node, err error) {
	if len(text) > MaxFileBytes {
		return nil, fmt.Errorf("%d bytes, limit %d", len(text), MaxFileBytes)
	}
	// The parser has panicked on malformed input in the past; a rule file must
	// never end the program, so such a file is refused like any other.
	defer func() {
		if r := recover(); r != nil {
			docs, err = nil, fmt.Errorf("parse YAML: %v", r)
		}
	}()
	if err := checkLines(text); err != nil {
		return nil, err
	}
	tokens := lexer.Tokenize(string(text))
	if err := checkTokens(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, fmt.Errorf("parse YAML: %w", firstLine(err))
	}
	c := converter{anchors: map[string]*node{}}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		// An anchor belongs to its document.
		clear(c.anchors)
		n, err := c.node(doc.Body, 0)
		if err != nil {
			return nil, err
		}
		docs = append(docs, n)
	}
	return docs, nil
}

// firstLine drops the excerpt that the parser adds to its errors: what is in a
// rule file does not belong in a message.
func firstLine(err error) error {
	s := err.Error()
	for i := range len(s) {
		if s[i] == '\n' {
			return errors.New(s[:i])
		}
	}
	return err
}

// checkTokens bounds the nesting that the tokens ask for: open brackets, and
// the "- - - -" and "? ? ? ?" that open one block on another in one line.
func checkTokens(tokens token.Tokens) error {
	flow, line, inLine, blocks := 0, -1, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			if t.Position.Line != line {
				line, inLine = t.Position.Line, 0
			}
			inLine++
		case token.DocumentHeaderType:
			blocks++
		}
		if flow > MaxDepth || inLine > MaxDepth {
			return fmt.Errorf("YAML is nested deeper than %d", MaxDepth)
		}
	}
	if len(tokens) > 4*MaxNodes || blocks > MaxNodes {
		return fmt.Errorf("more than %d YAML nodes", MaxNodes)
	}
	return nil
}

// checkLines refuses indentation that only a hostile file has, since blocks
// nest by a column each.
func checkLines(text []byte) error {
	const maxIndent = 400
	indent, start := 0, true
	for _, c := range text {
		switch {
		case c == '\n':
			indent, start = 0, true
		case start && c == ' ':
			if indent++; indent > maxIndent {
				return fmt.Errorf("a line is indented by more than %d", maxIndent)
			}
		default:
			start = false
		}
	}
	return nil
}

// converter makes nodes of the parser's syntax tree, within the limits.
type converter struct {
	anchors map[string]*node
	count   int
}

func (c *converter) node(n ast.Node, depth int) (*node, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("YAML is nested deeper than %d", MaxDepth)
	}
	switch v := n.(type) {
	case *ast.MappingNode:
		return c.mapping(v.Values, depth)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		out := &node{kind: listNode, size: 1, kids: make([]*node, 0, len(v.Values))}
		for _, item := range v.Values {
			if err := c.add(out, item, depth); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *ast.AnchorNode:
		kid, err := c.node(v.Value, depth+1)
		if err != nil {
			return nil, err
		}
		c.anchors[v.Name.GetToken().Value] = kid
		return kid, nil
	case *ast.AliasNode:
		name := v.Value.GetToken().Value
		kid := c.anchors[name]
		if kid == nil {
			return nil, fmt.Errorf("YAML alias %q has no anchor", name)
		}
		return kid, c.spend(kid.size)
	case *ast.TagNode:
		return c.tagged(v, depth)
	case nil:
		return &node{size: 1}, c.spend(1)
	}
	return c.scalar(n)
}

// tagged returns the value behind a tag: only !!str changes what it is.
func (c *converter) tagged(t *ast.TagNode, depth int) (*node, error) {
	kid, err := c.node(t.Value, depth+1)
	if err != nil || t.Start.Value != "!!str" || kid.kind > boolNode {
		return kid, err
	}
	return &node{kind: stringNode, text: kid.text, size: 1}, nil
}

func (c *converter) scalar(n ast.Node) (*node, error) {
	out := &node{size: 1}
	switch v := n.(type) {
	case *ast.StringNode:
		out.kind, out.text = stringNode, v.Value
	case *ast.LiteralNode:
		out.kind, out.text = stringNode, v.Value.Value
	case *ast.IntegerNode:
		out.kind, out.text = numberNode, v.Token.Value
	case *ast.FloatNode:
		out.kind, out.text = numberNode, v.Token.Value
	case *ast.BoolNode:
		out.kind, out.text = boolNode, strconv.FormatBool(v.Value)
	case *ast.NullNode:
		out.kind = nullNode
	case *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = stringNode, n.GetToken().Value
	default:
		return nil, fmt.Errorf("YAML %s is not part of Sigma", n.Type())
	}
	return out, c.spend(1)
}

func (c *converter) mapping(values []*ast.MappingValueNode, depth int) (*node, error) {
	out := &node{kind: mapNode, size: 1, keys: make([]string, 0, len(values)), kids: make([]*node, 0, len(values))}
	seen := make(map[string]bool, len(values))
	for _, kv := range values {
		if _, merge := kv.Key.(*ast.MergeKeyNode); merge {
			return nil, errors.New("YAML merge keys are not part of Sigma")
		}
		key, err := c.scalar(ast.Node(kv.Key))
		if err != nil {
			return nil, err
		}
		if key.kind == nullNode {
			key.text = "null"
		}
		if seen[key.text] {
			return nil, fmt.Errorf("YAML key %q appears twice", key.text)
		}
		seen[key.text] = true
		out.keys = append(out.keys, key.text)
		if err := c.add(out, kv.Value, depth); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// add converts a child of parent.
func (c *converter) add(parent *node, n ast.Node, depth int) error {
	kid, err := c.node(n, depth+1)
	if err != nil {
		return err
	}
	parent.kids = append(parent.kids, kid)
	parent.size += kid.size
	return c.spend(1)
}

// spend counts nodes, so that aliases of aliases end at the limit.
func (c *converter) spend(n int) error {
	if c.count += n; c.count > MaxNodes {
		return fmt.Errorf("more than %d YAML nodes", MaxNodes)
	}
	return nil
}
