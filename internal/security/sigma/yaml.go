package sigma

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

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

// node is a YAML value.
type node struct {
	kind nodeKind
	text string // of a scalar: a string's content; anything else as the file writes it
	keys []string
	kids []*node // elements, or the values of keys
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
	tokens := lexer.Tokenize(string(text))
	if err := checkTokens(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		// The excerpt behind it is the file's, and does not belong in a message.
		reason, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("parse YAML: %w", errors.New(reason))
	}
	c := converter{}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		n, err := c.node(doc.Body, 0)
		if err != nil {
			return nil, err
		}
		docs = append(docs, n)
	}
	return docs, nil
}

// checkTokens bounds the nesting that the tokens ask for: open brackets, and
// the "- - - -" and "? ? ? ?" that open one block on another in one line.
func checkTokens(tokens token.Tokens) error {
	flow, line, inLine := 0, -1, 0
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
		}
		if flow > MaxDepth || inLine > MaxDepth {
			return fmt.Errorf("YAML is nested deeper than %d", MaxDepth)
		}
	}
	if len(tokens) > 4*MaxNodes {
		return fmt.Errorf("more than %d YAML nodes", MaxNodes)
	}
	return nil
}

// converter makes nodes of the parser's syntax tree, within the limits. Sigma
// needs neither aliases, whose expansion grows without bound, nor tags.
type converter struct{ count int }

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
		out := &node{kind: listNode, kids: make([]*node, 0, len(v.Values))}
		for _, item := range v.Values {
			if err := c.add(out, item, depth); err != nil {
				return nil, err
			}
		}
		return out, nil
	case nil:
		return &node{}, c.spend()
	}
	return c.scalar(n)
}

func (c *converter) scalar(n ast.Node) (*node, error) {
	out := &node{}
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
	return out, c.spend()
}

func (c *converter) mapping(values []*ast.MappingValueNode, depth int) (*node, error) {
	out := &node{kind: mapNode, keys: make([]string, 0, len(values)), kids: make([]*node, 0, len(values))}
	seen := make(map[string]bool, len(values))
	for _, kv := range values {
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
	return c.spend()
}

// spend counts a node.
func (c *converter) spend() error {
	if c.count++; c.count > MaxNodes {
		return fmt.Errorf("more than %d YAML nodes", MaxNodes)
	}
	return nil
}
