package mapping

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// stixNamespace is the namespace of the ids that are made here: random once,
// the same for ever, so that the same finding has the same id everywhere.
var stixNamespace = [16]byte{0x6b, 0x1f, 0x0c, 0x5e, 0x52, 0x9d, 0x4b, 0x7a, 0x9e, 0x43, 0x21, 0xd8, 0x7f, 0xa6, 0x90, 0x3c}

// stixEpoch dates objects where no date is given. It is recognisably no real
// one; ATT&CK's own objects, being newer, always take precedence over ours.
var stixEpoch = time.Unix(0, 0).UTC()

// STIXOptions say how a bundle is written. The zero value is ready.
type STIXOptions struct {
	AsOf time.Time // created, modified and published of all objects; zero is 1970-01-01, which says that none was given
	All  bool      // the unsure techniques, too
	// ID returns ATT&CK's own STIX id of a technique, or "" where it is not
	// known; such a technique gets an id of ours and keeps its external
	// reference. nil knows none.
	ID        func(technique string) string
	Catalogue *knowledge.Catalogue // nil is the embedded one
}

// stixCommon is what all our objects have.
type stixCommon struct {
	Type     string `json:"type"`
	Spec     string `json:"spec_version"`
	ID       string `json:"id"`
	Author   string `json:"created_by_ref,omitempty"`
	Created  string `json:"created"`
	Modified string `json:"modified"`
}

type stixIdentity struct {
	stixCommon
	Name        string `json:"name"`
	Description string `json:"description"`
	Class       string `json:"identity_class"`
}

type stixPattern struct {
	stixCommon
	Name   string          `json:"name"`
	Chain  []stixPhase     `json:"kill_chain_phases,omitempty"`
	Extern []stixReference `json:"external_references"`
}

type stixPhase struct {
	Chain string `json:"kill_chain_name"`
	Phase string `json:"phase_name"`
}

type stixReference struct {
	Source string `json:"source_name"`
	URL    string `json:"url"`
	ID     string `json:"external_id"`
}

type stixReport struct {
	stixCommon
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Types       []string `json:"report_types"`
	Published   string   `json:"published"`
	Refs        []string `json:"object_refs"`
}

type stixNote struct {
	stixCommon
	Confidence int      `json:"confidence"`
	Abstract   string   `json:"abstract"`
	Content    string   `json:"content"`
	Refs       []string `json:"object_refs"`
}

type stixBundle struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Objects []any  `json:"objects"`
}

// bundler makes the objects of one bundle.
type bundler struct {
	opt      STIXOptions
	stamp    string
	author   string
	patterns map[string]string // technique to STIX id
	objects  []any
}

// WriteSTIX writes what documents show as a STIX 2.1 bundle: an attack pattern
// for each technique, a report for each document that refers to its techniques,
// and a note for each sentence that quotes it and refers to what it shows, with
// the probability as its confidence. All ids are UUIDs of version 5 over the
// content, so the same input gives the same bytes.
func WriteSTIX(w io.Writer, results []*Result, opt STIXOptions) error {
	if opt.Catalogue == nil {
		opt.Catalogue = knowledge.Embedded()
	}
	if opt.AsOf.IsZero() {
		opt.AsOf = stixEpoch
	}
	b := &bundler{opt: opt, stamp: opt.AsOf.UTC().Format("2006-01-02T15:04:05.000Z"), patterns: map[string]string{}}
	b.identity()
	for _, m := range mergeFound(results, opt.All) {
		b.pattern(&m)
	}
	for _, r := range results {
		b.document(r)
	}
	bundle := stixBundle{Type: "bundle", Objects: b.objects}
	content, err := json.Marshal(b.objects)
	if err != nil {
		return fmt.Errorf("write the STIX bundle: %w", err)
	}
	bundle.ID = stixID("bundle", string(content))
	return encode(w, bundle, "write the STIX bundle")
}

// common returns what an object of ours begins with.
func (b *bundler) common(kind string, content ...string) stixCommon {
	return stixCommon{Type: kind, Spec: "2.1", ID: stixID(kind, content...), Author: b.author, Created: b.stamp, Modified: b.stamp}
}

func (b *bundler) identity() {
	c := b.common("identity", "casemate")
	b.author = c.ID
	b.objects = append(b.objects, stixIdentity{c, "Casemate", "Techniques found in text by a supervised classifier and a catalogue, for a person to confirm.", "system"})
}

// pattern adds the attack pattern of a technique.
func (b *bundler) pattern(m *merged) {
	c := b.common("attack-pattern", m.ID)
	if b.opt.ID != nil {
		if id := b.opt.ID(m.ID); strings.HasPrefix(id, "attack-pattern--") {
			// The object is ATT&CK's: not our work, and theirs is the newer version.
			old := stixEpoch.Format("2006-01-02T15:04:05.000Z")
			c.ID, c.Author, c.Created, c.Modified = id, "", old, old
		}
	}
	b.patterns[m.ID] = c.ID
	chain := "mitre-attack"
	if t, ok := b.opt.Catalogue.Technique(m.ID); ok && t.Domain != knowledge.Enterprise {
		chain = "mitre-" + string(t.Domain) + "-attack"
	}
	p := stixPattern{stixCommon: c, Name: m.Name, Extern: []stixReference{{"mitre-attack", techniqueURL(m.ID), m.ID}}}
	for _, t := range m.Tactics {
		p.Chain = append(p.Chain, stixPhase{chain, t})
	}
	b.objects = append(b.objects, p)
}

// document adds the report of a document and the notes of its sentences.
func (b *bundler) document(r *Result) {
	c := b.common("report", r.Path, r.Title, contentOf(r))
	rep := stixReport{stixCommon: c, Name: report.Terminal(firstOf(r.Title, r.Path)), Types: []string{"threat-report"}, Published: b.stamp}
	rep.Description = fmt.Sprintf("%s, %s read; techniques found by %s", report.Terminal(r.Path), plural(r.Read, "sentence", "sentences"), report.Terminal(firstOf(r.Head, "casemate")))
	var notes []any
	for _, f := range r.Techniques {
		rep.Refs = append(rep.Refs, b.patterns[f.ID])
	}
	if b.opt.All {
		for _, f := range r.Unsure {
			rep.Refs = append(rep.Refs, b.patterns[f.ID])
		}
	}
	for i := range r.Sentences {
		if n, ok := b.note(r, &r.Sentences[i], c.ID); ok {
			rep.Refs = append(rep.Refs, n.ID)
			notes = append(notes, n)
		}
	}
	if len(rep.Refs) == 0 {
		rep.Refs = []string{b.author} // a report must refer to something
	}
	b.objects = append(append(b.objects, rep), notes...)
}

// note makes the note of a sentence, if it shows a technique of the bundle.
func (b *bundler) note(r *Result, s *Sentence, reportID string) (stixNote, bool) {
	text := report.Terminal(s.Text)
	n := stixNote{stixCommon: b.common("note", reportID, fmt.Sprint(s.Number), text), Abstract: "Sentence " + fmt.Sprint(s.Number)}
	if place := s.place(); !strings.HasPrefix(place, "sentence") {
		n.Abstract += ", " + place
	}
	n.Content = text + "\n"
	for i := range s.Techniques {
		h := &s.Techniques[i]
		id := b.patterns[h.ID]
		if id == "" {
			continue
		}
		n.Refs = append(n.Refs, id)
		n.Confidence = max(n.Confidence, int(math.Round(100*min(max(h.P, 0), 1))))
		n.Content += fmt.Sprintf("\n%s %s, probability %.2f", h.ID, h.Name, h.P)
		if words := spanWords(h); words != "" {
			n.Content += ": " + report.Terminal(words)
		}
	}
	return n, len(n.Refs) > 0
}

// spanWords returns the words that show a technique.
func spanWords(h *Hit) string {
	words := make([]string, len(h.Spans))
	for i, s := range h.Spans {
		words[i] = s.Text
	}
	return strings.Join(words, "; ")
}

// contentOf sums up what was found in a document.
func contentOf(r *Result) string {
	var s strings.Builder
	for i := range r.Sentences {
		s.WriteString(r.Sentences[i].Text)
		s.WriteByte(0)
	}
	return s.String()
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// stixID returns the id of an object: a UUID of version 5 over its kind and
// content in our namespace.
//
// Source: RFC 9562, 5.5.
func stixID(kind string, content ...string) string {
	h := sha1.New()
	h.Write(stixNamespace[:])
	h.Write([]byte(kind))
	for _, c := range content {
		h.Write([]byte{0})
		h.Write([]byte(c))
	}
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%s--%x-%x-%x-%x-%x", kind, u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
