package sigma

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// globTest compares a value with wildcards, or with regard to case.
type globTest struct {
	re    *regexp.Regexp
	cased bool
}

func newGlob(g glob, cased bool) (*globTest, error) {
	re, err := g.regexp()
	return &globTest{re, cased}, err
}

func (t *globTest) key() string { return "glob" + strconv.FormatBool(t.cased) + t.re.String() }

func (t *globTest) test(raw, folded string) bool {
	if t.cased {
		return t.re.MatchString(raw)
	}
	return t.re.MatchString(folded)
}

// cidrTest holds addresses of a network. An IPv4 address in IPv6 form is the
// IPv4 address.
type cidrTest struct{ net netip.Prefix }

func (t *cidrTest) key() string { return "cidr" + t.net.String() }

func (t *cidrTest) test(raw, _ string) bool {
	a, err := netip.ParseAddr(raw)
	return err == nil && t.net.Contains(a.Unmap().WithZone(""))
}

func newCIDR(s string) (*cidrTest, error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("cidr value %q is not a network", s)
		}
		return &cidrTest{netip.PrefixFrom(a, a.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return nil, fmt.Errorf("cidr value %q is not a network", s)
	}
	return &cidrTest{p.Masked()}, nil
}

// number is an integer where it can be, so that 64-bit ids compare exactly.
type number struct {
	i       int64
	f       float64
	integer bool
}

// parseNumber reads decimal and hexadecimal integers and decimal fractions.
// Windows writes many of its numbers in hexadecimal.
func parseNumber(s string) (number, bool) {
	if s == "" || len(s) > 64 {
		return number{}, false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{i, float64(i), true}, true
	}
	if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		i, err := strconv.ParseInt(h, 16, 64)
		return number{i, float64(i), true}, err == nil
	}
	// ParseFloat knows infinities and more, which no log means.
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return number{}, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return number{f: f}, err == nil
}

func (n number) compare(m number) int {
	if n.integer && m.integer {
		return cmp.Compare(n.i, m.i)
	}
	return cmp.Compare(n.f, m.f)
}

// compareTest compares numbers.
type compareTest struct {
	op    string // lt, lte, gt, gte, eq
	want  number
	text  string
	parts string // a unit of time to take from the value first, or ""
}

func (t *compareTest) key() string { return t.op + t.parts + " " + t.text }

func (t *compareTest) test(raw, _ string) bool {
	var have number
	ok := false
	if t.parts == "" {
		have, ok = parseNumber(raw)
	} else {
		have, ok = datePart(t.parts, raw)
	}
	return ok && holds(t.op, have.compare(t.want))
}

// holds says whether an operator holds for the result of a comparison.
func holds(op string, c int) bool {
	switch op {
	case "lt":
		return c < 0
	case "lte":
		return c <= 0
	case "gt":
		return c > 0
	case "gte":
		return c >= 0
	case "neq":
		return c != 0
	}
	return c == 0
}

var dateLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999",
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02 15:04",
	"2006-01-02",
}

// datePart takes a unit from a date as it is written: as the specification
// says, time zones are not converted.
func datePart(unit, s string) (number, bool) {
	if len(s) < len("2006-01-02") || len(s) > 64 || s[0] < '0' || s[0] > '9' {
		return number{}, false
	}
	for _, layout := range dateLayouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		n := 0
		switch unit {
		case "minute":
			n = t.Minute()
		case "hour":
			n = t.Hour()
		case "day":
			n = t.Day()
		case "week":
			_, n = t.ISOWeek()
		case "month":
			n = int(t.Month())
		case "year":
			n = t.Year()
		}
		return number{int64(n), float64(n), true}, true
	}
	return number{}, false
}
