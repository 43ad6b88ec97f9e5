package grounding_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/grounding"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// TestBookIsTheSame: mitigations and data components that share a name come in the
// order of their ids, in every book.
func TestBookIsTheSame(t *testing.T) {
	several := 0
	for range 3 {
		for name, ids := range grounding.BookNames(knowledge.Embedded()) {
			ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, "M") && !strings.HasPrefix(id, "DC") })
			if len(ids) > 1 {
				several++
			}
			if !slices.IsSorted(ids) {
				t.Errorf("%q stands for %v, which is not in order", name, ids)
			}
		}
	}
	if several == 0 {
		t.Error("no name stands for several ids: this tests nothing")
	}
}
