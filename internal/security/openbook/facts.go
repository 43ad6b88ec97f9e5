package openbook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// Catalogue looks single entries up. A library is one.
type Catalogue interface {
	Entry(ctx context.Context, id string) (*feed.Entry, *library.Remap, error)
	Relations(ctx context.Context, id string) ([]feed.Relation, error)
}

// Fact is what the catalogue says exactly, in answer to a question that it can
// answer so.
type Fact struct {
	ID     string `json:"id"` // of what the question is about
	Name   string `json:"name"`
	About  string `json:"about"` // what is told: mitigated by, tactic, parent, …
	Values []Item `json:"values"`
	Note   string `json:"note,omitempty"` // an id that was replaced, values that were left out
}

// Item is one value of a fact. Entries of one kind stand together.
type Item struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`           // empty where an id has none
	Kind string `json:"kind,omitempty"` // of an entry, where the knowledge base holds it
}

const (
	maxSubjects = 3   // entries that one question is taken to be about
	maxItems    = 200 // values of one fact
)

// asking is a form of question that a field or a relation answers.
type asking struct {
	words   []string // any of which a question has
	about   string
	field   string // the key of the facts that answer
	types   []string
	forward bool // the answers are at the far end of relations from the entry
}

var askings = []asking{
	{words: []string{"mitigat", "prevent", "counter", "defend"}, about: "mitigated by", types: []string{"mitigates"}},
	{words: []string{"mitigat", "address", "cover"}, about: "mitigates", types: []string{"mitigates"}, forward: true},
	{words: []string{"tactic"}, about: "tactic", field: "tactic"},
	{words: []string{"platform"}, about: "platform", field: "platform"},
	{words: []string{"use.", "uses.", "used.", "using.", "group", "actor", "malware", "software"}, about: "used by", types: []string{"uses"}},
	{words: []string{"use.", "uses.", "used.", "using.", "technique"}, about: "uses", types: []string{"uses"}, forward: true},
	{words: []string{"detect"}, about: "detected by", types: []string{"detects"}},
	{words: []string{"parent", "more general", "above"}, about: "child of", types: []string{"child-of", "subtechnique-of"}, forward: true},
	{words: []string{"child", "sub-technique", "subtechnique", "variant"}, about: "parent of", types: []string{"child-of", "subtechnique-of"}},
	{words: []string{"severity", "severe"}, about: "typical severity", field: "severity"},
	{words: []string{"likelihood", "likely"}, about: "likelihood", field: "likelihood"},
	{words: []string{"abstraction"}, about: "abstraction", field: "abstraction"},
	{words: []string{"weakness", "cwe"}, about: "weakness", types: []string{"maps-to", "has-weakness"}, forward: true},
	{words: []string{"pattern", "capec"}, about: "attack pattern", types: []string{"maps-to"}},
	{words: []string{"attributed"}, about: "attributed to", types: []string{"attributed-to"}, forward: true},
	{words: []string{"cvss", "score"}, about: "CVSS", field: "cvss"},
	{words: []string{"epss"}, about: "EPSS", field: "epss"},
	{words: []string{"due."}, about: "due in KEV", field: "kev-due"},
	{words: []string{"ransomware"}, about: "used for ransomware", field: "kev-ransomware"},
}

// Facts returns what the catalogue says exactly about what a question names.
func (b *Book) Facts(ctx context.Context, cat Catalogue, question string) ([]Fact, error) {
	out, known, err := b.factsOf(ctx, cat, writtenIDs(question), question)
	if err != nil || known || len(out) > 0 {
		return out, err
	}
	// What looks like an id may be a name, such as APT29 or DEV-0537.
	out, _, err = b.factsOf(ctx, cat, b.namedIDs(question), question)
	return out, err
}

// factsOf returns the facts of some ids, and whether any of them is known.
func (b *Book) factsOf(ctx context.Context, cat Catalogue, ids []string, question string) (out []Fact, known bool, err error) {
	for _, id := range ids {
		e, remap, err := cat.Entry(ctx, id)
		if errors.Is(err, library.ErrNotFound) {
			if strings.HasPrefix(id, "CVE-") && asks(question, "kev", "exploited") {
				out = append(out, Fact{ID: id, About: "in KEV", Values: []Item{{Name: "no: the knowledge base does not hold it"}}})
			}
			continue
		}
		if err != nil {
			return nil, known, fmt.Errorf("look up %q: %w", id, err)
		}
		known = true
		relations, err := cat.Relations(ctx, e.ID)
		if err != nil {
			return nil, known, fmt.Errorf("look up the relations of %q: %w", id, err)
		}
		facts, err := b.about(ctx, cat, e, relations, question)
		if err != nil {
			return nil, known, err
		}
		if note := remapNote(remap); note != "" {
			if len(facts) == 0 {
				facts = []Fact{{ID: e.ID, Name: e.Name, About: "stands for", Values: []Item{{ID: remap.From, Name: remap.From}}}}
			}
			for i := range facts {
				facts[i].Note = note
			}
		}
		out = append(out, facts...)
	}
	return out, known, nil
}

// writtenIDs returns what a question writes in the form of an id.
func writtenIDs(question string) []string {
	var out []string
	for _, w := range words(question[:min(len(question), maxQuestionBytes)]) {
		if id := strings.ToUpper(w.raw); isID(w.raw) && len(id) > 3 && len(out) < maxSubjects && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// namedIDs returns the ids of the entries whose names a question writes.
func (b *Book) namedIDs(question string) []string {
	var out []string
	for _, a := range b.anchors(question) {
		if e := b.entities[a]; e.kind != KindArticle && len(out) < maxSubjects && !slices.Contains(out, e.id) {
			out = append(out, e.id)
		}
	}
	return out
}

// maxQuestionBytes is how much of a question is searched for ids and names.
const maxQuestionBytes = 20_000

// asks reports whether a question has one of the words, or a word that begins
// with one. A word with a dot at its end must stand as it is.
func asks(question string, list ...string) bool {
	q := strings.ToLower(question[:min(len(question), maxQuestionBytes)])
	return slices.ContainsFunc(list, func(w string) bool {
		w, whole := strings.CutSuffix(w, ".")
		for at := 0; ; {
			i := strings.Index(q[at:], w)
			if i < 0 {
				return false
			}
			i += at
			at = i + len(w)
			if (i == 0 || !letter(q[i-1])) && (!whole || at == len(q) || !letter(q[at])) {
				return true
			}
		}
	})
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// remapNote says that an id was replaced.
func remapNote(r *library.Remap) string {
	if r == nil {
		return ""
	}
	if r.To == "" {
		return r.From + " is " + r.Status + "; nothing replaced it"
	}
	return r.From + " is " + r.Status + "; " + r.To + " " + r.Name + " stands for it"
}

// about returns the facts of one entry that a question asks for.
func (b *Book) about(ctx context.Context, cat Catalogue, e *feed.Entry, relations []feed.Relation, question string) ([]Fact, error) {
	var out []Fact
	for _, a := range askings {
		if !asks(question, a.words...) {
			continue
		}
		f := Fact{ID: e.ID, Name: e.Name, About: a.about}
		if a.field != "" {
			f.Values = fieldItems(e, a.field)
		} else {
			ids := farEnds(e.ID, relations, a)
			b.sortByKind(ids, question)
			if len(ids) > maxItems {
				f.Note = fmt.Sprintf("the first %d of %d", maxItems, len(ids))
				ids = ids[:maxItems]
			}
			for _, id := range ids {
				item, err := itemOf(ctx, cat, id)
				if err != nil {
					return nil, err
				}
				f.Values = append(f.Values, item)
			}
			// A kind that the book lacks is only known now.
			slices.SortStableFunc(f.Values, func(x, y Item) int { return cmp.Compare(rank(x.Kind, question), rank(y.Kind, question)) })
		}
		if len(f.Values) > 0 {
			out = append(out, f)
		}
	}
	return append(out, oneOf(e, question)...), nil
}

// oneOf returns the facts that are told by one value.
func oneOf(e *feed.Entry, question string) []Fact {
	var out []Fact
	if about := meaning(e); about != "" && asks(question, meaningWords...) && !asksMore(question) {
		out = append(out, Fact{ID: e.ID, Name: e.Name, About: "is", Values: []Item{{Name: about}}})
	}
	if e.Kind == feed.KindVulnerability && asks(question, "kev", "exploited") {
		v := "no"
		if dates := fieldItems(e, "kev-added"); len(dates) > 0 {
			v = "yes, since " + dates[0].Name
		}
		out = append(out, Fact{ID: e.ID, Name: e.Name, About: "in KEV", Values: []Item{{Name: v}}})
	}
	if len(e.Aliases) > 0 && asks(question, "alias", "also called", "also known", "other name") {
		f := Fact{ID: e.ID, Name: e.Name, About: "also called"}
		for _, a := range e.Aliases {
			f.Values = append(f.Values, Item{Name: a})
		}
		out = append(out, f)
	}
	return out
}

// maxMeaning is how many sentences tell what an entry is.
const maxMeaning = 2

// meaning returns the first sentences of an entry's description.
func meaning(e *feed.Entry) string {
	for _, s := range e.Sections {
		if strings.HasSuffix(s.Name, "description") {
			parts := sentences(s.Text)
			return strings.Join(strings.Fields(strings.Join(parts[:min(len(parts), maxMeaning)], " ")), " ")
		}
	}
	return ""
}

// asksMore reports whether a question asks for something that a field or a
// relation tells.
func asksMore(question string) bool {
	return slices.ContainsFunc(askings, func(a asking) bool { return asks(question, a.words...) })
}

// fieldItems returns an entry's facts of a key, each once.
func fieldItems(e *feed.Entry, key string) []Item {
	var out []Item
	for _, f := range e.Fields {
		if item := (Item{Name: plainValue(f)}); f.Key == key && !slices.Contains(out, item) && len(out) < maxItems {
			out = append(out, item)
		}
	}
	return out
}

// farEnds returns the other ends of an entry's relations, in order, each once.
func farEnds(id string, relations []feed.Relation, a asking) []string {
	var out []string
	for _, r := range relations {
		near, far := r.To, r.From
		if a.forward {
			near, far = r.From, r.To
		}
		if near == id && far != id && slices.Contains(a.types, r.Type) {
			out = append(out, far)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kindOrder is the order in which the entries of a fact stand by kind, with the
// words by which a question asks for a kind, which then comes first. ATT&CK's
// own entries stand before what other catalogues add to them.
var kindOrder = []struct {
	kind  string
	words []string
}{
	{feed.KindTactic, []string{"tactic"}},
	{feed.KindTechnique, []string{"technique", "sub-technique", "subtechnique"}},
	{feed.KindMitigation, []string{"mitigation"}},
	{feed.KindDefence, []string{"defence", "defense", "d3fend"}},
	{feed.KindGroup, []string{"group", "actor"}},
	{feed.KindCampaign, []string{"campaign", "operation"}},
	{feed.KindSoftware, []string{"software", "malware", "tool"}},
	{feed.KindDetection, nil},
	{feed.KindAnalytic, []string{"analytic"}},
	{feed.KindDataComponent, nil},
	{feed.KindDataSource, nil},
	{feed.KindWeakness, []string{"weakness", "cwe"}},
	{feed.KindPattern, []string{"pattern", "capec"}},
	{feed.KindControl, []string{"control"}},
}

// rank says where entries of a kind stand; unknown kinds stand last.
func rank(kind, question string) int {
	for i, o := range kindOrder {
		if o.kind == kind {
			if asks(question, o.words...) {
				return i - len(kindOrder)
			}
			return i
		}
	}
	return len(kindOrder)
}

// sortByKind orders ids by the kind that the book knows of them, then by id.
func (b *Book) sortByKind(ids []string, question string) {
	at := func(id string) int {
		if i, ok := b.byID[id]; ok {
			return rank(b.entities[i].kind, question)
		}
		return rank("", question)
	}
	slices.SortFunc(ids, func(x, y string) int {
		return cmp.Or(cmp.Compare(at(x), at(y)), strings.Compare(x, y))
	})
}

// itemOf returns an entry as a value: its id alone where the library lacks it.
func itemOf(ctx context.Context, cat Catalogue, id string) (Item, error) {
	e, _, err := cat.Entry(ctx, id)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return Item{ID: id}, nil
	case err != nil:
		return Item{}, fmt.Errorf("look up %q: %w", id, err)
	case e.Name == id: // ATT&CK names some campaigns by their id
		return Item{ID: id, Kind: e.Kind}, nil
	}
	return Item{ID: id, Name: e.Name, Kind: e.Kind}, nil
}
