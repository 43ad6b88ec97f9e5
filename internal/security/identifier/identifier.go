// Package identifier lists the identifiers that exist, kind by kind, with their
// names: what a language model may decode where a schema asks for one. They come
// from the catalogue in the binary and from the knowledge base, where there is
// one. Ids that their publisher has withdrawn are not among them.
package identifier

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// The kinds, as a schema's "x-casemate-id" names them.
const (
	Attack     = "attack" // ATT&CK techniques and sub-techniques
	Tactic     = "attack-tactic"
	Group      = "attack-group"
	Software   = "attack-software"
	Mitigation = "attack-mitigation"
	CWE        = "cwe"
	CAPEC      = "capec"
	CVE        = "cve"
	D3FEND     = "d3fend"
	Control    = "control"
)

// Kinds returns every kind.
func Kinds() []string {
	return []string{Attack, Tactic, Group, Software, Mitigation, CWE, CAPEC, CVE, D3FEND, Control}
}

// published is the kind of entry that a kind's identifiers name in the library.
func published(kind string) string {
	switch kind {
	case Attack:
		return feed.KindTechnique
	case Tactic:
		return feed.KindTactic
	case Group:
		return feed.KindGroup
	case Software:
		return feed.KindSoftware
	case Mitigation:
		return feed.KindMitigation
	case CWE:
		return feed.KindWeakness
	case CAPEC:
		return feed.KindPattern
	case CVE:
		return feed.KindVulnerability
	case D3FEND:
		return feed.KindDefence
	case Control:
		return feed.KindControl
	}
	return ""
}

// List is the identifiers of one kind. It does not change, and may be used from
// any goroutine.
type List struct {
	ids   []string
	names map[string]string
}

// IDs returns every identifier, in alphabetical order. The caller must not
// change them.
func (l *List) IDs() []string { return l.ids }

// Name returns what an identifier is called; "" if it is not in the list.
func (l *List) Name(id string) string { return l.names[id] }

// Load returns the identifiers of a kind, from the catalogue and from the
// library, which may be nil. Where both name an identifier, the library, whose
// editions the team chose, is right. It is an error if the kind is not known or
// has no identifiers.
func Load(ctx context.Context, c *knowledge.Catalogue, lib *library.Library, kind string) (*List, error) {
	entries := published(kind)
	if entries == "" {
		return nil, fmt.Errorf("identifiers of kind %q: the kinds are %s", kind, strings.Join(Kinds(), ", "))
	}
	names := embedded(c, kind)
	if lib != nil {
		err := lib.EachEntry(ctx, []string{entries}, func(e *feed.Entry) error {
			if e.Status != "" {
				delete(names, e.ID)
			} else {
				names[e.ID] = e.Name
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("identifiers of kind %q: %w", kind, err)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("identifiers of kind %q: none are known until their publication is imported: casemate kb import FILE", kind)
	}
	l := &List{names: names}
	for id := range names {
		l.ids = append(l.ids, id)
	}
	slices.Sort(l.ids)
	return l, nil
}

// embedded returns what the catalogue has of a kind: id -> name. Of CVEs it has
// those that CISA knows to be exploited, named by product.
func embedded(c *knowledge.Catalogue, kind string) map[string]string {
	names := map[string]string{}
	switch kind {
	case Attack:
		for _, t := range c.Techniques() {
			if t.Status == knowledge.Current {
				names[t.ID] = t.Name
			}
		}
	case Tactic:
		for _, d := range []knowledge.Domain{knowledge.Enterprise, knowledge.Mobile, knowledge.ICS} {
			for _, t := range c.Tactics(d) {
				if t.Status == knowledge.Current {
					names[t.ID] = t.Name
				}
			}
		}
	case CWE:
		for _, w := range c.Weaknesses() {
			if w.Status != "Deprecated" {
				names[w.ID] = w.Name
			}
		}
	case CVE:
		for _, e := range c.KnownExploited() {
			names[e.CVE] = strings.TrimSpace(e.Vendor + " " + e.Product)
		}
	case D3FEND:
		for _, d := range c.Defences() {
			names[d.ID] = d.Name
		}
	}
	return names
}
