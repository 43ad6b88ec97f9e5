package logcount

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// webPorts are those of a web server: an access log does not tell which was used.
var webPorts = []int{80, 443}

// Finding is what a count shows.
type Finding struct {
	Kind   Kind
	Source string // address; "" for a fault, or for many together
	Host   string // as the log names it
	Ports  []int  // that were tried; none where that is unclear
	Count  int
	Good   int // logins of the source that succeeded without guessing
	First  time.Time
	Last   time.Time
	At     casemate.Location // where its first line stands
	Text   string            // one sentence
	User   string            // whose password was guessed
	When   time.Time         // when that login came
	Name   string            // of a fault: what the log calls it
	Line   string            // of a fault: the line itself
}

// Findings tells what the counts show: sources first, those that did most
// before, then floods of many, then faults in their order.
func (c *Counter) Findings() []Finding {
	order := slices.Clone(c.order)
	slices.SortStableFunc(order, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(b.weight(), a.weight()), strings.Compare(a.source, b.source))
	})
	var out []Finding
	more := 0
	for _, t := range order {
		list := t.findings()
		if len(list) > 0 && len(out) >= maxFindings {
			more++
			continue
		}
		out = append(out, list...)
	}
	if more > 0 {
		out[len(out)-1].Text = strings.TrimSuffix(out[len(out)-1].Text, ".") + fmt.Sprintf("; %d further sources did less.", more)
	}
	return append(append(out, c.floods()...), c.faulty()...)
}

func (t *tally) weight() int { return t.failed + t.attacking() + t.peak + t.logins }

func (t *tally) attacking() int {
	n := 0
	for _, k := range t.attacks {
		n += k
	}
	return n
}

// findings tells what one source did.
func (t *tally) findings() []Finding {
	var out []Finding
	on := ""
	if t.host != "" {
		on = " on " + t.host
	}
	add := func(kind Kind, ports []int, n int, text string) {
		out = append(out, Finding{Kind: kind, Source: t.source, Host: t.host, Ports: ports, Count: n, Good: t.good, First: t.first, Last: t.last, At: t.at, Text: text})
	}
	period := fmt.Sprintf("between %s and %s", phrase.Time(t.first), phrase.Time(t.last))
	if t.failed >= guessesLeast {
		add(Guessing, t.ports, t.failed, fmt.Sprintf("%d logins from %s%s failed, for %s, %s.", t.failed, t.source, on, phrase.Count(len(t.users), "account"), period))
		if !t.guessedAt.IsZero() {
			add(Guessed, t.ports, t.failed, fmt.Sprintf("At %s a login from %s%s as %s succeeded, after %d failed logins or more.", phrase.Time(t.guessedAt), t.source, on, t.guessedBy, guessesLeast))
			out[len(out)-1].User, out[len(out)-1].When = t.guessedBy, t.guessedAt
		}
	}
	if t.logins >= guessesLeast {
		add(Guessing, webPorts, t.logins, fmt.Sprintf("%d requests from %s%s went to a login page, %s.", t.logins, t.source, on, period))
	}
	if n := t.attacking(); n >= attackLeast {
		text := fmt.Sprintf("%d of %d requests from %s%s look like an attack: %s", n, t.requests, t.source, on, kinds(t.attacks))
		add(Attack, webPorts, n, text+".")
		if t.succeeded > 0 {
			add(Answered, webPorts, t.succeeded, fmt.Sprintf("%d of the attacking requests from %s%s were answered with success.", t.succeeded, t.source, on))
		}
	}
	if t.peak >= floodMinute {
		add(Flood, webPorts, t.requests, fmt.Sprintf("%s sent %d requests%s within the minute of %s.", t.source, t.peak, on, phrase.Time(time.Unix(t.peakMinute*60, 0))))
	}
	return out
}

// kinds lists counted kinds, most first.
func kinds(m map[string]int) string {
	var names []string
	for k := range m {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(m[b]-m[a], strings.Compare(a, b)) })
	for i, k := range names {
		names[i] = fmt.Sprintf("%s (%d)", k, m[k])
	}
	return strings.Join(names, ", ")
}

// floods finds the minute in which a host was asked far more than in the others.
func (c *Counter) floods() []Finding {
	var names []string
	for h := range c.minutes {
		names = append(names, h)
	}
	slices.Sort(names)
	var out []Finding
	for _, h := range names {
		var values []int
		peak, at := 0, int64(0)
		for m, n := range c.minutes[h] {
			values = append(values, n)
			if n > peak || n == peak && m < at {
				peak, at = n, m
			}
		}
		slices.Sort(values)
		median := values[len(values)/2]
		if peak < floodAll || peak <= 10*median {
			continue
		}
		first := time.Unix(at*60, 0).UTC()
		out = append(out, Finding{Kind: Flood, Host: h, Ports: webPorts, Count: peak, First: first, Last: first.Add(59 * time.Second),
			Text: fmt.Sprintf("%d requests of all sources came within the minute of %s; a usual minute has %d.", peak, phrase.Time(first), median)})
	}
	return out
}

// faulty tells of the services that failed: the first line of each kind and host.
func (c *Counter) faulty() []Finding {
	var out []Finding
	seen := map[string]bool{}
	for _, f := range c.faults {
		key := f.kind + "|" + strings.ToLower(f.host)
		if seen[key] {
			continue
		}
		seen[key] = true
		on := ""
		if f.host != "" {
			on = " on " + f.host
		}
		out = append(out, Finding{Kind: Fault, Host: f.host, Count: c.times[key], First: f.time, Last: f.time, At: f.at, Name: f.name, Line: f.message,
			Text: fmt.Sprintf("At %s a service%s said %s (%s).", phrase.Time(f.time), on, phrase.Quote(f.message), f.kind)})
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return a.First.Compare(b.First) })
	return out
}
