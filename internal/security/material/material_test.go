package material_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/material"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

func start(t testing.TB, stdin string) *pipeline.Run {
	t.Helper()
	run, err := pipeline.Start(pipeline.Options{Workflow: "test", Stdin: strings.NewReader(stdin)})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// TestRead pins all that took part, each once.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"note.md":       "2026-03-04 10:12 We isolated web-02.\n",
		"assets.csv":    "host,criticality\nweb-02,high\n",
		"suppress.yaml": "suppress:\n- id: weekly-scan\n  reason: the scanner of the team\n  author: r.koenig\n  expires: 2026-12-31\n  match: {host: scan-01}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	run := start(t, "Mar  4 09:12:31 web-02 sshd[71]: Failed password for root from 203.0.113.9 port 4242 ssh2\n")
	d, err := material.Read(t.Context(), run, material.Input{Files: []string{at("note.md"), "-"}, Assets: at("assets.csv"), Suppress: at("suppress.yaml"), AsOf: "2026-03-05"})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Evidence) == 0 {
		t.Error("nothing was read")
	}
	p := run.Provenance()
	var inputs, heads []string
	for _, i := range p.Inputs {
		inputs = append(inputs, filepath.Base(i.Name))
	}
	for _, h := range p.Heads {
		heads = append(heads, h.Name)
	}
	if diff := cmp.Diff([]string{"note.md", "assets.csv", "suppress.yaml", "standard input"}, inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"attack", "behaviour"}, heads); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
}

// TestRefused tells wrong use apart from what cannot be read.
func TestRefused(t *testing.T) {
	for what, in := range map[string]material.Input{
		"no files":      {},
		"no such date":  {Files: []string{"-"}, AsOf: "yesterday"},
		"no such asset": {Files: []string{"-"}, Assets: filepath.Join(t.TempDir(), "none.csv")},
	} {
		_, err := material.Read(t.Context(), start(t, "x"), in)
		var told *casemate.Error
		if !errors.As(err, &told) || told.Message == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
}
