package rough_test

import (
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/grounding/rough"
)

func TestWrong(t *testing.T) {
	sources := []rough.Source{{
		Text:    "4 of 8 hosts; sent 3.2 mb; renewed on 2 june",
		Numbers: []float64{4, 8, 3.2},
		Times:   []time.Time{time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)},
	}}
	for says, want := range map[string]string{
		"Half of the hosts were reached.":          "",
		"A quarter of the hosts were reached.":     "a quarter of the hosts were",
		"The second half of the night was quiet.":  "",
		"It sent several megabytes.":               "",
		"It sent several gigabytes.":               "several gigabytes",
		"It was renewed in June and seen in July.": "",
		"It ended in August.":                      "in August",
		"It was seen in early September.":          "",
		"They march in step, and may go on.":       "",
	} {
		if got := strings.Join(rough.Wrong(says, strings.ToLower(says), func() []rough.Source { return sources }), "|"); got != want {
			t.Errorf("%q: %q, not %q", says, got, want)
		}
	}
}
