package tokenizer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLlama3Vectors compares with the reference's ids, token for token, and back.
func TestLlama3Vectors(t *testing.T) {
	tok := llama3(t)
	all := vectors(t)
	if len(all) < 70 {
		t.Fatalf("%d vectors, want them all", len(all))
	}
	for _, v := range all {
		got := tok.Encode(v.Text)
		if diff := cmp.Diff(v.IDs, got); diff != "" {
			t.Errorf("Encode(%q) differs: %s", v.Text, diff)
		}
		if back := string(tok.Decode(got)); back != v.Text {
			t.Errorf("Decode(Encode(%q)) = %q", v.Text, back)
		}
	}
}
