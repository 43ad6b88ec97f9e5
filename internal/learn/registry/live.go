package registry

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// Live is a text from live inputs, what the head answered, and its true labels if
// somebody gave them.
type Live struct {
	outcome.Observed
	Truth    []string
	Labelled bool
}

// ParseLive reads a line of live inputs: an object with the named fields for the
// text and, where it is known, the true label or a list of them, if the line
// begins as one; else a text. ok is false where there is no text that can be used.
func ParseLive(line []byte, text, label string) (x Live, ok bool) {
	if len(line) == 0 || !utf8.Valid(line) {
		return x, false
	}
	if line[0] != '{' {
		x.Text = string(line)
		return x, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil || json.Unmarshal(fields[text], &x.Text) != nil || strings.TrimSpace(x.Text) == "" {
		return Live{}, false
	}
	var one string
	var several []string
	switch raw := fields[label]; {
	case len(raw) == 0 || string(raw) == "null":
	case json.Unmarshal(raw, &one) == nil:
		x.Truth, x.Labelled = []string{one}, true
	case json.Unmarshal(raw, &several) == nil:
		slices.Sort(several)
		x.Truth, x.Labelled = several, true
	}
	return x, true
}
