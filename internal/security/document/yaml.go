package document

import (
	"strings"
)

// isSigma says whether a text has the keys that every Sigma rule has.
func isSigma(text string) bool {
	t := "\n" + cutBytes(text, 256<<10)
	return strings.Contains(t, "\ntitle:") && strings.Contains(t, "\ndetection:") && (strings.Contains(t, "\nlogsource:") || strings.Contains(t, "\ncorrelation:"))
}

// isYAML says whether every line of a text that is not set in begins a key or
// an element.
func isYAML(text string) bool {
	keys, seen := 0, 0
	for l := range strings.SplitSeq(cutBytes(text, 16<<10), "\n") {
		l = strings.TrimRight(l, " \r")
		if l == "" || l[0] == '#' || l[0] == ' ' || l == "---" {
			continue
		}
		if seen++; seen > 30 {
			break
		}
		if key, _, ok := yamlKey(l); ok && key != "" {
			keys++
		} else if !strings.HasPrefix(l, "- ") {
			return false
		}
	}
	return keys >= 2
}

// yamlLeaf is one scalar of a YAML text.
type yamlLeaf struct {
	path, key, text string
	line            int
}

// yamlText reads the scalars of YAML. It is a reader of lines, not a parser of
// the whole language: what people write in rules and alerts is keys, lists,
// quoted and block scalars. Aliases are not followed.
func yamlText(b *builder, text string) (kind, title string) {
	kind = "yaml"
	r := &yamlReader{lines: strings.Split(text, "\n")}
	for r.at < len(r.lines) {
		leaves := r.document()
		rule, name := sigmaRule(leaves)
		if title == "" {
			title = name
		}
		if rule {
			kind = "sigma"
			b.rule(leaves)
			continue
		}
		for _, l := range leaves {
			if k, ok := leafKind(strings.ToLower(l.key), l.text); ok {
				b.said(k, l.path, l.text, l.line)
			}
		}
	}
	return kind, title
}

// sigmaRule says whether the scalars are those of a Sigma rule, and its title.
func sigmaRule(leaves []yamlLeaf) (rule bool, title string) {
	for _, l := range leaves {
		switch {
		case l.path == "title" || l.path == "name" && title == "":
			title = cutBytes(l.text, maxContext)
		case strings.HasPrefix(l.path, "detection.") || strings.HasPrefix(l.path, "correlation."):
			rule = true
		}
	}
	return rule, title
}

// rule adds a Sigma rule: its title with the techniques of its tags, its
// description, and what it looks for, one sentence for each field.
func (b *builder) rule(leaves []yamlLeaf) {
	var claims []string
	for _, l := range leaves {
		if id, ok := strings.CutPrefix(strings.ToLower(l.text), "attack."); ok && l.key == "tags" && isTechnique(strings.ToUpper(id)) {
			claims = append(claims, strings.ToUpper(id))
		}
	}
	for i := 0; i < len(leaves); i++ {
		l := leaves[i]
		switch {
		case l.path == "title":
			b.join(KindProse, "title", []piece{{l.text, 0, l.line}})
			b.claim(claims)
		case l.path == "description":
			b.said(KindProse, "description", l.text, l.line)
		case strings.HasPrefix(l.path, "detection.") && l.key != "condition" && l.key != "timeframe":
			values := []string{l.text}
			for i+1 < len(leaves) && leaves[i+1].path == l.path && len(values) < 200 {
				i++
				values = append(values, leaves[i].text)
			}
			field, _, _ := strings.Cut(l.key, "|")
			b.join(KindCode, l.path, []piece{{field + ": " + strings.Join(values, " | "), 0, l.line}})
		}
	}
}

// yamlReader goes through the lines of a YAML text.
type yamlReader struct {
	lines []string
	at    int
	stack []yamlLevel
	out   []yamlLeaf
}

type yamlLevel struct {
	indent int
	key    string
}

// document reads up to the next "---".
func (r *yamlReader) document() []yamlLeaf {
	r.stack, r.out = nil, nil
	for ; r.at < len(r.lines); r.at++ {
		raw := strings.TrimRight(r.lines[r.at], " \t\r")
		if raw == "---" || strings.HasPrefix(raw, "--- ") {
			if len(r.out) > 0 {
				r.at++
				break
			}
			continue
		}
		content := strings.TrimLeft(raw, " ")
		if content == "" || content[0] == '#' {
			continue
		}
		r.entry(len(raw)-len(content), content)
	}
	return r.out
}

// entry reads one line that begins a key or an element, and the lines that its
// value goes on in.
func (r *yamlReader) entry(indent int, content string) {
	for strings.HasPrefix(content, "- ") && len(r.stack) < maxDepth {
		rest := strings.TrimLeft(content[2:], " ")
		r.element(indent)
		indent += len(content) - len(rest)
		content = rest
	}
	key, value, isKey := yamlKey(content)
	if !isKey {
		r.scalar(indent-1, content)
		return
	}
	r.pop(indent)
	if len(r.stack) < maxDepth {
		r.stack = append(r.stack, yamlLevel{indent, key})
	}
	if value != "" && value[0] != '#' {
		r.scalar(indent, value)
	}
}

// element closes the levels that an element with this indent is not part of. It
// may stand as far left as the key that it belongs to.
func (r *yamlReader) element(indent int) {
	for n := len(r.stack); n > 0 && r.stack[n-1].indent > indent; n = len(r.stack) {
		r.stack = r.stack[:n-1]
	}
}

func (r *yamlReader) pop(indent int) {
	for n := len(r.stack); n > 0 && r.stack[n-1].indent >= indent; n = len(r.stack) {
		r.stack = r.stack[:n-1]
	}
}

// scalar reads a value and the lines below it that are set in further.
func (r *yamlReader) scalar(indent int, value string) {
	line := r.at + 1
	for len(value) > 0 && (value[0] == '&' || value[0] == '!') {
		_, value, _ = strings.Cut(value, " ")
	}
	switch {
	case value == "" || value[0] == '*' || value == "{}" || value == "[]":
		return
	case value[0] == '|' || value[0] == '>':
		folded := value[0] == '>'
		text := r.below(indent)
		if folded {
			text = strings.ReplaceAll(text, "\n", " ")
		}
		r.leaf(text, line)
	case value[0] == '\'' || value[0] == '"':
		r.leaf(r.quoted(value), line)
	case value[0] == '[':
		for v := range strings.SplitSeq(strings.Trim(value, "[]"), ",") {
			r.leaf(strings.Trim(strings.TrimSpace(v), `'"`), line)
		}
	default:
		if at := strings.Index(value, " #"); at >= 0 {
			value = value[:at]
		}
		r.leaf(strings.TrimSpace(value+" "+r.goesOn(indent)), line)
	}
}

func (r *yamlReader) leaf(text string, line int) {
	if strings.TrimSpace(text) == "" {
		return
	}
	keys := make([]string, len(r.stack))
	key := ""
	for i, l := range r.stack {
		keys[i], key = l.key, l.key
	}
	r.out = append(r.out, yamlLeaf{cutBytes(strings.Join(keys, "."), maxContext), key, text, line})
}

// below returns the lines of a block scalar.
func (r *yamlReader) below(indent int) string {
	var out []string
	for r.at+1 < len(r.lines) {
		raw := strings.TrimRight(r.lines[r.at+1], " \t\r")
		content := strings.TrimLeft(raw, " ")
		if content != "" && len(raw)-len(content) <= indent {
			break
		}
		out = append(out, content)
		r.at++
	}
	return strings.Join(out, "\n")
}

// goesOn returns the lines that a plain scalar goes on in.
func (r *yamlReader) goesOn(indent int) string {
	var out []string
	for r.at+1 < len(r.lines) {
		raw := strings.TrimRight(r.lines[r.at+1], " \t\r")
		content := strings.TrimLeft(raw, " ")
		_, _, isKey := yamlKey(content)
		if content == "" || len(raw)-len(content) <= max(indent, 0) || isKey || content[0] == '-' || content[0] == '#' {
			break
		}
		out = append(out, content)
		r.at++
	}
	return strings.Join(out, " ")
}

// quoted returns the content of a quoted scalar, which may end on a later line.
func (r *yamlReader) quoted(value string) string {
	quote := value[0]
	var s strings.Builder
	for rest := value[1:]; ; {
		for i := 0; i < len(rest); i++ {
			switch c := rest[i]; {
			case c == quote && quote == '\'' && strings.HasPrefix(rest[i+1:], "'"):
				i++
				s.WriteByte('\'')
			case c == quote:
				return s.String()
			case c == '\\' && quote == '"' && i+1 < len(rest):
				i++
				if at := strings.IndexByte("nrt", rest[i]); at >= 0 {
					s.WriteByte("\n\r\t"[at])
				} else {
					s.WriteByte(rest[i])
				}
			default:
				s.WriteByte(c)
			}
		}
		if r.at+1 >= len(r.lines) {
			return s.String()
		}
		r.at++
		rest = strings.TrimSpace(r.lines[r.at])
		s.WriteByte(' ')
	}
}

// yamlKey cuts a line into a key and its value.
func yamlKey(content string) (key, value string, ok bool) {
	if content == "" || strings.IndexByte("[{|>&*!%@`#-", content[0]) >= 0 {
		return "", "", false
	}
	if q := content[0]; q == '\'' || q == '"' {
		end := strings.IndexByte(content[1:], q)
		if end < 0 || !strings.HasPrefix(content[end+2:], ":") {
			return "", "", false
		}
		return content[1 : end+1], strings.TrimSpace(content[end+3:]), true
	}
	at := strings.IndexByte(cutBytes(content, 160), ':')
	for at > 0 && at+1 < len(content) && content[at+1] != ' ' {
		next := strings.IndexByte(cutBytes(content, 160)[at+1:], ':')
		if next < 0 {
			return "", "", false
		}
		at += 1 + next
	}
	if at <= 0 || strings.Contains(content[:at], " ") {
		return "", "", false
	}
	return content[:at], strings.TrimSpace(content[at+1:]), true
}
