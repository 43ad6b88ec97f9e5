package sensor

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
)

// The years that a record can be of. What lies outside is a broken clock or a
// number that is no time.
const (
	minYear = 1970
	maxYear = 2200
)

// layouts are the forms that are neither ISO 8601 nor a number. A month comes
// before a day, as in exports of American products, unless it cannot be one.
var layouts = [...]string{
	"1/2/2006 15:04:05", "1/2/2006 3:04:05 PM", "1/2/2006 15:04", "1/2/2006 3:04 PM", "1/2/2006",
	"2/1/2006 15:04:05", "2/1/2006 3:04:05 PM", "2/1/2006 15:04", "2/1/2006",
	"2.1.2006 15:04:05", "2.1.2006 15:04", "2.1.2006",
	"02/Jan/2006:15:04:05 -0700", "02/Jan/2006:15:04:05",
	"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05", "2 Jan 2006 15:04", "2-Jan-2006 15:04:05",
	"Jan 2 2006 15:04:05 MST", "Jan 2 2006 15:04:05", "Jan 2, 2006 15:04:05", "Jan 2, 2006 3:04:05 PM", "Jan 2, 2006 @ 15:04:05",
	"January 2, 2006 15:04:05", "January 2, 2006 3:04:05 PM",
	time.RFC1123Z, time.RFC1123, time.RFC850, time.ANSIC, time.UnixDate, time.RubyDate,
	"01/02-15:04:05", // Snort's fast log, without a year
	"Jan _2 15:04:05",
}

// ParseTime reads a point in time as products write them: ISO 8601 with its
// common liberties, seconds, milli-, micro- or nanoseconds since 1970, Windows
// file times, and the usual local forms. Without a zone it is UTC; without a
// year it is of the latest year that puts it at most a day after reference. It
// returns false for anything else and for years outside 1970 to 2200.
func ParseTime(s string, reference time.Time) (time.Time, bool) {
	if s = strings.TrimSpace(s); len(s) < 5 || len(s) > 64 {
		return time.Time{}, false
	}
	t, ok := iso(s)
	if !ok {
		t, ok = epoch(s)
	}
	if !ok {
		t, ok = local(s, reference)
	}
	if t = t.UTC(); !ok || t.Year() < minYear || t.Year() > maxYear {
		return time.Time{}, false
	}
	return t, true
}

// iso reads YYYY-MM-DD hh:mm:ss.fraction and a zone, most of it optional.
func iso(s string) (time.Time, bool) {
	if len(s) < 10 || (s[4] != '-' && s[4] != '/') || s[7] != s[4] {
		return time.Time{}, false
	}
	year, ok1 := digits(s[:4])
	month, ok2 := digits(s[5:7])
	day, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}, false
	}
	var clock [3]int
	var nanos int
	rest := s[10:]
	if rest != "" {
		if rest[0] != 'T' && rest[0] != 't' && rest[0] != ' ' && rest[0] != '_' {
			return time.Time{}, false
		}
		rest = strings.TrimLeft(rest[1:], " ")
		for i := range clock {
			v, ok := 0, false
			if len(rest) >= 2 {
				v, ok = digits(rest[:2])
			}
			if !ok || v > 60 || i == 0 && v > 23 {
				return time.Time{}, false
			}
			clock[i], rest = v, rest[2:]
			if i == 2 || rest == "" || rest[0] != ':' {
				break
			}
			rest = rest[1:]
		}
		nanos, rest = fraction(rest)
	}
	shift, ok := zone(strings.TrimSpace(rest))
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, clock[0], clock[1], clock[2], nanos, time.UTC)
	if t.Month() != time.Month(month) && clock[0] == 0 {
		return time.Time{}, false // such as 30 February
	}
	return t.Add(-shift), true
}

// fraction reads ".123" or ",123" as nanoseconds; digits past the ninth are dropped.
func fraction(s string) (int, string) {
	if s == "" || s[0] != '.' && s[0] != ',' {
		return 0, s
	}
	nanos, scale, i := 0, 100_000_000, 1
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		nanos += int(s[i]-'0') * scale
		scale /= 10
	}
	return nanos, s[i:]
}

// zone reads "", "Z", "UTC", "GMT" and "+hh", "+hhmm", "+hh:mm".
func zone(s string) (time.Duration, bool) {
	switch s {
	case "", "Z", "z", "UTC", "GMT", "+00:00", "+0000":
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	d := strings.ReplaceAll(s[1:], ":", "")
	if len(d) == 2 {
		d += "00"
	}
	if len(d) != 4 {
		return 0, false
	}
	v, ok := digits(d)
	shift := time.Duration(v/100)*time.Hour + time.Duration(v%100)*time.Minute
	if s[0] == '-' {
		shift = -shift
	}
	return shift, ok && v/100 <= 15 && v%100 < 60
}

// digits reads a number of a few digits and nothing else.
func digits(s string) (int, bool) {
	v := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		v = v*10 + int(s[i]-'0')
	}
	return v, s != ""
}

// The scale of a number of time is told by its size: each unit's numbers of
// the years 1970 to 2200 lie below, and those of the next unit above from 1971 on.
const (
	belowSeconds = 1e10
	belowMillis  = 1e13
	belowMicros  = 1e16
	filetimeFrom = 125_000_000_000_000_000 // 1997, in units of 100 ns since 1601
	filetimeTo   = 190_000_000_000_000_000 // 2203
	filetimeUnix = 116_444_736_000_000_000 // 1970
)

func epoch(s string) (time.Time, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "/Date("), ")/") // as PowerShell writes JSON
	whole, frac, _ := strings.Cut(s, ".")
	nanos := 0
	if frac != "" {
		var rest string
		if nanos, rest = fraction("." + frac); rest != "" {
			return time.Time{}, false
		}
	}
	if len(whole) > 19 {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, false
	}
	if len(whole) == 8 || len(whole) == 14 { // 20240131 or 20240131235959
		if t, err := time.Parse("20060102150405"[:len(whole)], whole); err == nil && t.Year() >= minYear && t.Year() <= maxYear {
			return t, true
		}
	}
	switch {
	case n < belowSeconds:
		return time.Unix(n, int64(nanos)), true
	case n < belowMillis:
		return time.UnixMilli(n).Add(time.Duration(nanos / 1000)), true
	case n < belowMicros:
		return time.UnixMicro(n), true
	case n >= filetimeFrom && n < filetimeTo:
		n -= filetimeUnix
		return time.Unix(n/10_000_000, n%10_000_000*100), true
	}
	return time.Unix(n/1_000_000_000, n%1_000_000_000), true
}

func local(s string, reference time.Time) (time.Time, bool) {
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if t.Year() == 0 {
			t = withYear(t, reference)
		}
		return t, true
	}
	return time.Time{}, false
}

// withYear gives t the latest year that puts it at most a day after reference.
func withYear(t, reference time.Time) time.Time {
	reference = reference.UTC()
	for year := reference.Year() + 1; ; year-- {
		d := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		if !d.After(reference.AddDate(0, 0, 1)) && d.Day() == t.Day() || year < reference.Year()-4 {
			return d
		}
	}
}

// address returns the canonical form of an IP address, without port or zone,
// or "". The unspecified address stands for no machine.
func address(s string) string {
	s = strings.TrimPrefix(s, "::ffff:")
	if s == "" || s[0] != ':' && s[0] != '[' && hexDigit(s[0]) < 0 {
		return "" // netip's errors cost more than this look at names of machines
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return ""
		}
		a = ap.Addr()
	}
	if a.IsUnspecified() {
		return ""
	}
	if a = a.WithZone("").Unmap(); len(s) < 16 && a.Is4() && a.String() == s {
		return s
	}
	return a.String()
}

// private says whether an address is of an internal network.
func private(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && (a.IsPrivate() || a.Is4() && a.As4()[0] == 100 && a.As4()[1]&0xc0 == 64)
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// isHash says whether s has the length and the digits of MD5, SHA-1, SHA-256
// or SHA-512; a hash of zeros means that there was none.
func isHash(s string) bool {
	switch len(s) {
	case 32, 40, 64, 128:
	default:
		return false
	}
	zeros := true
	for i := range len(s) {
		d := hexDigit(s[i])
		if d < 0 {
			return false
		}
		zeros = zeros && d == 0
	}
	return !zeros
}

// maxTechniques bounds the techniques of one record.
const maxTechniques = 32

// appendTechniques adds the ATT&CK ids in a text that stand alone, each once:
// T and four digits, and perhaps a full stop and three more.
func appendTechniques(dst []string, text string) []string {
	for i := 0; i+5 <= len(text) && len(dst) < maxTechniques; i++ {
		if text[i]|0x20 != 't' || i > 0 && word(text[i-1]) {
			continue
		}
		if _, ok := digits(text[i+1 : i+5]); !ok {
			continue
		}
		end := i + 5
		if end+4 <= len(text) && (text[end] == '.' || text[end] == '/') {
			if _, ok := digits(text[end+1 : end+4]); ok {
				end += 4
			}
		}
		if end < len(text) && word(text[end]) {
			continue
		}
		id := "T" + strings.ReplaceAll(text[i+1:end], "/", ".")
		known := false
		for _, have := range dst {
			known = known || have == id
		}
		if !known {
			dst = append(dst, id)
		}
		i = end - 1
	}
	return dst
}

func word(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
}

// scale returns the severity of a number, by the least number of low, medium,
// high and critical. What is no number is SeverityUnknown.
func scale(s string, low, medium, high, critical float64) casemate.Severity {
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || v != v || v < 0:
		return casemate.SeverityUnknown
	case v >= critical:
		return casemate.SeverityCritical
	case v >= high:
		return casemate.SeverityHigh
	case v >= medium:
		return casemate.SeverityMedium
	case v >= low:
		return casemate.SeverityLow
	}
	return casemate.SeverityInformational
}

// either returns the severity of a word, or of a number on the given scale.
func either(s string, low, medium, high, critical float64) casemate.Severity {
	if v := casemate.ParseSeverity(s); v != casemate.SeverityUnknown {
		return v
	}
	return scale(s, low, medium, high, critical)
}

// bareAccount returns the name, in lower case, of an account that is written
// with its domain, DOMAIN\name or name@domain: sources spell one account in
// many ways. It returns "" for any other, and for the accounts of one machine,
// which are another's under the same name: those of Windows itself, and those
// whose domain is the host.
func bareAccount(name, host string) string {
	if domain, account, ok := strings.Cut(name, `\`); ok {
		short, _, _ := strings.Cut(host, ".")
		if domain == "" || account == "" || strings.ContainsAny(account, `\@/`) || strings.EqualFold(domain, short) || machineDomain(domain) {
			return ""
		}
		return strings.ToLower(account)
	}
	account, domain, ok := strings.Cut(name, "@")
	if !ok || account == "" || domain == "" || strings.ContainsAny(name, ` /:<>`) || strings.Contains(domain, "@") {
		return ""
	}
	return strings.ToLower(account)
}

// machineDomain says whether a domain is one that every Windows machine has for itself.
func machineDomain(domain string) bool {
	switch strings.ToLower(domain) {
	case ".", "nt authority", "nt-autorität", "autorite nt", "builtin", "nt service", "nt virtual machine", "iis apppool", "font driver host", "window manager", "workgroup":
		return true
	}
	return false
}
