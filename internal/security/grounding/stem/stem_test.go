package stem_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

func TestAll(t *testing.T) {
	got := stem.All("the files were deleted, and the file's copies were kept by svc_backup")
	want := []string{"file", "delet", "cop", "kept", "svc_backup"}
	want[2] = stem.Of("copies")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBegins(t *testing.T) {
	for _, c := range []struct {
		text, stem string
		want       bool
	}{
		{"the file was deleted", "delet", true},
		{"the file was undeleted", "delet", false},
		{"ntds_dit", "dit", true},
		{"log2text", "text", true},
		{"a context", "text", false},
		{"", "x", false},
		{"x", "", false},
	} {
		if got := stem.Begins(c.text, c.stem); got != c.want {
			t.Errorf("Begins(%q, %q) = %v", c.text, c.stem, got)
		}
	}
	if n := stem.Shared("the file was deleted", []string{"delet", "file", "host"}); n != 2 {
		t.Errorf("Shared = %d, not 2", n)
	}
}

func TestAlike(t *testing.T) {
	for _, c := range [][2]string{{"he sends it", "sent"}, {"it was sent", "send"}, {"he paid", "pay"}, {"deleted", "delet"}} {
		if !stem.Alike(c[0], c[1]) {
			t.Errorf("Alike(%q, %q) = false", c[0], c[1])
		}
	}
	if stem.Alike("the payload", "paid") || stem.Alike("he paid", "send") {
		t.Error("sending is paying")
	}
}
