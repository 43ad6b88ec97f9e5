package workflow

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/mapping"
	"github.com/casemate-ai/casemate/internal/security/page"
)

// MapInput says what to map.
type MapInput struct {
	Files     []string `json:"files" arg:"" optional:"" name:"file" help:"Reports (PDF, HTML, Markdown, text), Sigma rules, STIX, alert files; folders, .gz or .zip; - for standard input."`
	Threshold *float64 `json:"threshold,omitempty" placeholder:"P" help:"The probability from which a technique counts as found, above 0 and below 1; default: ${threshold}, chosen on reports, see casemate eval report."`
	Domain    string   `json:"domain,omitempty" enum:",enterprise,mobile,ics" default:"" placeholder:"DOMAIN" help:"Only techniques of this domain of ATT&CK: enterprise, mobile or ics."`
	Exclude   []string `json:"exclude,omitempty" placeholder:"ID" help:"Software, groups or campaigns (S0002,G0016) whose passages of the knowledge base are not to be used: for measurements."`
	All       bool     `json:"all,omitempty" help:"Show the unsure techniques as well."`
}

// MapOutput is the document of a mapping.
type MapOutput struct {
	Documents  []*mapping.Result `json:"documents"`
	Faults     []casemate.Fault  `json:"faults"`
	FaultCount int               `json:"fault_count"`
	Incomplete int               `json:"incomplete"` // documents of which a part could not be read
}

// MapSource is what the further forms of a mapping are written from.
type MapSource struct {
	Results []*mapping.Result
	All     bool
	Library *library.Library // nil where there is none; it is open while the forms are written
}

func mapEntry() Workflow {
	return entry(Workflow{
		Name: "map", Group: GroupKnowledge, Library: true,
		Summary: "Map reports, rules and alerts to ATT&CK techniques, sentence by sentence.",
		Help:    "Reads out of each sentence which techniques it shows, with the words that show it and a calibrated probability, from classifiers and, where the knowledge base is there, its passages. Layers, STIX and tables are written for other programs.",
		Example: "casemate map examples/report.md",
		Output:  MapOutput{}, Line: mapping.Result{},
	}, runMap)
}

// mapRun is what one run gathers.
type mapRun struct {
	in         *MapInput
	env        Env
	opt        mapping.Options
	results    []*mapping.Result
	note       string // what every answer of this build lacks
	incomplete int    // documents of which a part was left out
}

func runMap(ctx context.Context, in *MapInput, env Env) (Result, error) {
	run, err := in.run(env)
	if err != nil {
		return Result{}, err
	}
	opt := document.Options{Progress: reading(env, in.Files), Alerts: alertDocument}
	sum, err := document.Walk(ctx, in.Files, env.Stdin, opt, func(d *document.Document) error { return run.document(ctx, d) })
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Value: MapOutput{run.results, append([]casemate.Fault{}, sum.Faults...), sum.FaultCount, run.incomplete},
		Page:  mapPage(run.results, in.All), Source: MapSource{run.results, in.All, env.Library},
		Text: func(w io.Writer, o page.TerminalOptions) error {
			return mapping.WriteText(w, run.results, mapping.ViewOptions{Width: o.Width, Color: o.Color, All: in.All})
		},
		Markdown: func(w io.Writer) error { return mapping.WriteMarkdown(w, run.results, in.All) },
		Faults:   sum.Faults, FaultCount: sum.FaultCount, Incomplete: sum.FaultCount > 0 || run.incomplete > 0,
	}
	if sum.FaultCount == 0 && run.incomplete > 0 {
		r.Notes = []string{fmt.Sprintf("documents of which a part could not be read: %d; their notes say which (exit 4)", run.incomplete)}
	}
	return r, nil
}

// run reads the input.
func (in *MapInput) run(env Env) (*mapRun, error) {
	run := &mapRun{in: in, env: env, results: []*mapping.Result{}, opt: mapping.Options{Domain: knowledge.Domain(in.Domain), Exclude: in.Exclude, Library: env.Library}}
	if len(in.Files) == 0 {
		return nil, usage("map needs at least one file", "try: casemate map examples/report.md, or - to read standard input")
	}
	if i := slices.Index(in.Files, "-"); i >= 0 && slices.Contains(in.Files[i+1:], "-") {
		return nil, usage("standard input is named twice", "give - once")
	}
	if p := in.Threshold; p != nil {
		if !(*p > 0 && *p < 1) {
			return nil, usage(fmt.Sprintf("--threshold %g is no probability", *p), "give a number above 0 and below 1, such as 0.5")
		}
		run.opt.Threshold = *p
	}
	var err error
	run.note, err = MapHeads(&run.opt)
	return run, err
}

// MapHeads puts the classifiers that this build holds into opt, and says what
// that lacks.
func MapHeads(opt *mapping.Options) (note string, err error) {
	have := head.Names()
	for _, h := range []struct {
		name string
		into *mapping.Classifier
	}{{"attack", &opt.Head}, {"relevant", &opt.Relevant}, {"behaviour", &opt.Behaviour}} {
		if !slices.Contains(have, h.name) {
			continue
		}
		opened, err := head.Open(h.name)
		if err != nil {
			return "", err
		}
		*h.into = opened
	}
	if opt.Head == nil {
		note = "this build holds no attack classifier: only ids, names and tags that the text gives were found"
	}
	return note, nil
}

// document maps one document.
func (run *mapRun) document(ctx context.Context, d *document.Document) error {
	r, err := mapping.Map(ctx, d, run.opt)
	if err != nil {
		return err
	}
	if run.in.Domain != "" {
		onlyDomain(r, knowledge.Domain(run.in.Domain))
	}
	if run.note != "" {
		r.Notes = append(r.Notes, run.note)
	}
	if d.Incomplete {
		run.incomplete++
	}
	if !run.env.LinesOnly {
		run.results = append(run.results, r)
	}
	if run.env.Emit != nil {
		return run.env.Emit(r)
	}
	return nil
}

// onlyDomain leaves the techniques of one domain.
func onlyDomain(r *mapping.Result, domain knowledge.Domain) {
	other := func(id string) bool {
		t, ok := knowledge.Embedded().Technique(id)
		return !ok || t.Domain != domain
	}
	r.Techniques = slices.DeleteFunc(r.Techniques, func(f mapping.Found) bool { return other(f.ID) })
	r.Unsure = slices.DeleteFunc(r.Unsure, func(f mapping.Found) bool { return other(f.ID) })
	for i := range r.Sentences {
		s := &r.Sentences[i]
		s.Techniques = slices.DeleteFunc(s.Techniques, func(h mapping.Hit) bool { return other(h.ID) })
	}
	r.Sentences = slices.DeleteFunc(r.Sentences, func(s mapping.Sentence) bool { return len(s.Techniques) == 0 })
}

// mapPage tells the techniques of each document.
func mapPage(results []*mapping.Result, all bool) *page.Page {
	p := &page.Page{Kicker: "ATT&CK mapping", Title: fmt.Sprintf("%d documents", len(results))}
	if len(results) == 1 {
		p.Title = results[0].Path
	}
	for _, r := range results {
		p.Blocks = append(p.Blocks, page.Section{Title: r.Path, Note: fmt.Sprintf("%d sentences read, %d techniques found", r.Read, len(r.Techniques))})
		t := page.Table{Head: []string{"Technique", "Name", "Probability"}, Bar: 3}
		found := r.Techniques
		if all {
			found = append(slices.Clone(found), r.Unsure...)
		}
		for _, f := range found {
			t.Rows = append(t.Rows, []string{f.ID, f.Name, fmt.Sprintf("%.2f", f.P)})
		}
		if len(t.Rows) > 0 {
			p.Blocks = append(p.Blocks, t)
		}
		sentences := page.Table{Head: []string{"Sentence", "Techniques"}}
		for _, s := range r.Sentences {
			var ids []string
			for _, h := range s.Techniques {
				ids = append(ids, h.ID)
			}
			sentences.Rows = append(sentences.Rows, []string{s.Text, strings.Join(ids, ", ")})
		}
		if len(sentences.Rows) > 0 {
			p.Blocks = append(p.Blocks, sentences)
		}
		for _, n := range r.Notes {
			p.Blocks = append(p.Blocks, page.Text(n))
		}
	}
	return p
}
