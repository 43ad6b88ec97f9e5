package dossier

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
)

// The verbs of links, read from what From is to what To is.
const (
	VerbRanOn     = "ran on"       // process, host
	VerbStarted   = "started"      // process or user, process
	VerbConnected = "connected to" // address, host or process; address, domain or host
	VerbLoggedOn  = "logged on to" // user, host
	VerbFailed    = "failed to log on to"
	VerbActive    = "was active on" // user, host: of records that say no more
	VerbFrom      = "acted from"    // user, address
	VerbWrote     = "wrote"         // process or user, file
	VerbResolved  = "resolved"      // host or process, domain
	VerbRequested = "requested"     // host, address or process; url
	VerbMailed    = "sent mail to"  // mail, mail or user
	VerbChanged   = "acted on"      // user, user: an account made, changed, added to a group
	VerbHash      = "has the hash"  // file or process, hash
)

// links gathers what ties entities.
type links struct {
	n     *entities
	byKey map[linkKey]*Link
	grade map[*Link][]graded
	order []*Link
	lost  int
}

type linkKey struct {
	from, to casemate.Entity
	verb     string
}

func newLinks(n *entities) *links {
	return &links{n: n, byKey: map[linkKey]*Link{}, grade: map[*Link][]graded{}}
}

// tie counts one link of a piece of evidence.
func (l *links) tie(from casemate.Entity, verb string, to casemate.Entity, ev *casemate.Evidence) {
	from, ok := l.n.key(from)
	to, ok2 := l.n.key(to)
	if !ok || !ok2 || from == to {
		return
	}
	key := linkKey{from, to, verb}
	x := l.byKey[key]
	if x == nil {
		if len(l.order) >= maxLinks {
			l.lost++
			return
		}
		x = &Link{From: from, To: to, Verb: verb, First: ev.First, Last: ev.Last}
		l.byKey[key] = x
		l.order = append(l.order, x)
	}
	g := l.grade[x]
	if len(g) > 0 && g[len(g)-1].id == ev.ID {
		return
	}
	l.grade[x] = append(g, graded{ev.ID, ev.Severity})
	x.Count += max(ev.Count, 1)
	if !ev.First.IsZero() && (x.First.IsZero() || ev.First.Before(x.First)) {
		x.First = ev.First
	}
	if ev.Last.After(x.Last) {
		x.Last = ev.Last
	}
	x.Severity = max(x.Severity, ev.Severity)
}

// parts of a record, by role.
type roles struct {
	host, user, process, parent  *casemate.Entity
	source, destination          *casemate.Entity
	domains, urls, files, hashes []casemate.Entity
	targets, mails               []casemate.Entity
	targetHost                   *casemate.Entity
}

func rolesOf(r *record) roles {
	var p roles
	e := &r.ev
	if e.Host != "" {
		p.host = &casemate.Entity{Type: placeType(e.Host), Value: e.Host}
	}
	if e.User != "" && !systemAccount(canonical(casemate.EntityUser, e.User)) {
		p.user = &casemate.Entity{Type: casemate.EntityUser, Value: e.User}
	}
	if r.process != nil && r.process.Image != "" {
		p.process = &casemate.Entity{Type: casemate.EntityProcess, Value: r.process.Image}
		if r.process.ParentImage != "" {
			p.parent = &casemate.Entity{Type: casemate.EntityProcess, Value: r.process.ParentImage}
		}
	}
	for i := range e.Entities {
		x := &e.Entities[i]
		switch x.Type {
		case casemate.EntityAddress:
			if x.Role == casemate.RoleSource && p.source == nil {
				p.source = x
			} else if x.Role == casemate.RoleDestination && p.destination == nil {
				p.destination = x
			}
		case casemate.EntityDomain:
			p.domains = append(p.domains, *x)
		case casemate.EntityURL:
			p.urls = append(p.urls, *x)
		case casemate.EntityFile:
			p.files = append(p.files, *x)
		case casemate.EntityHash:
			p.hashes = append(p.hashes, *x)
		case casemate.EntityMail:
			p.mails = append(p.mails, *x)
		case casemate.EntityUser:
			if x.Role == casemate.RoleTarget && canonical(x.Type, x.Value) != canonical(casemate.EntityUser, e.User) && !systemAccount(canonical(x.Type, x.Value)) {
				p.targets = append(p.targets, *x)
			}
		case casemate.EntityHost:
			if (x.Role == casemate.RoleTarget || x.Role == casemate.RoleDestination) && p.targetHost == nil {
				p.targetHost = x
			}
		}
	}
	return p
}

// take ties what a record names.
func (l *links) take(r *record) {
	p, ev := rolesOf(r), &r.ev
	text := strings.ToLower(r.category + " " + ev.Name)
	if p.process != nil {
		if p.host != nil {
			l.tie(*p.process, VerbRanOn, *p.host, ev)
		}
		if p.parent != nil {
			l.tie(*p.parent, VerbStarted, *p.process, ev)
		}
		if p.user != nil {
			l.tie(*p.user, VerbStarted, *p.process, ev)
		}
	}
	l.logons(p, text, ev)
	l.traffic(p, text, ev)
	actor := cmp.Or(p.process, p.user)
	for _, f := range p.files {
		if actor != nil && writes(text) && canonical(casemate.EntityProcess, f.Value) != canonical(actor.Type, actor.Value) {
			l.tie(*actor, VerbWrote, f, ev)
		}
	}
	if len(p.files) == 1 {
		for _, h := range p.hashes {
			l.tie(p.files[0], VerbHash, h, ev)
		}
	} else if p.process != nil && len(p.files) == 0 {
		for _, h := range p.hashes {
			l.tie(*p.process, VerbHash, h, ev)
		}
	}
	for _, t := range p.targets {
		if p.user != nil && !logs(text) {
			l.tie(*p.user, VerbChanged, t, ev)
		}
	}
	l.mail(p, ev)
}

// logons ties accounts to machines and addresses.
func (l *links) logons(p roles, text string, ev *casemate.Evidence) {
	user := p.user
	if logs(text) && len(p.targets) == 1 {
		user = &p.targets[0] // a logon's account is its target where the actor is the machine
	}
	if user == nil {
		return
	}
	at := cmp.Or(p.host, p.targetHost)
	switch {
	case at == nil:
	case logs(text) && strings.Contains(text, "fail"):
		l.tie(*user, VerbFailed, *at, ev)
	case logs(text):
		l.tie(*user, VerbLoggedOn, *at, ev)
	case p.process == nil:
		l.tie(*user, VerbActive, *at, ev)
	}
	if p.source != nil && (p.destination == nil || logs(text)) {
		l.tie(*user, VerbFrom, *p.source, ev)
	}
}

// traffic ties the ends of connections, look-ups and requests.
func (l *links) traffic(p roles, text string, ev *casemate.Evidence) {
	from := cmp.Or(p.process, p.source, p.host)
	if from == nil {
		return
	}
	if p.source != nil && p.destination != nil {
		l.tie(*p.source, VerbConnected, *p.destination, ev)
		if p.process != nil && p.host != nil {
			l.tie(*p.process, VerbConnected, *p.destination, ev)
		}
	} else if p.destination != nil {
		l.tie(*from, VerbConnected, *p.destination, ev)
	}
	verb := VerbConnected
	if strings.Contains(text, "dns") || strings.Contains(text, "look") || strings.Contains(text, "resol") {
		verb = VerbResolved
	}
	for _, d := range p.domains {
		l.tie(*from, verb, d, ev)
	}
	for _, u := range p.urls {
		l.tie(*from, VerbRequested, u, ev)
	}
}

// mail ties senders and those who got a message.
func (l *links) mail(p roles, ev *casemate.Evidence) {
	for _, from := range p.mails {
		if from.Role != casemate.RoleSource && from.Role != casemate.RoleActor {
			continue
		}
		for _, to := range p.mails {
			if to.Role == casemate.RoleDestination || to.Role == casemate.RoleTarget {
				l.tie(from, VerbMailed, to, ev)
			}
		}
		if p.user != nil {
			l.tie(from, VerbMailed, *p.user, ev)
		}
	}
}

// logs reports whether a record is of somebody who logs on.
func logs(text string) bool {
	for _, w := range []string{"logon", "log on", "logged on", "login", "sshd", "authentication", "signin", "sign-in"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// writes reports whether a record is of a file that is made or changed.
func writes(text string) bool {
	for _, w := range []string{"file_event", "file_change", "dropped", "created", "added", "written", "copied", "upload", "download"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// list returns the links, the gravest and most frequent first.
func (l *links) list() []Link {
	out := make([]Link, 0, len(l.order))
	for _, x := range l.order {
		g := l.grade[x]
		slices.SortStableFunc(g, func(a, b graded) int { return cmp.Compare(b.by, a.by) })
		for _, id := range g[:min(len(g), maxEntityIDs)] {
			x.Evidence = append(x.Evidence, id.id)
		}
		out = append(out, *x)
	}
	slices.SortStableFunc(out, func(a, b Link) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Count, a.Count), a.First.Compare(b.First))
	})
	return out
}
