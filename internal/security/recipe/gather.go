package recipe

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	given "github.com/casemate-ai/casemate/internal/security/material"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/recipe/letter"
)

// material is what was read of the input.
type material struct {
	evidence []casemate.Evidence
	dossier  *dossier.Dossier // of incidents
	mails    []*letter.Letter // of mails
	coverage casemate.Coverage
	left     int // pieces beyond the limit
}

const defaultEvidence = 500

// gather reads the files as the recipe says.
func (r *Recipe) gather(ctx context.Context, run *pipeline.Run, paths []string) (*material, error) {
	m := &material{}
	var err error
	switch r.Evidence.From {
	case "", "incident":
		err = m.incident(ctx, run, paths)
	case "document":
		err = m.documents(ctx, run, paths)
	case "lines":
		err = m.lines(ctx, run, paths)
	case "mail":
		err = m.mail(ctx, run, paths)
	}
	if err != nil {
		return nil, err
	}
	if len(m.evidence) == 0 && m.coverage.Records == 0 { // of nothing nothing is said, least of all that it is clean
		faults := m.coverage.Faults
		if len(faults) == 0 && len(paths) > 0 {
			faults = []casemate.Fault{{At: casemate.Location{File: paths[0]}, Reason: "there is nothing in it"}}
		}
		return nil, evidence.Nothing(paths, faults, "give files that can be read, folders, or - for standard input")
	}
	if len(r.Evidence.Kinds) > 0 {
		m.evidence = slices.DeleteFunc(m.evidence, func(e casemate.Evidence) bool { return !slices.Contains(r.Evidence.Kinds, string(e.Kind)) })
	}
	m.cut(cmp.Or(r.Evidence.Most, defaultEvidence))
	return m, nil
}

// cut keeps the gravest pieces where there are too many, in their order, and the
// coverage says how many were left out.
func (m *material) cut(most int) {
	if len(m.evidence) <= most {
		return
	}
	grave := make([]int, len(m.evidence))
	for i := range grave {
		grave[i] = i
	}
	slices.SortStableFunc(grave, func(a, b int) int { return cmp.Compare(m.evidence[b].Severity, m.evidence[a].Severity) })
	keep := map[int]bool{}
	for _, i := range grave[:most] {
		keep[i] = true
	}
	var kept []casemate.Evidence
	for i, e := range m.evidence {
		if keep[i] {
			kept = append(kept, e)
		}
	}
	m.left = len(m.evidence) - len(kept)
	m.evidence = kept
}

// incident reads incident material of any kind.
func (m *material) incident(ctx context.Context, run *pipeline.Run, paths []string) error {
	d, err := given.Read(ctx, run, given.Input{Files: paths})
	if err != nil {
		return err
	}
	m.dossier, m.evidence, m.coverage = d, slices.Clone(d.Evidence), d.Coverage
	return nil
}

// documents reads reports: a piece of evidence for each sentence.
func (m *material) documents(ctx context.Context, run *pipeline.Run, paths []string) error {
	if err := m.inputs(ctx, run, paths); err != nil {
		return err
	}
	sum, err := document.Walk(ctx, paths, run.Options().Stdin, document.Options{}, func(d *document.Document) error {
		for _, s := range d.Sentences {
			m.add(casemate.Evidence{Kind: casemate.EvidenceReport, At: casemate.Location{File: d.Path, Line: s.Line}, Name: s.Context, Text: d.Of(s), Techniques: s.Claims})
		}
		m.coverage.Parts = append(m.coverage.Parts, casemate.CoveredPart{Name: d.Path, Records: len(d.Sentences), Bytes: int64(len(d.Text)), Read: "rules", Why: strings.Join(d.Notes, "; ")})
		m.coverage.Records += len(d.Sentences)
		return nil
	})
	m.coverage.Faults, m.coverage.FaultCount = sum.Faults, sum.FaultCount
	return err
}

// mail reads messages as mail programs save them.
func (m *material) mail(ctx context.Context, run *pipeline.Run, paths []string) error {
	return m.each(ctx, run, paths, func(name string, data []byte) error {
		before := len(m.evidence)
		letters, err := letter.Read(name, data, letter.Sink{Add: m.add, Fault: func(line int, text string) { m.fault(name, line, text) }})
		if err != nil {
			m.fault(name, 1, err.Error())
			return nil
		}
		m.mails = append(m.mails, letters...)
		m.part(name, len(m.evidence)-before, len(data))
		return nil
	})
}

// maxLines is how many lines are read of an input that is read by lines.
const maxLines = 200000

// lines reads lines of text: a piece of evidence for each that is not blank.
func (m *material) lines(ctx context.Context, run *pipeline.Run, paths []string) error {
	return m.each(ctx, run, paths, func(name string, data []byte) error {
		n := 0
		for i, line := range strings.Split(string(data), "\n") {
			if line = strings.TrimSpace(strings.ToValidUTF8(line, "\uFFFD")); line == "" {
				continue
			}
			if n++; n > maxLines {
				m.fault(name, i+1, fmt.Sprintf("has more than %d lines: the rest was left out", maxLines))
				break
			}
			m.add(casemate.Evidence{Kind: casemate.EvidenceLog, At: casemate.Location{File: name, Line: i + 1}, Text: line})
		}
		m.part(name, n, len(data))
		return nil
	})
}

// add gives a piece its id.
func (m *material) add(e casemate.Evidence) string {
	e.ID = fmt.Sprintf("E%d", len(m.evidence)+1)
	m.evidence = append(m.evidence, e)
	return e.ID
}

func (m *material) part(name string, records, bytes int) {
	m.coverage.Parts = append(m.coverage.Parts, casemate.CoveredPart{Name: name, Records: records, Bytes: int64(bytes), Read: "rules"})
	m.coverage.Records += records
}

// maxFaultsKept is how many faults are named; all are counted.
const maxFaultsKept = 100

func (m *material) fault(file string, line int, text string) {
	m.coverage.FaultCount++
	if len(m.coverage.Faults) < maxFaultsKept {
		m.coverage.Faults = append(m.coverage.Faults, casemate.Fault{At: casemate.Location{File: file, Line: line}, Reason: text})
	}
}

// inputs puts the digests of the files into the provenance.
func (m *material) inputs(ctx context.Context, run *pipeline.Run, paths []string) error {
	files := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return p == "-" })
	if len(files) == 0 {
		return nil
	}
	return run.Input(ctx, files)
}

// stdin reads standard input.
func stdin(run *pipeline.Run) ([]byte, error) {
	in := run.Options().Stdin
	if in == nil {
		return nil, usage("there is no standard input", "name a file")
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return data, nil
}

// found says when things of a set were first and last seen, and where.
type found struct {
	count       int
	first, last time.Time
	evidence    []string
}

const maxCited = 5 // pieces of evidence that are cited for one value

func (f *found) add(e *casemate.Evidence) {
	f.count += max(1, e.Count)
	if !e.First.IsZero() && (f.first.IsZero() || e.First.Before(f.first)) {
		f.first = e.First
	}
	last := e.Last
	if last.IsZero() {
		last = e.First
	}
	if last.After(f.last) {
		f.last = last
	}
	if len(f.evidence) < maxCited && !slices.Contains(f.evidence, e.ID) {
		f.evidence = append(f.evidence, e.ID)
	}
}
