package ranklogs

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
)

const (
	maxCourses = 200_000 // sources and accounts whose failures are remembered
	minFailed  = 3       // refused logins before a granted one that mean something; one does from outside
)

// course follows logins through the log: who was refused how often before.
type course struct {
	failed map[string]int // by "source 192.0.2.1" or "account anna"
}

func newCourse() *course { return &course{failed: map[string]int{}} }

// add takes the next line, and adds to it what came before it.
func (c *course) add(s *scored, v *view) {
	source, account := "", ""
	if v.source != "" {
		source = "source " + v.source
	}
	if v.user != "" {
		account = "account " + strings.ToLower(v.user)
	}
	switch {
	case v.failed:
		for _, k := range []string{source, account} {
			if _, known := c.failed[k]; k != "" && (known || len(c.failed) < maxCourses) {
				c.failed[strings.Clone(k)]++
			}
		}
	case v.entered:
		c.granted(s, v, source, account)
		if outside(v.source) && strings.EqualFold(v.user, "root") {
			s.course("A login of root from an address of the internet was granted.", fmt.Sprintf("root was let in from %s, an address outside", v.source), 1)
		}
	}
}

// granted adds points to a login that follows refused ones.
func (c *course) granted(s *scored, v *view, source, account string) {
	n, who := c.failed[source], source
	if c.failed[account] > n {
		n, who = c.failed[account], account
	}
	if n > 0 && (n >= minFailed || outside(v.source)) {
		logins, were := "logins", "were"
		if n == 1 {
			logins, were = "login", "was"
		}
		text := fmt.Sprintf("%d %s %s refused to the same %s before this one was granted.", n, logins, were, strings.SplitN(who, " ", 2)[0])
		s.course(text, fmt.Sprintf("before it, %d %s of the %s %s refused", n, logins, shown(who), were), min(1.2+0.5*math.Log2(float64(n)/minFailed), 3.5)) // at least 0.4, for one
	}
	delete(c.failed, source)
	delete(c.failed, account)
}

func (s *scored) course(text, detail string, points float64) {
	s.facts = append(s.facts, fact{text: text, detail: detail, points: points, course: true})
	s.points.Course += points
}

func outside(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.IsGlobalUnicast() && !a.IsPrivate()
}
