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
	"github.com/casemate-ai/casemate/internal/security/causes"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/logcount"
	"github.com/casemate-ai/casemate/internal/security/triage"
)

const (
	maxScope  = 60_000   // records of the incidents that a scene keeps, beside those that triage tells of
	maxUseful = 60_000   // others that a chain of causes may need
	maxOthers = 20_000   // and of the rest; further ones are counted
	maxStdin  = 64 << 20 // of standard input that is read twice
)

// scene is everything an investigation looks at.
type scene struct {
	causes.Story
	dossier   *dossier.Dossier
	incidents []casemate.Incident // under investigation
	named     bool                // the user named them
	scope     []*causes.Record    // those of the incidents
	byAlert   map[string]*causes.Record
	left      int             // records beyond maxRecords
	seen      map[string]bool // evidence that a model read

	evidence []casemate.Evidence // the dossier's, then what was added here
	index    map[string]int      // id -> place in evidence
	place    map[casemate.Location]string
	found    map[string]string // the text of a finding of ours -> its id

	assets   map[string]casemate.Asset
	suppress []triage.Suppression
	counts   *logcount.Counter
	book     *book
}

// newScene reads the records and finds those of the chosen incidents.
func newScene(ctx context.Context, in Input, d *dossier.Dossier, chosen []casemate.Incident, side sideFiles, stdin []byte, c *knowledge.Catalogue) (*scene, error) {
	b, err := catalogues()
	if err != nil {
		return nil, err
	}
	s := &scene{seen: map[string]bool{},
		Story:   causes.Story{Catalogue: c, HostOf: map[string]string{}, Processes: map[string][]*causes.Process{}},
		dossier: d, incidents: chosen, evidence: slices.Clone(d.Evidence), byAlert: map[string]*causes.Record{},
		index: map[string]int{}, place: map[casemate.Location]string{}, found: map[string]string{}, assets: map[string]casemate.Asset{},
		suppress: side.suppress, book: b,
	}
	for i := range s.evidence {
		s.index[s.evidence[i].ID] = i
		s.place[s.evidence[i].At] = s.evidence[i].ID
	}
	for _, a := range side.assets {
		s.assets[causes.Short(a.Host)] = casemate.Asset{Host: a.Host, Criticality: a.Criticality, Exposure: a.Exposure, Owner: a.Owner}
		for _, addr := range a.Addresses {
			s.HostOf[addr] = causes.Short(a.Host)
		}
	}
	s.counts = logcount.New()
	if err := s.read(ctx, in, stdin); err != nil {
		return nil, err
	}
	sort.SliceStable(s.Records, func(i, j int) bool { return s.Records[i].Time.Before(s.Records[j].Time) })
	s.findScope()
	s.Grow()
	s.LearnOwn(s.vouched())
	return s, nil
}

func (s *scene) read(ctx context.Context, in Input, stdin []byte) error {
	opt := evidence.Options{Format: in.Format, NoIndicators: true}
	if day, err := evidence.Day("--as-of", in.AsOf); err == nil {
		opt.Reference = day
	}
	incident, told := map[casemate.Location]int{}, map[casemate.Location]bool{}
	scope, useful, others := maxScope, maxUseful, maxOthers
	for i := range s.incidents {
		for _, m := range s.incidents[i].Timeline {
			told[m.At] = true
		}
		for _, at := range s.incidents[i].Alerts {
			incident[at] = i
		}
	}
	take := func(a *casemate.Alert) error {
		s.counts.Add(a)
		n, inScope := incident[a.At]
		r := causes.New(a)
		kind := &others
		switch {
		case inScope:
			r.Incident, kind = n, &scope
		case r.Act != causes.ActOther && r.Act != causes.ActNetwork && r.Act != causes.ActRequest:
			kind = &useful
		}
		s.Learn(r)
		if *kind--; *kind < 0 && !told[a.At] {
			s.left++
			return nil
		}
		s.Records = append(s.Records, r)
		if r.Alert != "" && s.byAlert[r.Alert] == nil {
			s.byAlert[r.Alert] = r
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

// findScope gives the records of the incidents their techniques and collects them.
func (s *scene) findScope() {
	for _, r := range s.Records {
		if id := s.place[r.At]; id != "" {
			r.ID = id
			e := &s.evidence[s.index[id]]
			r.Techniques = merge(r.Techniques, e.Techniques)
			r.Severity = max(r.Severity, e.Severity)
		}
	}
	for i := range s.incidents {
		for _, m := range s.incidents[i].Timeline {
			if r := s.byAlert[m.Evidence]; r != nil {
				r.Techniques = merge(r.Techniques, m.Techniques)
				r.Severity = max(r.Severity, m.Severity)
			}
		}
		for _, t := range s.incidents[i].Techniques {
			for _, id := range t.Evidence {
				if r := s.byAlert[id]; r != nil {
					r.Techniques = merge(r.Techniques, []string{t.ID})
				}
			}
		}
	}
	for _, r := range s.Records {
		if r.Incident >= 0 {
			s.scope = append(s.scope, r)
		}
	}
	s.spreadTechniques()
	s.widen()
}

// widen takes into an incident what an account did on the machine after its
// password had been guessed there.
func (s *scene) widen() {
	added := false
	for _, f := range s.counts.Findings() {
		if f.Kind != logcount.Guessed {
			continue
		}
		i := slices.IndexFunc(s.scope, func(r *causes.Record) bool { return r.Src == f.Source })
		if i < 0 {
			continue
		}
		for _, r := range s.Records {
			d := r.Time.Sub(f.When)
			if r.Incident < 0 && r.Command != "" && d >= 0 && d < 8*time.Hour && strings.EqualFold(r.User, f.User) && s.HostName(r.Host) == s.HostName(f.Host) {
				r.Incident, r.Severity = s.scope[i].Incident, max(r.Severity, casemate.SeverityMedium)
				added = true
			}
		}
	}
	if added {
		s.scope = filter(s.Records, func(r *causes.Record) bool { return r.Incident >= 0 })
	}
}

// spreadTechniques gives the alerts of one moment the techniques of its first,
// which alone the triage tells: same name, host and account within the hour.
func (s *scene) spreadTechniques() {
	last := map[string]*causes.Record{}
	for _, r := range s.scope {
		key := r.Name + "|" + s.HostName(r.Host) + "|" + causes.Bare(r.User)
		if of := last[key]; of != nil && len(r.Techniques) == 0 && r.Act == of.Act && r.Time.Sub(of.Time) < time.Hour && strings.EqualFold(causes.Base(r.Image), causes.Base(of.Image)) {
			r.Techniques, r.Severity = of.Techniques, max(r.Severity, of.Severity)
		}
		if len(r.Techniques) > 0 {
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
func (s *scene) cite(r *causes.Record) string {
	if r.ID != "" {
		return r.ID
	}
	r.ID = s.addEvidence(s.evidenceOf(r))
	return r.ID
}

// evidenceOf makes evidence of a record.
func (s *scene) evidenceOf(r *causes.Record) casemate.Evidence {
	kind := casemate.EvidenceEvent
	if r.Kind == casemate.KindAlert {
		kind = casemate.EvidenceAlert
	}
	return casemate.Evidence{
		Kind: kind, Record: r.Alert, At: r.At, First: r.Time, Host: r.Host, User: r.User, Severity: r.Severity,
		Name: r.Name, Text: r.Describe(), Techniques: r.Techniques, Entities: r.Things(),
	}
}

// citeFor cites a record for a value, with evidence of our own where the
// dossier's leaves the value out.
func (s *scene) citeFor(r *causes.Record, value string) string {
	id := s.cite(r)
	e := &s.evidence[s.index[id]]
	if strings.Contains(strings.ToLower(e.Text+e.Name+e.Host+e.User), strings.ToLower(value)) || !strings.Contains(strings.ToLower(r.Describe()), strings.ToLower(value)) {
		return id
	}
	if r.Own == "" {
		r.Own = s.addEvidence(s.evidenceOf(r))
	}
	return r.Own
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

// citeAll cites the first n of a list.
func (s *scene) citeAll(list []*causes.Record, n int) []string {
	var ids []string
	for _, r := range list {
		if len(ids) == n {
			break
		}
		if id := s.cite(r); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// spool reads standard input, which is needed twice.
func spool(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxStdin+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(data) > maxStdin {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("standard input is longer than %d MiB", maxStdin>>20), Hint: "it has to be read twice: put it into a file"}
	}
	return data, nil
}
