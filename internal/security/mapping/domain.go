package mapping

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// domainWords are words by which a text says that it is about phones or plants.
var domainWords = map[knowledge.Domain][]string{
	knowledge.Mobile: {"android", "ios", "iphone", "iphones", "ipad", "apk", "apks", "smartphone", "smartphones", "sms"},
	knowledge.ICS:    {"plc", "plcs", "scada", "hmi", "hmis", "rtu", "rtus", "modbus", "iec104", "opc", "ics", "substation", "substations", "fieldbus", "profinet"},
}

// domainOf returns the domain whose words a document uses throughout: in a
// quarter of its sentences and at least two. It looks at the first thousand.
func domainOf(doc *document.Document) knowledge.Domain {
	const looked, share, least = 1000, 4, 2
	counts := map[knowledge.Domain]int{}
	list := doc.Sentences[:min(len(doc.Sentences), looked)]
	for _, s := range list {
		words, _ := wordsAt(doc.Of(s))
		for domain, say := range domainWords {
			if slices.ContainsFunc(words, func(w string) bool { return slices.Contains(say, w) }) {
				counts[domain]++
			}
		}
	}
	for _, domain := range []knowledge.Domain{knowledge.Mobile, knowledge.ICS} {
		if n := counts[domain]; n >= least && n*share >= len(list) {
			return domain
		}
	}
	return knowledge.Enterprise
}
