package eval

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/mapping"
)

// Described is a text and the parent techniques that it shows.
type Described struct {
	ID      string // of the malware or actor
	Text    string
	Parents []string // in order
	Domain  knowledge.Domain
}

// SetFigures is how well the set of parent techniques of a report is found.
type SetFigures struct {
	Set       string          `json:"set"`
	Reports   int             `json:"reports"`
	Wanted    int             `json:"wanted"` // techniques of all reports
	Found     int             `json:"found"`
	Right     int             `json:"right"`
	Threshold float64         `json:"threshold"`
	MicroF1   metric.Estimate `json:"micro_f1"` // with its interval over reports
	Precision metric.Estimate `json:"precision"`
	Recall    metric.Estimate `json:"recall"`
	ECE       float64         `json:"ece"` // of all techniques that were considered
	ECEN      int             `json:"ece_n"`
	Sweep     []Cut           `json:"sweep"` // what other thresholds would give
}

// Cut is a threshold and what it gives.
type Cut struct {
	Threshold, Precision, Recall, F1 float64
}

// considered is a technique that a mapping proposed for a report.
type considered struct {
	report int
	p      float64
	right  bool
	found  bool
}

// MeasureSets maps each text, folds techniques to parents and compares. Options
// of each text are opt with its own id added to what is excluded.
func MeasureSets(ctx context.Context, set string, cases []Described, opt mapping.Options) (SetFigures, error) {
	f := SetFigures{Set: set, Reports: len(cases), Threshold: opt.Threshold}
	if f.Threshold <= 0 {
		f.Threshold = mapping.DefaultThreshold
	}
	var all []considered
	wanted := make([]int, len(cases))
	for i, c := range cases {
		own := opt
		own.Exclude = append(slices.Clone(opt.Exclude), c.ID)
		if own.Domain = c.Domain; own.Domain == "" {
			own.Domain = knowledge.Enterprise
		}
		d, err := document.Parse(ctx, c.ID, []byte(c.Text), document.Options{})
		if err != nil {
			return f, err
		}
		r, err := mapping.Map(ctx, d, own)
		if err != nil {
			return f, err
		}
		wanted[i] = len(c.Parents)
		f.Wanted += wanted[i]
		for _, x := range sorted(foldFound(r)) { // in order: equal probabilities must fall into the same bins each time
			all = append(all, considered{i, x.value, slices.Contains(c.Parents, x.key), x.value >= f.Threshold})
		}
	}
	slices.SortStableFunc(all, func(a, b considered) int { return cmp.Or(a.report-b.report, cmp.Compare(b.p, a.p)) })
	f.fill(all, wanted)
	return f, nil
}

// foldFound returns the probability of each parent technique: that of its best
// form.
func foldFound(r *mapping.Result) map[string]float64 {
	out := map[string]float64{}
	for _, list := range [][]mapping.Found{r.Techniques, r.Unsure} {
		for _, t := range list {
			p := corpus.Parent(t.ID)
			out[p] = max(out[p], t.P)
		}
	}
	return out
}

// fill computes the figures.
func (f *SetFigures) fill(all []considered, wanted []int) {
	type tally struct{ found, right int }
	by := make([]tally, len(wanted))
	var p []float64
	var right []bool
	for _, c := range all {
		p, right = append(p, c.p), append(right, c.right)
		if c.found {
			by[c.report].found++
			f.Found++
			if c.right {
				by[c.report].right++
				f.Right++
			}
		}
	}
	f.ECE, f.ECEN = metric.ECE(p, right), len(p)
	figure := func(of func(right, found, wanted int) float64) metric.Estimate {
		return metric.Bootstrap(len(wanted), func(items []int) float64 {
			r, n, w := 0, 0, 0
			for _, i := range items {
				r, n, w = r+by[i].right, n+by[i].found, w+wanted[i]
			}
			return of(r, n, w)
		})
	}
	f.MicroF1 = figure(f1Of)
	f.Precision = figure(func(r, n, _ int) float64 { return float64(r) / float64(max(1, n)) })
	f.Recall = figure(func(r, _, w int) float64 { return float64(r) / float64(max(1, w)) })
	for cut := 5; cut < 100; cut += 5 {
		t := float64(cut) / 100
		n, r := 0, 0
		for _, c := range all {
			if c.p >= t {
				n++
				if c.right {
					r++
				}
			}
		}
		f.Sweep = append(f.Sweep, Cut{t, float64(r) / float64(max(1, n)), float64(r) / float64(max(1, f.Wanted)), f1Of(r, n, f.Wanted)})
	}
}

func f1Of(right, found, wanted int) float64 {
	return 2 * float64(right) / float64(max(1, found+wanted))
}

// WriteSetFigures writes the table that people read; verbose adds the sweep.
func WriteSetFigures(w io.Writer, f SetFigures, verbose bool) error {
	var b strings.Builder
	row := func(name string, value any) { fmt.Fprintf(&b, "  %-40s %v\n", name, value) }
	fmt.Fprintf(&b, "%s, %d reports, %d techniques in all\n", f.Set, f.Reports, f.Wanted)
	row("micro-F1 of the sets of parents", points(f.MicroF1))
	row("precision", points(f.Precision))
	row("recall", points(f.Recall))
	row("threshold", fmt.Sprintf("%.2f", f.Threshold))
	row("expected calibration error", fmt.Sprintf("%.3f (n = %d)", f.ECE, f.ECEN))
	if verbose {
		fmt.Fprintf(&b, "\n  %9s %9s %7s %7s\n", "threshold", "precision", "recall", "F1")
		for _, c := range f.Sweep {
			fmt.Fprintf(&b, "  %9.2f %9.3f %7.3f %7.3f\n", c.Threshold, c.Precision, c.Recall, c.F1)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Behaviour trains a behaviour head that saw neither the reports nor the actors
// that were held out.
func (o *AttackHeldOut) Behaviour(folder string) (*head.Head, error) {
	r := technique.Behaviour()
	texts, err := r.Read(folder)
	if err != nil {
		return nil, err
	}
	actors := map[string]bool{}
	for _, s := range o.Actors {
		actors[s.Entity] = true
	}
	texts = slices.DeleteFunc(texts, func(s corpus.Sorted) bool { return s.Source == corpus.KindReport || actors[s.Group] })
	m, err := r.Train(texts, r.Held, nil)
	if err != nil {
		return nil, err
	}
	return head.New(r.Name, m)
}

// PseudoReports makes a report of each held-out actor: its description and some of
// its procedures, several to a sentence, as running text without the names of
// techniques. Half of them, by id, are to choose a threshold on.
func (o *AttackHeldOut) PseudoReports(second bool) []Described {
	const least, most = 4, 14 // techniques of a report
	by := map[string][]corpus.Technical{}
	var order []string
	for _, s := range o.Actors {
		if by[s.Entity] == nil {
			order = append(order, s.Entity)
		}
		by[s.Entity] = append(by[s.Entity], s)
	}
	slices.Sort(order)
	var out []Described
	for _, id := range order {
		all := by[id]
		slices.SortStableFunc(all, func(a, b corpus.Technical) int { return int(mix(a.Text)>>1) - int(mix(b.Text)>>1) })
		all = all[:min(len(all), least+int(mix(id)%(most-least+1)))]
		if len(all) < least || (mix("half "+id)%2 == 1) != second {
			continue
		}
		out = append(out, o.pseudo(id, all))
	}
	return out
}

func (o *AttackHeldOut) pseudo(id string, procedures []corpus.Technical) Described {
	d := Described{ID: id}
	var b strings.Builder
	if a := o.Corpus.Actors[id]; a.Description != "" {
		first, _, _ := strings.Cut(a.Description, "\n")
		b.WriteString(first)
	}
	for i := 0; i < len(procedures); {
		n := min(len(procedures)-i, 1+int(mix(procedures[i].Text)%3))
		for k, s := range procedures[i : i+n] {
			clause := o.clause(s)
			switch {
			case k == 0:
				b.WriteString(" It " + clause)
			case k == n-1:
				b.WriteString(", and " + clause)
			default:
				b.WriteString(", " + clause)
			}
			d.Parents = append(d.Parents, corpus.Parent(s.Technique))
		}
		b.WriteString(".")
		i += n
	}
	d.Text = strings.TrimSpace(b.String())
	slices.Sort(d.Parents)
	d.Parents = slices.Compact(d.Parents)
	return d
}

var (
	subject    = regexp.MustCompile(`^(?:During ` + corpus.Placeholder + `, )?(?:the threat actors |` + corpus.Placeholder + `(?:'s|’s)? )`)
	firstStop  = regexp.MustCompile(`\.(?:\s|$)`)
	otherNames = regexp.MustCompile(corpus.Placeholder)
)

// clause makes a procedure part of a sentence: without its subject, and without
// the name of its technique.
func (o *AttackHeldOut) clause(s corpus.Technical) string {
	text := subject.ReplaceAllString(s.Text, "")
	if at := firstStop.FindStringIndex(text); at != nil {
		text = text[:at[0]]
	}
	if name := o.Corpus.Names[s.Technique]; name != "" {
		text = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(name)).ReplaceAllString(text, "this")
	}
	return strings.TrimSpace(otherNames.ReplaceAllString(text, "the malware"))
}

func mix(s string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(s)) // a hash never fails to write
	x := h.Sum32()
	x ^= x >> 16
	x *= 0x85ebca6b
	return x ^ x>>13
}

const maxTaskFile = 64 << 20

var (
	softwareID  = regexp.MustCompile(`S[0-9]{4}`)
	techniqueID = regexp.MustCompile(`T[0-9]{4}`)
)

// CTIATE reads the task file of CTI-ATE: tab-separated, with the columns URL,
// Platform, Description, Prompt and GT.
func CTIATE(file string) ([]Described, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: nothing can be lost
	in := csv.NewReader(io.LimitReader(f, maxTaskFile))
	in.Comma, in.LazyQuotes, in.FieldsPerRecord = '\t', true, -1
	rows, err := in.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", file, err)
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("read %q: no rows below a header", file)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	url, text, truth, platform := column("URL"), column("Description"), column("GT"), column("Platform")
	if url < 0 || text < 0 || truth < 0 {
		return nil, fmt.Errorf("read %q: %w", file, errors.New("want the columns URL, Description and GT"))
	}
	var out []Described
	for n, row := range rows[1:] {
		if len(row) <= max(url, text, truth) {
			return nil, fmt.Errorf("read %q: row %d has %d fields", file, n+2, len(row))
		}
		d := Described{ID: softwareID.FindString(row[url]), Text: row[text], Parents: techniqueID.FindAllString(row[truth], -1)}
		if platform >= 0 && platform < len(row) {
			d.Domain = knowledge.Domain(strings.ToLower(strings.TrimSpace(row[platform])))
		}
		if d.Domain != knowledge.Mobile && d.Domain != knowledge.ICS {
			d.Domain = knowledge.Enterprise
		}
		if d.ID == "" {
			d.ID = fmt.Sprintf("row %d", n+2)
		}
		slices.Sort(d.Parents)
		d.Parents = slices.Compact(d.Parents)
		out = append(out, d)
	}
	return out, nil
}
