package pipeline_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// TestUnjudged marks what calls something harmless, outside quotations and names.
func TestUnjudged(t *testing.T) {
	for text, want := range map[string]casemate.Support{
		"The alert on web-02 is a false positive.":                  casemate.Unsupported,
		"It was an authorised scan.":                                casemate.Unsupported,
		"The change was authorized.":                                casemate.Unsupported,
		"No further action is needed.":                              casemate.Unsupported,
		"The mail says \"this is benign\".":                         casemate.Supported,
		"Its rule names SSH Authorized Keys.":                       casemate.Supported,
		"An unauthorised login came from 203.0.113.9.":              casemate.Supported,
		"Someone read /root/.ssh/authorized_keys on web-02 at noon": casemate.Supported,
	} {
		for _, strict := range []bool{false, true} {
			run, err := pipeline.Start(pipeline.Options{Workflow: "test", Strict: strict})
			if err != nil {
				t.Fatal(err)
			}
			list := func() []casemate.Statement {
				return []casemate.Statement{{Text: text, By: casemate.DecidedByModel, Support: casemate.Supported}}
			}
			want := want
			if strict && want == casemate.Unsupported {
				want = casemate.Struck
			}
			if got := run.Unjudged(list(), nil)[0]; got.Support != want || (want == casemate.Supported) != (len(got.Problems) == 0) {
				t.Errorf("%q, strict %t: %+v, want %s", text, strict, got, want)
			}
			if got := run.Unjudged(list(), nil)[0]; len(got.Problems) > 0 && !strings.Contains(text, got.Problems[0].Text) || strings.HasSuffix(pipeline.Harmless(text), " s") {
				t.Errorf("%q: %q", text, pipeline.Harmless(text))
			}
			shown := func(casemate.Statement, string) bool { return true }
			if got := run.Unjudged(list(), shown)[0]; got.Support != casemate.Supported {
				t.Errorf("%q is shown: %+v", text, got)
			}
		}
	}
}
