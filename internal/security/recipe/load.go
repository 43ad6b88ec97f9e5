package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/casemate-ai/casemate/internal/security/prompt"
)

// Load reads a recipe and checks all of it that can be checked without input. Its
// error names every fault with file, line and column.
func Load(fsys fs.FS) (*Recipe, error) {
	f, err := read(fsys)
	if err != nil {
		return nil, err
	}
	return load(f)
}

func load(f folder) (*Recipe, error) {
	r := &Recipe{files: f, Digest: f.digest()}
	l := &loader{recipe: r, names: map[string]string{}}
	err := shallow(f[File])
	if err == nil {
		l.ast, err = parser.ParseBytes(f[File], 0)
	}
	if err == nil {
		err = withoutAliases(l.ast)
	}
	if err == nil {
		err = yaml.UnmarshalWithOptions(f[File], &r.Spec, yaml.Strict())
	}
	if err != nil {
		return nil, yamlFault(err)
	}
	l.all()
	if err := errors.Join(l.faults...); err != nil {
		return nil, err
	}
	return r, nil
}

const (
	maxSpec  = 256 << 10 // bytes of recipe.yaml
	maxDepth = 100       // of what stands in one another in it
)

// opening matches what can nest on one line of YAML.
var opening = regexp.MustCompile(`^(?: |- |\? |: )*`)

// shallow refuses a text that is no YAML for people, or nests so deep that reading
// it takes memory without end. Brackets in quoted texts count along: a recipe has
// few of them that do not close.
func shallow(data []byte) error {
	if len(data) > maxSpec {
		return fmt.Errorf("is over %d KiB", maxSpec>>10)
	}
	depth := 0
	for i, line := range strings.Split(string(data), "\n") {
		if strings.ContainsRune(line, 0) {
			return fmt.Errorf("[%d:1] is no text", i+1)
		}
		deep := len(opening.FindString(line)) > 2*maxDepth
		for _, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
			deep = deep || depth > maxDepth
		}
		if deep {
			return fmt.Errorf("[%d:1] nests deeper than %d", i+1, maxDepth)
		}
	}
	return nil
}

// withoutAliases refuses anchors and aliases: a text of a few lines with them can
// stand for one of gigabytes.
func withoutAliases(f *ast.File) error {
	v := &aliasFinder{}
	for _, d := range f.Docs {
		ast.Walk(v, d)
	}
	if v.found == nil {
		return nil
	}
	pos := v.found.GetToken().Position
	return fmt.Errorf("[%d:%d] anchors and aliases are not for recipes: write it where it is meant", pos.Line, pos.Column)
}

type aliasFinder struct{ found ast.Node }

// Visit implements ast.Visitor.
func (v *aliasFinder) Visit(n ast.Node) ast.Visitor {
	if t := n.Type(); v.found == nil && (t == ast.AnchorType || t == ast.AliasType) {
		v.found = n
	}
	return v
}

// atPosition is how go-yaml writes where a fault is.
var atPosition = regexp.MustCompile(`^\[(\d+):(\d+)\] `)

// yamlFault names the file in a fault of go-yaml, and leaves out the text that
// it quotes.
func yamlFault(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if m := atPosition.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s:%s:%s: %s", File, m[1], m[2], text[len(m[0]):])
	}
	return fmt.Errorf("%s: %s", File, text)
}

// loader checks a recipe and gathers its faults.
type loader struct {
	recipe *Recipe
	ast    *ast.File
	names  map[string]string // of rules and steps, and what each is
	faults []error
}

const maxFaults = 50

// fault adds a fault at a place of recipe.yaml, such as "$.steps[1].prompt".
func (l *loader) fault(place, format string, args ...any) {
	if len(l.faults) >= maxFaults {
		return
	}
	l.faults = append(l.faults, fmt.Errorf("%s: %s", l.at(place), fmt.Sprintf(format, args...)))
}

// at names a place of recipe.yaml, or the nearest one above it that stands there.
func (l *loader) at(place string) string {
	for place != "$" {
		if p, err := yaml.PathString(place); err == nil {
			if n, err := p.FilterFile(l.ast); err == nil && n != nil && n.GetToken() != nil {
				pos := n.GetToken().Position
				return fmt.Sprintf("%s:%d:%d", File, pos.Line, pos.Column)
			}
		}
		if i := strings.LastIndexAny(place, ".["); i > 0 {
			place = place[:i]
		} else {
			break
		}
	}
	return File + ":1:1"
}

// all checks the whole of it, in an order in which each part may build on those
// before it.
func (l *loader) all() {
	r := l.recipe
	l.head()
	l.input()
	l.evidence()
	for i := range r.Rules {
		l.rule(i, &r.Rules[i])
	}
	if len(r.Steps) > MaxSteps {
		l.fault("$.steps", "%d steps; at most %d", len(r.Steps), MaxSteps)
		return
	}
	for i := range r.Steps {
		l.step(i, &r.Steps[i])
	}
	l.checks()
	l.freeText()
	l.output()
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9]*([-_][a-z0-9]+)*$`)

// name checks the name of a rule or step.
func (l *loader) name(place, name, what string) {
	switch {
	case len(name) > 40 || !validName.MatchString(name):
		l.fault(place, "name %q: lower-case letters, digits and _, a letter first, at most 40", name)
	case strings.Contains(name, "-") && what != "recipe":
		l.fault(place, "name %q: - stands for minus in templates; take _", name)
	case slices.Contains(reserved, name):
		l.fault(place, "name %q means something of its own: %s", name, strings.Join(reserved, ", "))
	case l.names[name] != "":
		l.fault(place, "name %q is taken by a %s", name, l.names[name])
	}
	l.names[name] = what
}

// reserved are the names that templates have besides those of rules and steps.
var reserved = []string{"input", "evidence", "model", "files", "coverage", "answers"}

func (l *loader) head() {
	r := l.recipe
	if len(r.Name) > 40 || !validName.MatchString(r.Name) {
		l.fault("$.name", "name %q: lower-case letters, digits and -, a letter first, at most 40", r.Name)
	}
	for _, t := range []struct{ place, text, lack string }{
		{"$.summary", r.Summary, "a summary is missing: one sentence"}, {"$.version", r.Version, "a version is missing, such as 1"},
		{"$.help", r.Help, ""}, {"$.title", r.Title, ""}, {"$.example", r.Example, ""},
	} {
		switch {
		case t.lack != "" && strings.TrimSpace(t.text) == "":
			l.fault(t.place, "%s", t.lack)
		case len(t.text) > maxText:
			l.fault(t.place, "is longer than %d bytes", maxText)
		}
	}
	if strings.ContainsAny(r.Summary, "\n\r") {
		l.fault("$.summary", "a summary is one line")
	}
}

func (l *loader) input() {
	r := l.recipe
	if len(r.Input) > maxFields {
		l.fault("$.input", "%d fields; at most %d", len(r.Input), maxFields)
	}
	seen := map[string]bool{"files": true}
	for i, f := range r.Input {
		place := fmt.Sprintf("$.input[%d]", i)
		flag := strings.ReplaceAll(f.Name, "_", "-")
		switch {
		case !validName.MatchString(f.Name) || strings.Contains(f.Name, "-") || len(f.Name) > 40:
			l.fault(place+".name", "name %q: lower-case letters, digits and _, a letter first, at most 40", f.Name)
		case seen[f.Name]:
			l.fault(place+".name", "name %q stands twice", f.Name)
		case slices.Contains(takenFlags, flag):
			l.fault(place+".name", "the flag --%s means something of its own", flag)
		}
		seen[f.Name] = true
		if len(f.Help) > maxText || strings.ContainsAny(f.Help, "\n`\"") {
			l.fault(place+".help", "help is one line without quotation marks or backquotes")
		}
		if err := f.check(); err != nil {
			l.fault(place, "field %q: %v", f.Name, err)
		}
	}
}

// takenFlags are the flags that every workflow has.
var takenFlags = []string{"json", "jsonl", "markdown", "html", "model", "adapter", "threads", "any-memory", "context", "cache-type", "seed",
	"strict", "model-budget", "dry-run", "trace", "data", "fail-on", "verbose", "input", "help"}

// plainWord is what may stand in a tag of a struct.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9 _.:/+-]{1,60}$`)

func (f Field) check() error {
	for _, v := range append(slices.Clone(f.Enum), f.Default) {
		if v != "" && !plainWord.MatchString(v) {
			return fmt.Errorf("value %q: letters, digits and _.:/+-, at most 60", v)
		}
	}
	switch f.Type {
	case "", "string":
		if len(f.Enum) > 0 && f.Default != "" && !slices.Contains(f.Enum, f.Default) {
			return fmt.Errorf("default %q is not in the enum", f.Default)
		}
		return nil
	case "integer":
		if _, err := strconv.Atoi(f.Default); f.Default != "" && err != nil {
			return fmt.Errorf("default %q is no integer", f.Default)
		}
	case "number":
		if _, err := strconv.ParseFloat(f.Default, 64); f.Default != "" && err != nil {
			return fmt.Errorf("default %q is no number", f.Default)
		}
	case "boolean":
		if f.Default != "" && f.Default != "false" {
			return errors.New("a boolean is false unless it is given")
		}
	default:
		return fmt.Errorf("type %q: there are string, integer, number and boolean", f.Type)
	}
	if len(f.Enum) > 0 {
		return fmt.Errorf("an enum is for strings")
	}
	return nil
}

func (l *loader) evidence() {
	e := l.recipe.Evidence
	if !slices.Contains([]string{"", "incident", "mail", "document", "lines"}, e.From) {
		l.fault("$.evidence.from", "from %q: there are incident, mail, document and lines", e.From)
	}
	if e.Most < 0 || e.Most > maxEvidence {
		l.fault("$.evidence.most", "most %d: 1 to %d", e.Most, maxEvidence)
	}
	for i, k := range e.Kinds {
		if !slices.Contains(evidenceKinds, k) {
			l.fault(fmt.Sprintf("$.evidence.kinds[%d]", i), "kind %q: there are %s", k, strings.Join(evidenceKinds, ", "))
		}
	}
	if t := l.recipe.Retrieval; t != nil {
		if t.Passages < 1 || t.Passages > maxPassages {
			l.fault("$.retrieval.passages", "passages %d: 1 to %d", t.Passages, maxPassages)
		}
		for i, by := range t.By {
			if by != "ids" && by != "words" {
				l.fault(fmt.Sprintf("$.retrieval.by[%d]", i), "by %q: there are ids and words", by)
			}
		}
	}
}

var evidenceKinds = []string{"alert", "event", "log", "note", "chat", "mail", "ticket", "report"}

func (l *loader) step(i int, s *Step) {
	place := fmt.Sprintf("$.steps[%d]", i)
	l.name(place+".name", s.Name, "step")
	if s.If != "" && (l.names[s.If] == "" || s.If == s.Name) {
		l.fault(place+".if", "no rule or earlier step is called %q", s.If)
	}
	if !slices.Contains([]string{"", "all", "each", "split"}, s.Over) {
		l.fault(place+".over", "over %q: there are all, each and split", s.Over)
	}
	if s.Most < 0 || s.Most > maxAsked {
		l.fault(place+".most", "most %d: 1 to %d questions", s.Most, maxAsked)
	}
	if s.MaxTokens < 0 || s.MaxTokens > maxTokens {
		l.fault(place+".max_tokens", "max_tokens %d: 1 to %d", s.MaxTokens, maxTokens)
	}
	l.rank(place, s.Rank)
	inline := s.System != "" || s.User != "" || s.Schema != nil
	files, dir := l.recipe.files, s.Prompt
	switch {
	case s.Prompt != "" && inline:
		l.fault(place+".prompt", "a step has a prompt folder, or system, user and schema, not both")
		return
	case s.Prompt != "" && !fs.ValidPath(s.Prompt):
		l.fault(place+".prompt", "prompt %q: name a folder of the recipe", s.Prompt)
		return
	case s.Prompt == "" && !inline:
		l.fault(place, "step %q has no prompt", s.Name)
		return
	case inline:
		dir = s.Name
		files = folder{path.Join(dir, "system.md"): []byte(s.System), path.Join(dir, "user.md"): []byte(s.User), path.Join(dir, "schema.json"): s.Schema}
	}
	p, err := prompt.Load(files, dir)
	if err != nil {
		if inline {
			l.fault(place, "step %q: %v", s.Name, err)
		} else {
			l.faults = append(l.faults, err)
		}
		return
	}
	s.prompt, s.schema = p, p.Schema
	if s.kind, err = shapeOf(s.schema); err != nil {
		l.fault(place, "schema of step %q: %v", s.Name, err)
	}
	l.size(place, s.Name, p)
	l.reduce(place+".reduce", s)
}

// size holds a prompt without its data against its budget.
func (l *loader) size(place, step string, p *prompt.Prompt) {
	if n := len(p.System) + len(p.User) + len(p.Schema); n > maxPromptBytes {
		l.fault(place, "the prompt of step %q has %d bytes; an 8B model reads at most %d well, its data aside", step, n, maxPromptBytes)
	}
}

// maxPromptBytes is the budget of a prompt without its data.
const maxPromptBytes = 12 << 10
