package corpus

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

const (
	eachDeed     = 8000 // of procedures and of descriptions of techniques
	eachTalk     = 4000
	eachOrdinary = 120 // sentences of an everyday theme
)

// ReadBehaviour reads sentences that show what attackers do: procedure examples,
// labelled sentences of reports, descriptions of techniques. And sentences that do
// not: who an actor is, made-up talk of reports, what products are, how buildings
// and staff are run, everyday matters. Whoever acts has the same words in both.
func ReadBehaviour(folder string) ([]Sorted, error) {
	a, err := ReadAttack(folder)
	if err != nil {
		return nil, err
	}
	out := append(deeds(a), profiles(a)...)
	sorted, err := ReadRelevant(folder)
	if err != nil {
		return nil, err
	}
	for i := range sorted {
		if s := &sorted[i]; s.Source == "product" || s.Source == "control" {
			out = append(out, Sorted{Text: s.Text, Source: s.Source, Group: s.Group})
		}
	}
	for _, theme := range Themes() {
		for _, s := range Everyday(theme, eachOrdinary) {
			out = append(out, Sorted{Text: s, Source: "everyday", Group: theme})
		}
	}
	return append(out, talk(eachTalk)...), nil
}

// subjects stand for whoever acts.
var subjects = []string{"the group", "the actors", "the malware", "it", "the attackers", "the threat actor", "the backdoor", "the implant", "they", "the adversary", "the operators", "the loader", "the ransomware", "the intruder", "the sample", "the trojan"}

// subject returns one of them, the same for the same n.
func subject(n int) string { return subjects[(n*7+n/16)%len(subjects)] }

// deeds are the sentences that show what is done.
func deeds(a *Attack) []Sorted {
	var out []Sorted
	taken := map[string]int{}
	for _, i := range scattered(len(a.Sentences)) {
		s := &a.Sentences[i]
		if s.Kind != KindProcedure && s.Kind != KindReport && s.Kind != KindDescription || taken[s.Kind] >= eachDeed {
			continue
		}
		taken[s.Kind]++
		group := s.Entity
		if group == "" {
			group = s.Technique
		}
		text := strings.ReplaceAll(s.Text, Placeholder, subject(i))
		out = append(out, Sorted{Text: capital(text), Yes: true, Source: s.Kind, Group: group})
	}
	return out
}

// aboutActors matches sentences on who somebody is rather than what he does.
var aboutActors = regexp.MustCompile(`(?i)\b(active since|first (seen|identified|observed|reported|discovered)|attributed|believed to|suspected|associated with|also known|named (after|for)|has been active|espionage|state-sponsored|nexus|based in|motivated|overlap|tracked as|written in|successor|variant of)\b`)

// profiles are sentences of the descriptions of groups, campaigns and software
// that say who or what they are: the first of each, and others that sound like it.
func profiles(a *Attack) []Sorted {
	ids := make([]string, 0, len(a.Actors))
	for id := range a.Actors {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out []Sorted
	for n, id := range ids {
		actor := a.Actors[id]
		for i, s := range cutSentences(actor.Description) {
			if i > 0 && !aboutActors.MatchString(s) {
				continue
			}
			out = append(out, Sorted{Text: capital(withoutNames(s, actor.Names, subject(n))), Source: "actor", Group: id})
		}
	}
	return out
}

// withoutNames replaces an actor's names, the longest first.
func withoutNames(text string, names []string, by string) string {
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) })
	for _, n := range names {
		if n != "" {
			text = strings.ReplaceAll(text, n, by)
		}
	}
	return text
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// talk returns n made-up sentences as reports have them between their findings.
func talk(n int) []Sorted {
	random := rand.New(rand.NewPCG(11, 5))
	out := make([]Sorted, n)
	for i := range out {
		pattern := reportTalk.patterns[i%len(reportTalk.patterns)]
		out[i] = Sorted{Text: reportTalk.fill(pattern, random), Source: "talk", Group: pattern}
	}
	return out
}
