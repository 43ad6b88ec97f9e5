package opposite_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/grounding/opposite"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

func TestTold(t *testing.T) {
	for _, c := range []struct {
		says, evidence string
		want           []string
	}{
		{"the file was deleted.", "file created", []string{"deleted"}},
		{"the file was deleted.", "file removed", nil},
		{"the file was deleted.", "file created, then deleted", nil},
		{"the rule was enabled.", "rule disabled by root", []string{"enabled"}},
		{"the sharing is still active.", "the sharing was removed", []string{"is still active"}},
		{"the file was read.", "file created", nil},
	} {
		got := opposite.Told(c.says, func(stems []string) bool {
			return slices.ContainsFunc(stems, func(s string) bool { return stem.Begins(c.evidence, s) })
		})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q of %q: %s", c.says, c.evidence, diff)
		}
	}
}
