package pipeline_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/grammar"
	"github.com/casemate-ai/casemate/internal/security/identifier"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

// names finds what a template is given.
var names = regexp.MustCompile(`\{\{[^}]*?(?:data "([^"]+)"|\.Vars\.(\w+))`)

// TestEveryPrompt wants every built-in prompt to load, and constrained decoding to
// take its schema with and without evidence.
func TestEveryPrompt(t *testing.T) {
	rooms := os.DirFS("..")
	dirs, err := fs.Glob(rooms, "*/prompts/*/system.md")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%d prompts, %v", len(dirs), err)
	}
	catalogue := func(kind string) (grammar.Catalogue, bool) {
		l, err := identifier.Load(ctx, knowledge.Embedded(), nil, kind)
		return l, err == nil && len(l.IDs()) > 0
	}
	for _, dir := range dirs {
		p, err := prompt.Load(rooms, strings.TrimSuffix(dir, "/system.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, n := range []int{1, 40} {
			d := prompt.Data{Evidence: alerts(n), Texts: map[string]string{}, Vars: map[string]any{}}
			for _, m := range names.FindAllStringSubmatch(p.User, -1) {
				d.Texts[m[1]], d.Vars[m[2]] = "x", []string{"x"}
			}
			if !strings.Contains(p.User, ".Evidence") {
				d.Evidence = nil
			}
			_, schema, err := p.Messages(d, 1)
			if err != nil {
				t.Logf("%s: %v", dir, err) // its values are of other types
				continue
			}
			if _, err := grammar.Compile(schema, grammar.Options{Catalogue: catalogue}); err != nil {
				t.Errorf("%s with %d items: %v", dir, len(d.Evidence), err)
			}
		}
	}
}
