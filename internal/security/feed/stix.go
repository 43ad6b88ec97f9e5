package feed

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed/prose"
	"github.com/casemate-ai/casemate/internal/security/feed/unpack"
	"github.com/go-json-experiment/json/jsontext"
)

// stixObject is what we use of the STIX objects of ATT&CK and CAPEC. Versions
// 2.0 and 2.1 have the same members in them.
type stixObject struct {
	Type        string     `json:"type"`
	ID          text       `json:"id"`
	Created     text       `json:"created"`
	Modified    text       `json:"modified"`
	Name        text       `json:"name"`
	Description text       `json:"description"`
	Revoked     flag       `json:"revoked"`
	Deprecated  flag       `json:"x_mitre_deprecated"`
	References  []external `json:"external_references"`
	Aliases     texts      `json:"aliases"`
	Labels      texts      `json:"labels"`

	// Of a relationship.
	RelationshipType text `json:"relationship_type"`
	Source           text `json:"source_ref"`
	Target           text `json:"target_ref"`

	attackMembers
	capecMembers
}

// external is an external reference.
type external struct {
	Source      text `json:"source_name"`
	ID          text `json:"external_id"`
	URL         text `json:"url"`
	Description text `json:"description"`
}

// reference returns the first id that one of the sources gave an object, and its address.
func (o *stixObject) reference(sources ...string) (id, url string) {
	for _, ref := range o.References {
		if ref.ID != "" && slices.Contains(sources, string(ref.Source)) {
			return ref.ID.Line(), ref.URL.Line()
		}
	}
	return "", ""
}

// status is the state of an object that no longer stands.
func (o *stixObject) status() string {
	switch {
	case bool(o.Revoked):
		return StatusRevoked
	case bool(o.Deprecated):
		return StatusDeprecated
	}
	return ""
}

// stixFile is the state of a file of STIX objects: a bundle, a list or lines.
type stixFile struct {
	*jsonFile
	ids     map[string]string // published ids, by STIX id
	pending []link
	waiting []waiting           // entries that need what the end of the file knows
	next    map[string]string   // successors' STIX ids, by STIX id
	advice  map[string]string   // CAPEC's mitigations, by STIX id
	advised map[string][]string // those of a pattern, by its STIX id
	missing map[string]int
	lacks   []string // keys of missing, as met
	held    int
	extract *unpack.File // the file itself

	attackState
}

// waiting is an entry with its publication and its STIX id.
type waiting struct {
	pub *edition
	e   *Entry
	id  string
}

// link is a relation between STIX objects.
type link struct {
	pub                  *edition
	from, kind, to, text string
}

const maxCircle = 20 // objects of a circle that are named

const maxMissing = 100_000 // objects that are counted by name

// hold counts bytes that stay until the end of the file.
func (s *stixFile) hold(n int) error {
	if s.held += n + 100; s.held > maxHeld {
		return fmt.Errorf("more than %d MiB of a STIX file must wait for its end", maxHeld>>20)
	}
	return nil
}

// stixObject reads one object of a STIX file.
func (j *jsonFile) stixObject(v jsontext.Value) error {
	var o stixObject
	if err := decode(v, &o); err != nil {
		if j.stix != nil || j.container {
			j.fault(err.Error())
		}
		return nil
	}
	if j.stix == nil {
		j.stix = &stixFile{jsonFile: j, extract: j.file, ids: map[string]string{}, next: map[string]string{}, missing: map[string]int{},
			advice: map[string]string{}, advised: map[string][]string{}}
	}
	return j.stix.take(&o)
}

func (s *stixFile) take(o *stixObject) error {
	if len(o.ID) > MaxID || len(o.Source) > MaxID || len(o.Target) > MaxID {
		s.faultf("a STIX id of more than %d bytes", MaxID)
		return nil
	}
	switch {
	case o.Type == "relationship":
		return s.relationship(o)
	case o.CapecVersion != "" || o.CapecStatus != "":
		return s.capec(o)
	default:
		return s.attack(o)
	}
}

// relationship passes a relation on, or keeps it until both ends are known.
func (s *stixFile) relationship(o *stixObject) error {
	if bool(o.Revoked) || bool(o.Deprecated) {
		return nil
	}
	kind := strings.ToLower(o.RelationshipType.Line())
	if o.CapecVersion != "" || s.pub != nil && s.pub.Key == "capec" {
		return s.advise(kind, string(o.Source), string(o.Target))
	}
	if kind == "revoked-by" {
		s.next[string(o.Source)] = string(o.Target)
	}
	return s.link(link{nil, string(o.Source), kind, string(o.Target), o.Description.Prose()})
}

// link passes a relation on once both ends are known.
func (s *stixFile) link(l link) error {
	from, to := s.ids[l.from], s.ids[l.to]
	if l.pub == nil {
		l.pub = s.pub
	}
	if from == "" || to == "" || l.pub == nil {
		s.pending = append(s.pending, l)
		return s.hold(len(l.from) + len(l.to) + len(l.text))
	}
	return s.relation(l.pub, from, l.kind, to, l.text)
}

// wait keeps an entry until the end of the file.
func (s *stixFile) wait(pub *edition, e *Entry, stixID string) error {
	s.waiting = append(s.waiting, waiting{pub, e, stixID})
	n := len(e.Name)
	for _, sec := range e.Sections {
		n += len(sec.Text)
	}
	return s.hold(n + 40*len(e.Fields))
}

// finish passes on what had to wait.
func (s *stixFile) finish() error {
	if wait, err := s.settle(); wait || err != nil {
		return err
	}
	s.circles()
	for _, w := range s.waiting {
		s.complete(w)
		if _, err := s.entry(w.pub, w.e); err != nil {
			return err
		}
	}
	for _, l := range s.pending {
		if err := s.late(l); err != nil {
			return err
		}
	}
	for _, id := range s.lacks {
		s.rep.MissingCount++
		if len(s.rep.Missing) < s.opt.MaxNamed {
			s.rep.Missing = append(s.rep.Missing, fmt.Sprintf("%s: %s, named %d times", s.file.Name, prose.Line(id), s.missing[id]))
		}
	}
	return nil
}

// circles names the objects that are revoked by one another: nothing stands for
// them. Each object is visited once.
func (s *stixFile) circles() {
	visited := map[string]int{}
	s.at.Record, s.pos = 0, 0 // it is a fault of the file
	for i, w := range s.waiting {
		walk, at := i+1, w.id
		for visited[at] == 0 && s.next[at] != "" {
			visited[at] = walk
			at = s.next[at]
		}
		if visited[at] != walk {
			continue // it led out, or to where an earlier walk has been
		}
		names := []string{cmp.Or(s.ids[at], at)}
		for next := s.next[at]; next != at && len(names) < maxCircle; next = s.next[next] {
			names = append(names, cmp.Or(s.ids[next], next))
		}
		s.faultf("revoked by one another in a circle, so that nothing stands for them: %s", strings.Join(names, ", "))
	}
}

// complete adds to an entry what the end of the file knows.
func (s *stixFile) complete(w waiting) {
	if next := s.next[w.id]; next != "" {
		if w.e.Successor = s.ids[next]; w.e.Successor == "" {
			s.lack(next)
		}
	}
	for _, m := range s.advised[w.id] {
		if text, known := s.advice[m]; known {
			w.e.section("mitigation", text)
		} else {
			s.lack(m)
		}
	}
}

// late passes on a relation that waited. An end that never came keeps its STIX id.
func (s *stixFile) late(l link) error {
	if l.pub == nil {
		if l.pub = s.pub; l.pub == nil {
			return nil // a file of relationships alone is nothing known
		}
	}
	from, to := s.ids[l.from], s.ids[l.to]
	if to == "" && strings.HasPrefix(l.to, tacticRef) {
		return nil // an extract without tactics: the fact is in the entry
	}
	if from == "" {
		s.lack(l.from)
		from = l.from
	}
	if to == "" {
		s.lack(l.to)
		to = l.to
	}
	return s.relation(l.pub, from, l.kind, to, l.text)
}

// lack counts an object that is named and not there.
func (s *stixFile) lack(id string) {
	if s.missing[id] == 0 {
		if len(s.missing) >= maxMissing {
			return
		}
		s.lacks = append(s.lacks, id)
	}
	s.missing[id]++
}
