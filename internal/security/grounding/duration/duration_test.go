package duration_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/security/grounding/duration"
)

func TestStated(t *testing.T) {
	for text, want := range map[string][]time.Duration{
		"It took two minutes and 12 seconds.":       {132 * time.Second},
		"two and a quarter hours":                   {135 * time.Minute},
		"three quarters of an hour":                 {45 * time.Minute},
		"an hour and a half":                        {90 * time.Minute},
		"half an hour, 1.5 days":                    {30 * time.Minute, 36 * time.Hour},
		"duration=6792 in the whole of the session": {6792 * time.Second},
		"up 1h2m3s":        {time.Hour + 2*time.Minute + 3*time.Second},
		"a second account": {time.Second},
		"nothing of the kind; 5 hosts and a server.": nil,
	} {
		if diff := cmp.Diff(want, duration.Stated(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestFind(t *testing.T) {
	text := "After twenty-two minutes it ended."
	got := duration.Find(text)
	if len(got) != 1 || got[0].N != 22 || got[0].Unit != time.Minute || text[got[0].From:got[0].To] != "twenty-two minutes" {
		t.Errorf("%+v", got)
	}
}
