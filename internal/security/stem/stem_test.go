package stem_test

import (
	"testing"

	"github.com/casemate-ai/casemate/internal/security/stem"
)

func TestWord(t *testing.T) {
	for in, want := range map[string]string{
		"caresses": "caress", "ponies": "poni", "cats": "cat", "agreed": "agre", "plastered": "plaster", "motoring": "motor", "sing": "sing",
		"conflated": "conflat", "troubled": "troubl", "sized": "size", "hopping": "hop", "falling": "fall", "hissing": "hiss", "filing": "file",
		"happy": "happi", "relational": "relat", "conditional": "condit", "digitizer": "digit", "vietnamization": "vietnam", "operator": "oper",
		"callousness": "callous", "formality": "formal", "sensibility": "sensibl", "triplicate": "triplic", "formative": "form", "hopeful": "hope",
		"goodness": "good", "revival": "reviv", "allowance": "allow", "adjustable": "adjust", "replacement": "replac", "adoption": "adopt",
		"effective": "effect", "probate": "probat", "rate": "rate", "cease": "ceas", "controlling": "control", "roll": "roll", "is": "is", "x64": "x64", "naïves": "naïves",
	} {
		if got := stem.Word(in); got != want {
			t.Errorf("Word(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzWord(f *testing.F) {
	for _, w := range []string{"dumping", "sses", "eed", "yyy", "ation", "üing", ""} {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, w string) {
		if got := stem.Word(w); len(got) > len(w)+1 || w != "" && got == "" {
			t.Errorf("Word(%q) = %q", w, got)
		}
	})
}
