package document

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep JSON may be nested: readers go down by calling
// themselves, and nothing that people write comes near.
const maxDepth = 200

// isJSON says whether a text is JSON: one value, or one after another.
func isJSON(text string) bool {
	t := strings.TrimLeft(text, " \t\r\n")
	if len(t) < 2 {
		return false
	}
	rest := strings.TrimLeft(t[1:], " \t\r\n")
	switch t[0] {
	case '{':
		return rest == "" || rest[0] == '"' || rest[0] == '}'
	case '[':
		if rest != "" && rest[0] == '[' { // a list in a list, and not a [[link]]
			inner := strings.TrimLeft(rest[1:], " \t\r\n")
			return inner == "" || strings.IndexByte("{[]\"-0123456789", inner[0]) >= 0
		}
		return rest == "" || strings.IndexByte("{]\"", rest[0]) >= 0
	}
	return false
}

// jsonReader takes what people wrote out of JSON.
type jsonReader struct {
	b     *builder
	path  []string // keys down to the value at hand
	stix  bool
	title string
	lines lineCounter
	dec   *jsontext.Decoder
}

// jsonText reads JSON values one after another. What comes before a fault is kept.
func jsonText(b *builder, text string) (kind, title string, err error) {
	r := &jsonReader{b: b, lines: lineCounter{text: text}}
	r.dec = jsontext.NewDecoder(strings.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		err := r.value()
		if err == io.EOF {
			break
		}
		if err != nil {
			if len(b.blocks) == 0 {
				return "", "", fmt.Errorf("parse JSON in line %d: %w", r.lines.at(int(r.dec.InputOffset())), reason(err))
			}
			b.note(fmt.Sprintf("the JSON is broken in line %d; what follows was left out", r.lines.at(int(r.dec.InputOffset()))))
			b.cut = true
			break
		}
	}
	if r.stix {
		return "stix", r.title, nil
	}
	return "json", r.title, nil
}

// reason returns an error without the excerpt of the input that it quotes.
func reason(err error) error {
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends within a value")
	case errors.As(err, &syntactic) && syntactic.Err != nil:
		return errors.New("it is no valid JSON")
	}
	return err
}

// value reads one value.
func (r *jsonReader) value() error {
	switch r.dec.PeekKind() {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"':
		tok, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		r.leaf(tok.String())
		return nil
	}
	tok, err := r.dec.ReadToken() // a number, a literal, the end or a fault
	if err == nil && (tok.Kind() == '}' || tok.Kind() == ']') {
		return errors.New("a bracket too many")
	}
	return err
}

func (r *jsonReader) array() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if r.dec.StackDepth() > maxDepth {
		return fmt.Errorf("nested more than %d deep", maxDepth)
	}
	for r.dec.PeekKind() != ']' {
		if err := r.value(); err != nil {
			return whole(err)
		}
	}
	_, err := r.dec.ReadToken()
	return whole(err)
}

// object reads an object; those of STIX by their own rules.
func (r *jsonReader) object() error {
	if len(r.path) == 1 && r.path[0] == "objects" {
		if raw, err := r.dec.ReadValue(); err != nil {
			return whole(err)
		} else if !r.stixObject(raw) {
			return r.again(raw)
		}
		return nil
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if r.dec.StackDepth() > maxDepth {
		return fmt.Errorf("nested more than %d deep", maxDepth)
	}
	for r.dec.PeekKind() != '}' {
		key, err := r.dec.ReadToken()
		if err != nil {
			return whole(err)
		}
		if key.Kind() != '"' {
			return errors.New("it is no valid JSON")
		}
		r.path = append(r.path, key.String())
		err = r.value()
		r.path = r.path[:len(r.path)-1]
		if err != nil {
			return whole(err)
		}
	}
	_, err := r.dec.ReadToken()
	return whole(err)
}

// again reads an object that turned out to be no STIX in the common way.
func (r *jsonReader) again(raw jsontext.Value) error {
	outer, path, lines := r.dec, r.path, r.lines
	first := r.lines.at(int(r.dec.InputOffset()) - len(raw))
	r.lines = lineCounter{text: string(raw), num: first - 1}
	r.dec = jsontext.NewDecoder(strings.NewReader(string(raw)), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	r.path = append([]string{"objects", "object"}, path[1:]...)
	err := r.object()
	r.dec, r.path, r.lines = outer, path, lines
	return err
}

// whole makes the end of the input within a value a fault.
func whole(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// leaf adds a string that is prose or a command; the rest of JSON is ids,
// numbers and the names of things.
func (r *jsonReader) leaf(text string) {
	key := ""
	if n := len(r.path); n > 0 {
		key = r.path[n-1]
	}
	name := strings.ToLower(key)
	if (name == "title" || name == "name") && len(r.path) <= 2 && r.title == "" && len(text) < maxContext {
		r.title = text
	}
	if len(r.path) == 1 && key == "type" && text == "bundle" {
		r.stix = true
	}
	kind, ok := leafKind(name, text)
	if !ok {
		return
	}
	line := r.lines.at(int(r.dec.InputOffset()) - len(text))
	r.b.said(kind, cutBytes(strings.Join(r.path, "."), maxContext), text, line)
}

// said adds what a value says under its path: paragraphs, or code line by line.
func (b *builder) said(kind, context, text string, line int) {
	for l := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(l) != "" {
			if kind != KindCode {
				l = inline(l)
			}
			b.join(kind, context, []piece{{l, 0, line}})
		}
	}
}

// leafKind says what kind of text a string is under a key, or that it is none.
func leafKind(key, text string) (kind string, ok bool) {
	switch key {
	case "id", "uuid", "guid", "pattern", "hash", "sha256", "md5", "sha1", "timestamp", "time", "date", "url", "uri", "type", "version":
		return "", false
	}
	words := len(strings.Fields(cutBytes(text, 4000)))
	switch {
	case words == 0 || !hasLetters(text):
		return "", false
	case strings.Contains(key, "command") || strings.Contains(key, "cmdline") || key == "cmd" || key == "args" || key == "script" || strings.Contains(key, "scriptblock"):
		return KindCode, true
	case key == "title" || key == "name" || key == "message" || key == "description" || key == "summary" || key == "signature" || key == "rule" || strings.HasSuffix(key, "_name") || key == "msg":
		return KindProse, words > 1 || len(text) > 3
	case looksLikeCommand(text):
		return KindCode, true
	}
	return KindProse, words >= 4
}

func hasLetters(text string) bool {
	letters := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			if letters++; letters > 2 {
				return true
			}
		}
	}
	return false
}

// looksLikeCommand says whether a string is a program with arguments or a path.
func looksLikeCommand(text string) bool {
	if len(text) > 8192 || strings.HasPrefix(text, "http") {
		return false
	}
	first, rest, _ := strings.Cut(text, " ")
	lower := strings.ToLower(first)
	return strings.Contains(text, `:\`) || strings.HasSuffix(lower, ".exe") || strings.HasPrefix(first, "/") && strings.Count(first, "/") > 1 && rest != "" ||
		rest != "" && (strings.Contains(rest, " -") || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "/")) && strings.Count(text, ". ") == 0 ||
		strings.HasPrefix(text, `HKLM\`) || strings.HasPrefix(text, `HKCU\`) || strings.HasPrefix(text, "HKEY_")
}

// stixObject is what is read of an object of a STIX bundle.
type stixObject struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Abstract    string `json:"abstract"`
	Content     string `json:"content"`
	Revoked     bool   `json:"revoked"`
	Refs        []struct {
		Source string `json:"source_name"`
		ID     string `json:"external_id"`
	} `json:"external_references"`
}

// isTechnique says whether a string has the form of a technique's id.
func isTechnique(id string) bool {
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return (len(id) == 5 || len(id) == 9 && id[5] == '.' && digits(id[6:])) && id[0] == 'T' && digits(id[1:5])
}

// stixObject reads one object of a bundle and says whether it is one.
func (r *jsonReader) stixObject(raw jsontext.Value) bool {
	var o stixObject
	if json.Unmarshal(raw, &o, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil || o.Type == "" {
		return false
	}
	r.stix = true
	line := r.lines.at(int(r.dec.InputOffset()) - len(raw))
	if o.Type == "report" && r.title == "" {
		r.title = o.Name
	}
	switch o.Type {
	case "marking-definition", "identity", "relationship", "x-mitre-matrix", "x-mitre-collection":
		o.Name = ""
		if o.Type != "relationship" {
			return true
		}
	}
	context := o.Type
	if o.Name != "" {
		context += " " + o.Name
		r.b.join(KindProse, o.Type, []piece{{o.Name, 0, line}})
		var claims []string
		for _, ref := range o.Refs {
			if strings.HasPrefix(ref.Source, "mitre") && isTechnique(ref.ID) {
				claims = append(claims, ref.ID)
			}
		}
		r.b.claim(claims)
	}
	for _, text := range []string{o.Abstract, o.Description, o.Content} {
		r.b.said(KindProse, context, text, line)
	}
	return true
}

// lineCounter turns offsets, which must not go down much, into lines.
type lineCounter struct {
	text string
	off  int
	num  int // line breaks before off
}

func (c *lineCounter) at(offset int) int {
	offset = min(max(offset, 0), len(c.text))
	if offset < c.off {
		c.num -= strings.Count(c.text[offset:c.off], "\n")
	} else {
		c.num += strings.Count(c.text[c.off:offset], "\n")
	}
	c.off = offset
	return c.num + 1
}
