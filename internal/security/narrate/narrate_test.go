package narrate_test

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/casefile"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/narrate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// rules are the starter pack, compiled once.
var rules = sync.OnceValues(func() (*sigma.Engine, error) {
	pack, err := sigma.Starter()
	if err != nil {
		return nil, err
	}
	return sigma.Compile(pack.Rules, sigma.Options{})
})

func tell(t testing.TB, text string, opt pipeline.Options) narrate.Output {
	t.Helper()
	opt.Workflow = narrate.Name
	run, err := pipeline.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rules()
	if err != nil {
		t.Fatal(err)
	}
	out, err := narrate.Run(context.Background(), run, narrate.Input{Text: text, Rules: r})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// pasted are the things of the example that get pasted.
func pasted(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "suspicious.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for part := range strings.SplitSeq("\n"+string(b), "\n### ") {
		if _, text, ok := strings.Cut(part, "\n"); ok && strings.TrimSpace(text) != "" {
			out = append(out, strings.TrimSpace(text))
		}
	}
	if len(out) < 14 {
		t.Fatalf("%d things", len(out))
	}
	return append(out, strings.Join(out[:3], "\n"))
}

// TestWithoutModel wants of each thing what explain says, and its summary as a
// statement that its evidence shows.
func TestWithoutModel(t *testing.T) {
	r, err := rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range pasted(t) {
		o := tell(t, text, pipeline.Options{})
		e, err := explain.Explain(context.Background(), text, explain.Options{Rules: r})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(e)
		if got, _ := json.Marshal(o.Explanation); !bytes.Equal(got, want) {
			t.Errorf("%.60q: the explanation is not explain's", text)
		}
		if len(o.Narrative) > 0 || o.Opinion != nil || len(o.Evidence) != 1 || o.Coverage.Parts[0].Read != "rules" {
			t.Errorf("%.60q: narrative %v, opinion %v, evidence %v, coverage %v", text, o.Narrative, o.Opinion, o.Evidence, o.Coverage)
		}
		if s := o.Lede; s.Support != casemate.Supported && s.Support != "" || s.By != casemate.DecidedByRule {
			t.Errorf("%.60q: %s %q: %+v", text, s.Support, s.Text, s.Problems)
		}
	}
}

func TestPage(t *testing.T) {
	for _, text := range pasted(t) {
		o := tell(t, text, pipeline.Options{})
		p := narrate.Page(o)
		var b bytes.Buffer
		if err := page.WriteMarkdown(&b, p); err != nil {
			t.Fatal(err)
		}
		for _, title := range []string{"What it shows", "ATT&amp;CK techniques"} {
			if len(o.Findings) > 0 && len(o.Techniques) > 0 && !strings.Contains(b.String(), title) {
				t.Errorf("%.60q: the page has no part %q", text, title)
			}
		}
		if !slices.ContainsFunc(p.Badges, func(b page.Badge) bool { return b.Text == o.Risk.Level }) {
			t.Errorf("%.60q: the page does not show the risk", text)
		}
	}
}

//go:embed cases
var cases embed.FS

// TestCases runs what a model may answer: soberly, lying, rambling, obeying.
func TestCases(t *testing.T) {
	all, err := casefile.Load(cases, "cases/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	r, err := rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			run, err := pipeline.Start(c.Options(narrate.Name))
			if err != nil {
				t.Fatal(err)
			}
			paths, err := c.Unpack(t.TempDir())
			if err != nil || len(paths) != 1 {
				t.Fatalf("inputs %v, %v", paths, err)
			}
			text, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			out, err := narrate.Run(context.Background(), run, narrate.Input{Text: string(text), Rules: r})
			for _, fault := range c.Check(out, err) {
				t.Error(fault)
			}
		})
	}
}
