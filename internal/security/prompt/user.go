package prompt

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"text/template"
	"text/template/parse"
)

// Functions lists what a template of a user's message may call. Everything else
// of text/template that prints, formats or calls is refused, so that what a prompt
// says can be read from it.
func Functions() []string {
	return []string{"data", "join", "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index"}
}

// values is what a template sees.
type values struct {
	Evidence string
	Count    int
	Vars     map[string]any
}

// parseUser parses the template of a user's message.
func parseUser(file, text string) (*template.Template, error) {
	t, err := template.New(file).Option("missingkey=error").Funcs(functions(nil)).Parse(text)
	if err != nil {
		return nil, templateFault(err)
	}
	for _, tree := range t.Templates() {
		if err := allowed(tree.Tree, tree.Root); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// templateFault leaves out what text/template says before the file's name.
func templateFault(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

// functions returns the functions of ours.
func functions(f *fence) template.FuncMap {
	return template.FuncMap{
		"data": func(name string) (string, error) {
			text, ok := f.texts[name]
			if !ok {
				return "", fmt.Errorf("no text is called %q", name)
			}
			return f.around(text), nil
		},
		"join": func(separator string, list any) (string, error) {
			switch l := list.(type) {
			case []string:
				return strings.Join(l, separator), nil
			case []any:
				parts := make([]string, len(l))
				for i, v := range l {
					parts[i] = fmt.Sprint(v)
				}
				return strings.Join(parts, separator), nil
			}
			return "", fmt.Errorf("join %T: it is no list", list)
		},
	}
}

// allowed refuses calls of functions that Functions does not list.
func allowed(t *parse.Tree, n parse.Node) error {
	var children []parse.Node
	switch n := n.(type) {
	case nil:
	case *parse.ListNode:
		if n != nil {
			children = n.Nodes
		}
	case *parse.ActionNode:
		children = []parse.Node{n.Pipe}
	case *parse.IfNode:
		children = branch(&n.BranchNode)
	case *parse.RangeNode:
		children = branch(&n.BranchNode)
	case *parse.WithNode:
		children = branch(&n.BranchNode)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			children = []parse.Node{n.Pipe}
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			children = append(children, c)
		}
	case *parse.CommandNode:
		children = n.Args
	case *parse.ChainNode:
		children = []parse.Node{n.Node}
	case *parse.IdentifierNode:
		for _, f := range Functions() {
			if f == n.Ident {
				return nil
			}
		}
		at, _ := t.ErrorContext(n)
		return fmt.Errorf("%s: a prompt cannot call %q: there are %s", at, n.Ident, strings.Join(Functions(), ", "))
	}
	for _, c := range children {
		if err := allowed(t, c); err != nil {
			return err
		}
	}
	return nil
}

// branch returns what is below an if, a range or a with.
func branch(n *parse.BranchNode) []parse.Node {
	out := []parse.Node{n.Pipe, n.List}
	if n.ElseList != nil {
		out = append(out, n.ElseList)
	}
	return out
}

// write writes the user's message.
func (p *Prompt) write(d Data, seed uint64) (string, error) {
	f := newFence(d, seed)
	v := values{Count: len(d.Evidence), Vars: map[string]any{}}
	for name, value := range d.Vars {
		v.Vars[name] = ours(value)
	}
	if len(d.Evidence) > 0 {
		v.Evidence = f.around(f.evidence)
	}
	t, err := p.user.Clone()
	if err != nil {
		return "", templateFault(err)
	}
	out := limited{left: maxExtra + 4*f.size}
	if err := t.Funcs(functions(f)).Execute(&out, v); err != nil {
		return "", templateFault(err)
	}
	text := strings.TrimSpace(out.b.String())
	if len(d.Evidence) > 0 && !strings.Contains(text, v.Evidence) {
		return "", fmt.Errorf("%s: there is evidence to cite, and {{.Evidence}} is not shown", path.Join(p.dir, userFile))
	}
	return text, nil
}

// ours cleans the texts in a value of ours: some name of the data may have got into
// it all the same.
func ours(value any) any {
	switch v := value.(type) {
	case string:
		return Clean(v)
	case []string:
		out := make([]string, len(v))
		for i, s := range v {
			out[i] = Clean(s)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = ours(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[name] = ours(e)
		}
		return out
	}
	return value
}

// maxExtra is how many bytes a message may have besides its data.
const maxExtra = 4 << 20

// limited is a text that cannot grow without end.
type limited struct {
	b    strings.Builder
	left int
}

// Write adds to the text.
func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errors.New("the message grows without end")
	}
	return l.b.Write(b)
}
