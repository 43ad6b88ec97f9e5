package head_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/head"
)

// TestAnswersArePinned wants every answer to say which weights gave it.
func TestAnswersArePinned(t *testing.T) {
	for _, name := range head.Names() {
		h, err := head.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "The actors dumped the memory of LSASS."} {
			if d := h.Classify(text, head.Options{}); d.Head != name || d.Digest == "" || d.Digest != h.Info().Digest {
				t.Errorf("%s: Classify(%q) is by %q %q, want the digest %q", name, text, d.Head, d.Digest, h.Info().Digest)
			}
		}
	}
}
