package moment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/grounding/moment"
)

// show writes a moment with "-" for what it lacks.
func show(m moment.Moment) string {
	out := ""
	for i, n := range []int{m.Year, m.Month, m.Day, m.Hour, m.Min, m.Sec} {
		if i > 0 {
			out += " "
		}
		if n < 0 {
			out += "-"
		} else {
			out += fmt.Sprint(n)
		}
	}
	return out
}

func TestFind(t *testing.T) {
	tests := []struct{ text, want string }{
		{"at 2026-03-04T09:12:31.455Z it", "2026 3 4 9 12 31"},
		{"2026-03-04 09:12", "2026 3 4 9 12 -"},
		{"2026-03-04T09:12:31+02:00", "2026 3 4 7 12 31"},
		{"[04/Mar/2026:12:15:01 +0000]", "2026 3 4 12 15 1"},
		{"Mar  4 13:52:07 jump01", "- 3 4 13 52 7"},
		{"on 4 March 2026", "2026 3 4 - - -"},
		{"on the 4th of March", "- 3 4 - - -"},
		{"March 4, 2026", "2026 3 4 - - -"},
		{"in March 2026", "2026 3 - - - -"},
		{"04/03/2026", "2026 3 4 - - -"},
		{"at 3:41 PM", "- - - 15 41 -"},
		{"at 12:05 a.m.", "- - - 0 5 -"},
		{"around 9 am", "- - - 9 - -"},
		{"at 1412 UTC", "- - - 14 12 -"},
		{"99:99 and 2026-13-40", ""},
		{"may be 10.0.0.1:443", ""},
	}
	for _, test := range tests {
		got := ""
		if ms := moment.Find(test.text, nil); len(ms) > 0 {
			got = show(ms[0])
		}
		if got != test.want {
			t.Errorf("Find(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestFits(t *testing.T) {
	of := moment.Of(time.Date(2026, 3, 4, 9, 12, 31, 0, time.UTC))
	for text, want := range map[string]bool{
		"09:12": true, "09:12:31": true, "9:12 am": true, "2026-03-04 09:12": true, "4 March": true,
		"09:13": false, "09:12:30": false, "2026-03-05 09:12": false, "5 March": false, "21:12": false,
	} {
		ms := moment.Find(text, nil)
		if len(ms) != 1 || ms[0].Fits(of) != want {
			t.Errorf("%q fits %s: want %v", text, show(of), want)
		}
	}
}
