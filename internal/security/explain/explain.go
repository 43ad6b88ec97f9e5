// Package explain tells an analyst what a pasted text is: a command line, a
// script, a log line, an alert, an id, a hash, an address, a token. It decodes
// what is encoded, names the programs and options it knows, says which ATT&CK
// techniques show and where, and what to look at next.
//
// It works from tables and rules alone; no language model takes part. Every
// statement about the input points at the span that shows it. Nothing in the
// input can take a statement back: text that addresses the reader or a model is
// one more finding.
package explain

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/decode"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// The limits. What is left out for one of them is said in Explanation.Notes.
const (
	MaxInput      = 1 << 20  // bytes of input that are looked at
	MaxScan       = 64 << 10 // bytes of one text that rules are tried on
	MaxParts      = 200      // lines or records that are explained one by one
	maxFindings   = 60
	maxCommands   = 80
	maxPrograms   = 60
	maxIndicators = 100
	maxQuote      = 160 // bytes of the input that a finding quotes
	maxFacts      = 60
	maxFact       = 600 // bytes of a fact
	maxSteps      = 8
)

// Options says what to explain with. The zero value is ready.
type Options struct {
	// Catalogue answers questions about ids; nil is knowledge.Embedded().
	Catalogue *knowledge.Catalogue
	// Rules are run over events and command lines as well; nil is none.
	Rules *sigma.Engine
	// Reference dates timestamps without a year; zero is the reader's default.
	Reference time.Time
	// Decode bounds the decoding.
	Decode decode.Options
}

// Explanation is what is known about an input.
type Explanation struct {
	Kind    string   `json:"kind"`          // "PowerShell command line", "SHA-256 hash", "ATT&CK technique" …
	Why     []string `json:"why,omitempty"` // what shows the kind
	Summary string   `json:"summary"`       // one sentence
	Risk    Risk     `json:"risk"`

	Facts      []Fact               `json:"facts,omitempty"`    // what it says, or what is known of it
	Layers     []Layer              `json:"layers,omitempty"`   // what was decoded
	Findings   []Finding            `json:"findings,omitempty"` // gravest first
	Commands   []Command            `json:"commands,omitempty"`
	Programs   []Program            `json:"programs,omitempty"`
	Techniques []casemate.Technique `json:"techniques,omitempty"`
	Indicators []Indicator          `json:"indicators,omitempty"`
	Next       []casemate.NextStep  `json:"next,omitempty"`
	Notes      []string             `json:"notes,omitempty"` // limits and gaps

	Input string        `json:"input,omitempty"` // of a part: its text, cut for display
	Parts []Explanation `json:"parts,omitempty"` // of several lines or records
}

// Risk is a judgement in words. It never says that something is clean.
type Risk struct {
	Level   string   `json:"level"` // one of the Risk constants
	Reasons []string `json:"reasons,omitempty"`
}

// The levels of risk, gravest first.
const (
	RiskStrong = "strong signs of an attack"
	RiskSome   = "worth a closer look"
	RiskWeak   = "weak signs, common in honest work too"
	RiskNone   = "nothing known to be bad here, which is not proof"
	RiskLookup = "a reference, not an observation"
)

// Fact is one line of what is known.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Note  string `json:"note,omitempty"` // what the value means
}

// Layer is an encoding that was undone in the input or in one of its fields.
type Layer struct {
	decode.Layer
	Field string `json:"field,omitempty"` // the field that it was found in
}

// Span is a place: a part of the input (Layer -1), of a field of it, or of a
// layer, whose index it then holds.
type Span struct {
	Field string `json:"field,omitempty"`
	Layer int    `json:"layer"`
	Start int    `json:"start"` // byte offsets
	End   int    `json:"end"`
}

// String names the place for people; layers count from 1.
func (s Span) String() string {
	where := strings.TrimPrefix(place(s), "the ")
	if s.End > 0 {
		where += fmt.Sprintf(" %d-%d", s.Start, s.End)
	}
	return where
}

// Finding is something that the input shows, and where.
type Finding struct {
	Level      casemate.Severity `json:"level"`
	Text       string            `json:"text"` // what it means
	Techniques []string          `json:"techniques,omitempty"`
	Span       Span              `json:"span"`
	Quote      string            `json:"quote,omitempty"` // the text of the span, cut
	Source     string            `json:"source"`          // "behaviour", "rule", "sensor" or "text"
}

// Command is one program of a command line, with what belongs to it.
type Command struct {
	Shell     string   `json:"shell"`   // PowerShell, cmd or POSIX
	Program   string   `json:"program"` // as written, without quotes
	Name      string   `json:"name"`    // its base name, in lower case, without .exe
	Args      []string `json:"args,omitempty"`
	Redirects []string `json:"redirects,omitempty"` // "> file"
	Piped     bool     `json:"piped,omitempty"`     // reads the output of the one before it
	Depth     int      `json:"depth,omitempty"`     // inside another command's argument
	Span      Span     `json:"span"`
}

// Program is a program that Casemate knows.
type Program struct {
	Name      string   `json:"name"`
	Platforms []string `json:"platforms"`
	What      string   `json:"what"`
	Use       string   `json:"use,omitempty"` // what attackers use it for
	Flags     []Flag   `json:"flags,omitempty"`
}

// Flag is an option that was used, with its meaning.
type Flag struct {
	Text  string            `json:"text"`
	Means string            `json:"means"`
	Level casemate.Severity `json:"level"` // SeverityInformational where it only explains
}

// Indicator is something to look for elsewhere.
type Indicator struct {
	Type  casemate.IndicatorType `json:"type"`
	Value string                 `json:"value"`
	Shown string                 `json:"shown"` // defanged
	Scope casemate.Scope         `json:"scope,omitempty"`
	Note  string                 `json:"note,omitempty"`
	Span  Span                   `json:"span"`
}

// Explain explains input. The error is a *casemate.Error with CodeUsage for an
// empty input, or the context's.
func Explain(ctx context.Context, input string, opt Options) (Explanation, error) {
	if opt.Catalogue == nil {
		opt.Catalogue = knowledge.Embedded()
	}
	text, notes := decode.Input(input, MaxInput)
	if strings.TrimSpace(text) == "" {
		return Explanation{}, &casemate.Error{
			Code: casemate.CodeUsage, Message: "explain: the input is empty",
			Hint: "paste a command line, a log line, an alert, an id, a hash, a URL or an address",
		}
	}
	s := &session{ctx: ctx, opt: opt, tab: load()}
	e := s.explain(text)
	e.Notes = append(notes, e.Notes...)
	if err := ctx.Err(); err != nil {
		return Explanation{}, fmt.Errorf("explain input: %w", err)
	}
	return e, nil
}

// session is one call of Explain.
type session struct {
	ctx context.Context
	opt Options
	tab *tables
}

// explain explains one text, or each of its parts. Orders to the reader are set
// aside first, so that they can neither change what the rest is taken for nor
// hide anything: they are examined by themselves.
func (s *session) explain(text string) Explanation {
	rest, asides := s.asides(text)
	var e Explanation
	if parts := s.split(rest); len(parts) > 1 {
		e = s.several(parts)
	} else {
		e = s.single(rest)
		e.shift(0, 0, len(rest)-len(strings.TrimLeft(rest, " \t\r\n")))
	}
	a := s.analyse(&e)
	for _, f := range e.Findings {
		a.seen[f.Text] = true
	}
	if len(e.Parts) == 0 || e.Kind == "several records" {
		a.address(cut2(rest, MaxScan), Span{Layer: -1}) // also what no reader of records takes
	}
	for _, at := range asides {
		findings, layers := len(e.Findings), len(e.Layers)
		a.examine("", text[at[0]:at[1]], prose)
		e.shift(findings, layers, at[0])
	}
	s.finish(&e)
	return e
}

// shift moves the places in the input of the findings and layers from the given
// ones on.
func (e *Explanation) shift(findings, layers, by int) {
	move := func(sp *Span) {
		if sp.Layer < 0 && sp.Field == "" {
			sp.Start += by
			sp.End += by
		}
	}
	for i := findings; i < len(e.Findings); i++ {
		move(&e.Findings[i].Span)
	}
	for i := layers; i < len(e.Layers); i++ {
		if l := &e.Layers[i]; l.Parent < 0 && l.Field == "" {
			l.Start += by
			l.End += by
		}
	}
	if findings == 0 {
		for i := range e.Commands {
			move(&e.Commands[i].Span)
		}
		for i := range e.Indicators {
			move(&e.Indicators[i].Span)
		}
	}
}

// several explains each part and sums them up.
func (s *session) several(parts []string) Explanation {
	e := Explanation{Kind: "several inputs", Why: []string{"each line stands for itself"}}
	total := len(parts)
	if total > MaxParts {
		e.Notes = append(e.Notes, fmt.Sprintf("only the first %d of %d lines were explained", MaxParts, total))
		parts = parts[:MaxParts]
	}
	for _, p := range parts {
		if s.ctx.Err() != nil {
			break
		}
		part := s.single(p)
		s.finish(&part)
		part.Input = phrase.Short(p, maxQuote)
		e.Parts = append(e.Parts, part)
	}
	e.merge(fmt.Sprintf("%d inputs", total))
	return e
}

// merge sums the parts up: their kinds, the gravest risk, the techniques and
// the next steps.
func (e *Explanation) merge(what string) {
	kinds := map[string]int{}
	var order []string
	strong := 0
	for _, p := range e.Parts {
		if kinds[p.Kind]++; kinds[p.Kind] == 1 {
			order = append(order, p.Kind)
		}
		if p.Risk.Level == RiskStrong {
			strong++
		}
	}
	for i, k := range order {
		order[i] = fmt.Sprintf("%d × %s", kinds[k], k)
	}
	e.Summary = what + ": " + strings.Join(order, ", ")
	if strong > 0 {
		e.Summary += fmt.Sprintf("; %d of them with strong signs of an attack", strong)
	}
	e.Summary += "."
	rank := map[string]int{RiskLookup: 0, RiskNone: 1, RiskWeak: 2, RiskSome: 3, RiskStrong: 4}
	e.Risk.Level = RiskLookup
	seen := map[string]int{}
	steps := map[string]bool{}
	for i, p := range e.Parts {
		if rank[p.Risk.Level] > rank[e.Risk.Level] {
			e.Risk.Level = p.Risk.Level
		}
		if (p.Risk.Level == RiskStrong || p.Risk.Level == RiskSome) && len(e.Risk.Reasons) < maxSteps {
			e.Risk.Reasons = append(e.Risk.Reasons, fmt.Sprintf("line %d: %s", i+1, p.Summary))
		}
		for _, t := range p.Techniques {
			at, known := seen[t.ID]
			if !known {
				at = len(e.Techniques)
				seen[t.ID] = at
				e.Techniques = append(e.Techniques, casemate.Technique{ID: t.ID, Name: t.Name, Tactics: t.Tactics, Source: t.Source})
			}
			e.Techniques[at].Evidence = append(e.Techniques[at].Evidence, fmt.Sprintf("line %d", i+1))
		}
		for _, n := range p.Next {
			if !steps[n.Text] && len(e.Next) < maxSteps {
				steps[n.Text] = true
				e.Next = append(e.Next, n)
			}
		}
	}
}
