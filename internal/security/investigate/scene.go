package investigate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/firewall"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/logcount"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

const (
	maxRecords = 200_000  // that a scene keeps; further ones are counted
	maxStdin   = 64 << 20 // of standard input that is read twice
)

// scene is everything an investigation looks at.
type scene struct {
	dossier   *dossier.Dossier
	catalogue *knowledge.Catalogue
	incidents []casemate.Incident // under investigation
	records   []*record           // in the order of time
	scope     []*record           // those of the incidents
	byAlert   map[string]*record
	left      int // records beyond maxRecords

	evidence []casemate.Evidence // the dossier's, then what was added here
	index    map[string]int      // id -> place in evidence
	place    map[casemate.Location]string

	hostOf   map[string]string // address -> host, in lower case
	assets   map[string]casemate.Asset
	own      firewall.Own
	suppress []triage.Suppression
	counts   *logcount.Counter
	procs    map[string][]*process
	book     *book
}

// newScene reads the records and finds those of the chosen incidents.
func newScene(ctx context.Context, in Input, d *dossier.Dossier, chosen []casemate.Incident, side sideFiles, stdin []byte, c *knowledge.Catalogue) (*scene, error) {
	b, err := catalogues()
	if err != nil {
		return nil, err
	}
	s := &scene{
		dossier: d, catalogue: c, incidents: chosen, evidence: slices.Clone(d.Evidence), byAlert: map[string]*record{},
		index: map[string]int{}, place: map[casemate.Location]string{}, hostOf: map[string]string{}, assets: map[string]casemate.Asset{},
		suppress: side.suppress, procs: map[string][]*process{}, book: b,
	}
	for i := range s.evidence {
		s.index[s.evidence[i].ID] = i
		s.place[s.evidence[i].At] = s.evidence[i].ID
	}
	for _, a := range side.assets {
		s.assets[short(a.Host)] = casemate.Asset{Host: a.Host, Criticality: a.Criticality, Exposure: a.Exposure, Owner: a.Owner}
		for _, addr := range a.Addresses {
			s.hostOf[addr] = short(a.Host)
		}
	}
	s.counts = logcount.New()
	if err := s.read(ctx, in, stdin); err != nil {
		return nil, err
	}
	sort.SliceStable(s.records, func(i, j int) bool { return s.records[i].time.Before(s.records[j].time) })
	s.findScope()
	s.growTrees()
	s.own = s.findOwned(side)
	return s, nil
}

func (s *scene) read(ctx context.Context, in Input, stdin []byte) error {
	opt := evidence.Options{Format: in.Format, NoIndicators: true}
	if day, err := asOf(in.AsOf); err == nil {
		opt.Reference = day
	}
	incident := map[casemate.Location]int{}
	for i := range s.incidents {
		for _, at := range s.incidents[i].Alerts {
			incident[at] = i
		}
	}
	take := func(a *casemate.Alert) error {
		s.counts.Add(a)
		n, inScope := incident[bareLocation(a.At)]
		if len(s.records) >= maxRecords && !inScope {
			s.left++
			return nil
		}
		r := newRecord(a)
		if inScope {
			r.incident = n
		}
		s.learn(r)
		s.records = append(s.records, r)
		if r.alert != "" && s.byAlert[r.alert] == nil {
			s.byAlert[r.alert] = r
		}
		return nil
	}
	var readable []string
	for _, p := range in.Files {
		if p == evidence.Stdin {
			if _, err := evidence.ReadFrom(ctx, bytes.NewReader(stdin), evidence.Stdin, opt, take); err != nil && ctx.Err() != nil {
				return err
			}
			continue
		}
		readable = append(readable, p)
	}
	if len(readable) == 0 {
		return nil
	}
	// What cannot be read as records (a mail, a note, a report) the dossier has
	// read, and has told of in its coverage.
	if _, err := evidence.Read(ctx, readable, opt, take); err != nil && ctx.Err() != nil {
		return fmt.Errorf("read records again: %w", err)
	}
	return nil
}

// bareLocation is a location as incidents list them: line or record, not both.
func bareLocation(l casemate.Location) casemate.Location { return l }

// learn remembers which address is which host, from a host's own sensor.
func (s *scene) learn(r *record) {
	if r.act == actNetwork && r.image != "" && r.src != "" && s.hostOf[r.src] == "" {
		s.hostOf[r.src] = short(r.host)
	}
}

// hostName returns the host behind a name or address, in lower case.
func (s *scene) hostName(host string) string {
	if h := s.hostOf[host]; h != "" {
		return h
	}
	return short(host)
}

// findScope gives the records of the incidents their techniques and collects them.
func (s *scene) findScope() {
	for _, r := range s.records {
		if id := s.place[r.at]; id != "" {
			r.id = id
			e := &s.evidence[s.index[id]]
			r.techniques = merge(r.techniques, e.Techniques)
			r.severity = max(r.severity, e.Severity)
		}
	}
	for i := range s.incidents {
		for _, m := range s.incidents[i].Timeline {
			if r := s.byAlert[m.Evidence]; r != nil {
				r.techniques = merge(r.techniques, m.Techniques)
				r.severity = max(r.severity, m.Severity)
			}
		}
		for _, t := range s.incidents[i].Techniques {
			for _, id := range t.Evidence {
				if r := s.byAlert[id]; r != nil {
					r.techniques = merge(r.techniques, []string{t.ID})
				}
			}
		}
	}
	for _, r := range s.records {
		if r.incident >= 0 {
			s.scope = append(s.scope, r)
		}
	}
	s.spreadTechniques()
}

// spreadTechniques gives the alerts of one moment the techniques of its first,
// which alone the triage tells: same name, host and account within the hour.
func (s *scene) spreadTechniques() {
	last := map[string]*record{}
	for _, r := range s.scope {
		key := r.name + "|" + s.hostName(r.host) + "|" + bare(r.user)
		if of := last[key]; of != nil && len(r.techniques) == 0 && r.act == of.act && r.time.Sub(of.time) < time.Hour && strings.EqualFold(base(r.image), base(of.image)) {
			r.techniques, r.severity = of.techniques, max(r.severity, of.severity)
		}
		if len(r.techniques) > 0 {
			last[key] = r
		}
	}
}

// merge adds to a list what it lacks.
func merge(list, more []string) []string {
	out := list
	for _, m := range more {
		if !slices.Contains(out, m) {
			out = append(slices.Clip(out), m)
		}
	}
	return out
}

// cite returns the id of a record's evidence, and makes one where the dossier
// has none.
func (s *scene) cite(r *record) string {
	if r.id != "" {
		return r.id
	}
	kind := casemate.EvidenceEvent
	if r.kind == casemate.KindAlert {
		kind = casemate.EvidenceAlert
	}
	e := casemate.Evidence{
		Kind: kind, Record: r.alert, At: r.at, First: r.time, Host: r.host, User: r.user, Severity: r.severity,
		Name: r.name, Text: r.describe(), Techniques: r.techniques, Entities: r.things(),
	}
	r.id = s.addEvidence(e)
	return r.id
}

// addEvidence gives a piece the next free id.
func (s *scene) addEvidence(e casemate.Evidence) string {
	n := len(s.evidence) + 1
	for s.has("E" + strconv.Itoa(n)) {
		n++
	}
	e.ID = "E" + strconv.Itoa(n)
	s.index[e.ID] = len(s.evidence)
	s.evidence = append(s.evidence, e)
	return e.ID
}

func (s *scene) has(id string) bool { _, ok := s.index[id]; return ok }

// describe writes out what a record says, for evidence of its own.
func (r *record) describe() string {
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			b.WriteString("; " + name + " " + value)
		}
	}
	b.WriteString(r.name)
	add("says", r.message)
	add("image", r.image)
	add("command", r.command)
	add("parent", r.parent)
	add("file", r.file)
	add("key", r.key)
	add("from", r.src)
	add("from host", r.srcHost)
	add("to", r.dst)
	add("url", r.url)
	add("account", r.account)
	add("names", strings.Join(r.domains, " "))
	return b.String()
}

// things lists a record's entities.
func (r *record) things() []casemate.Entity {
	var out []casemate.Entity
	add := func(t casemate.EntityType, role casemate.Role, values ...string) {
		for _, v := range values {
			if v != "" {
				out = append(out, casemate.Entity{Type: t, Value: v, Role: role})
			}
		}
	}
	add(casemate.EntityHost, casemate.RoleNone, r.host)
	add(casemate.EntityUser, casemate.RoleActor, r.user)
	add(casemate.EntityProcess, casemate.RoleNone, r.image)
	add(casemate.EntityProcess, casemate.RoleParent, r.parent)
	add(casemate.EntityFile, casemate.RoleTarget, r.file)
	add(casemate.EntityAddress, casemate.RoleSource, r.src)
	add(casemate.EntityAddress, casemate.RoleDestination, r.dst)
	add(casemate.EntityHost, casemate.RoleSource, r.srcHost)
	add(casemate.EntityURL, casemate.RoleDestination, r.url)
	add(casemate.EntityUser, casemate.RoleTarget, r.account)
	add(casemate.EntityDomain, casemate.RoleDestination, r.domains...)
	return out
}

// citeAll cites the first n of a list.
func (s *scene) citeAll(list []*record, n int) []string {
	var ids []string
	for _, r := range list {
		if id := s.cite(r); len(ids) < n && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// asOf reads a day; "" is the zero time.
func asOf(day string) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	return time.Parse("2006-01-02", day)
}

// spool reads standard input, which is needed twice. It reports what is longer.
func spool(r io.Reader) ([]byte, bool, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxStdin+1))
	if err != nil {
		return nil, false, fmt.Errorf("read standard input: %w", err)
	}
	return data, len(data) > maxStdin, nil
}
