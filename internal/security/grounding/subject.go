package grounding

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/grounding/fields"
	"github.com/casemate-ai/casemate/internal/security/grounding/moment"
	"github.com/casemate-ai/casemate/internal/security/grounding/voice"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// pair says that, in one piece of evidence, one thing acts on another: a source on
// a destination, an actor on a target, a parent on its child. Each is under all the
// names that a sentence may give it.
type pair struct{ giver, taker []string }

const maxPairs = 64

// acts returns the pairs of a piece of evidence, from the roles of its entities or,
// where it has none, from the names of fields in its text.
func (x *index) acts() []pair {
	x.pairsOnce.Do(func() {
		e := x.e
		var from, to, actors, targets, parents, children, victims []casemate.Entity
		for _, n := range e.Entities {
			process := n.Type == casemate.EntityProcess
			switch {
			case n.Role == casemate.RoleSource:
				from = append(from, n)
			case n.Role == casemate.RoleDestination:
				to = append(to, n)
			case n.Role == casemate.RoleParent:
				parents = append(parents, n)
			case process && n.Role == casemate.RoleTarget:
				victims = append(victims, n)
			case process && n.Role == casemate.RoleNone:
				children = append(children, n)
			case n.Type == casemate.EntityUser && n.Role == casemate.RoleActor:
				actors = append(actors, n)
			case n.Type == casemate.EntityUser && n.Role == casemate.RoleTarget:
				targets = append(targets, n)
			}
		}
		if len(from)+len(parents)+len(targets)+len(victims) == 0 {
			f, t, p, c := fields.Roles(e.Text)
			from, parents, children = f, p, c
			if len(t) > 0 {
				to = t
			}
		} else if len(parents) == 0 {
			if _, _, p, c := fields.Roles(e.Text); len(p) > 0 && len(c) > 0 {
				parents, children = p, c
			}
		}
		if len(from)+len(to) == 0 && len(children) > 0 && e.Host != "" { // a command that names where it goes
			from = append(from, casemate.Entity{Type: casemate.EntityHost, Value: e.Host})
			for _, ind := range indicator.Extract(nil, "", e.Text[:min(len(e.Text), 8<<10)]) {
				if ind.Type == casemate.IndicatorIPv4 && len(to) < 4 {
					to = append(to, casemate.Entity{Type: casemate.EntityAddress, Value: ind.Value})
				}
			}
		}
		if len(from) == 0 && len(to) > 0 && e.Host != "" && outward.MatchString(e.Text) && !slices.ContainsFunc(e.Entities, func(n casemate.Entity) bool {
			return n.Role == casemate.RoleObserver && shortHost(n.Value) == shortHost(e.Host)
		}) {
			from = append(from, casemate.Entity{Type: casemate.EntityHost, Value: e.Host})
		}
		if len(to) == 0 && e.Host != "" { // a logon: the machine that records it is where it goes
			to = append(to, casemate.Entity{Type: casemate.EntityHost, Value: e.Host})
		}
		x.cross(from, to)
		if len(from) > 0 && e.Host != "" {
			x.cross([]casemate.Entity{{Type: casemate.EntityHost, Value: e.Host}}, to)
		}
		x.cross(actors, targets)
		x.cross(parents, children)
		x.cross(children, victims)
	})
	return x.pairs
}

// outward matches what a machine does that is the source of a record without one.
var outward = regexp.MustCompile(`\b(?:POST|GET|PUT) (?:to )?https?:|(?i:\b(?:sent|sends|uploaded|upload to|connected to|connects to|outbound|beacon\w*)\b)`)

func (x *index) cross(givers, takers []casemate.Entity) {
	const most = 8 // of a record that lists more, the first tell enough
	for _, g := range givers[:min(len(givers), most)] {
		for _, t := range takers[:min(len(takers), most)] {
			if a, b := x.spellings(g), x.spellings(t); len(x.pairs) < maxPairs && !overlap(a, b) {
				x.pairs = append(x.pairs, pair{a, b})
			}
		}
	}
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// spellings are the names under which a sentence may speak of an entity.
func (x *index) spellings(n casemate.Entity) []string {
	v := fold(n.Value)
	out := []string{v}
	add := func(s string) {
		if len(s) > 1 && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	switch n.Type {
	case casemate.EntityAddress:
		for _, s := range x.tied()[v] {
			add(s)
		}
	case casemate.EntityHost, casemate.EntityDomain:
		add(shortHost(v))
	case casemate.EntityUser:
		add(shortUser(v))
	case casemate.EntityProcess, casemate.EntityFile:
		base := v[strings.LastIndexAny(v, `\/`)+1:]
		add(base)
		add(strings.TrimSuffix(base, ".exe"))
	case casemate.EntityURL:
		_, rest, _ := strings.Cut(v, "://")
		host, _, _ := strings.Cut(rest, "/")
		add(host)
	}
	return out
}

// directions reports a sentence that tells who acts on whom the other way round.
func (r *reading) directions() {
	if r.cites == 0 || len(r.pool) > maxPairs {
		return
	}
	low := fold(r.text)
	type wrong struct{ giver, taker string }
	var swapped []wrong
	right := map[wrong]bool{}
	for _, x := range r.pool {
		for _, p := range x.acts() {
			if r.looked++; r.looked > maxMentions {
				return
			}
			g, gAt := occurs(low, p.giver)
			t, tAt := occurs(low, p.taker)
			if gAt < 0 || tAt < 0 || gAt == tAt {
				continue
			}
			d := 0
			if gAt < tAt {
				d = voice.Direction(low[:gAt], low[gAt+len(g):max(tAt, gAt+len(g))], low[tAt+len(t):], true)
			} else {
				d = -voice.Direction(low[:tAt], low[tAt+len(t):max(gAt, tAt+len(t))], low[gAt+len(g):], true)
			}
			switch {
			case d > 0:
				right[wrong{g, t}] = true
			case d < 0:
				swapped = append(swapped, wrong{g, t})
			}
		}
	}
	for _, w := range swapped {
		if !right[w] && !right[wrong{w.taker, w.giver}] && !r.bothWays(w.giver, w.taker) {
			r.report(Subject, short(r.text), "the evidence has "+w.giver+" acting on "+w.taker+", not the reverse")
			return
		}
	}
	r.prose(low)
}

// bothWays reports whether the pool has a pair in the other direction as well.
func (r *reading) bothWays(g, t string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool {
		return slices.ContainsFunc(x.acts(), func(p pair) bool {
			return slices.Contains(p.giver, t) && slices.Contains(p.taker, g)
		})
	})
}

// occurs finds the first of several spellings in a text.
func occurs(low string, names []string) (string, int) {
	for _, n := range names {
		if len(n) < 2 {
			continue
		}
		for from := 0; ; {
			i := strings.Index(low[from:], n)
			if i < 0 {
				break
			}
			i += from
			if edgeBefore(low, i, n) && edgeAfter(low, i+len(n), n) {
				return n, i
			}
			from = i + 1
		}
	}
	return "", -1
}

// prose compares the order of two names with that in evidence which people wrote.
func (r *reading) prose(low string) {
	var names [][2]int
	for _, m := range wordOf.FindAllStringIndex(low, 64) {
		if s := low[m[0]:m[1]]; strings.ContainsAny(s, "0123456789_.-") && len(s) > 3 {
			names = append(names, [2]int{m[0], m[1]})
		}
	}
	for i := 0; i < len(names) && i < 6; i++ {
		for _, b := range names[i+1 : min(len(names), i+6)] {
			a := names[i]
			left, right := low[a[0]:a[1]], low[b[0]:b[1]]
			d := voice.Direction(low[:a[0]], low[a[1]:b[0]], low[b[1]:], false)
			if d == 0 || left == right {
				continue
			}
			if s := r.order(left, right); s != 0 && s != d {
				r.report(Subject, short(r.text), "the evidence tells it the other way round")
				return
			}
		}
	}
}

// order says who acts on whom in the words of the evidence; 0 if nothing says so,
// or different pieces say different things.
func (r *reading) order(left, right string) int {
	sum := 0
	for _, x := range r.pool {
		if x.ready(); len(x.own) > 16<<10 {
			continue
		}
		for line := range strings.SplitSeq(x.own, "\n") {
			_, i := occurs(line, []string{left})
			_, j := occurs(line, []string{right})
			d := 0
			switch {
			case i < 0 || j < 0:
			case i+len(left) <= j:
				d = voice.Direction(line[:i], line[i+len(left):j], line[j+len(right):], false)
			case j+len(right) <= i:
				d = -voice.Direction(line[:j], line[j+len(right):i], line[i+len(left):], false)
			}
			if d != 0 && sum == -d {
				return 0
			}
			if d != 0 {
				sum = d
			}
		}
	}
	return sum
}

// bound reports a clause that takes a time or a place from one piece of evidence and
// what it tells of from another: everything in it is in the evidence cited, but
// nothing has it together.
func (r *reading) bound() {
	if r.cites < 2 || r.cites > maxPairs || ranged.MatchString(r.low) {
		return
	}
	hosts, users := r.involved()
	at := 0
	for _, end := range append(breaks.FindAllStringIndex(r.low, 32), []int{len(r.low), len(r.low)}) {
		if end[0] < at || r.low[end[0]:end[1]] == " and " && listed(r.low[at:end[0]], r.low[end[1]:]) {
			continue
		}
		clause := fold(r.text[at:end[0]])
		h, u := mentioned(clause, hosts), mentioned(clause, users)
		times := moment.Find(r.text[at:end[0]], nil)
		if len(times) == 1 && times[0].Hour >= 0 && len(h)+len(u) > 0 && !r.together(times[0], slices.Concat(h, u)) {
			r.report(Time, r.text[at+times[0].From:at+times[0].To], "the evidence cited that has this time is not about "+strings.Join(slices.Concat(h, u), " and "))
		} else if len(h) == 1 && len(u) == 1 && !relative.MatchString(clause) && !r.both(h[0], u[0]) {
			r.report(Subject, u[0]+" … "+h[0], "no evidence cited has the two together")
		}
		at = end[1]
	}
}

var (
	breaks   = regexp.MustCompile(`, |; | and | while | then | before | after | followed | when | from where | with | whose `)
	ranged   = regexp.MustCompile(`\bbetween\b|\d:\d\d(?::\d\d)?(?: utc)? ?(?:and|to|until|till|–|-) ?(?:at |about |around )?\d\d?:\d\d`)
	relative = regexp.MustCompile(`\b(?:who|which|that|whose|where|as|stolen|taken|obtained|using|used)\b`)
)

// listed reports whether "and" stands between two names rather than two clauses.
func listed(left, right string) bool {
	l := left[strings.LastIndexByte(left, ' ')+1:]
	r, _, _ := strings.Cut(right, " ")
	return identifier(l) && identifier(strings.TrimRight(r, ".,"))
}

// involved returns the machines and accounts of the pool, by their short names.
func (r *reading) involved() (hosts, users []string) {
	add := func(l []string, s string) []string {
		if len(s) < 3 || slices.Contains(l, s) || len(l) >= maxPairs {
			return l
		}
		return append(l, s)
	}
	for _, x := range r.pool {
		hosts, users = add(hosts, shortHost(x.e.Host)), add(users, shortUser(x.e.User))
		for _, n := range x.e.Entities[:min(len(x.e.Entities), maxPairs)] {
			switch n.Type {
			case casemate.EntityHost:
				hosts = add(hosts, shortHost(n.Value))
			case casemate.EntityUser:
				users = add(users, shortUser(n.Value))
			}
		}
	}
	return hosts, slices.DeleteFunc(users, func(u string) bool { return slices.Contains(hosts, u) || u == "system" || u == "root" })
}

func mentioned(clause string, names []string) (out []string) {
	for _, n := range names {
		if _, i := occurs(clause, []string{n}); i >= 0 {
			out = append(out, n)
		}
	}
	return out
}

// together reports whether a piece of the pool that has a time is about any of some
// names, or none has the time as it is written.
func (r *reading) together(m moment.Moment, names []string) bool {
	none := true
	for _, x := range r.pool {
		times, _ := x.when()
		if !slices.ContainsFunc(times, m.Fits) {
			continue
		}
		none = false
		if slices.ContainsFunc(names, x.about) {
			return true
		}
	}
	return none
}

func (r *reading) both(a, b string) bool {
	return slices.ContainsFunc(r.pool, func(x *index) bool { return x.about(a) && x.about(b) })
}

// about reports whether a piece of evidence has a name, or the address that goes
// with it.
func (x *index) about(name string) bool {
	x.ready()
	return hasToken(x.low, name) || slices.ContainsFunc(x.tied()[name], func(s string) bool { return hasToken(x.low, s) })
}
