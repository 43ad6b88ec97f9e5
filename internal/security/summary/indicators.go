package summary

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

const maxIndicators = 60

// indicators lists what is worth looking for elsewhere: addresses, names and mail
// addresses of outside that grave alerts name, and digests of programs that are no
// part of the system.
func (w *writer) indicators() (list []Indicator, leftOut int) {
	var out []Indicator
	for i := range w.d.Entities {
		e := &w.d.Entities[i]
		ids := w.incriminating(e)
		if len(ids) == 0 || !w.outside(e) {
			continue
		}
		x := Indicator{Type: string(e.Type), Value: e.Value, Severity: w.severity(ids[0]), Evidence: ids}
		if e.Type == casemate.EntityURL {
			x.Value = e.Label
		}
		var first, last time.Time
		for _, id := range ids {
			p := w.pieces[id]
			if !p.First.IsZero() && (first.IsZero() || p.First.Before(first)) {
				first = p.First
			}
			if p.Last.After(last) {
				last = p.Last
			}
			if p.Host != "" {
				x.Hosts = add(x.Hosts, w.host(p.Host))
			}
		}
		if !first.IsZero() {
			x.First, x.Last = &first, &last
		}
		x.Note = w.role(e)
		out = append(out, x)
	}
	rank := map[string]int{"address": 0, "domain": 1, "url": 2, "mail": 3, "hash": 4}
	slices.SortStableFunc(out, func(a, b Indicator) int {
		return cmp.Or(cmp.Compare(rank[a.Type], rank[b.Type]), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Value, b.Value))
	})
	kept := min(len(out), maxIndicators)
	return out[:kept], len(out) - kept
}

// incriminating returns the alerts of the incidents that are told which name an
// entity, the gravest first, if one of them is more than routine.
func (w *writer) incriminating(e *dossier.Entity) []string {
	var ids []string
	grave := casemate.SeverityUnknown
	for _, id := range e.Evidence {
		p := w.pieces[id]
		if p == nil || p.Kind != casemate.EvidenceAlert || !w.inTold(id) {
			continue
		}
		ids = append(ids, id)
		grave = max(grave, p.Severity)
	}
	if grave < casemate.SeverityMedium && e.Type != casemate.EntityMail || len(ids) == 0 {
		return nil
	}
	return ids[:min(len(ids), maxCited)]
}

// inTold reports whether evidence is of an incident that is told.
func (w *writer) inTold(id string) bool {
	for i := range w.happened {
		if h := &w.happened[i]; w.isTold(h.rank) && slices.Contains(h.ids, id) {
			return true
		}
	}
	return false
}

// outside reports whether an entity means something outside this network.
func (w *writer) outside(e *dossier.Entity) bool {
	public := func(host string) bool {
		if !wellFormed(host) {
			return true // no name of ours looks like that, and its writer chose it
		}
		s := indicator.Host(host)
		return (s == casemate.ScopePublic || s == casemate.ScopeDocumentation) && !w.d.Own(host)
	}
	switch e.Type {
	case casemate.EntityAddress, casemate.EntityDomain:
		return public(e.Value)
	case casemate.EntityMail:
		_, domain, _ := strings.Cut(e.Value, "@")
		return public(domain)
	case casemate.EntityURL:
		host := e.Value
		if _, rest, ok := strings.Cut(host, "://"); ok {
			host = rest
		}
		host, _, _ = strings.Cut(host, "/")
		host, _, _ = strings.Cut(host, ":")
		return public(host)
	case casemate.EntityHash:
		return w.foreign(e)
	}
	return false
}

// wellFormed reports whether a name can be a machine's or an address.
func wellFormed(host string) bool {
	if len(host) > 253 {
		return false
	}
	for _, c := range host {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune(".-_:[]", c) {
			return false
		}
	}
	return true
}

// system are folders of programs that are on every machine.
var system = []string{`c:\windows\system32\`, `c:\windows\syswow64\`, `c:\windows\winsxs\`, `c:\program files\`, `c:\program files (x86)\`, `c:\windows\explorer`, "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/lib/"}

// foreign reports whether a digest is of a file that no link ties to a program of
// the system.
func (w *writer) foreign(e *dossier.Entity) bool {
	tied := false
	for _, l := range w.d.Links {
		if l.Verb != dossier.VerbHash || l.To.Value != e.Value {
			continue
		}
		tied = true
		from := w.d.Entity(l.From.Type, l.From.Value)
		if from == nil {
			return false
		}
		for _, name := range append([]string{from.Value, from.Label}, from.Names...) {
			name = strings.ToLower(name)
			if slices.ContainsFunc(system, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
				return false
			}
		}
	}
	return tied
}

// role says what an indicator was seen to do.
func (w *writer) role(e *dossier.Entity) string {
	for _, l := range w.d.Links {
		if l.To.Type == e.Type && l.To.Value == e.Value {
			from := w.label(l.From.Type, l.From.Value)
			switch l.Verb {
			case dossier.VerbHash:
				return "of " + from
			case dossier.VerbConnected, dossier.VerbRequested:
				return from + " " + l.Verb + " it"
			case dossier.VerbResolved:
				return from + " looked it up"
			case dossier.VerbFrom:
				return from + " acted from it"
			}
		}
		if l.From.Type == e.Type && l.From.Value == e.Value && l.Verb == dossier.VerbConnected {
			return "connected to " + w.label(l.To.Type, l.To.Value)
		}
		if l.From.Type == e.Type && l.From.Value == e.Value && l.Verb == dossier.VerbMailed {
			return "sent mail to " + w.label(l.To.Type, l.To.Value)
		}
	}
	return ""
}
