package page

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

// document is a page with what its writers need to know of the whole of it.
type document struct {
	*Page
	at          map[string]int  // an id's index in Page.Evidence
	cited       []int           // indices of what is cited, in order
	unknown     []string        // cited ids that no evidence has, in order of their first citation
	read        map[string]bool // ids that the terminal's writer has cited
	by          map[casemate.Decider]bool
	unsupported int
	struck      int
}

// newDocument looks through all of a page once.
func newDocument(p *Page) *document {
	d := &document{Page: p, at: map[string]int{}, read: map[string]bool{}, by: map[casemate.Decider]bool{}}
	for i := range p.Evidence {
		if _, twice := d.at[p.Evidence[i].ID]; !twice {
			d.at[p.Evidence[i].ID] = i
		}
	}
	seen := map[string]bool{}
	cite := func(ids []string) {
		for _, id := range ids {
			if seen[id] {
				continue
			}
			seen[id] = true
			if i, ok := d.at[id]; ok {
				d.cited = append(d.cited, i)
			} else {
				d.unknown = append(d.unknown, id)
			}
		}
	}
	state := func(list []casemate.Statement) {
		for i := range list {
			d.state(&list[i])
			if list[i].Support != casemate.Struck {
				cite(list[i].Evidence)
			}
		}
	}
	state(p.Lede)
	for _, b := range p.Blocks {
		citedBy(b, cite, state)
	}
	slices.Sort(d.cited)
	return d
}

// citedBy gives cite and state all that a block cites and says.
func citedBy(b Block, cite func([]string), state func([]casemate.Statement)) {
	switch b := b.(type) {
	case Prose:
		state(b)
	case List:
		state(b.Items)
	case Facts:
		for i := range b {
			cite(b[i].Evidence)
		}
	case Table:
		for _, ids := range b.Evidence {
			cite(ids)
		}
	case Timeline:
		for i := range b {
			cite(b[i].Evidence)
		}
	case Graph:
		for i := range b.Edges {
			cite(b.Edges[i].Evidence)
		}
	}
}

// state counts a statement.
func (d *document) state(s *casemate.Statement) {
	switch s.Support {
	case casemate.Struck:
		d.struck++
		return
	case casemate.Unsupported:
		d.unsupported++
	}
	d.by[s.By] = true
}

// lede parts the first sentences of a page into paragraphs: each is its own
// where there are more than two.
func lede(list []casemate.Statement) [][]casemate.Statement {
	if len(list) <= 2 {
		return [][]casemate.Statement{list}
	}
	return slices.Collect(slices.Chunk(list, 1))
}

// shown returns the statements that people read, and how many were struck.
func shown(list []casemate.Statement) ([]*casemate.Statement, int) {
	var out []*casemate.Statement
	for i := range list {
		if list[i].Support != casemate.Struck {
			out = append(out, &list[i])
		}
	}
	return out, len(list) - len(out)
}

// struckNote says that sentences were left out, or "".
func struckNote(n int) string {
	switch {
	case n == 0:
		return ""
	case n == 1:
		return "1 sentence was struck: its evidence does not show what it said."
	}
	return phrase.Number(n) + " sentences were struck: their evidence does not show what they said."
}

// moreSentences says how many sentences of a paragraph are left out, or "".
func moreSentences(shown, total int) string {
	if rest := phrase.More(shown, total); rest != "" {
		return "(" + rest + " sentences)"
	}
	return ""
}

// whyText says in short why a statement is unsupported.
func whyText(s *casemate.Statement, most int) string {
	const shownProblems = 2
	var out []string
	for _, p := range s.Problems[:min(shownProblems, len(s.Problems))] {
		if why := strings.TrimSuffix(shorten(p.Why, most), "."); why != "" {
			out = append(out, why+".")
		} else if p.Text != "" {
			out = append(out, "\""+shorten(p.Text, most)+"\" is not in what it cites.")
		}
	}
	if len(out) == 0 {
		out = append(out, "Its evidence does not show this.")
	}
	if rest := phrase.More(shownProblems, len(s.Problems)); rest != "" {
		out = append(out, rest+".")
	}
	return strings.Join(out, " ")
}

// byMark is what marks who wrote a sentence: nothing for rules, a tilde for a
// language model, a word for the others.
func byMark(by casemate.Decider) string {
	switch by {
	case casemate.DecidedByModel:
		return "~"
	case casemate.DecidedByClassifier, casemate.DecidedByAnalyst:
		return "(" + string(by) + ")"
	}
	return ""
}

// legend explains the marks that occur in the document.
func (d *document) legend() [][2]string {
	var out [][2]string
	if d.by[casemate.DecidedByModel] {
		out = append(out, [2]string{"~", "written by a language model and held against its evidence"})
	}
	if d.by[casemate.DecidedByClassifier] {
		out = append(out, [2]string{"(classifier)", "said by an embedded classifier"})
	}
	if d.by[casemate.DecidedByAnalyst] {
		out = append(out, [2]string{"(analyst)", "said by a person"})
	}
	if d.unsupported > 0 {
		out = append(out, [2]string{"[!]", "the evidence cited does not show this; the reason stands behind it"})
	}
	return out
}

// isPlainID reports whether an id is letters and a number, such as "E12". No
// language that the writers write gives it a meaning.
func isPlainID(id string) bool {
	letters := len(id) - len(strings.TrimLeft(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	digits := id[letters:]
	return letters >= 1 && letters <= 3 && digits != "" && len(digits) <= 8 && strings.Trim(digits, "0123456789") == ""
}

// runs writes ids in few words: "E3, E5 to E9". most bounds the runs; the ids
// beyond are counted.
func runs(ids []string, most int) string {
	var out []string
	shownIDs := 0
	for i := 0; i < len(ids) && len(out) < most; {
		j := i
		for j+1 < len(ids) && follows(ids[j], ids[j+1]) {
			j++
		}
		if j-i < 2 { // two are as short by themselves
			j = i
			out = append(out, shorten(ids[i], 24))
		} else {
			out = append(out, ids[i]+"-"+ids[j])
		}
		shownIDs += j - i + 1
		i = j + 1
	}
	s := strings.Join(out, ", ")
	if rest := phrase.More(shownIDs, len(ids)); rest != "" {
		s += " " + rest
	}
	return s
}

// follows reports whether b is the id after a, as E4 is after E3.
func follows(a, b string) bool {
	if !isPlainID(a) || !isPlainID(b) {
		return false
	}
	pa, na := splitID(a)
	pb, nb := splitID(b)
	return pa == pb && nb == na+1
}

func splitID(id string) (string, int) {
	i := strings.IndexAny(id, "0123456789")
	n := 0
	for _, c := range id[i:] {
		n = n*10 + int(c-'0')
	}
	return id[:i], n
}

// placeText is where evidence stands: of a long file name what comes after the
// last folder, which is what names differ in, or where that is long, too, both ends.
func placeText(l casemate.Location, most int) string {
	if l.File == "" {
		return ""
	}
	name := report.Terminal(l.File)
	l.File = ""
	rest := l.String()
	room := max(most-len(rest), 4)
	if i := strings.LastIndexAny(name, `/\`); i > 0 && columns.Of(name) > room && 1+columns.Of(name[i:]) <= room {
		return "…" + name[i:] + rest
	}
	return columns.Middle(name, room) + rest
}

// coverageLine says what was read in one sentence.
func coverageLine(c *casemate.Coverage) string {
	s := "Read " + phrase.Count(c.Records, "record") + " in " + phrase.Count(len(c.Parts), "part") + "."
	if n := faultCount(c); n > 0 {
		s += " " + phrase.Count(n, "record") + " could not be used; what they say is not in this page."
	}
	if n := len(c.Readings); n > 0 {
		s += " A model was asked about " + phrase.Count(n, "run") + " of it, which is more than one question holds"
		if unread := unread(c.Readings); unread > 0 {
			s += "; " + phrase.Count(unread, "run") + " of these it did not read"
		}
		s += "."
	}
	return s
}

// unread counts the runs of evidence that only the rules have read.
func unread(list []casemate.CoveredPart) int {
	n := 0
	for _, p := range list {
		if p.Read == "rules" {
			n++
		}
	}
	return n
}

func faultCount(c *casemate.Coverage) int { return max(c.FaultCount, len(c.Faults)) }

// pins lists what an answer rests on, each with its role.
func pins(p *casemate.Provenance) [][2]string {
	var out [][2]string
	add := func(role string, pin casemate.Pin) {
		if pin == (casemate.Pin{}) {
			return
		}
		words := []string{pin.Name, pin.Version, pin.Digest}
		if pin.Name == role {
			words[0] = ""
		}
		text := strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
		if pin.Bytes > 0 {
			text += " (" + phrase.Bytes(pin.Bytes) + ")"
		}
		out = append(out, [2]string{role, text})
	}
	add("program", p.Program)
	for _, one := range []struct {
		role string
		pin  *casemate.Pin
	}{{"recipe", p.Recipe}, {"model", p.Model}, {"adapter", p.Adapter}} {
		if one.pin != nil {
			add(one.role, *one.pin)
		}
	}
	for _, many := range []struct {
		role string
		pins []casemate.Pin
	}{{"prompt", p.Prompts}, {"classifier", p.Heads}, {"catalogue", p.Catalogues}, {"input", p.Inputs}} {
		for _, pin := range many.pins {
			add(many.role, pin)
		}
	}
	return out
}

// decided lists the fields of an answer and who decided each, in order.
func decided(p *casemate.Provenance) [][2]string {
	var out [][2]string
	for field, by := range p.Decided {
		out = append(out, [2]string{field, string(by)})
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return out
}
