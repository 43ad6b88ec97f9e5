package axis_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/security/report/axis"
)

func at(hour, minute int) time.Time { return time.Date(2026, 3, 4, hour, minute, 0, 0, time.UTC) }

// TestTicks names round times, and the date where a day begins.
func TestTicks(t *testing.T) {
	labels := func(a axis.Axis, dated bool) []string {
		var out []string
		for _, k := range a.Ticks(dated) {
			out = append(out, k.Label)
		}
		return out
	}
	night := axis.Axis{From: at(21, 10), To: at(26, 0)}
	for _, c := range []struct {
		got, want []string
	}{
		{labels(night, false), []string{"22:00", "23:00", "03-05 00:00", "01:00", "02:00"}},
		{labels(night, true), []string{"03-04 22:00", "23:00", "03-05 00:00", "01:00", "02:00"}},
		{labels(axis.Axis{From: at(9, 0), To: at(9, 0).Add(12 * time.Second)}, false), []string{"09:00:00", "09:00:05", "09:00:10"}},
		{labels(axis.Axis{From: at(0, 0), To: at(72, 0)}, false), []string{"00:00", "12:00", "03-05 00:00", "12:00", "03-06 00:00", "12:00", "03-07 00:00"}},
		{labels(axis.Axis{From: at(0, 0), To: at(144, 0)}, false), []string{"2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("ticks (-want +got):\n%s", diff)
		}
	}
}

// TestFarAway leaves a forged time out of the axis.
func TestFarAway(t *testing.T) {
	var times []time.Time
	for i := range 20 {
		times = append(times, at(9, i))
	}
	a := axis.New(append(times, time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)))
	if _, inside := a.At(at(9, 10)); !inside || a.From.Year() != 2026 {
		t.Errorf("the axis spans %s to %s", a.From, a.To)
	}
	if _, inside := a.At(time.Unix(0, 0)); inside {
		t.Error("the axis reaches 1970")
	}
	if a := axis.New(nil); a != (axis.Axis{}) {
		t.Errorf("of no times: %+v", a)
	}
}

// TestPlaces: whatever the times, every place is on the line and ticks are few.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var times []time.Time
		for _, s := range rapid.SliceOfN(rapid.Int64Range(-60e9, 250e9), 1, 30).Draw(t, "seconds") {
			times = append(times, time.Unix(s, 0).UTC())
		}
		a := axis.New(times)
		for _, one := range times {
			if x, _ := a.At(one); x < 0 || x > 100 {
				t.Fatalf("%s stands at %g", one, x)
			}
		}
		if n := len(a.Ticks(true)); n > 400 { // a span of more than 292 years counts as that
			t.Fatalf("%d ticks", n)
		}
	})
}
