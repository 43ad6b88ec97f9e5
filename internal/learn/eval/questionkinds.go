package eval

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// questionKinds are all ways of asking, in the order in which they are drawn.
var questionKinds = []questionKind{
	{"technique mitigation, from how it works", feed.KindTechnique, mitigationByText},
	{"how a mitigation works", feed.KindTechnique, textByMitigation},
	{"which mitigates", feed.KindTechnique, mitigationByName},
	{"technique, from its description", feed.KindTechnique, nameByDescription},
	{"description of a technique", feed.KindTechnique, descriptionByName},
	{"cause and purpose, technique", feed.KindTechnique, clause},
	{"tactic of a technique", feed.KindTechnique, factOf("tactic", "To which tactic does %s belong?", "Which ATT&CK tactic does an adversary pursue with %s?")},
	{"platform of a technique", feed.KindTechnique, factOf("platform", "Which platform is affected by %s?", "On which of these platforms has %s been described?")},
	{"who did it", feed.KindTechnique, byProcedure},
	{"technique of a procedure", feed.KindTechnique, procedure},
	{"detection of a technique", feed.KindTechnique, detection},
	{"group, from its description", feed.KindGroup, nameByDescription},
	{"software, from its description", feed.KindSoftware, nameByDescription},
	{"description of software", feed.KindSoftware, descriptionByName},
	{"data component, from its description", feed.KindDataComponent, nameByDescription},
	{"mitigation, from its description", feed.KindMitigation, nameByDescription},
	{"weakness, from its description", feed.KindWeakness, nameByDescription},
	{"description of a weakness", feed.KindWeakness, descriptionByName},
	{"cause and purpose, weakness", feed.KindWeakness, clause},
	{"consequence of a weakness", feed.KindWeakness, sectionOf("consequence", "What may be the consequence of %s?", "Which impact can %s have?")},
	{"mitigation of a weakness", feed.KindWeakness, sectionOf("mitigation", "How can %s be mitigated?", "Which practice helps to avoid %s?")},
	{"phase of a weakness", feed.KindWeakness, phase},
	{"likelihood of a weakness", feed.KindWeakness, factOf("likelihood", "How likely is the exploitation of %s?", "What is the likelihood of exploit for %s?")},
	{"parent of a weakness", feed.KindWeakness, parent},
	{"attack pattern, from its description", feed.KindPattern, nameByDescription},
	{"description of an attack pattern", feed.KindPattern, descriptionByName},
	{"cause and purpose, attack pattern", feed.KindPattern, clause},
	{"prerequisite of an attack pattern", feed.KindPattern, sectionOf("prerequisite", "What does %s require to succeed?", "Which condition must hold for %s?")},
	{"mitigation of an attack pattern", feed.KindPattern, sectionOf("mitigation", "Which defense works against %s?", "How can an organization counter %s?")},
	{"skill for an attack pattern", feed.KindPattern, sectionOf("skill", "Which skill does %s call for?", "What must an attacker be able to do for %s?")},
	{"severity of an attack pattern", feed.KindPattern, factOf("severity", "What is the typical severity of %s?", "How severe is %s as a rule?")},
	{"weakness of an attack pattern", feed.KindPattern, parent},
}

// label is how a question names an entry: mostly by name, at times with the id.
func (g *examiner) label(e *feed.Entry) string {
	switch g.r.IntN(4) {
	case 0:
		return e.Name + " (" + e.ID + ")"
	case 1:
		if e.Kind == feed.KindTechnique || e.Kind == feed.KindWeakness || e.Kind == feed.KindPattern {
			return e.ID
		}
	}
	return e.Name
}

// pick returns one of several wordings.
func (g *examiner) pick(s ...string) string { return s[g.r.IntN(len(s))] }

// fill puts a name into a wording.
func fill(wording, name string) string { return strings.Replace(wording, "%s", name, 1) }

// near returns entries of e's kind in random order: first those that share a
// parent or a tactic with it, since good wrong answers are close.
func (g *examiner) near(e *feed.Entry) []*feed.Entry {
	all := slices.Clone(g.kinds[e.Kind])
	g.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	tactics := values(e, "tactic")
	parents := g.parents(e)
	close := func(o *feed.Entry) bool {
		if o.Domain != e.Domain {
			return false
		}
		for _, p := range g.parents(o) {
			if slices.Contains(parents, p) {
				return true
			}
		}
		for _, t := range values(o, "tactic") {
			if slices.Contains(tactics, t) {
				return g.r.IntN(2) == 0
			}
		}
		return false
	}
	var first, rest []*feed.Entry
	for _, o := range all {
		switch {
		case o == e:
		case close(o):
			first = append(first, o)
		default:
			rest = append(rest, o)
		}
	}
	return append(first, rest...)
}

// parents returns the ids above an entry.
func (g *examiner) parents(e *feed.Entry) []string {
	var out []string
	if e.Parent != "" {
		out = append(out, e.Parent)
	}
	for _, r := range g.from[e.ID] {
		if r.Type == "child-of" {
			out = append(out, r.To)
		}
	}
	return out
}

// values returns an entry's facts of a key.
func values(e *feed.Entry, key string) []string {
	var out []string
	for _, f := range e.Fields {
		if f.Key == key {
			out = append(out, strings.ReplaceAll(f.Value, "-", " "))
		}
	}
	return out
}

// texts returns an entry's sections of a name.
func texts(e *feed.Entry, names ...string) []string {
	var out []string
	for _, s := range e.Sections {
		if slices.Contains(names, s.Name) {
			out = append(out, s.Text)
		}
	}
	return out
}

// names returns three names of entries, none of them in not.
func names(list []*feed.Entry, not map[string]bool) []string {
	var out []string
	for _, o := range list {
		if !not[o.ID] && !slices.Contains(out, o.Name) && len(out) < optionCount-1 {
			out = append(out, o.Name)
		}
	}
	return out
}

// mitigators returns the relations that mitigate an entry, shuffled, and their ids.
func (g *examiner) mitigators(e *feed.Entry) ([]*feed.Relation, map[string]bool) {
	var out []*feed.Relation
	ids := map[string]bool{}
	for _, r := range g.to[e.ID] {
		if r.Type == "mitigates" && g.entries[r.From].Kind == feed.KindMitigation {
			out = append(out, r)
			ids[r.From] = true
		}
	}
	g.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, ids
}

// mitigations returns those of an entry's domain, shuffled.
func (g *examiner) mitigations(domain string) []*feed.Entry {
	var out []*feed.Entry
	for _, m := range g.kinds[feed.KindMitigation] {
		if m.Domain == domain {
			out = append(out, m)
		}
	}
	g.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func mitigationByText(g *examiner, e *feed.Entry) (Question, bool) {
	list, ids := g.mitigators(e)
	for _, r := range list {
		m := g.entries[r.From]
		s, ok := g.sentence(r.Text, e.Name, m.Name)
		if !ok {
			continue
		}
		ask := g.pick("Which mitigation for %s does this describe: ", "To counter %s, which mitigation would you choose for the following? ", "Which of the following mitigations of %s involves this: ")
		return Question{Text: fill(ask, g.label(e)) + s, Options: append([]string{m.Name}, names(g.mitigations(e.Domain), ids)...), source: []sourceText{{e.ID, r.Text}}}, true
	}
	return Question{}, false
}

func textByMitigation(g *examiner, e *feed.Entry) (Question, bool) {
	list, _ := g.mitigators(e)
	for _, r := range list {
		right, ok := g.sentence(r.Text, e.Name)
		if !ok {
			continue
		}
		options := []string{right}
		m := g.entries[r.From]
		others := slices.Clone(g.from[m.ID])
		for _, o := range g.near(e)[:min(12, len(g.kinds[e.Kind])-1)] {
			others = append(others, g.to[o.ID]...)
		}
		g.r.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		for _, o := range others {
			if len(options) < optionCount && o.Type == "mitigates" && o.To != e.ID && !alike(o.Text, r.Text) {
				if s, ok := g.sentence(o.Text, g.entries[o.To].Name); ok {
					options = append(options, s)
				}
			}
		}
		ask := g.pick("How does %s help against ", "What does the mitigation %s recommend for ", "With regard to %s, what should be done against ")
		return Question{Text: fill(ask, m.Name) + g.label(e) + "?", Options: options, source: []sourceText{{e.ID, r.Text}}}, true
	}
	return Question{}, false
}

// alike reports whether two texts begin with the same sentence, as the stock
// phrases of a catalogue do.
func alike(a, b string) bool {
	x, y := cutSentences(a), cutSentences(b)
	return len(x) > 0 && len(y) > 0 && x[0] == y[0]
}

func mitigationByName(g *examiner, e *feed.Entry) (Question, bool) {
	list, ids := g.mitigators(e)
	if len(list) == 0 {
		return Question{}, false
	}
	ask := g.pick("Which of these mitigates %s?", "Which mitigation is recommended against %s?")
	return Question{Text: fill(ask, g.label(e)), Options: append([]string{g.entries[list[0].From].Name}, names(g.mitigations(e.Domain), ids)...),
		source: []sourceText{{e.ID, list[0].Text}}}, true
}

// family are an entry and all that stands so near that its name would be right, too.
func (g *examiner) family(e *feed.Entry) map[string]bool {
	out := map[string]bool{e.ID: true}
	for _, p := range g.parents(e) {
		out[p] = true
	}
	for _, r := range g.to[e.ID] {
		if r.Type == "child-of" || r.Type == "subtechnique-of" {
			out[r.From] = true
		}
	}
	return out
}

func nameByDescription(g *examiner, e *feed.Entry) (Question, bool) {
	for _, text := range texts(e, "description", "extended-description") {
		s, ok := g.sentence(text, append([]string{e.Name}, e.Aliases...)...)
		if !ok {
			continue
		}
		ask := g.pick("Which %s is described here? ", "Which of the following %ss fits this best: ", "What %s is this about? ")
		return Question{Text: fill(ask, strings.ReplaceAll(e.Kind, "-", " ")) + s, Options: append([]string{e.Name}, names(g.near(e), g.family(e))...),
			source: []sourceText{{e.ID, text}}}, true
	}
	return Question{}, false
}

func descriptionByName(g *examiner, e *feed.Entry) (Question, bool) {
	list := texts(e, "description")
	if len(list) == 0 {
		return Question{}, false
	}
	right, ok := g.sentence(list[0], e.Name)
	if !ok {
		return Question{}, false
	}
	options := []string{right}
	not := g.family(e)
	for _, o := range g.near(e) {
		if t := texts(o, "description"); len(options) < optionCount && len(t) > 0 && !not[o.ID] {
			if s, ok := g.sentence(t[0], o.Name); ok {
				options = append(options, s)
			}
		}
	}
	ask := g.pick("Which statement describes %s?", "What is true of %s?", "What is %s?")
	return Question{Text: fill(ask, g.label(e)), Options: options, source: []sourceText{{e.ID, list[0]}}}, true
}

// clause splits a sentence where it gives a purpose, a means or an example, and
// asks for the second half; wrong answers are such halves of the same page and
// of its neighbours.
func clause(g *examiner, e *feed.Entry) (Question, bool) {
	head, tail, kind, text, ok := g.split(e)
	if !ok {
		return Question{}, false
	}
	options := []string{tail}
	for _, o := range append([]*feed.Entry{e}, g.near(e)...) {
		if len(options) == optionCount {
			break
		}
		if _, t, k, _, ok := g.split(o); ok && k == kind && !slices.Contains(options, t) {
			options = append(options, t)
		}
	}
	return Question{Text: head, Options: options, source: []sourceText{{e.ID, text}}}, true
}

// factOf asks for a fact with few values.
func factOf(key string, wordings ...string) func(*examiner, *feed.Entry) (Question, bool) {
	return func(g *examiner, e *feed.Entry) (Question, bool) {
		mine := values(e, key)
		if len(mine) == 0 {
			return Question{}, false
		}
		options := []string{mine[g.r.IntN(len(mine))]}
		for _, o := range g.near(e) {
			for _, v := range values(o, key) {
				if o.Domain == e.Domain && len(options) < optionCount && !slices.Contains(mine, v) && !slices.Contains(options, v) {
					options = append(options, v)
				}
			}
		}
		return Question{Text: fill(g.pick(wordings...), g.label(e)), Options: options}, true
	}
}

// sectionOf asks for what a section says.
func sectionOf(name string, wordings ...string) func(*examiner, *feed.Entry) (Question, bool) {
	return func(g *examiner, e *feed.Entry) (Question, bool) {
		list := texts(e, name)
		if len(list) == 0 {
			return Question{}, false
		}
		text := list[g.r.IntN(len(list))]
		right, ok := g.sentence(text, e.Name)
		if !ok {
			return Question{}, false
		}
		options := []string{right}
		for _, o := range g.near(e) {
			t := texts(o, name)
			if len(options) == optionCount {
				break
			}
			if len(t) == 0 || slices.Contains(list, t[0]) {
				continue
			}
			if s, ok := g.sentence(t[g.r.IntN(len(t))], o.Name); ok {
				options = append(options, s)
			}
		}
		return Question{Text: fill(g.pick(wordings...), g.label(e)), Options: options, source: []sourceText{{e.ID, text}}}, true
	}
}

// phase asks when a weakness comes in.
func phase(g *examiner, e *feed.Entry) (Question, bool) {
	head := func(o *feed.Entry) []string {
		var out []string
		for _, t := range texts(o, "mode-of-introduction") {
			p, _, _ := strings.Cut(t, ":")
			out = append(out, p)
		}
		return out
	}
	mine := head(e)
	if len(mine) == 0 {
		return Question{}, false
	}
	options := []string{mine[g.r.IntN(len(mine))]}
	for _, o := range g.near(e) {
		for _, p := range head(o) {
			if len(options) < optionCount && !slices.Contains(mine, p) && !slices.Contains(options, p) {
				options = append(options, p)
			}
		}
	}
	return Question{Text: fill(g.pick("In which phase is %s introduced?", "When during development does %s typically come in?"), g.label(e)), Options: options}, true
}

// parent asks for an entry that another is below, or that a pattern exploits.
func parent(g *examiner, e *feed.Entry) (Question, bool) {
	want, ask := "child-of", g.pick("Which of these is a parent of %s?", "Of which weakness is %s a more specific form?")
	if e.Kind == feed.KindPattern {
		want, ask = "maps-to", g.pick("Which weakness does %s exploit?", "Which CWE is related to %s?")
	}
	not := g.family(e)
	var right *feed.Entry
	for _, r := range g.from[e.ID] {
		if o := g.entries[r.To]; r.Type == want && o.Kind == feed.KindWeakness {
			not[o.ID] = true
			if right == nil || g.r.IntN(2) == 0 {
				right = o
			}
		}
	}
	if right == nil {
		return Question{}, false
	}
	asID := g.r.IntN(2) == 0
	show := func(o *feed.Entry) string {
		if asID {
			return o.ID
		}
		return o.Name
	}
	options := []string{show(right)}
	for _, o := range g.near(right) {
		if len(options) < optionCount && !not[o.ID] {
			options = append(options, show(o))
		}
	}
	return Question{Text: fill(ask, g.label(e)), Options: options}, true
}

// procedures returns the relations in which something used a technique, shuffled.
func (g *examiner) procedures(e *feed.Entry) []*feed.Relation {
	var out []*feed.Relation
	for _, r := range g.to[e.ID] {
		if r.Type == "uses" && len(r.Text) > 60 {
			out = append(out, r)
		}
	}
	g.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func byProcedure(g *examiner, e *feed.Entry) (Question, bool) {
	list := g.procedures(e)
	users := map[string]bool{}
	for _, r := range list {
		users[r.From] = true
	}
	for _, r := range list {
		who := g.entries[r.From]
		s, ok := g.sentence(r.Text, append([]string{who.Name}, who.Aliases...)...)
		if !ok {
			continue
		}
		ask := "Which " + who.Kind + g.pick(" has been seen to do this: ", " used %s in this way: ", " is known for the following? ")
		return Question{Text: fill(ask, g.label(e)) + s, Options: append([]string{who.Name}, names(g.near(who), users)...), source: []sourceText{{e.ID, r.Text}}}, true
	}
	return Question{}, false
}

func procedure(g *examiner, e *feed.Entry) (Question, bool) {
	for _, r := range g.procedures(e) {
		who := g.entries[r.From]
		s, ok := g.sentence(r.Text, e.Name)
		if !ok || !strings.Contains(s, who.Name) {
			continue
		}
		not := g.family(e)
		for _, u := range g.from[who.ID] {
			not[u.To] = true
		}
		ask := g.pick("Which technique is this an example of? ", "Which ATT&CK technique does this show: ", "Name the technique: ")
		return Question{Text: ask + s, Options: append([]string{e.Name}, names(g.near(e), not)...), source: []sourceText{{e.ID, r.Text}}}, true
	}
	return Question{}, false
}

// detection asks what to watch for.
func detection(g *examiner, e *feed.Entry) (Question, bool) {
	right, text, ok := g.watched(e)
	if !ok {
		return Question{}, false
	}
	options := []string{right}
	not := g.family(e)
	for _, o := range g.near(e) {
		if len(options) == optionCount {
			break
		}
		if s, _, ok := g.watched(o); ok && !not[o.ID] {
			options = append(options, s)
		}
	}
	return Question{Text: fill(g.pick("What should defenders look for to detect %s?", "Which activity points to %s?"), g.label(e)), Options: options, source: []sourceText{{e.ID, text}}}, true
}

// watched returns a sentence of an analytic that detects a technique.
func (g *examiner) watched(e *feed.Entry) (sentence, text string, ok bool) {
	for _, r := range g.to[e.ID] {
		if r.Type != "detects" {
			continue
		}
		for _, a := range g.from[r.From] {
			for _, t := range texts(g.entries[a.To], "description") {
				if s, ok := g.sentence(t, e.Name); ok && a.Type == "has-analytic" {
					return s, t, true
				}
			}
		}
	}
	return "", "", false
}
