package mapping

import (
	"regexp"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// How sure a statement is. They are judgements, not measurements: an id is
// rarely wrong, a tag is as good as its author, a name may mean the word.
const (
	sureID   = 0.95
	sureTag  = 0.85
	sureName = 0.55
)

// techniqueID finds ids; the word boundary keeps T1059 in AT1059 out.
var techniqueID = regexp.MustCompile(`(?i)\bT[0-9]{4}(?:\.[0-9]{3})?\b`)

// stated adds the techniques that the sentence or its source gives outright.
func (m *mapper) stated(x *read) {
	for _, at := range techniqueID.FindAllStringIndex(x.text, maxHits) {
		given := strings.ToUpper(x.text[at[0]:at[1]])
		m.state(x, given, sureID, ByID, []Span{{x.text[at[0]:at[1]], at[0], at[1]}})
	}
	for i, id := range x.place.Claims {
		if i == maxHits {
			break
		}
		m.state(x, id, sureTag, ByTag, nil)
	}
	if inReferences(x.place.Context) || isAdvice(x.text, x.place.Context) {
		return
	}
	for _, n := range m.names.find(x.text) {
		span := []Span{{x.text[n.start:n.end], n.start, n.end}}
		if x.place.Kind == document.KindHeading || denied(x.text, span) {
			continue
		}
		x.add(n.technique, sureName, ByName, "", span)
	}
}

// state adds the technique that stands for an id today.
func (m *mapper) state(x *read, id string, sure float64, by string, spans []Span) {
	t, _, ok := m.catalogue.Resolve(id)
	if !ok || t.Status == knowledge.Revoked {
		return // not an id of the catalogue: it cannot appear as fact
	}
	was := ""
	if t.ID != id {
		was = id
	}
	x.add(t, sure, by, was, spans)
}

// nameIndex finds names of techniques in text, in time linear in the text.
type nameIndex struct {
	byFirst map[string][]indexedName
}

type indexedName struct {
	words     []string
	technique knowledge.Technique
}

// foundName is a name in a text, in bytes.
type foundName struct {
	technique  knowledge.Technique
	start, end int
}

// indexNames takes names of two words or more that one technique alone of the
// domain has. Names of one word (Malware, Tool, Server, Phishing) are words of
// every report: whether they mean the technique is for the classifier to say.
func indexNames(c *knowledge.Catalogue, domain knowledge.Domain) *nameIndex {
	owners := map[string][]knowledge.Technique{}
	var order []string
	for _, t := range c.Techniques() {
		if t.Status != knowledge.Current || t.Domain != domain {
			continue
		}
		key := strings.Join(nameWords(t.Name), " ")
		if owners[key] == nil {
			order = append(order, key)
		}
		owners[key] = append(owners[key], t)
	}
	x := &nameIndex{byFirst: map[string][]indexedName{}}
	for _, key := range order {
		words := strings.Fields(key)
		if len(words) < 2 || len(owners[key]) != 1 {
			continue
		}
		x.byFirst[words[0]] = append(x.byFirst[words[0]], indexedName{words, owners[key][0]})
	}
	return x
}

// nameWords returns the words of a name in lower case.
func nameWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9')
	})
}

// find returns the names in text, the longest at each place.
func (x *nameIndex) find(text string) []foundName {
	words, at := wordsAt(text)
	var out []foundName
	for i := 0; i < len(words); {
		best := 0
		var which knowledge.Technique
		for _, n := range x.byFirst[words[i]] {
			if len(n.words) > best && startsWith(words[i:], n.words) {
				best, which = len(n.words), n.technique
			}
		}
		if best == 0 {
			i++
			continue
		}
		out = append(out, foundName{which, at[i][0], at[i+best-1][1]})
		i += best
	}
	return out
}

func startsWith(words, prefix []string) bool {
	if len(words) < len(prefix) {
		return false
	}
	for i, w := range prefix {
		if words[i] != w {
			return false
		}
	}
	return true
}

// wordsAt returns the words of text in lower case and where they stand.
func wordsAt(text string) (words []string, at [][2]int) {
	start := -1
	for i := 0; i <= len(text); i++ {
		letter := i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= 'A' && text[i] <= 'Z' || text[i] >= '0' && text[i] <= '9')
		switch {
		case letter && start < 0:
			start = i
		case !letter && start >= 0:
			words = append(words, strings.ToLower(text[start:i]))
			at = append(at, [2]int{start, i})
			start = -1
		}
	}
	return words, at
}
