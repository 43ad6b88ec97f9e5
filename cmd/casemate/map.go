package main

import (
	"io"
	"time"

	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/mapping"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// mapView are the forms that only map has, for other programs.
type mapView struct {
	Navigator string `group:"Output" placeholder:"FILE" help:"Write a layer for the ATT&CK Navigator; - for standard output."`
	STIX      string `name:"stix" group:"Output" placeholder:"FILE" help:"Write a STIX 2.1 bundle; - for standard output."`
	CSV       string `name:"csv" group:"Output" placeholder:"FILE" help:"Write a row for each sentence and technique; - for standard output."`
	AsOf      string `group:"Output" placeholder:"DATE" help:"Date the objects of the STIX bundle, such as 2026-03-05; default: 1970-01-01, which says that none was given."`

	asOf time.Time
}

// check reads the date before anything else is read.
func (v *mapView) check() error {
	at, err := evidence.Day("--as-of", v.AsOf)
	v.asOf = at
	return err
}

// files are the files that the view writes.
func (v *mapView) files() []string { return []string{v.Navigator, v.STIX, v.CSV} }

func (v *mapView) show(s *streams, _ *workflowCmd, r workflow.Result) (done bool, err error) {
	m, ok := r.Source.(workflow.MapSource)
	if !ok {
		return false, nil
	}
	return writeForms(s.stdout, []form{
		{v.Navigator, func(w io.Writer) error {
			return mapping.WriteNavigator(w, m.Results, mapping.NavigatorOptions{All: m.All})
		}},
		{v.STIX, func(w io.Writer) error {
			return mapping.WriteSTIX(w, m.Results, mapping.STIXOptions{AsOf: v.asOf, All: m.All, ID: stixID(s, m)})
		}},
		{v.CSV, func(w io.Writer) error { return mapping.WriteCSV(w, m.Results, m.All) }},
	})
}

// stixID looks up ATT&CK's own ids in the knowledge base, where it is loaded.
func stixID(s *streams, m workflow.MapSource) func(string) string {
	if m.Library == nil {
		return nil
	}
	return func(technique string) string {
		e, _, err := m.Library.Entry(s.ctx, technique)
		if err != nil {
			return "" // an id of ours stands in, which is valid, too
		}
		for _, f := range e.Fields {
			if f.Key == "stix-id" {
				return f.Value
			}
		}
		return ""
	}
}
