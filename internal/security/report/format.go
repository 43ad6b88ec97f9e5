package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/axis"
)

const (
	stampLayout  = "2006-01-02 15:04:05Z"
	minuteLayout = "2006-01-02 15:04Z"
	clockLayout  = "15:04:05Z"
	dayLayout    = "2006-01-02"
	noTime       = "no time"
)

// stamp writes a time in UTC to the second.
func stamp(t time.Time) string {
	if t.IsZero() {
		return noTime
	}
	return t.UTC().Format(stampLayout)
}

// period writes a span of time, its end without the day where that is the same.
func period(first, last time.Time) string {
	switch {
	case first.IsZero() && last.IsZero():
		return noTime
	case first.IsZero() || last.IsZero() || stamp(first) == stamp(last):
		return stamp(axis.Later(first, last))
	case sameDay(first, last):
		return stamp(first) + " to " + last.UTC().Format(clockLayout)
	}
	return stamp(first) + " to " + stamp(last)
}

func sameDay(a, b time.Time) bool {
	return a.UTC().Format(dayLayout) == b.UTC().Format(dayLayout)
}

// length writes how long a span is in its two largest units: "2 h 27 min".
func length(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second && d%time.Second != 0:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return twoUnits(d, time.Minute, "min", time.Second, "s")
	case d < 48*time.Hour:
		return twoUnits(d, time.Hour, "h", time.Minute, "min")
	}
	return twoUnits(d, 24*time.Hour, "days", time.Hour, "h")
}

func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	s := phrase.Number(int(d/large)) + " " + largeName
	if rest := int(d % large / small); rest > 0 {
		s += " " + strconv.Itoa(rest) + " " + smallName
	}
	return s
}

// tenths is a number of points in tenths, as every report shows them.
type tenths int64

// maxTenths bounds what a report adds up, so that no input can overflow it.
const maxTenths = 1e9

// inTenths rounds points to tenths; what is not a number counts as none.
func inTenths(points float64) tenths {
	if math.IsNaN(points) {
		return 0
	}
	return tenths(math.Round(min(max(points*10, -maxTenths), maxTenths)))
}

// String writes "12.3".
func (t tenths) String() string {
	sign := ""
	if t < 0 {
		sign, t = "-", -t
	}
	return sign + phrase.Number(int(t/10)) + "." + strconv.Itoa(int(t%10))
}

// signed writes "+12.3".
func (t tenths) signed() string {
	if t < 0 {
		return t.String()
	}
	return "+" + t.String()
}

// whole rounds a score to a whole number from 0 to 100.
func whole(score float64) int {
	return int(min(max((inTenths(score)+5)/10, 0), 100))
}

// term is one reason of a score with the running sum before and after it.
type term struct {
	casemate.Reason
	Points, Before, After tenths
}

// terms adds up the reasons of a score. Each is shown as the difference of two
// rounded sums, so that the terms as shown add up to the sum as shown; a single
// one may be off by a tenth for it.
func terms(reasons []casemate.Reason) []term {
	out := make([]term, 0, len(reasons))
	var sum float64
	var before tenths
	for _, r := range reasons {
		if !math.IsNaN(r.Points) && !math.IsInf(r.Points, 0) {
			sum += r.Points
		}
		after := inTenths(sum)
		out = append(out, term{Reason: r, Points: after - before, Before: before, After: after})
		before = after
	}
	return out
}

// sumOf returns the sum of the terms.
func sumOf(ts []term) tenths {
	if len(ts) == 0 {
		return 0
	}
	return ts[len(ts)-1].After
}

// sumNote says in words how the sum of the terms stands to the score.
func sumNote(sum, score tenths) string {
	switch {
	case sum == score:
		return "The terms add up to the score."
	case score == 1000 && sum > score:
		return "The terms add up to " + sum.String() + "; a score stops at 100."
	case score == 0 && sum < score:
		return "The terms add up to " + sum.String() + "; a score stops at 0."
	}
	return "The terms add up to " + sum.String() + ", not to the score of " + score.String() + ": " +
		(score - sum).signed() + " is not explained by them."
}

// locate maps the evidence ids of an incident's timeline to where they stand.
func locate(inc *casemate.Incident) map[string]casemate.Location {
	at := make(map[string]casemate.Location, len(inc.Timeline))
	for i := range inc.Timeline {
		m := &inc.Timeline[i]
		if _, seen := at[m.Evidence]; !seen && m.Evidence != "" {
			at[m.Evidence] = m.At
		}
	}
	return at
}

// keyMoments picks at most n moments of a timeline that tell its story, in
// their order: the gravest and those new to their host before the rest, and
// among equals the earlier.
func keyMoments(timeline []casemate.Moment, n int) []casemate.Moment {
	if len(timeline) <= n {
		return timeline
	}
	weight := func(i int) int {
		w := int(timeline[i].Severity) * 4
		if timeline[i].New {
			w += 2
		}
		if len(timeline[i].Techniques) > 0 {
			w++
		}
		return w
	}
	order := make([]int, len(timeline))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return weight(b) - weight(a) })
	order = order[:n]
	slices.Sort(order)
	out := make([]casemate.Moment, n)
	for i, j := range order {
		out[i] = timeline[j]
	}
	return out
}

// defang writes an indicator so that nothing takes it for a link: dots, the
// colons of IPv6 and the at sign in brackets. Hashes and CVE ids stay.
func defang(ind casemate.Indicator) string {
	v := ind.Value
	switch ind.Type {
	case casemate.IndicatorIPv6:
		return strings.ReplaceAll(v, ":", "[:]")
	case casemate.IndicatorURL:
		v = strings.ReplaceAll(v, "://", "[:]//")
		for _, s := range []struct{ live, dead string }{{"http", "hxxp"}, {"ftp", "fxp"}} {
			if len(v) >= len(s.live) && strings.EqualFold(v[:len(s.live)], s.live) {
				v = s.dead + v[len(s.live):]
			}
		}
	case casemate.IndicatorIPv4, casemate.IndicatorDomain, casemate.IndicatorMail:
	default:
		return v
	}
	return strings.NewReplacer(".", "[.]", "@", "[@]").Replace(v)
}

// ranges writes the places of one file as few runs: "12-18, 40".
func ranges(places []uint64, sep, dash string, limit int) (string, int) {
	slices.Sort(places)
	places = slices.Compact(places)
	var b strings.Builder
	shown := 0
	for i, runs := 0, 0; i < len(places) && runs < limit; runs++ {
		j := i
		for j+1 < len(places) && places[j+1] == places[j]+1 {
			j++
		}
		if runs > 0 {
			b.WriteString(sep)
		}
		b.WriteString(strconv.FormatUint(places[i], 10))
		if j > i {
			fmt.Fprintf(&b, "%s%d", dash, places[j])
		}
		shown += j - i + 1
		i = j + 1
	}
	return b.String(), len(places) - shown
}
