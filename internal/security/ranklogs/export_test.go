package ranklogs

import "github.com/casemate-ai/casemate"

// CatalogueStatements returns what is said of each sign of the catalogue, with the
// evidence that it cites.
func CatalogueStatements() (list []casemate.Statement, evidence []casemate.Evidence) {
	for _, k := range catalogue {
		o, l := &Output{}, &Line{Rank: len(list) + 1, Techniques: []string{k.techniques}}
		s := &scored{entry: entry{text: "a line"}, signs: []sign{{key: k.text, level: k.level, text: k.text, techniques: []string{k.techniques}, source: "catalogue"}}}
		o.tell(l, s, &ranking{})
		list, evidence = append(list, l.Reasons...), append(evidence, o.Evidence...)
	}
	return list, evidence
}
