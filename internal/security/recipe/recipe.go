// Package recipe runs workflows that are written down in a folder: recipe.yaml
// says what to read, which rules to apply, what to ask a model and how to hold
// its answers against the evidence, and a template says how to show the result.
// The recipes of the program itself are folders of that kind, embedded, and run
// by the same code. docs/recipes.md describes the format.
//
// Nothing in a recipe can read a file outside its folder and the input, open a
// connection or run a program. Prose of a model is shown only as statements that
// were verified.
package recipe

import (
	"encoding/json"
	"regexp"

	"github.com/goccy/go-yaml"

	"github.com/casemate-ai/casemate/internal/security/prompt"
	"github.com/casemate-ai/casemate/internal/security/recipe/layout"
)

// The limits of a recipe.
const (
	MaxFiles    = 200
	MaxFile     = 1 << 20 // bytes of one file
	MaxBytes    = 8 << 20 // bytes of all files
	MaxSteps    = 50
	maxRules    = 50
	maxFields   = 40
	maxSigns    = 400
	maxChecks   = 100
	maxEvidence = 5000
	maxPassages = 50
	maxAsked    = 200  // questions of one step
	maxTokens   = 8192 // of an answer
	maxText     = 4000 // bytes of a text in recipe.yaml
	maxPattern  = 1000 // bytes of a regular expression
)

// File is the name of the file that makes a folder a recipe.
const File = "recipe.yaml"

// Spec is what recipe.yaml says.
type Spec struct {
	Name    string `yaml:"name"`
	Summary string `yaml:"summary"`
	Version string `yaml:"version"`
	Help    string `yaml:"help"`
	Title   string `yaml:"title"`   // what kind of page the result is; "" is the summary
	Example string `yaml:"example"` // a command, for the documentation

	Input     []Field    `yaml:"input"`
	Evidence  Source     `yaml:"evidence"`
	Retrieval *Retrieval `yaml:"retrieval"`
	Rules     []Rule     `yaml:"rules"`
	Steps     []Step     `yaml:"steps"`
	Checks    []Demand   `yaml:"checks"`
	Output    Output     `yaml:"output"`
}

// Field is one value of the input besides the files.
type Field struct {
	Name    string   `yaml:"name"`
	Type    string   `yaml:"type"` // string, integer, number or boolean; "" is string
	Help    string   `yaml:"help"`
	Enum    []string `yaml:"enum"`
	Default string   `yaml:"default"`
}

// Source says what the files are read as.
type Source struct {
	From  string   `yaml:"from"`  // incident, mail, document or lines; "" is incident
	Kinds []string `yaml:"kinds"` // only evidence of these kinds
	Most  int      `yaml:"most"`  // pieces of evidence; 0 is 500
}

// Retrieval says what is looked up in the catalogue and the knowledge base.
type Retrieval struct {
	By       []string `yaml:"by"` // ids: of the techniques found; words: of the evidence
	Passages int      `yaml:"passages"`
}

// Rule is a deterministic step.
type Rule struct {
	Name   string   `yaml:"name"`
	Do     string   `yaml:"do"`
	Most   int      `yaml:"most"`   // values in the result; 0 is 50
	Rank   int      `yaml:"rank"`   // only evidence of the incident of this rank; 0 is all
	By     string   `yaml:"by"`     // of count
	Types  []string `yaml:"types"`  // of indicators
	Topics []string `yaml:"topics"` // of sentences
	Signs  []Sign   `yaml:"signs"`  // of signs
	From   []string `yaml:"from"`   // of level: rules whose points are added up
	Levels []Level  `yaml:"levels"` // of level, the least grave first
}

// Sign is something in the evidence that counts for or against it.
type Sign struct {
	Name   string   `yaml:"name"`
	Points int      `yaml:"points"`
	Field  string   `yaml:"field"` // text, name, author, host or user; "" is text
	Any    []string `yaml:"any"`   // words, in any case
	Regex  string   `yaml:"regex"` // an expression of RE2
	Says   string   `yaml:"says"`  // a sentence; {match} is what was found, quoted

	match *regexp.Regexp
}

// Level is a level and the points from which it holds.
type Level struct {
	Name string `yaml:"name"`
	From int    `yaml:"from"`
}

// Step is a job for the model.
type Step struct {
	Name      string       `yaml:"name"`
	Prompt    string       `yaml:"prompt"` // a folder of the recipe
	System    string       `yaml:"system"` // or the three parts here
	User      string       `yaml:"user"`
	Schema    inlineSchema `yaml:"schema"`
	Over      string       `yaml:"over"` // all, each or split; "" is all
	Most      int          `yaml:"most"` // questions; 0 is 20
	Rank      int          `yaml:"rank"` // only evidence of the incident of this rank
	MaxTokens int          `yaml:"max_tokens"`
	If        string       `yaml:"if"` // only if this rule or step found something
	Reduce    *Reduce      `yaml:"reduce"`

	prompt *prompt.Prompt
	schema json.RawMessage
	kind   *shape
}

// Reduce makes one answer of those about the parts of a step that is split. Its
// answer has the schema of the step.
type Reduce struct {
	Prompt string `yaml:"prompt"` // a folder of the recipe, with system.md and user.md
	System string `yaml:"system"` // or the two parts here
	User   string `yaml:"user"`

	prompt *prompt.Prompt
}

// many says whether a step's value is a list of answers.
func (s *Step) many() bool { return s.Over == "each" || s.Over == "split" && s.Reduce == nil }

// Demand is something that an answer is held against beyond its grounding.
type Demand struct {
	On           string   `yaml:"on"` // the place: STEP.FIELD, through lists
	Ground       bool     `yaml:"ground"`
	MustCite     bool     `yaml:"must_cite"`
	MaxSentences int      `yaml:"max_sentences"`
	Match        string   `yaml:"match"`
	Lack         string   `yaml:"lack"`
	ID           string   `yaml:"id"`     // "attack"
	Upward       string   `yaml:"upward"` // RULE.FIELD that it may not fall below
	Order        []string `yaml:"order"`  // of upward, the least grave first

	match, lack *regexp.Regexp
}

// Output says how the result is shown.
type Output struct {
	Template string       `yaml:"template"` // a file of the recipe
	Level    string       `yaml:"level"`    // the rule whose level --fail-on looks at
	Schema   inlineSchema `yaml:"schema"`   // what the result must be besides what its rules and steps make of it
}

// inlineSchema is a JSON Schema written as YAML, with its keys in their order: a
// model writes an answer in that order.
type inlineSchema json.RawMessage

// UnmarshalYAML implements yaml.BytesUnmarshaler.
func (s *inlineSchema) UnmarshalYAML(b []byte) error {
	out, err := yaml.YAMLToJSON(b)
	if err != nil {
		return err
	}
	*s = inlineSchema(out)
	return nil
}

// Recipe is a recipe that was loaded and found to be right.
type Recipe struct {
	Spec
	Digest string // "sha256:…" over all its files

	files  folder
	page   *layout.Layout
	schema json.RawMessage // of the result
}
