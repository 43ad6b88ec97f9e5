package grounding

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"

	"github.com/casemate-ai/casemate/internal/security/grounding/numeral"
	"github.com/casemate-ai/casemate/internal/security/grounding/stem"
)

//go:embed words/terms.txt
var termRows string

//go:embed words/general.txt
var generalWords string

//go:embed words/common.txt
var commonWords string

//go:embed words/names.txt
var nameWords string

// vocabulary are the lists of words that checks of names know.
type vocabulary struct {
	// general are words, in lower case, that may be written in capitals, with a
	// digit or with a capital inside and that claim nothing: units, formats,
	// words of the trade.
	general map[string]bool
	// common are words that begin sentences; in front of others they are no names.
	common map[string]bool
	// given are names of people that a sentence may begin with: there a capital
	// alone tells nothing.
	given map[string]bool
	// capital are terms that are ordinary words where they have no capital.
	capital map[string]bool
	// terms are protocols, products and kinds of attack, by their names.
	terms map[string]term
}

var vocab = sync.OnceValue(func() *vocabulary {
	return &vocabulary{general: setOf(generalWords), common: setOf(commonWords), given: setOf(nameWords),
		capital: setOf("word excel outlook edge explorer office teams access notepad calculator chrome firefox defender splunk elastic wazuh suricata zeek sysmon basic"), terms: readTerms(termRows)}
})

func setOf(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// term is a thing that evidence may show under other names.
type term struct {
	kind string   // of the problem if it does not
	as   []string // folded texts of evidence, each enough; a final "*" is any ending
	ids  []string // techniques that show it
}

// readTerms reads rows of, between bars: the kind of problem, names, what shows them
// in evidence, and techniques that show them. A final "*" stands for any ending of a
// word; a lone "=" for the name itself.
func readTerms(rows string) map[string]term {
	out := map[string]term{}
	for line := range strings.Lines(rows) {
		cols := strings.Split(strings.TrimSpace(line), " | ")
		if len(cols) < 3 {
			continue
		}
		t := term{kind: strings.TrimSpace(cols[0])}
		list := func(s string) (l []string) {
			for _, w := range strings.Split(strings.Trim(s, "| "), ",") {
				if w = strings.TrimSpace(w); w != "" {
					l = append(l, w)
				}
			}
			return l
		}
		if len(cols) > 3 {
			t.ids = list(cols[3])
		}
		for _, name := range list(cols[1]) {
			u := t
			if u.as = list(cols[2]); len(u.as) == 1 && u.as[0] == "=" {
				u.as = []string{name + "*", strings.ReplaceAll(name, " ", "") + "*", strings.ReplaceAll(name, "-", "") + "*"}
			} else {
				u.as = append(u.as, name)
			}
			out[name] = u
		}
	}
	return out
}

// shows reports whether the pool has a term under any of its names.
func (r *reading) shows(t term) bool {
	for _, x := range r.pool {
		if x.e.Kind == casemate.EvidenceMail && slices.Contains(t.ids, "T1566") {
			return true // what a mail is called
		}
		for _, id := range x.e.Techniques {
			for _, want := range t.ids {
				if strings.EqualFold(id, want) {
					return true
				}
			}
		}
	}
	if r.looked++; r.looked > maxMentions {
		return true
	}
	for _, a := range t.as {
		start, open := strings.CutSuffix(a, "*")
		for _, x := range r.pool {
			x.ready()
			if open && (stem.Begins(x.low, start)) || !open && hasToken(x.low, a) {
				return true
			}
			if digits(a) && len(a) > 1 && x.hasNumber(numeral.Value(a)) {
				return true
			}
		}
	}
	return false
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (x *index) hasNumber(n float64) bool {
	for _, v := range x.numbers() {
		if v == n {
			return true
		}
	}
	return false
}
