package summary_test

import (
	"context"
	"embed"
	"path/filepath"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/casefile"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/summary"
)

// example summarises the example day and what people wrote about it.
func example(t testing.TB, opt pipeline.Options) summary.Output {
	t.Helper()
	opt.Workflow = summary.Name
	run, err := pipeline.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	out, err := summary.Run(context.Background(), run, summary.Input{
		Files:  []string{filepath.Join(examples, "intrusion"), filepath.Join(examples, "incident")},
		Assets: filepath.Join(examples, "assets.csv"), Suppress: filepath.Join(examples, "suppress.yaml"), AsOf: "2026-03-05",
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStatementsAreGrounded(t *testing.T) {
	out := example(t, pipeline.Options{})
	each(out, func(where string, s casemate.Statement) {
		if s.Support != casemate.Supported {
			t.Errorf("%s: %q %v is %s: %v", where, s.Text, s.Evidence, s.Support, s.Problems)
		}
	})
}

// each calls f with every statement of a summary.
func each(out summary.Output, f func(where string, s casemate.Statement)) {
	list := func(where string, all []casemate.Statement) {
		for _, s := range all {
			f(where, s)
		}
	}
	list("executive", out.Executive)
	list("further", out.Further)
	list("tasks", out.Tasks)
	list("instructions", out.Instructions)
	for _, p := range out.Tactical {
		list(p.Tactic, p.Statements)
	}
	for _, e := range out.Timeline {
		f("timeline", e.What)
	}
	for _, q := range append(append([]summary.Question{}, out.Questions...), out.Answered...) {
		f("question "+q.Kind, q.What)
	}
}

//go:embed cases
var cases embed.FS

func TestCases(t *testing.T) {
	all, err := casefile.Load(cases, "cases/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("%d cases", len(all))
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			paths, err := c.Unpack(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			in := summary.Input{Files: paths}
			if err := c.Arguments(&in); err != nil {
				t.Fatal(err)
			}
			run, err := pipeline.Start(c.Options(summary.Name))
			if err != nil {
				t.Fatal(err)
			}
			out, err := summary.Run(context.Background(), run, in)
			for _, fault := range c.Check(out, err) {
				t.Error(fault)
			}
		})
	}
}
