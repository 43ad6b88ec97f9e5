// Package harm finds in a sentence what it says was done to data, machines and
// people, and the kinds of data it speaks of, and asks whether the evidence says so.
// A sensor that saw 4 MB leave does not say that research data was stolen.
package harm

import (
	"regexp"
	"slices"
	"strings"
)

// Evidence is what a sentence rests on.
type Evidence struct {
	// Begins reports whether a word of the evidence begins with a stem.
	Begins func(stem string) bool
	// Techniques are the ids of ATT&CK that are attached to it.
	Techniques []string
}

// Claim is harm that a sentence tells.
type Claim struct {
	Text string // the words of the sentence
	Kind string // what the evidence should say: "stolen", "encrypted" …
}

type rule struct {
	kind       string
	said       *regexp.Regexp
	stems      []string
	techniques []string
}

const things = `(?:data|lists?|archives?|secrets?|records?|files?|information|documents?|images?|pictures|details|credentials|passwords|mails?|messages|mailbox(?:es)?|databases?|source code)`

var rules = []rule{
	{"stolen", regexp.MustCompile(`\b(?:stolen|stole|steals?|stealing|exfiltrat(?:ed|es|ing)|leaked|siphoned(?: off)?|looted|theft of)\b`),
		strings.Fields("stol steal theft exfil leak siphon loot harvest upload sent send transfer copied copying dump skim bytes_out sentbyte extract grab took taken driftbox mega rclone outbound egress out"),
		strings.Fields("T1011 T1020 T1029 T1030 T1041 T1048 T1052 T1537 T1567")},
	{"phished", regexp.MustCompile(`\b(?:phished|skimmed|keylogged)\b`), strings.Fields("phish harvest skim keylog captur intercept read dump grep stol"), strings.Fields("T1056 T1557 T1566 T1598 T1552 T1003 T1555 T1539")},
	{"published", regexp.MustCompile(`\b` + things + `\b[^.;]{0,40}\b(?:published|made public|put online|posted online|sold|auctioned|offered for sale)\b|\b(?:published|sold|auctioned) (?:\w+ ){0,3}` + things + `\b`),
		strings.Fields("publish public online sold sale sell auction leak forum"), nil},
	{"encrypted", regexp.MustCompile(`\b(?:was|were|been|got|being|is now|are now) (?:\w+ly |also |then |all )?encrypted\b|\bencrypted (?:all |the |every |several |some |\d[\d,]* |\w+ )?(?:\w+ )?(?:files?|servers?|shares?|disks?|drives?|volumes?|databases?|machines?|hosts?|systems?|images?|records?)\b`),
		strings.Fields("encrypt ransom locker lockbit hvlck crypt"), strings.Fields("T1486")},
	{"infected", regexp.MustCompile(`\b(?:was|were|been|got|became|is|are) (?:\w+ly |also )?infected\b|\binfected (?:the |all |every |\d+ )?(?:\w+ )?(?:hosts?|machines?|servers?|systems?|nodes?|workstations?|computers?|devices?)\b`),
		strings.Fields("infect malware malicious trojan virus worm miner coinminer ransom botnet backdoor implant loader beacon rootkit stealer payload"), nil},
	{"harmed", regexp.MustCompile(`\b(?:patients?|people|persons?|staff|employees?|nurses?|workers?|residents?|children|customers?)\b[^.;]{0,30}\b(?:harmed|injured|killed|died|hurt|endangered|poisoned)\b|\b(?:harmed|injured|killed|endangered) (?:\w+ ){0,2}(?:patients?|people|persons?|staff|workers?)\b`),
		strings.Fields("harm injur kill died dead death hurt endanger poison"), nil},
	{"harmed", regexp.MustCompile(`\b(?:fell|became|got|were taken|was taken) (?:seriously )?(?:ill|sick)\b|\bsickened\b|\bhospitali[sz]ed\b`), strings.Fields("ill sick harm injur hospital poison patient"), nil},
	{"damaged", regexp.MustCompile(`\b(?:was|were|been|got) (?:\w+ly )?(?:damaged|ruined|wrecked|smashed)\b|\b(?:damaged|broken) beyond\b|\bbeyond repair\b`), strings.Fields("damag ruin wreck broke destroy corrupt defect unusable brick"), nil},
	{"lost for good", regexp.MustCompile(`\b(?:lost|gone|destroyed|deleted|erased|wiped)\b[^.;]{0,60}\b(?:for good|permanently|forever)\b|\b(?:permanently|irretrievably|irrecoverably) (?:lost|gone|destroyed|deleted|erased|wiped|encrypted)\b|\b(?:irretrievable|irrecoverable|unrecoverable)\b|\bcannot be (?:recovered|restored|decrypted)\b`),
		strings.Fields("permanent forever irretriev irrecover unrecover cannot can't shred"), nil},
	{"taken over", regexp.MustCompile(`\b(?:full|complete|total) (?:control|takeover|compromise)\b|\btook over the (?:entire|whole) \w+`),
		strings.Fields("full complet total entire whole takeover"), nil},
	{"spied on", regexp.MustCompile(`\b(?:eavesdropped|wiretapped|spied on|keystrokes (?:were|was)|screenshots (?:were|was)|webcam|microphone)\b`),
		strings.Fields("eavesdrop wiretap spy spied keystroke keylog screenshot screen webcam camera microphone record"), strings.Fields("T1056 T1113 T1123 T1125")},
}

// secretly are the techniques by which secrets, and nothing else, are taken.
var secretly = strings.Fields("T1003 T1528 T1539 T1550 T1552 T1555 T1558 T1606 T1649 T1040 T1056 T1557")

// owners are whose data, or what kind of it, a sentence may name, and the stems of
// evidence that name it, too.
var owners = map[string][]string{
	"customer": {"customer", "client"}, "client": {"client", "customer", "mandant"}, "patient": {"patient"}, "student": {"student"}, "employee": {"employ", "personnel", "staff", "hr", "human"},
	"personnel": {"personnel", "employ", "staff", "hr"}, "payment": {"payment data", "payment info", "invoic", "card", "iban"}, "payroll": {"payroll", "salar", "wage"}, "salary": {"salar", "payroll", "wage"}, "medical": {"medic", "patient", "clinic", "health"},
	"health": {"health", "medic", "patient", "clinic"}, "financial": {"financ", "bank", "invoic", "payment", "account"}, "credit card": {"card", "pci"}, "credit-card": {"card", "pci"}, "card": {"card", "pci"},
	"personal": {"personal", "pii", "gdpr", "privat"}, "personally identifiable": {"personal", "pii"}, "research": {"research", "scien"}, "tax": {"tax"}, "citizen": {"citizen"}, "voter": {"voter"},
	"classified": {"classif", "secret"}, "confidential": {"confiden", "secret", "sensitiv"}, "proprietary": {"propriet"}, "legal": {"legal", "law", "contract"},
	"military": {"militar", "defen"}, "government": {"govern", "ministr", "minister", "authorit"}, "trade": {"trade"},
}

var (
	owned    = regexp.MustCompile(`\b(customer|client|patient|student|employee|personnel|payment|payroll|salary|medical|health|financial|credit[- ]card|card|personal|personally identifiable|research|tax|citizen|voter|classified|confidential|proprietary|legal|military|government|trade)(?:'s|s'|s)? (?:\w+ )?` + `(?:data|records?|files|information|documents|images|details|secrets|databases?|mailboxes|numbers)\b`)
	secrets  = regexp.MustCompile(`\b(?:credentials?|passwords?|tokens?|keys?|secrets?|hash(?:es)?|tickets?|cookies?|sessions?|accounts?)\b`)
	property = regexp.MustCompile(`\b(?:source code|intellectual property|trade secrets?|blueprints?)\b`)
	keys     = regexp.MustCompile(`\bstolen (?:\w+ ){0,2}(?:keys?|credentials?|passwords?|tokens?|sessions?|cookies?|hash(?:es)?|tickets?)\b|\b\w+-(?:looking|like)\b`)                                                                                                                                                        // how somebody got in is another question
	sealed   = regexp.MustCompile(`\b(?:archives?|zips?|7z|rar|traffic|channels?|connections?|payloads?|commands?|strings?|configurations?|tunnels?|tickets?|sessions?|messages?|backups?|disk image|with (?:rc4|aes|des)\w*)\b[^.;,]{0,40}\bencrypted\b|\bencrypted\b[^.;,]{0,20}\b(?:with a password|with (?:rc4|aes|des))`) // by whom it belongs to, or for hiding
	negated  = regexp.MustCompile(`\b(?:no|not|never|none|nothing|nobody|without|neither|nor|cannot)\b|n't\b`)
	hedged   = regexp.MustCompile(`\b(?:may|might|could|can|would|possibl[ey]|perhaps|suspect(?:ed|s)?|presumabl[ey]|probabl[ey]|likely|apparently|appears?|seems?|suggests?|potential(?:ly)?|if|whether|try|tried|tries|attempt\w*|risk|threat\w*)\b`)
)

// Claims returns what a sentence, in lower case and without its quotations, says was
// done, and whose data it names, that the evidence does not say. What it denies, or
// only takes for possible, is none.
func Claims(low string, e Evidence) []Claim {
	var out []Claim
	if hedged.MatchString(low) {
		return nil
	}
	bare := sealed.ReplaceAllString(keys.ReplaceAllString(low, " "), " ")
	denied := negated.MatchString(low)
	for _, r := range rules {
		said := r.said.FindString(bare)
		if said == "" || denied && r.kind != "lost for good" || r.shown(low, e) {
			continue
		}
		out = append(out, Claim{said, r.kind})
	}
	for _, m := range owned.FindAllStringSubmatch(low, 4) {
		if !slices.ContainsFunc(owners[m[1]], e.Begins) {
			out = append(out, Claim{m[0], m[1] + " data"})
		}
	}
	if said := property.FindString(low); said != "" {
		first, _, _ := strings.Cut(strings.TrimSuffix(said, "s"), " ")
		if !e.Begins(first) {
			out = append(out, Claim{said, said})
		}
	}
	return out
}

func (r rule) shown(low string, e Evidence) bool {
	if r.kind == "stolen" && secrets.MatchString(low) && e.attached(secretly) {
		return true
	}
	return slices.ContainsFunc(r.stems, e.Begins) || e.attached(r.techniques)
}

// attached reports whether any of several techniques is.
func (e Evidence) attached(ids []string) bool {
	return slices.ContainsFunc(ids, func(t string) bool {
		return slices.ContainsFunc(e.Techniques, func(id string) bool { return id == t || strings.HasPrefix(id, t+".") })
	})
}
