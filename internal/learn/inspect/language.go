package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The languages that are not told by their script: the function words that a text
// of theirs can hardly do without and that the others have not or seldom.
var functionWords = map[string]string{
	"English":    "the of and to in is was that for with as by on from are were this which or has have had not it its can be been will their they when who after into used uses using",
	"German":     "der die das und ist nicht ein eine einen mit von zu dem den des auf für sich im wird wurde werden auch als nach bei aus hat oder wenn über durch sind",
	"French":     "le la les des et est une dans pour que qui par sur au aux avec pas ce cette du ne sont été être plus ou leur mais nous vous ses",
	"Spanish":    "el los las y en que por una para con del se es su al lo como más pero fue este esta ha son sus han desde entre cuando",
	"Italian":    "il di che e la per un una con del della non è sono gli nel alla dei delle anche come più ha dal questo stato essere le",
	"Portuguese": "o os de que e do da em um uma para com não no na por mais as dos foi como mas ao ele das tem seu sua ou são quando",
	"Dutch":      "de het een en van is dat op te zijn met voor niet aan er om ook als dan maar bij uit door naar wordt heeft hebben deze werd",
	"Polish":     "i w na z do nie się jest to że o jak ale po co tak od przez dla który która które oraz był była może został",
	"Swedish":    "och att det som en på är av för med till den har inte om ett var men från vid eller kan så nu sig",
	"Turkish":    "ve bir bu için ile da de olarak olan daha gibi çok sonra kadar değil ancak veya göre tarafından üzerinde",
	"Indonesian": "yang dan di dengan untuk dari ini itu pada adalah tidak dalam akan oleh telah atau sebagai juga karena lebih",
}

// scripts are those that tell a language, or a few.
var scripts = []struct {
	name  string
	table *unicode.RangeTable
}{
	{"Cyrillic script", unicode.Cyrillic}, {"Arabic script", unicode.Arabic}, {"Hebrew", unicode.Hebrew}, {"Greek", unicode.Greek},
	{"Japanese", unicode.Hiragana}, {"Japanese", unicode.Katakana}, {"Korean", unicode.Hangul}, {"Chinese", unicode.Han},
	{"Thai", unicode.Thai}, {"Devanagari script", unicode.Devanagari}, {"Georgian", unicode.Georgian}, {"Armenian", unicode.Armenian},
}

const (
	english     = "English"
	noLanguage  = "too few words to tell"
	leastFound  = 2   // function words that a text needs to be of a language
	scriptShare = 0.3 // of the letters, from which on a script counts
	lookedBytes = 4 << 10
)

// tongues has the languages of each function word.
type tongues map[string][]string

func newTongues() tongues {
	t := tongues{}
	for name, words := range functionWords {
		for _, w := range strings.Fields(words) {
			t[w] = append(t[w], name)
		}
	}
	return t
}

// of names the language of a text: by its script, or else by the function words,
// of which those count less that several languages have.
func (t tongues) of(text string) string {
	text = text[:min(len(text), lookedBytes)]
	letters := 0
	var counts [16]int
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		if r < 0x370 {
			continue
		}
		for k, s := range scripts {
			if unicode.Is(s.table, r) {
				counts[k]++
				break
			}
		}
	}
	for k, s := range scripts {
		if letters > 0 && float64(counts[k]) >= scriptShare*float64(letters) {
			return s.name
		}
	}
	found, score := map[string]int{}, map[string]float64{}
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		for _, name := range t[w] {
			found[name]++
			score[name] += 1 / float64(len(t[w]))
		}
	}
	best := noLanguage
	for _, name := range sortedNames(score) {
		if found[name] >= leastFound && (best == noLanguage || score[name] > score[best]) {
			best = name
		}
	}
	return best
}

func sortedNames(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// languages counts the rows of each language.
func (i *inspector) languages() error {
	t := newTongues()
	rows := map[string][]int{}
	for n := range i.t.Rows {
		name := t.of(i.t.Rows[n].Text)
		rows[name] = append(rows[name], n)
	}
	for name, of := range rows {
		i.report.Languages = append(i.report.Languages, Language{name, len(of)})
	}
	slices.SortFunc(i.report.Languages, func(a, b Language) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Name, b.Name))
	})
	var foreign []int
	var names []string
	for _, l := range i.report.Languages {
		if l.Name != english && l.Name != noLanguage {
			foreign = append(foreign, rows[l.Name]...)
			names = append(names, fmt.Sprintf("%s %s", l.Name, number(l.Rows)))
		}
	}
	share := float64(len(foreign)) / float64(len(i.t.Rows))
	if share < warnForeign {
		return nil
	}
	slices.Sort(foreign)
	level := LevelWarn
	if share > 0.5 {
		level = LevelNote // another language is then what the head is for
	}
	i.find(Finding{Code: CodeLanguages, Level: level, Shown: i.some(foreign),
		Message: fmt.Sprintf("%s (%s) are not in English: %s", count(len(foreign), "text"), percent(share), strings.Join(names[:min(len(names), 6)], ", ")),
		Advice:  "see the figures of each language by itself, and bring more rows of those that the head will meet"}, foreign)
	return nil
}
