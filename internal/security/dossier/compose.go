package dossier

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/indicator"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/words"
)

// dossier makes the body of evidence of all that was read.
func (r *reader) dossier() *Dossier {
	d := &Dossier{Triage: r.triager.Rank(r.sum), Inputs: r.inputs, known: r.sensors.entity}
	d.Chosen = choose(d.Triage.Incidents)
	var list []*told
	for _, in := range d.Chosen {
		list = append(list, r.sensors.tell(in)...)
	}
	list = append(list, r.sensors.near(list)...)
	for _, t := range list {
		r.place(t)
	}
	r.words.focus(d.Chosen)
	r.words.prune(maxPieces)
	pieces := make([]*casemate.Evidence, 0, len(list)+len(r.words.list))
	for _, t := range list {
		pieces = append(pieces, &t.ev)
	}
	for i := range r.words.list {
		pieces = append(pieces, r.words.list[i].evidence())
	}
	order := slices.Clone(pieces)
	slices.SortStableFunc(order, byTime)
	for i, e := range order {
		e.ID = "E" + strconv.Itoa(i+1)
	}
	r.entities(d, list, pieces[len(list):])
	for _, t := range list {
		for _, m := range t.moments {
			m.ID = t.ev.ID
			d.Moments = append(d.Moments, m)
		}
	}
	slices.SortStableFunc(d.Moments, func(a, b Moment) int { return a.First.Compare(b.First) })
	d.Evidence = make([]casemate.Evidence, len(order))
	for i, e := range order {
		d.Evidence[i] = *e
		d.cover(e)
	}
	r.coverage(d)
	return d
}

// place gives a record of a sensor that knows its machine by the address alone
// the machine's name, where another record or the inventory tells it.
func (r *reader) place(t *told) {
	e := &t.ev
	if e.Host == "" || !isAddress(e.Host) {
		return
	}
	known := r.sensors.entity
	if len(t.moments) > 0 && t.moments[0].Host != "" && !isAddress(t.moments[0].Host) {
		known.lives(e.Host, t.moments[0].Host)
	}
	if name := known.address[e.Host]; name != "" {
		e.Entities = append(slices.Clone(e.Entities), casemate.Entity{Type: casemate.EntityAddress, Value: e.Host})
		e.Host = name
	}
}

// cover widens the period of the dossier.
func (d *Dossier) cover(e *casemate.Evidence) {
	if e.First.IsZero() {
		return
	}
	if d.First.IsZero() || e.First.Before(d.First) {
		d.First = e.First
	}
	if e.Last.After(d.Last) {
		d.Last = e.Last
	}
}

// evidence makes a piece of evidence of what a person wrote.
func (p *piece) evidence() *casemate.Evidence {
	return &casemate.Evidence{
		Kind: p.Kind, At: p.At, First: p.Time, Last: p.Time, Author: p.Author, Name: p.Name, Text: p.Text,
		Entities: slices.Clone(p.Entities), Techniques: techniquesIn(p.Text),
	}
}

var techniqueID = regexp.MustCompile(`\bT1\d{3}(?:\.\d{3})?\b`)

// techniquesIn finds ids that a person wrote, as far as the catalogue has them.
func techniquesIn(text string) []string {
	var out []string
	for _, id := range techniqueID.FindAllString(text, 20) {
		if t, _, ok := knowledge.Embedded().Resolve(id); ok && !slices.Contains(out, t.ID) {
			out = append(out, t.ID)
		}
	}
	return out
}

// entities gathers entities and links of all evidence, and the sentences of the
// words among it.
func (r *reader) entities(d *Dossier, list []*told, written []*casemate.Evidence) {
	n := newEntities(r.sensors.entity)
	l := newLinks(n)
	for _, t := range list {
		n.take(&t.ev, t.process, false)
		l.take(t.record)
	}
	names := newNames(n)
	var heads heads
	for i, e := range written {
		p := &r.words.list[i]
		if p.Kind == casemate.EvidenceMail && !p.Quoted {
			p.Quoted = r.foreign(e)
		}
		e.Entities = names.in(e.Entities, e.Text)
		n.take(e, nil, true)
		if p.Kind == casemate.EvidenceMail {
			l.mail(rolesOf(&record{ev: *e}), e)
		}
		r.parts[p.part].kept++
		if p.Code {
			continue
		}
		for _, text := range words.Sentences(e.Text) {
			s := Sentence{Evidence: e.ID, Text: text, Author: p.Author, Time: p.Time, Quoted: p.Quoted, Commands: words.Commands(text)}
			named := len(names.in(nil, text)) > 0
			s.Topic, s.P = words.TopicOf(text, p.Heading, named)
			if s.Commands || s.Quoted {
				s.Topic, s.P = TopicOther, 1
			} else if named || s.Topic == TopicObservation {
				heads.read(&s)
			}
			d.Words = append(d.Words, s)
		}
	}
	slices.SortStableFunc(d.Words, func(a, b Sentence) int {
		return number(a.Evidence) - number(b.Evidence)
	})
	d.Entities = n.list(d.Triage.Incidents)
	d.Links = l.list()
}

// number is the number of an id such as "E12".
func number(id string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, "E")) // ids are ours
	return n
}

// foreign reports whether a mail's sender is plainly outside, where the records
// tell which domains are the network's own.
func (r *reader) foreign(e *casemate.Evidence) bool {
	for _, x := range e.Entities {
		if x.Type == casemate.EntityMail && x.Role == casemate.RoleSource {
			_, domain, _ := strings.Cut(x.Value, "@")
			return len(r.sensors.entity.domains) > 0 && !r.sensors.entity.own(domain)
		}
	}
	return false
}

// names finds in words the machines, accounts and files that records know, and
// machines that are named like them.
type names struct {
	n      *entities
	shapes map[string]bool
	files  map[string]string // base name and path of the only file of that name
}

func newNames(n *entities) *names {
	x := &names{n: n, shapes: map[string]bool{}, files: map[string]string{}}
	for h := range n.known.hosts {
		if s := shape(h); s != "" {
			x.shapes[s] = true
		}
	}
	for _, e := range n.order {
		if e.Type != casemate.EntityFile {
			continue
		}
		base := baseName(e.Value)
		if _, twice := x.files[base]; twice {
			x.files[base] = ""
		} else {
			x.files[base] = e.Value
		}
	}
	return x
}

// shape is what the names of machines of a fleet share: "fin-ws-014" and
// "fin-ws-017" have the same. A name without a number has none.
func shape(host string) string {
	i := len(host)
	for i > 0 && host[i-1] >= '0' && host[i-1] <= '9' {
		i--
	}
	if i < 2 || i == len(host) || isAddress(host) {
		return ""
	}
	return host[:i] + strings.Repeat("#", len(host)-i)
}

var (
	token    = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}_.\\$-]*[\p{L}\p{N}$]`)
	fileName = regexp.MustCompile(`(?i)\.(exe|dll|ps1|bat|cmd|vbs|js|hta|lnk|xlsm|xlsx|docm|docx|pdf|zip|7z|rar|iso|dmp|dit|php|sh|py|jar|tmp|conf|key|pem|eml)$`)
)

// How machines and accounts are mostly named, for those that no record names:
// FS01, FIN-WS-014, svc_backup, m.lindqvist.
var (
	hostForm = regexp.MustCompile(`^(?:[A-Z]{2,8}\d{2,3}|[A-Z]{2,6}-[A-Z]{2,6}-?\d{2,4})$`)
	noHost   = regexp.MustCompile(`^(?:CVE|CWE|RFC|KB|MS|ISO|SHA|MD|UTF|AES|RC|TLS|HTTP|INC|CHG|SEC|IR|TA|DC-RES)[-\d]`)
	userForm = regexp.MustCompile(`^(?:(?:svc|adm|srv|sa)[._-][a-z0-9_]{2,30}|[a-z]\.[a-z]{3,30})$`)
)

// in appends what a text names to list.
func (x *names) in(list []casemate.Entity, text string) []casemate.Entity {
	add := func(t casemate.EntityType, value string) {
		for _, e := range list {
			if e.Type == t && strings.EqualFold(e.Value, value) {
				return
			}
		}
		if len(list) < maxEntities {
			list = append(list, casemate.Entity{Type: t, Value: value})
		}
	}
	for _, in := range indicator.Extract(nil, "", text) {
		switch in.Type {
		case casemate.IndicatorIPv4, casemate.IndicatorIPv6:
			add(casemate.EntityAddress, in.Value)
		case casemate.IndicatorDomain:
			if !fileName.MatchString(in.Value) {
				add(casemate.EntityDomain, in.Value)
			}
		case casemate.IndicatorURL:
			add(casemate.EntityURL, in.Value)
		case casemate.IndicatorMail:
			add(casemate.EntityMail, in.Value)
		case casemate.IndicatorMD5, casemate.IndicatorSHA1, casemate.IndicatorSHA256, casemate.IndicatorSHA512:
			add(casemate.EntityHash, in.Value)
		}
	}
	for _, at := range token.FindAllStringIndex(text, 500) {
		word := text[at[0]:at[1]]
		if at[1] < len(text) && text[at[1]] == '@' || at[0] > 0 && text[at[0]-1] == '@' {
			continue // of a mail address
		}
		lower := strings.ToLower(word)
		host, user := canonical(casemate.EntityHost, word), canonical(casemate.EntityUser, word)
		switch {
		case fileName.MatchString(word):
			path := x.files[baseName(lower)]
			if path == "" {
				path = word
			}
			add(casemate.EntityFile, path)
		case x.n.known.hosts[host] && named(host):
			add(casemate.EntityHost, word)
		case x.n.known.users[user] && named(user):
			add(casemate.EntityUser, word)
		case word != lower && (x.shapes[shape(host)] || hostForm.MatchString(word) && !noHost.MatchString(word)):
			add(casemate.EntityHost, word)
		case userForm.MatchString(word):
			add(casemate.EntityUser, word)
		}
	}
	return list
}

// named reports whether a name is no ordinary word: "root" and "web" say too
// little in a sentence.
func named(name string) bool {
	return len(name) > 2 && strings.ContainsAny(name, "0123456789_-.")
}

// heads are the embedded classifiers, asked for a bounded number of sentences.
type heads struct {
	behaviour, attack *head.Head
	asked, mapped     int
}

const (
	maxAsked  = 3000
	maxMapped = 400
	// The classifiers learned from reports. People at work write otherwise, so
	// only what they are sure of counts.
	minBehaviour = .85
	minTechnique = .6
)

// read lets the classifiers say whether a sentence tells what an attacker does,
// and which techniques.
func (h *heads) read(s *Sentence) {
	if h.asked >= maxAsked || strings.Count(s.Text, " ") < 3 || s.Topic == TopicQuestion || s.Topic == TopicDecision {
		return
	}
	if h.behaviour == nil {
		h.behaviour, _ = head.Open("behaviour") // embedded: an error leaves the rules alone
		h.attack, _ = head.Open("attack")
		if h.behaviour == nil || h.attack == nil {
			h.asked = maxAsked
			return
		}
	}
	h.asked++
	opt := head.Options{Alternatives: -1, Because: -1}
	d := h.behaviour.Classify(s.Text, opt)
	if d.Abstain || d.Label != head.BehaviourYes || d.P < minBehaviour {
		return
	}
	if s.Topic == TopicOther {
		s.Topic, s.P = TopicObservation, d.P
	}
	if h.mapped >= maxMapped || s.Topic != TopicObservation {
		return
	}
	h.mapped++
	t := h.attack.Classify(s.Text, opt)
	if t.Abstain {
		return
	}
	for _, l := range append([]head.Alternative{{Label: t.Label, P: t.P}}, t.Labels...) {
		if strings.HasPrefix(l.Label, "T") && l.P >= minTechnique && !slices.ContainsFunc(s.Techniques, func(id string) bool { return strings.HasPrefix(id, l.Label) }) {
			s.Techniques = append(s.Techniques, l.Label)
		}
	}
}

// coverage says what became of every file.
func (r *reader) coverage(d *Dossier) {
	used := map[string]int{}
	for i := range d.Evidence {
		used[d.Evidence[i].At.File] += max(d.Evidence[i].Count, 1)
	}
	c := &d.Coverage
	for _, p := range r.parts {
		part := casemate.CoveredPart{Name: p.name, Records: p.records, Bytes: p.bytes, Read: "rules"}
		if p.kind != words.KindRecords && p.kept < p.records {
			part.Why = fmt.Sprintf("%d of %d pieces became evidence: those that tell most by their form", p.kept, p.records)
		}
		c.Parts = append(c.Parts, part)
		c.Records += p.records
	}
	rest, alerts := len(d.Triage.Incidents)-len(d.Chosen), 0
	chosen := map[string]bool{}
	for _, in := range d.Chosen {
		chosen[in.ID] = true
	}
	for _, in := range d.Triage.Incidents {
		if !chosen[in.ID] {
			alerts += in.Count
		}
	}
	if rest > 0 {
		c.Parts = append(c.Parts, casemate.CoveredPart{Name: "incidents that are not told", Read: "rules",
			Why: fmt.Sprintf("%d incidents of %d alerts are likely benign or rank behind the first %d; they were ranked, and are not told here", rest, alerts, len(d.Chosen))})
	}
	if n := d.Triage.Events; n > 0 {
		near := 0
		for i := range d.Evidence {
			if k := d.Evidence[i].Kind; k == casemate.EvidenceEvent || k == casemate.EvidenceLog {
				near += max(d.Evidence[i].Count, 1)
			}
		}
		why := fmt.Sprintf("of %d events that no rule matched, %d stand near the incidents and became evidence", n, near)
		if r.sensors.left > 0 {
			why += fmt.Sprintf("; %d came when the %d groups that are kept for that were full, and were only counted", r.sensors.left, len(r.sensors.order))
		}
		c.Parts = append(c.Parts, casemate.CoveredPart{Name: "telemetry", Read: "rules", Why: why})
	}
	if r.sensors.lost > 0 {
		c.Parts = append(c.Parts, casemate.CoveredPart{Name: "alerts in short", Read: "rules",
			Why: fmt.Sprintf("%d alerts are told by name, host and time alone: the first %d kept their texts", r.sensors.lost, maxFlagged)})
	}
	c.Faults, c.FaultCount = r.sum.Faults, r.sum.FaultCount
}
