package note

import (
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/indicator"
)

// everyones are names of accounts and machines that every network has: they tell
// nobody anything.
var everyones = map[string]bool{
	"root": true, "system": true, "admin": true, "administrator": true, "guest": true, "user": true, "localhost": true, "nobody": true,
	"local service": true, "network service": true, "anonymous logon": true, "local system": true, "unknown": true, "-": true,
}

// internal knows what must not leave the house: names of our hosts and accounts,
// of people, and addresses that mean something inside only.
type internal struct {
	terms map[string]bool // in lower case
	owned []string        // domains of ours, such as "corp.example.com"
	own   func(domain string) bool
}

func newInternal(d *dossier.Dossier) *internal {
	n := &internal{terms: map[string]bool{}, own: d.Own}
	for i := range d.Entities {
		e := &d.Entities[i]
		for _, name := range append([]string{e.Value, e.Label}, e.Names...) {
			n.entity(e.Type, name)
		}
	}
	for _, i := range d.Triage.Incidents {
		for _, h := range i.Hosts {
			n.entity(casemate.EntityHost, h)
		}
		for _, u := range i.Users {
			n.entity(casemate.EntityUser, u)
		}
	}
	for _, e := range d.Evidence {
		n.entity(casemate.EntityHost, e.Host)
		n.entity(casemate.EntityUser, e.User)
		if e.Author != "" && e.Kind != casemate.EvidenceMail { // a mail may be the attacker's
			n.entity(casemate.EntityUser, e.Author)
			n.person(e.Author)
		}
	}
	return n
}

// entity takes a name of a host or an account.
func (n *internal) entity(t casemate.EntityType, name string) {
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" || everyones[name] {
		return
	}
	switch t {
	case casemate.EntityHost:
		if strings.Trim(name, "0123456789.:abcdef") == "" && strings.ContainsAny(name, ".:") {
			return // an address: its scope decides
		}
		n.add(name)
		if first, rest, ok := strings.Cut(name, "."); ok {
			n.add(first)
			n.domain(rest)
		}
	case casemate.EntityUser:
		n.add(name)
		if _, short, ok := strings.Cut(name, `\`); ok {
			name = short
			n.add(short)
		}
		if short, _, ok := strings.Cut(name, "@"); ok {
			name = short
			n.add(short)
		}
		if strings.Contains(name, ".") && !strings.ContainsAny(name, `\/ `) { // first.last, f.last
			for _, part := range strings.Split(name, ".") {
				if len(part) >= 4 {
					n.add(part)
				}
			}
		}
	}
}

// person takes the name of somebody who wrote.
func (n *internal) person(name string) {
	for _, part := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune(" .,<>@\"()", r) }) {
		if len(part) >= 4 && !everyones[part] {
			n.add(part)
		}
	}
}

// add takes a term. Short ones would be found in any text.
func (n *internal) add(term string) {
	if len(term) < 3 || everyones[term] {
		return
	}
	n.terms[term] = true
}

// word cuts a text into what may be a name.
var word = regexp.MustCompile(`[\p{L}\p{N}_$\-]+(?:[.\\@][\p{L}\p{N}_$\-]+)*`)

// place is a path of a share, a drive or a home folder.
var place = regexp.MustCompile(`\\\\[^\s"']+|\b[A-Za-z]:\\[^\s"'<>|]*|/(?:home|srv|var|opt|root|etc|usr|tmp|mnt)/[^\s"'<>|]*`)

// domain takes a domain that a host of ours is in, and the one that it is under.
func (n *internal) domain(name string) {
	for strings.Contains(name, ".") {
		if !slices.Contains(n.owned, name) {
			n.owned = append(n.owned, name)
		}
		_, name, _ = strings.Cut(name, ".")
	}
}

// find returns what of a text names something internal, in order.
func (n *internal) find(text string) []string {
	out := place.FindAllString(text, -1)
	for _, i := range indicator.Extract(nil, "", text) {
		address := i.Type == casemate.IndicatorIPv4 || i.Type == casemate.IndicatorIPv6
		if i.Scope == casemate.ScopePrivate || address && i.Scope != casemate.ScopePublic && i.Scope != casemate.ScopeDocumentation {
			out = append(out, i.Value)
		}
	}
	for _, s := range word.FindAllString(text, -1) {
		if n.known(s) {
			out = append(out, s)
		}
	}
	return out
}

// known looks a word up: whole, and part by part.
func (n *internal) known(s string) bool {
	low := strings.ToLower(s)
	if n.terms[low] {
		return true
	}
	for _, d := range n.owned {
		if low == d || strings.HasSuffix(low, "."+d) || strings.HasSuffix(low, "@"+d) {
			return true
		}
	}
	domain := low[strings.LastIndexByte(low, '@')+1:]
	if strings.Contains(domain, ".") && n.own(domain) {
		return true
	}
	for _, sep := range []string{`\`, "@", ".", "-", "/"} {
		for part := range strings.SplitSeq(low, sep) {
			if n.terms[part] && part != low {
				return true
			}
		}
	}
	return false
}
