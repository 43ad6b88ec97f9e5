package openbook

import (
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

// Item is one value of a fact.
type Item struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
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
	var out []Fact
	for _, id := range b.subjects(question) {
		e, remap, err := cat.Entry(ctx, id)
		if errors.Is(err, library.ErrNotFound) {
			if strings.HasPrefix(id, "CVE-") && asks(question, "kev", "exploited") {
				out = append(out, Fact{ID: id, About: "in KEV", Values: []Item{{Name: "no: the knowledge base does not hold it"}}})
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look up %q: %w", id, err)
		}
		relations, err := cat.Relations(ctx, e.ID)
		if err != nil {
			return nil, fmt.Errorf("look up the relations of %q: %w", id, err)
		}
		facts, err := b.about(ctx, cat, e, relations, question)
		if err != nil {
			return nil, err
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
	return out, nil
}

// subjects returns the ids that a question is about: those that it writes, and
// those of the names in it.
func (b *Book) subjects(question string) []string {
	var out []string
	add := func(id string) {
		if len(out) < maxSubjects && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, w := range words(question[:min(len(question), maxQuestionBytes)]) {
		if isID(w.raw) && len(w.raw) > 3 {
			add(strings.ToUpper(w.raw))
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, a := range b.anchors(question) {
		if b.entities[a].kind != KindArticle {
			add(b.entities[a].id)
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
			if len(ids) > maxItems {
				f.Note = fmt.Sprintf("the first %d of %d", maxItems, len(ids))
				ids = ids[:maxItems]
			}
			for _, id := range ids {
				name, err := nameOf(ctx, cat, id)
				if err != nil {
					return nil, err
				}
				f.Values = append(f.Values, Item{ID: id, Name: name})
			}
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

// nameOf returns the name of an entry, or its id where the library lacks it.
func nameOf(ctx context.Context, cat Catalogue, id string) (string, error) {
	e, _, err := cat.Entry(ctx, id)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return id, nil
	case err != nil:
		return "", fmt.Errorf("look up %q: %w", id, err)
	}
	return e.Name, nil
}
