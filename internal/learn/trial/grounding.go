package trial

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/security/grounding"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

//go:embed grounding/*.jsonl
var groundingCases embed.FS

// TrueSentence is the kind of a case that the evidence bears out.
const TrueSentence = "true"

// GroundingCase is one sentence about a body of evidence, and what became of it.
type GroundingCase struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"` // "true", or what kind of lie it is
	Set      string   `json:"set,omitempty"`
	Text     string   `json:"text"`
	Evidence []string `json:"evidence,omitempty"` // ids that it cites
	// Caught, of a lie, and Struck, of a true sentence, say whether the check
	// found the statement unsupported.
	Caught   *bool              `json:"caught,omitempty"`
	Struck   *bool              `json:"struck,omitempty"`
	Problems []casemate.Problem `json:"problems"`
	// Baseline says that a plain comparison of words would have found it so.
	Baseline bool `json:"baseline,omitempty"`
}

// GroundingRow is a kind of lie, or the true sentences, of one set.
type GroundingRow struct {
	Kind     string `json:"kind"`
	Cases    int    `json:"cases"`
	Found    int    `json:"found"`    // unsupported, by the check
	Baseline int    `json:"baseline"` // unsupported, by the comparison of words
	Example  string `json:"example,omitempty"`
}

// GroundingSet is one half of the cases: the one that the rules were written with,
// or the one that was kept apart from them.
type GroundingSet struct {
	Name       string          `json:"name"`
	Lies       int             `json:"lies"`
	Caught     int             `json:"caught"`
	CaughtRate metric.Estimate `json:"caught_rate"`
	True       int             `json:"true"`
	TrueStruck int             `json:"true_struck"`
	StruckRate metric.Estimate `json:"true_struck_rate"`
	// The same of a comparison of words.
	BaselineCaught int `json:"baseline_caught"`
	BaselineStruck int `json:"baseline_true_struck"`
}

// GroundingReport says how many lies the check of statements catches, and how many
// true sentences it strikes.
type GroundingReport struct {
	GroundingSet
	Sets  []GroundingSet `json:"sets"`
	Kinds []GroundingRow `json:"kinds"`
	// Workflows is what became of lies that a model told in them; see
	// GroundingWorkflows.
	Workflows []GroundingFlow `json:"workflows,omitempty"`
	Cases     []GroundingCase `json:"cases"`
}

// Grounding runs the built-in cases through pipeline.Run.Verify. They come in sets
// that are reported apart: "tune", which the rules were written with, "held" and
// "fresh", which were kept apart until the rules had been measured on them once, and
// "independent" and those after it, which two others wrote;
// docs/grounding.md has those first figures.
func Grounding(ctx context.Context) (GroundingReport, error) {
	var evidence []casemate.Evidence
	var cases []GroundingCase
	for _, name := range []string{"evidence", "evidence2", "evidence3", "evidence4", "tune", "tune2", "tune3", "held", "fresh", "fresh4", "fresh5", "fresh6", "independent", "independent2", "independent3", "independent4", "independent5", "independent6"} {
		data, err := fs.ReadFile(groundingCases, "grounding/"+name+".jsonl")
		if err != nil {
			return GroundingReport{}, err
		}
		set := name
		if !strings.HasPrefix(name, "independent") { // each of which was measured by itself
			set = strings.TrimRight(name, "0123456789")
		}
		e, c, err := ReadGrounding(bytes.NewReader(data), set)
		if err != nil {
			return GroundingReport{}, fmt.Errorf("read cases %q: %w", name, err)
		}
		evidence, cases = append(evidence, e...), append(cases, c...)
	}
	r, err := RunGrounding(ctx, evidence, cases)
	if err == nil {
		r.Workflows, err = GroundingWorkflows(ctx)
	}
	return r, err
}

// ReadGrounding reads cases, one JSON object a line. A line with the key "record"
// holds a piece of evidence; every other line is a case, with "kind", "text", the
// ids it cites in "evidence", and, if wanted, an "id" and the "set" it belongs to.
func ReadGrounding(r io.Reader, set string) ([]casemate.Evidence, []GroundingCase, error) {
	var evidence []casemate.Evidence
	var cases []GroundingCase
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var v struct {
			Record *casemate.Evidence `json:"record"`
			GroundingCase
		}
		if err := json.Unmarshal(line, &v); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch c := v.GroundingCase; {
		case v.Record != nil:
			evidence = append(evidence, *v.Record)
		case c.Kind == "" || c.Text == "":
			return nil, nil, fmt.Errorf("line %d: a case needs a kind and a text", n)
		default:
			if c.ID == "" {
				c.ID = fmt.Sprintf("line-%d", n)
			}
			if c.Set == "" {
				c.Set = set
			}
			cases = append(cases, c)
		}
	}
	return evidence, cases, lines.Err()
}

// RunGrounding runs cases about evidence through pipeline.Run.Verify.
func RunGrounding(ctx context.Context, evidence []casemate.Evidence, cases []GroundingCase) (GroundingReport, error) {
	run, err := pipeline.Start(pipeline.Options{Workflow: "grounding"})
	if err != nil {
		return GroundingReport{}, err
	}
	statements := make([]casemate.Statement, len(cases))
	for i, c := range cases {
		statements[i] = casemate.Statement{Text: c.Text, Evidence: c.Evidence, By: casemate.DecidedByModel}
	}
	if err := ctx.Err(); err != nil {
		return GroundingReport{}, err
	}
	baseline := newContainment(evidence)
	for i, s := range run.Verify(statements, evidence) {
		c := &cases[i]
		found := s.Support != casemate.Supported
		c.Caught, c.Struck = nil, nil
		if c.Kind == TrueSentence {
			c.Struck = &found
		} else {
			c.Caught = &found
		}
		c.Problems = append([]casemate.Problem{}, s.Problems...)
		c.Baseline = !baseline.contains(c.Text, c.Evidence)
	}
	return tallyGrounding(cases), nil
}

func tallyGrounding(cases []GroundingCase) GroundingReport {
	r := GroundingReport{Cases: cases, GroundingSet: setOf("all", cases)}
	var names []string
	bySet := map[string][]GroundingCase{}
	rows := map[string]*GroundingRow{}
	for _, c := range cases {
		if bySet[c.Set] == nil {
			names = append(names, c.Set)
		}
		bySet[c.Set] = append(bySet[c.Set], c)
		row := rows[c.Kind]
		if row == nil {
			row = &GroundingRow{Kind: c.Kind}
			rows[c.Kind] = row
		}
		row.Cases++
		if c.Baseline {
			row.Baseline++
		}
		if c.found() {
			row.Found++
		}
		if c.found() == (c.Kind == TrueSentence) {
			row.Example = cmp.Or(row.Example, c.Text)
		}
	}
	for _, n := range names {
		r.Sets = append(r.Sets, setOf(n, bySet[n]))
	}
	for _, row := range rows {
		r.Kinds = append(r.Kinds, *row)
	}
	slices.SortFunc(r.Kinds, func(a, b GroundingRow) int {
		if (a.Kind == TrueSentence) != (b.Kind == TrueSentence) {
			if a.Kind == TrueSentence {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return r
}

func (c GroundingCase) found() bool {
	return c.Caught != nil && *c.Caught || c.Struck != nil && *c.Struck
}

func setOf(name string, cases []GroundingCase) GroundingSet {
	s := GroundingSet{Name: name}
	for _, c := range cases {
		if c.Kind == TrueSentence {
			s.True++
			s.TrueStruck += one(c.found())
			s.BaselineStruck += one(c.Baseline)
			continue
		}
		s.Lies++
		s.Caught += one(c.found())
		s.BaselineCaught += one(c.Baseline)
	}
	s.CaughtRate, s.StruckRate = metric.Proportion(s.Caught, s.Lies), metric.Proportion(s.TrueStruck, s.True)
	return s
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// containment is the baseline: every word of a sentence with a capital or a digit
// in it, but for the first, must occur in the evidence cited.
type containment struct{ words map[string]map[string]bool }

func newContainment(evidence []casemate.Evidence) containment {
	c := containment{map[string]map[string]bool{}}
	for _, e := range evidence {
		set := map[string]bool{}
		for _, w := range strings.Fields(strings.ToLower(strings.Join([]string{e.Text, e.Name, e.Host, e.User, e.Author, strings.Join(e.Techniques, " "), e.First.Format("2006-01-02 15:04:05 15:04")}, " "))) {
			set[strings.Trim(w, `"'().,;:[]`)] = true
		}
		c.words[e.ID] = set
	}
	return c
}

func (c containment) contains(text string, ids []string) bool {
	plain, more := grounding.Citations(text)
	for i, w := range strings.Fields(plain) {
		w = strings.Trim(w, "\"'`().,;:[]?")
		if i == 0 || w == strings.ToLower(w) && !strings.ContainsAny(w, "0123456789") {
			continue
		}
		if !slices.ContainsFunc(slices.Concat(ids, more), func(id string) bool { return c.words[id][strings.ToLower(w)] }) {
			return false
		}
	}
	return true
}
